/* JSON as a job file people like to read: block YAML, short lists on one line. */
#ifndef CLI_YAML_H
#define CLI_YAML_H

#include <jansson.h>
#include <stdio.h>

/* `value` is an object; it ends with a newline.  0, or -1 when there was no memory. */
int yaml_print(const json_t *value, FILE *out);

#endif
