/* Bytes that a task answers to a health check: fed whole and in pieces the reader must come to the same
 * answer, stay within its bounds and never read past the end, and the words must be harmless. */
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"
#include "core/utf8.h"
#include "isolate/probe_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

/* ---- the reader alone ---- */

struct read {
    int result;
    int status;
    bool is_complete, is_closing;
    uint64_t body;
    size_t used, len;
};

static struct read read_in_pieces(struct bytes in, size_t piece_len)
{
    static char view[16];
    static const struct http_wanted wanted[] = {{"X-View", view, sizeof(view)}};
    static uint8_t body[1 << 17];
    struct http_reader r;
    struct read out = {0};
    view[0] = '\0';
    http_reader_init(&r, 4096, wanted, 1);
    r.is_head = in.len > 0 && in.at[0] == 'h';
    while (out.result == 0 && out.used < in.len && !http_reader_is_complete(&r)) {
        size_t left = in.len - out.used, used = 0;
        struct bytes part = {in.at + out.used, left < piece_len ? left : piece_len},
                     piece;
        int got;
        while ((got = http_reader_feed(&r, part, &used, &piece)) > 0) {
            must(piece.len > 0 && piece.at >= part.at &&
                 piece.at + piece.len <= part.at + used);
            must(out.len + piece.len <= in.len && out.len + piece.len <= sizeof(body));
            memcpy(body + out.len, piece.at, piece.len);
            out.len += piece.len;
        }
        must(used <= part.len && r.line_len < sizeof(r.line));
        must(got < 0 || used == part.len || http_reader_is_complete(&r));
        out.used += used;
        out.result = got;
    }
    must(strlen(view) < sizeof(view) && strlen(r.phrase) < sizeof(r.phrase));
    must(http_reader_has_headers(&r) || out.len == 0);
    if (out.result == 0)
        out.result = http_reader_end(&r);
    out.status = r.status;
    out.is_closing = r.is_closing;
    out.is_complete = http_reader_is_complete(&r);
    out.body = hash64((struct bytes){body, out.len}, hash64(bytes_of_text(view), 1));
    return out;
}

/* ---- a probe ---- */

static void judge_in_pieces(struct bytes in, size_t piece_len, int end, char *out)
{
    const struct health_spec check = {
        .name = "x", .kind = HEALTH_HTTP, .timeout_ms = 2000};
    struct probe_answer *a = malloc(sizeof(*a));
    must(a != NULL);
    probe_answer_init(a, &check);
    (void)probe_answer_connected(a);
    while (in.len > 0) {
        struct bytes part = {in.at, in.len < piece_len ? in.len : piece_len};
        if (a->is_over)
            (void)probe_answer_skip(a, part);
        else
            (void)probe_answer_feed(a, part);
        in.at += part.len;
        in.len -= part.len;
    }
    probe_answer_end(a, end);
    must(a->is_over && a->words[0] && strlen(a->words) < sizeof(a->words));
    char clean[PROBE_WORDS_MAX];
    (void)utf8_line(bytes_of_text(a->words), clean, sizeof(clean));
    must(strcmp(clean, a->words) == 0);
    must(!a->is_ok || (a->http.status >= 200 && a->http.status < 400));
    (void)strcpy(out, a->words);
    free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    if (size > 1 << 16)
        return 0;
    struct read whole = read_in_pieces(in, size ? size : 1);
    for (size_t piece = 1; piece < 9; piece += 3) {
        struct read again = read_in_pieces(in, piece);
        must(memcmp(&whole, &again, sizeof(whole)) == 0);
    }
    char words[PROBE_WORDS_MAX], same[PROBE_WORDS_MAX];
    judge_in_pieces(in, size ? size : 1, 0, words);
    judge_in_pieces(in, 7, 0, same);
    /* Of a stranger's first words more may have come at once. */
    must(strcmp(words, same) == 0 || strncmp(words, "not HTTP", 8) == 0);
    judge_in_pieces(in, 3, ERR_TIMEOUT, words);
    return 0;
}
