/* Complaints about a file: collected with their places, shown the way compilers do, with
 * the line and a caret under it.  See doc.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/doc.h"
#include "core/utf8.h"

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
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)utf8_mend(text);
    for (size_t i = 0; line > 0 && i < c->n; i++)
        if (c->list[i].line == line && c->list[i].column == column &&
            c->list[i].file == c->file && strcmp(c->list[i].text, text) == 0)
            return; /* of an anchor that several aliases stand for */
    if (c->n == COMPLAINTS_MAX) {
        c->n_more++;
        return;
    }
    const char *copy = arena_text(c->arena, text);
    c->list[c->n++] = (struct complaint){
        .line = line,
        .column = column,
        .text = copy ? copy : "(out of memory)",
        .file = c->file,
    };
}

struct bytes doc_text(struct bytes text)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    bool is_marked = text.len >= sizeof(mark) && memcmp(text.at, mark, sizeof(mark)) == 0;
    size_t skipped = is_marked ? sizeof(mark) : 0;
    return (struct bytes){text.at + skipped, text.len - skipped};
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

/* The columns of a terminal that a character takes: two where East Asian Width (UAX 11) is Wide or
 * Fullwidth, by blocks; none for combining marks, joiners and variation selectors. */
static unsigned width_of(uint32_t point)
{
    static const struct {
        uint32_t from, to;
        unsigned width;
    } blocks[] = {
        {0x300, 0x36f, 0},     {0x1100, 0x115f, 2},   {0x200b, 0x200d, 0},
        {0x20d0, 0x20ff, 0},   {0x231a, 0x231b, 2},   {0x23e9, 0x23ec, 2},
        {0x2614, 0x2615, 2},   {0x2648, 0x2653, 2},   {0x26bd, 0x26be, 2},
        {0x2705, 0x2705, 2},   {0x270a, 0x270b, 2},   {0x2728, 0x2728, 2},
        {0x274c, 0x274c, 2},   {0x2753, 0x2755, 2},   {0x2e80, 0x303e, 2},
        {0x3041, 0x33ff, 2},   {0x3400, 0x4dbf, 2},   {0x4e00, 0x9fff, 2},
        {0xa000, 0xa4cf, 2},   {0xa960, 0xa97f, 2},   {0xac00, 0xd7a3, 2},
        {0xf900, 0xfaff, 2},   {0xfe00, 0xfe0f, 0},   {0xfe30, 0xfe6f, 2},
        {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2},
        {0x1f680, 0x1f6ff, 2}, {0x1f7e0, 0x1f7eb, 2}, {0x1f900, 0x1f9ff, 2},
        {0x1fa70, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
    };
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
        if (point >= blocks[i].from && point <= blocks[i].to)
            return blocks[i].width;
    return 1;
}

/* The character that begins at `at`; its first byte alone when it is none. */
static uint32_t point_at(struct bytes line, size_t at)
{
    struct bytes rest = {line.at + at, line.len - at};
    size_t len = utf8_sequence(rest);
    uint32_t point = len > 1 ? rest.at[0] & (0x7fu >> len) : rest.at[0];
    for (size_t i = 1; i < len; i++)
        point = point << 6 | (rest.at[i] & 0x3fu);
    return point;
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
        for (unsigned n = is_continuation(line.at[i]) ? 0 : width_of(point_at(line, i));
             n > 0; n--)
            writer_u8(w, line.at[i] == '\t' ? '\t' : ' ');
    put(w, "^\n");
}

char *complaints_text(const struct complaints *c, const char *file, struct bytes source,
                      struct arena *arena)
{
    size_t cap = (c->n + 1) * SHOWN_MAX;
    source = source.len > 0 ? doc_text(source) : source;
    char *out = arena_alloc(arena, cap);
    if (!out)
        return NULL;
    struct writer w = writer_of(out, cap - 1);
    for (size_t i = 0; i < c->n; i++) {
        const struct complaint *one = &c->list[i];
        const char *name = one->file ? one->file->name : file;
        if (one->line == 0) {
            put(&w, "%.256s: error: %s\n", name, one->text);
            continue;
        }
        put(&w, "%.256s:%u:%u: error: %s\n", name, one->line, one->column, one->text);
        struct bytes line =
            line_of(one->file ? doc_text(one->file->text) : source, one->line);
        if (line.len > 0)
            put_excerpt(&w, line, one);
    }
    if (c->n_more > 0)
        put(&w, "%.256s: and %zu more\n", file, c->n_more);
    return out;
}
