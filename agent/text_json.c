/* See text_json.h. */
#include "agent/text_json.h"

#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

json_t *text_json(const char *text)
{
    json_t *out = text ? json_string(text) : json_null();
    char *mended = out ? NULL : strdup(text);
    if (mended) {
        (void)utf8_mend(mended);
        out = json_string(mended);
        free(mended);
    }
    return out;
}
