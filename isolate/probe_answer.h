/* What one health probe makes of what it meets: a pure machine, bytes and ends in, a verdict and its
 * words out.
 *
 * The status of the real answer decides, once all headers are there.  The body is read to its end, to
 * 64 KiB or for as long as the timeout allows, so that the connection ends without noise and its first
 * line can be shown.  Words are one harmless line: "connection refused", "no answer within 2s",
 * "answered 500 Internal Server Error: no database", "not HTTP: it speaks TLS". */
#ifndef ISOLATE_PROBE_ANSWER_H
#define ISOLATE_PROBE_ANSWER_H

#include "core/http_reader.h"
#include "core/job.h"

enum {
    PROBE_WORDS_MAX = 144,        /* "answered 500 ", a phrase, and a line of the body */
    PROBE_LINE_MAX = 80,          /* of the body's first line, in bytes */
    PROBE_ANSWER_MAX = 64 * 1024, /* what is read of one answer, headers and all */
};

struct probe_answer {
    bool is_http, is_connected;
    uint16_t status_min, status_max;
    uint32_t timeout_ms;
    struct http_reader http;
    size_t n_bytes;                   /* of the answer so far */
    uint8_t first[PROBE_LINE_MAX];    /* of the connection, for what is no HTTP */
    uint8_t line[2 * PROBE_LINE_MAX]; /* of the body, from its first character on */
    size_t line_len;
    bool is_broken;      /* what follows cannot be told apart any more */
    bool is_over, is_ok; /* is_ok and words are valid once it is over */
    char words[PROBE_WORDS_MAX];
};

void probe_answer_init(struct probe_answer *a, const struct health_spec *check);

/* The connection is there; a tcp check wants no more.  Returns is_over, as the next one. */
bool probe_answer_connected(struct probe_answer *a);
bool probe_answer_feed(struct probe_answer *a, struct bytes in);

/* Once it is over: of an answer that is longer than what was read, step over more.  Returns whether
 * it is complete by now. */
bool probe_answer_skip(struct probe_answer *a, struct bytes in);
/* More is to come, for all we know. */
bool probe_answer_has_more(const struct probe_answer *a);

/* Nothing more will come: 0 when the peer has closed, ERR_TIMEOUT when time is up, or the error.  It is
 * over then. */
void probe_answer_end(struct probe_answer *a, int code);

/* The request for an http check at `to` into `out`: a path's bytes that no request line may have are
 * percent-encoded.  Returns its length; what it needs beyond `cap` is not written. */
size_t probe_request(const struct health_spec *check, const struct endpoint *to,
                     char *out, size_t cap);

#endif
