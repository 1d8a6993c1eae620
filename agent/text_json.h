/* A text as JSON, whatever its bytes. */
#ifndef AGENT_TEXT_JSON_H
#define AGENT_TEXT_JSON_H

#include <jansson.h>

/* Mended where it is no UTF-8 (utf8_mend): what is told is never left out for a byte.  NULL: null. */
json_t *text_json(const char *text);

#endif
