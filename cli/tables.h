/* Tables that more than one verb shows. */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include <jansson.h>

void jobs_print(const json_t *jobs);       /* the data of `jobs` */
void members_print(const json_t *members); /* the data of `members` */
void instances_print(const json_t *const *instances, size_t n); /* of status answers */

#endif
