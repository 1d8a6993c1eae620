/* Members of the JSON objects of reports; what is 0 or NULL in the way said becomes null. */
#ifndef AGENT_REPORT_PUT_H
#define AGENT_REPORT_PUT_H

#include <jansson.h>
#include <stdint.h>

#include "agent/text_json.h"

void put_text(json_t *object, const char *key, const char *value); /* NULL: null */
void put_int(json_t *object, const char *key, uint64_t value);
void put_time(json_t *object, const char *key, uint64_t unix_ms); /* 0: null */
void put_version(json_t *object, uint32_t version);               /* "version": "v3" */

#endif
