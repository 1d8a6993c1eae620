/* Members of the JSON objects of reports.  See report_put.h. */
#include "agent/report_put.h"

#include <stdio.h>

#include "core/stamp.h"

void put_text(json_t *object, const char *key, const char *value)
{
    (void)json_object_set_new(object, key, text_json(value));
}

void put_int(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

void put_time(json_t *object, const char *key, uint64_t unix_ms)
{
    char text[32];
    put_text(object, key, unix_ms ? unix_ms_text(unix_ms, text) : NULL);
}

void put_version(json_t *object, uint32_t version)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "v%u", version);
    put_text(object, "version", text);
}
