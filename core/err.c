/* Errors: names, phrases and context.  See err.h for the conventions. */
#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int code;
    const char *name, *text;
} table[] = {
    {ERR_MALFORMED, "MALFORMED", "malformed bytes"},
    {ERR_TRUNCATED, "TRUNCATED", "bytes end too early"},
    {ERR_BOUND, "BOUND", "a size limit was reached"},
    {ERR_FORGED, "FORGED", "the seal does not open: another secret, or changed bytes"},
    {ERR_REPLAYED, "REPLAYED", "seen before, or too old"},
    {ERR_EPOCH, "EPOCH", "sealed under an unknown key epoch"},
    {ERR_INVALID, "INVALID", "not allowed here"},
    {ERR_NOT_FOUND, "NOT_FOUND", "no such thing"},
    {ERR_CONFLICT, "CONFLICT", "changed by somebody else meanwhile"},
    {ERR_NOT_READY, "NOT_READY", "this node has not synced with a peer yet"},
    {ERR_UNPLACEABLE, "UNPLACEABLE", "no node fits"},
    {ERR_STORE, "STORE", "the local store failed"},
    {ERR_DAMAGED, "DAMAGED", "stored bytes are damaged"},
    {ERR_TIMEOUT, "TIMEOUT", "timed out"},
    {ERR_DENIED, "DENIED", "not allowed by this host or peer"},
    {ERR_UNSUPPORTED, "UNSUPPORTED", "not supported by this version"},
};

const char *err_name(int code)
{
    if (code >= 0)
        return "OK";
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].code == code)
            return table[i].name;
    const char *name = strerrorname_np(-code);
    return name ? name : "UNKNOWN";
}

const char *err_text(int code)
{
    if (code >= 0)
        return "success";
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].code == code)
            return table[i].text;
    const char *text = strerrordesc_np(-code);
    return text ? text : "unknown error";
}

int err_set(struct err *err, int code, const char *format, ...)
{
    if (err) {
        err->code = code;
        va_list args;
        va_start(args, format);
        (void)vsnprintf(err->text, sizeof(err->text), format, args);
        va_end(args);
    }
    return code;
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (!err)
        return -EINVAL;
    char inner[sizeof(err->text)];
    memcpy(inner, err->text, sizeof(inner));
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    size_t used = n < 0 ? 0 : (size_t)n;
    if (used < sizeof(err->text))
        (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
    return err->code;
}
