/* See log_text.h. */
#include "agent/log_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/stamp.h"
#include "core/utf8.h"

enum {
    PIECE_MAX = 4096,
    ESCAPED_MAX = 8,
    PREFIX_MAX = 256,
    SAID_MAX = 256,
    COLOUR_MAX = 32
};

struct output {
    const struct log_sink *sink;
    char buf[PIECE_MAX];
    size_t len;
};

static void flush(struct output *o)
{
    if (o->len)
        o->sink->put(o->sink->ctx, (struct bytes){(const uint8_t *)o->buf, o->len});
    o->len = 0;
}

static void put(struct output *o, const void *at, size_t len)
{
    if (len > sizeof(o->buf) - o->len)
        flush(o);
    if (len > sizeof(o->buf)) {
        o->sink->put(o->sink->ctx, (struct bytes){at, len});
        return;
    }
    if (len > 0)
        memcpy(o->buf + o->len, at, len);
    o->len += len;
}

static void put_text(struct output *o, const char *text)
{
    put(o, text, strlen(text));
}

static void put_format(struct output *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put_format(struct output *o, const char *format, ...)
{
    char text[PREFIX_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(o, text,
        len < 0                      ? 0
        : (size_t)len < sizeof(text) ? (size_t)len
                                     : sizeof(text) - 1);
}

/* What the next character of `in` becomes; returns how much of `in` that is, and 0 as *ret_len when
 * it stays as it is. */
typedef size_t (*escape_fn)(struct bytes in, char out[static ESCAPED_MAX],
                            size_t *ret_len);

static size_t set(char out[static ESCAPED_MAX], size_t *ret_len, const char *text,
                  size_t used)
{
    *ret_len = strlen(text);
    memcpy(out, text, *ret_len);
    return used;
}

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static size_t escape_json(struct bytes in, char out[static ESCAPED_MAX], size_t *ret_len)
{
    uint8_t c = in.at[0];
    size_t step = utf8_sequence(in);
    *ret_len = 0;
    if (step == 0)
        return set(out, ret_len, replacement, 1);
    if (c == '"' || c == '\\' || c < ' ' || c == 0x7f)
        *ret_len =
            (size_t)(c == '"' || c == '\\' ? snprintf(out, ESCAPED_MAX, "\\%c", c)
                                           : snprintf(out, ESCAPED_MAX, "\\u%04x", c));
    return step;
}

/* A colour, as ESC [ 1;31 m; 0 where none begins. */
static size_t colour_len(struct bytes in)
{
    size_t len = 2;
    if (in.len < 3 || in.at[0] != 0x1b || in.at[1] != '[')
        return 0;
    while (len < in.len && len < COLOUR_MAX &&
           ((in.at[len] >= '0' && in.at[len] <= '9') || in.at[len] == ';'))
        len++;
    return len < in.len && in.at[len] == 'm' ? len + 1 : 0;
}

/* What moves the cursor, changes the screen or turns the direction of writing, as its number; colours stay. */
static size_t escape_harmless(struct bytes in, char out[static ESCAPED_MAX],
                              size_t *ret_len)
{
    uint8_t c = in.at[0];
    size_t step = utf8_sequence(in), colour = colour_len(in);
    *ret_len = 0;
    if (step == 0)
        return set(out, ret_len, replacement, 1);
    if (colour)
        return colour;
    bool is_c1 = step == 2 && c == 0xc2 && in.at[1] < 0xa0;
    unsigned code = step == 3 ? (c & 15u) << 12 | (in.at[1] & 63u) << 6 | (in.at[2] & 63u)
                    : step == 2 ? (c & 31u) << 6 | (in.at[1] & 63u)
                                : 0;
    bool is_turn = code == 0x061c || (code >= 0x200e && code <= 0x200f) ||
                   (code >= 0x2028 && code <= 0x202e) ||
                   (code >= 0x2066 && code <= 0x2069);
    if (step == 1 && c != '\t' && (c < ' ' || c == 0x7f))
        *ret_len = (size_t)snprintf(out, ESCAPED_MAX, "\\x%02x", c);
    else if (is_c1)
        *ret_len = (size_t)snprintf(out, ESCAPED_MAX, "\\x%02x", in.at[1]);
    else if (is_turn)
        *ret_len = (size_t)snprintf(out, ESCAPED_MAX, "\\u%04x", code);
    return step;
}

static void put_escaped(struct output *o, struct bytes in, escape_fn escape)
{
    size_t plain = 0; /* bytes that stay as they are */
    while (plain < in.len) {
        char out[ESCAPED_MAX];
        size_t len;
        size_t step = escape((struct bytes){in.at + plain, in.len - plain}, out, &len);
        if (len == 0) {
            plain += step;
            continue;
        }
        put(o, in.at, plain);
        put(o, out, len);
        in = (struct bytes){in.at + plain + step, in.len - plain - step};
        plain = 0;
    }
    put(o, in.at, in.len);
}

/* No colour outlives its line. */
static void put_harmless(struct output *o, struct bytes text)
{
    put_escaped(o, text, escape_harmless);
    for (const uint8_t *at = text.at; text.len; at++) {
        at = memchr(at, 0x1b, (size_t)(text.at + text.len - at));
        if (!at)
            return;
        if (colour_len((struct bytes){at, (size_t)(text.at + text.len - at)})) {
            put_text(o, "\033[0m");
            return;
        }
    }
}

/* The text of a frame; of one that speaks of lines, a sentence in `said`. */
static struct bytes text_of(const struct log_frame *frame, char said[static SAID_MAX])
{
    if (frame->kind != LOG_LOST)
        return frame->text;
    int len = snprintf(said, SAID_MAX, "%llu bytes of %s were lost here: %.*s",
                       (unsigned long long)frame->number, log_streams[frame->stream],
                       frame->text.len < 100 ? (int)frame->text.len : 100,
                       (const char *)frame->text.at);
    return (struct bytes){(const uint8_t *)said, (size_t)len};
}

static void put_prefix(struct output *o, const struct log_frame *frame,
                       const struct log_look *look)
{
    bool is_marked = look->has_both && frame->stream == 1;
    char at[32];
    if (look->has_details) {
        put_format(o, "%s %.*s ", unix_ms_text(frame->at_unix_ms, at),
                   (int)frame->node.len, (const char *)frame->node.at);
        put_format(o, "%.64s.%u v", look->job, frame->index);
        if (frame->version)
            put_format(o, "%u", frame->version);
        put_format(o, "%s %c ", frame->version ? "" : "?", is_marked ? '!' : '|');
    } else if (look->has_labels) {
        put_format(o, "%.64s.%u %c ", look->job, frame->index, is_marked ? '!' : '|');
    } else if (is_marked) {
        put_text(o, "! ");
    }
}

void log_text_line(const struct log_frame *frame, const struct log_look *look,
                   const struct log_sink *sink)
{
    struct output o = {.sink = sink};
    char said[SAID_MAX];
    struct bytes text = text_of(frame, said);
    if (frame->kind != LOG_LINE && frame->kind != LOG_LOST && frame->kind != LOG_MISSING)
        return;
    if (frame->kind != LOG_MISSING)
        put_prefix(&o, frame, look);
    if (frame->kind != LOG_LINE)
        put_text(&o, "[stratos: ");
    if (look->is_harmless)
        put_harmless(&o, text);
    else
        put(&o, text.at, text.len);
    put_text(&o, frame->kind != LOG_LINE ? "]\n" : "\n");
    flush(&o);
}

static void put_key(struct output *o, const char *key, struct bytes text)
{
    put_format(o, "\"%s\":\"", key);
    put_escaped(o, text, escape_json);
    put_text(o, "\"");
}

void log_text_json(const struct log_frame *frame, const struct log_look *look,
                   const struct log_sink *sink)
{
    struct output o = {.sink = sink};
    char said[SAID_MAX], at[32];
    struct bytes text = text_of(frame, said);
    bool is_note = frame->kind == LOG_MISSING;
    if (frame->kind != LOG_LINE && frame->kind != LOG_LOST && !is_note)
        return;
    put_format(&o, "{\"at\":\"%s\",\"job\":\"%.64s\",",
               unix_ms_text(frame->at_unix_ms, at), look->job);
    if (is_note)
        put_text(&o, "\"instance\":null,");
    else
        put_format(&o, "\"instance\":\"%.64s.%u\",", look->job, frame->index);
    put_key(&o, "node", frame->node);
    if (is_note || frame->version == 0)
        put_text(&o, ",\"version\":null,");
    else
        put_format(&o, ",\"version\":\"v%u\",", frame->version);
    put_format(&o, "\"stream\":\"%s\",", is_note ? "note" : log_streams[frame->stream]);
    if (frame->kind == LOG_LOST)
        put_format(&o, "\"lost\":%llu,", (unsigned long long)frame->number);
    put_key(&o, "text", text);
    put_text(&o, "}\n");
    flush(&o);
}
