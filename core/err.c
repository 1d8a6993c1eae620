/* Errors: names, phrases and context.  See err.h for the conventions. */
#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/libc.h"
#include "core/utf8.h"

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
    {ERR_CLOCK, "CLOCK", "this node's clock is too far off its peers'"},
    {ERR_UNSURE, "UNSURE", "it may have been written"},
    {ERR_STOPPED, "STOPPED", "the job is stopped"},
    {ERR_EXPIRED, "EXPIRED", "it has expired"},
    {ERR_FORMER, "FORMER",
     "said by an agent of 0.1, which does not speak with this version"},
    {-4095, "EOF", "end of stream"}, /* UV_EOF, whose header only the drivers may see */
};

const char *err_name(int code)
{
    if (code >= 0)
        return "OK";
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].code == code)
            return table[i].name;
    const char *name = code < -4095 ? NULL : strerrorname_np(-code);
    return name ? name : "UNKNOWN";
}

const char *err_text(int code)
{
    if (code >= 0)
        return "success";
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].code == code)
            return table[i].text;
    const char *text = code < -4095 ? NULL : strerrordesc_np(-code);
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
        (void)utf8_mend(err->text);
    }
    return code;
}

int err_wrap(struct err *err, const char *format, ...)
{
    if (!err)
        return -EINVAL;
    char outer[sizeof(err->text)];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(outer, sizeof(outer), format, args);
    va_end(args);
    if (n < 0)
        return err->code;
    struct writer w = writer_of(outer, sizeof(outer) - 1);
    w.len = (size_t)n < w.cap ? (size_t)n : w.cap;
    writer_put(&w, ": ", writer_left(&w) < 2 ? writer_left(&w) : 2);
    size_t inner = strnlen(err->text, sizeof(err->text));
    writer_put(&w, err->text, inner < writer_left(&w) ? inner : writer_left(&w));
    outer[w.len] = '\0';
    (void)utf8_mend(outer);
    memcpy(err->text, outer, sizeof(outer));
    return err->code;
}
