/* See log.h.  Each line is one write(2), so lines of several processes do not mix. */
#include "core/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/stamp.h"

enum { LINE_MAX_BYTES = 2048, VALUE_MAX = 512 }; /* longer values are cut */

static enum log_level threshold = LOG_INFO;

void log_level_set(enum log_level level)
{
    threshold = level;
}

static bool is_plain(const char *value)
{
    if (!*value)
        return false;
    for (const char *c = value; *c && c < value + VALUE_MAX; c++)
        if ((unsigned char)*c <= ' ' || *c == '"' || *c == '=' || *c == 0x7f)
            return false;
    return true;
}

static void put_value(struct writer *w, const char *value)
{
    if (is_plain(value)) {
        writer_put(w, value, strnlen(value, VALUE_MAX));
        return;
    }
    writer_u8(w, '"');
    for (const char *c = value; *c && c < value + VALUE_MAX; c++) {
        if (*c == '"' || *c == '\\')
            writer_u8(w, '\\');
        writer_u8(w, (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : (uint8_t)*c);
    }
    writer_u8(w, '"');
}

void log_line(enum log_level level, const char *subject, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if (level < threshold)
        return;
    struct timespec now;
    char buf[LINE_MAX_BYTES], when[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)unix_ms_text((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
                       when);
    struct writer w = writer_of(buf, sizeof(buf) - 1);
    writer_bytes(&w, bytes_of_text(when));
    writer_u8(&w, ' ');
    writer_bytes(&w, bytes_of_text(names[level]));
    writer_u8(&w, ' ');
    writer_bytes(&w, bytes_of_text(subject));
    va_list args;
    va_start(args, subject);
    for (const char *key; (key = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        if (!value)
            continue;
        writer_u8(&w, ' ');
        writer_bytes(&w, bytes_of_text(key));
        writer_u8(&w, '=');
        put_value(&w, value);
    }
    va_end(args);
    buf[w.len] = '\n';
    if (write(STDERR_FILENO, buf, w.len + 1) < 0)
        return; /* nobody left to tell */
}
