/* Complaints about a file: collected with their places, shown the way compilers do, with
 * the line and a caret under it.  See doc.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/doc.h"

enum {
    WINDOW = 100,   /* columns shown of a long line */
    LEAD = 60,      /* of these, at most so many before the caret */
    TEXT_MAX = 512, /* of a complaint's own words, which may quote the file */
    SHOWN_MAX =
        2048 /* one complaint rendered: words, place, and a window of 4-byte characters */
};

void complain(struct complaints *c, unsigned line, unsigned column, const char *format,
              ...)
{
    char text[TEXT_MAX];
    if (c->n == COMPLAINTS_MAX) {
        c->n_more++;
        return;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *copy = arena_text(c->arena, text);
    c->list[c->n++] = (struct complaint){
        .line = line, .column = column, .text = copy ? copy : "(out of memory)"};
}

static struct bytes line_of(struct bytes source, unsigned line)
{
    const uint8_t *at = source.at, *end = source.at + source.len;
    for (; line > 1 && at < end; line--) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    const uint8_t *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    if (!stop)
        stop = end;
    if (stop > at && stop[-1] == '\r')
        stop--;
    return (struct bytes){at, (size_t)(stop - at)};
}

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The byte at which column `column` (from 1, in characters) starts; the end if it is past
 * it. */
static size_t offset_of(struct bytes line, size_t column)
{
    size_t at = 0;
    for (size_t seen = 1; at < line.len && seen < column; seen++) {
        at++;
        for (int more = 0; more < 3 && at < line.len && is_continuation(line.at[at]);
             more++)
            at++;
    }
    return at;
}

__attribute__((format(printf, 2, 3))) static void put(struct writer *w,
                                                      const char *format, ...)
{
    char text[SHOWN_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    writer_bytes(w, bytes_of_text(text));
}

/* The part of the line around the caret, and a caret below it.  A tab is kept as a tab in
 * both lines, so that they agree whatever a tab is worth; control bytes cannot reach a
 * terminal. */
static void put_excerpt(struct writer *w, struct bytes line, const struct complaint *c)
{
    size_t first = c->column > LEAD ? c->column - LEAD : 1;
    size_t from = offset_of(line, first), to = offset_of(line, first + WINDOW);
    size_t caret = offset_of(line, c->column);
    put(w, "%5u | %s", c->line, from > 0 ? "..." : "");
    for (size_t i = from; i < to; i++) {
        uint8_t byte = line.at[i];
        writer_u8(w, (byte < ' ' && byte != '\t') || byte == 0x7f ? '?' : byte);
    }
    put(w, "%s\n      | %s", to < line.len ? "..." : "", from > 0 ? "   " : "");
    for (size_t i = from; i < caret; i++)
        if (!is_continuation(line.at[i]))
            writer_u8(w, line.at[i] == '\t' ? '\t' : ' ');
    put(w, "^\n");
}

char *complaints_text(const struct complaints *c, const char *file, struct bytes source,
                      struct arena *arena)
{
    size_t cap = (c->n + 1) * SHOWN_MAX;
    char *out = arena_alloc(arena, cap);
    if (!out)
        return NULL;
    struct writer w = writer_of(out, cap - 1);
    for (size_t i = 0; i < c->n; i++) {
        const struct complaint *one = &c->list[i];
        if (one->line == 0) {
            put(&w, "%.256s: error: %s\n", file, one->text);
            continue;
        }
        put(&w, "%.256s:%u:%u: error: %s\n", file, one->line, one->column, one->text);
        struct bytes line = line_of(source, one->line);
        if (line.len > 0)
            put_excerpt(&w, line, one);
    }
    if (c->n_more > 0)
        put(&w, "%.256s: and %zu more\n", file, c->n_more);
    return out;
}
