/* An event as one sentence. */
#ifndef CLI_EVENT_TEXT_H
#define CLI_EVENT_TEXT_H

#include <jansson.h>
#include <stddef.h>

void event_text(const json_t *event, char *out, size_t cap);

#endif
