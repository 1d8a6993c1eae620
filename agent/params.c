/* Query parameters.  See params.h. */
#include "agent/params.h"

#include <string.h>

#include "agent/node.h"
#include "core/bounds.h"
#include "core/doc.h"
#include "core/err.h"

int param_ack(const char *text, int *ret_ack)
{
    uint64_t n = 0;
    if (!text)
        *ret_ack = ACK_DEFAULT;
    else if (strcmp(text, "all") == 0)
        *ret_ack = ACK_ALL;
    else if (strcmp(text, "majority") == 0)
        *ret_ack = ACK_MAJORITY;
    else if (text_uint(text, MEMBERS_MAX, &n) == 0 && n > 0)
        *ret_ack = (int)n;
    else
        return ERR_INVALID;
    return 0;
}

int param_version(const char *text, uint32_t *ret_version)
{
    uint64_t n = 0;
    if (text && (text_uint(text + (*text == 'v'), UINT32_MAX, &n) < 0 || n == 0))
        return ERR_INVALID;
    *ret_version = (uint32_t)n;
    return 0;
}

int param_if_version(const char *text, uint32_t *ret_version, bool *ret_is_new)
{
    *ret_is_new = text && (strcmp(text, "new") == 0 || strcmp(text, "0") == 0);
    return param_version(*ret_is_new ? NULL : text, ret_version);
}

int param_index(const char *text, uint32_t *ret_index)
{
    uint32_t n = 0;
    if (text && (index_parse(bytes_of_text(text), &n) < 0 || n >= INSTANCES_PER_JOB_MAX))
        return ERR_INVALID;
    *ret_index = n;
    return 0;
}

int param_switch(const char *text, bool *ret_is_on)
{
    bool is_on = text && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0 || !*text);
    if (text && !is_on && strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
        return ERR_INVALID;
    *ret_is_on = is_on;
    return 0;
}
