/* A reader of JSON by recursive descent (RFC 8259).  See doc_json.h. */
#include "core/doc_json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/doc_map.h"
#include "core/err.h"
#include "core/utf8.h"

struct place {
    unsigned line, column;
};

struct json {
    const uint8_t *at, *end;
    struct place here; /* of `at` */
    struct arena *arena;
    struct complaints *complaints;
    size_t n_nodes;
    int error;       /* ends the reading */
    bool is_refused; /* complained about, and read on */
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool doc_json_is(struct bytes text)
{
    size_t i = 0;
    bool is_open = false;
    for (; i < text.len; i++) {
        bool is_bracket = text.at[i] == '{' || text.at[i] == '[';
        if (!is_bracket && !is_space(text.at[i]))
            break;
        is_open = is_open || is_bracket;
    }
    return is_open && i < text.len && text.at[i] == '"';
}

__attribute__((format(printf, 4, 5))) static void
stop(struct json *j, int error, struct place at, const char *format, ...)
{
    char text[256];
    if (j->error)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    j->error = error;
    complain(j->complaints, at.line, at.column, "%s", text);
}

static void stop_memory(struct json *j)
{
    stop(j, ERR_BOUND, (struct place){0}, "takes too much memory");
}

/* ---- bytes ---- */

static int peek(const struct json *j)
{
    return j->at < j->end ? *j->at : -1;
}

/* Over one byte; a column is a character. */
static void step(struct json *j)
{
    uint8_t byte = *j->at++;
    if (byte == '\n')
        j->here = (struct place){j->here.line + 1, 1};
    else if ((byte & 0xc0) != 0x80)
        j->here.column++;
}

static void skip_space(struct json *j)
{
    while (j->at < j->end && is_space(*j->at))
        step(j);
}

/* What stands here and should not, in words. */
static void stop_at(struct json *j, const char *wanted)
{
    int c = peek(j);
    if (c < 0)
        stop(j, ERR_MALFORMED, j->here, "the text ends here: JSON wants %s", wanted);
    else if (c == '/' || c == '#')
        stop(j, ERR_MALFORMED, j->here,
             "a comment: JSON has none; take it out, or write YAML");
    else if (c == '\'')
        stop(j, ERR_MALFORMED, j->here, "JSON wants %s; its quotes are \"", wanted);
    else if (c > ' ' && c < 0x7f)
        stop(j, ERR_MALFORMED, j->here, "JSON wants %s here, not '%c'", wanted, c);
    else
        stop(j, ERR_MALFORMED, j->here, "JSON wants %s here", wanted);
}

/* ---- texts ---- */

static int hex_of(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The four digits after \u. */
static uint32_t read_hex(struct json *j)
{
    uint32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_of(peek(j));
        if (digit < 0) {
            stop_at(j, "four hexadecimal digits after \\u");
            return 0;
        }
        code = code << 4 | (uint32_t)digit;
        step(j);
    }
    return code;
}

static uint32_t read_code(struct json *j, struct place start)
{
    uint32_t code = read_hex(j);
    bool is_high = code >= 0xd800 && code < 0xdc00;
    if (is_high && j->end - j->at >= 2 && j->at[0] == '\\' && j->at[1] == 'u') {
        step(j);
        step(j);
        uint32_t low = read_hex(j);
        if (low >= 0xdc00 && low < 0xe000)
            return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        code = 0xd800;
    }
    if (!j->error && code >= 0xd800 && code < 0xe000)
        stop(j, ERR_MALFORMED, start, "half a surrogate pair is no character");
    if (!j->error && code == 0)
        stop(j, ERR_MALFORMED, start, "a NUL character in a text");
    return code;
}

static size_t put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(first[len] | code);
    return len;
}

/* What follows a backslash, as UTF-8. */
static size_t read_escape(struct json *j, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    struct place start = {j->here.line, j->here.column - 1};
    int c = peek(j);
    if (c == 'u') {
        step(j);
        uint32_t code = read_code(j, start);
        return j->error ? 0 : put_utf8(out, code);
    }
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (!found) {
        stop(j, ERR_MALFORMED, start,
             "JSON has no such escape: for a backslash write two of them");
        return 0;
    }
    step(j);
    out[0] = to[found - from];
    return 1;
}

/* The bytes of the text that begins here, as an upper bound: up to the closing quote. */
static size_t room_of(const struct json *j)
{
    const uint8_t *at = j->at;
    while (at < j->end && *at != '"')
        at += *at == '\\' && at + 1 < j->end ? 2 : 1;
    return (size_t)(at - j->at) + 4;
}

static const char *read_text(struct json *j)
{
    struct place start = j->here;
    step(j);
    char *out = arena_alloc(j->arena, room_of(j) + 1);
    size_t len = 0;
    if (!out)
        stop_memory(j);
    while (!j->error && peek(j) != '"') {
        int c = peek(j);
        if (c == '\\') {
            step(j);
            len += read_escape(j, out + len);
            continue;
        }
        if (c < ' ') {
            stop(j, ERR_MALFORMED, c < 0 || c == '\n' ? start : j->here,
                 c < 0 || c == '\n' ? "this quote is not closed"
                                    : "a control character in a text: JSON wants \\t, "
                                      "\\n or \\u00XX");
            break;
        }
        size_t n = utf8_sequence((struct bytes){j->at, (size_t)(j->end - j->at)});
        if (n == 0)
            stop(j, ERR_MALFORMED, j->here, "this is not UTF-8");
        for (; n > 0; n--, step(j))
            out[len++] = (char)*j->at;
    }
    if (j->error)
        return NULL;
    step(j);
    out[len] = '\0';
    return out;
}

/* ---- values ---- */

static struct doc *node_new(struct json *j, enum doc_kind kind)
{
    if (!j->error && j->n_nodes++ >= DOC_NODES_MAX)
        stop(j, ERR_BOUND, j->here, "more than 100000 values");
    struct doc *node = j->error ? NULL : arena_alloc(j->arena, sizeof(*node));
    if (!node) {
        stop_memory(j);
        return NULL;
    }
    node->kind = kind;
    node->line = j->here.line;
    node->column = j->here.column;
    return node;
}

/* RFC 8259, 6: the text of a number, whatever its size. */
static bool is_number(const char *t)
{
    static const char digits[] = "0123456789";
    t += *t == '-';
    size_t n = strspn(t, digits);
    if (n == 0 || (n > 1 && *t == '0'))
        return false;
    t += n;
    if (*t == '.') {
        n = strspn(++t, digits);
        if (n == 0)
            return false;
        t += n;
    }
    if (*t == 'e' || *t == 'E') {
        t++;
        t += *t == '+' || *t == '-';
        n = strspn(t, digits);
        if (n == 0)
            return false;
        t += n;
    }
    return *t == '\0';
}

/* A number, true, false or null: everything up to what can follow a value. */
static struct doc *read_word(struct json *j)
{
    struct place start = j->here;
    const uint8_t *from = j->at;
    if (peek(j) == '\'')
        stop_at(j, "a value");
    struct doc *node = node_new(j, DOC_SCALAR);
    while (j->at < j->end && !is_space(*j->at) && !strchr(",]}:\"[{/#", *j->at))
        step(j);
    char *text = arena_text_of(j->arena, (struct bytes){from, (size_t)(j->at - from)});
    if (!node || !text) {
        stop_memory(j);
        return NULL;
    }
    if (!*text)
        stop_at(j, "a value");
    else if (!is_number(text) && strcmp(text, "true") != 0 &&
             strcmp(text, "false") != 0 && strcmp(text, "null") != 0)
        stop(j, ERR_MALFORMED, start,
             "JSON wants a value here, and a text in quotes, not '%.40s'", text);
    node->text = text;
    return node;
}

static struct doc *read_value(struct json *j, unsigned depth);

/* After an element: true when another follows. */
static bool read_comma(struct json *j, char close, struct place open)
{
    skip_space(j);
    if (j->error)
        return false;
    if (peek(j) == close) {
        step(j);
        return false;
    }
    if (peek(j) < 0) {
        stop(j, ERR_MALFORMED, open, "this '%c' is not closed", close == '}' ? '{' : '[');
        return false;
    }
    if (peek(j) != ',') {
        stop_at(j, close == '}' ? "',' or '}'" : "',' or ']'");
        return false;
    }
    struct place comma = j->here;
    step(j);
    skip_space(j);
    if (peek(j) == close)
        stop(j, ERR_MALFORMED, comma, "a comma before '%c': JSON allows none there",
             close);
    return !j->error;
}

static struct doc *read_member(struct json *j, unsigned depth)
{
    struct place start = j->here;
    if (peek(j) != '"') {
        stop_at(j, "a key in quotes");
        return NULL;
    }
    const char *key = read_text(j);
    skip_space(j);
    if (!j->error && peek(j) != ':')
        stop_at(j, "':' after a key");
    if (j->error)
        return NULL;
    step(j);
    struct doc *value = read_value(j, depth);
    if (!value)
        return NULL;
    value->key = key;
    value->key_line = start.line;
    value->key_column = start.column;
    return value;
}

static struct doc *read_container(struct json *j, unsigned depth)
{
    struct place open = j->here;
    bool is_map = peek(j) == '{';
    char close = is_map ? '}' : ']';
    struct doc *node = node_new(j, is_map ? DOC_MAP : DOC_LIST), *first = NULL,
               **tail = &first;
    size_t n = 0;
    step(j);
    skip_space(j);
    bool is_more = !j->error && peek(j) != close;
    if (!is_more && !j->error)
        step(j);
    while (is_more) {
        struct doc *value = is_map ? read_member(j, depth) : read_value(j, depth);
        if (!value)
            return NULL;
        *tail = value;
        tail = &value->next;
        n++;
        is_more = read_comma(j, close, open);
    }
    if (j->error)
        return NULL;
    if (!is_map) {
        node->child = first;
        node->n = n;
        return node;
    }
    int result = doc_map_fill(node, first, NULL, j->complaints);
    j->is_refused = j->is_refused || result == ERR_MALFORMED;
    if (result == -ENOMEM)
        stop_memory(j);
    return node;
}

static struct doc *read_value(struct json *j, unsigned depth)
{
    skip_space(j);
    if (depth > DOC_DEPTH_MAX)
        stop(j, ERR_BOUND, j->here, "nested more than 64 deep");
    if (j->error)
        return NULL;
    struct doc *node;
    if (peek(j) == '{' || peek(j) == '[') {
        node = read_container(j, depth + 1);
    } else if (peek(j) == '"') {
        node = node_new(j, DOC_SCALAR);
        const char *text = node ? read_text(j) : NULL;
        if (node) {
            node->text = text;
            node->is_quoted = true;
        }
    } else {
        node = read_word(j);
    }
    return j->error ? NULL : node;
}

int doc_json_read(struct bytes text, struct arena *arena, struct complaints *complaints,
                  struct doc **ret_root, size_t *ret_used)
{
    struct json j = {.at = text.at,
                     .end = text.at + text.len,
                     .here = {1, 1},
                     .arena = arena,
                     .complaints = complaints};
    struct doc *root = read_value(&j, 1);
    skip_space(&j);
    *ret_used = (size_t)(j.at - text.at);
    if (j.error || j.is_refused)
        return j.error ? j.error : ERR_MALFORMED;
    *ret_root = root;
    return 0;
}
