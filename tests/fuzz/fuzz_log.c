/* What tasks wrote: stored lines as they lie on the disk, the runs beside them, and frames of another
 * node.  All that is read can be shown, as text and as JSON.  The first byte picks the door. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log_text.h"
#include "core/err.h"
#include "isolate/log_runs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
    if (!is_so)
        abort();
}

struct shown {
    char *text;
    size_t len;
};

static void collect(void *ctx, struct bytes piece)
{
    struct shown *s = ctx;
    s->text = realloc(s->text, s->len + piece.len + 1);
    must(s->text != NULL);
    memcpy(s->text + s->len, piece.at, piece.len);
    s->len += piece.len;
}

static void show(const struct log_frame *f)
{
    const struct log_look look = {
        .job = "web", .has_labels = true, .has_both = true, .is_harmless = true};
    struct shown s = {0};
    const struct log_sink sink = {collect, &s};
    log_text_line(f, &look, &sink);
    for (size_t i = 0; i + 1 < s.len; i++)
        must((uint8_t)s.text[i] >= ' ' || s.text[i] == '\t');
    s.len = 0;
    log_text_json(f, &look, &sink);
    if (s.len) {
        json_t *object = json_loadb(s.text, s.len, JSON_ALLOW_NUL, NULL);
        must(json_is_string(json_object_get(object, "text")));
        json_decref(object);
    }
    free(s.text);
}

static void fuzz_stored(struct bytes in)
{
    while (in.len) {
        struct log_line line;
        size_t used = log_line_read(in, &line);
        must(used > 0 && used <= in.len && line.text.len <= used);
        struct log_frame f = {.kind = line.is_lost ? LOG_LOST : LOG_LINE,
                              .at_unix_ms = line.at_unix_ms,
                              .number = line.lost_bytes,
                              .text = line.text};
        show(&f);
        size_t room = log_line_room(LOG_TEXT_MAX - used % 8, line.text);
        must(room <= line.text.len);
        in = (struct bytes){in.at + used, in.len - used};
    }
}

static void fuzz_frames(struct bytes in)
{
    static uint8_t out[LOG_FRAME_MAX];
    struct log_frame f, again;
    for (long used = 1; used > 0 && in.len;) {
        used = log_frame_read(in, &f);
        must(used <= (long)in.len);
        if (used <= 0)
            break;
        size_t len = log_frame_head(&f, out);
        memcpy(out + len, f.text.at, f.text.len);
        must(len + f.text.len == (size_t)used);
        must(log_frame_read((struct bytes){out, (size_t)used}, &again) == used);
        must(memcmp(out, in.at, (size_t)used) == 0);
        show(&f);
        in = (struct bytes){in.at + used, in.len - (size_t)used};
    }
}

static void fuzz_runs(struct bytes in)
{
    struct log_run runs[8];
    size_t n = log_runs_parse(in, runs, 8);
    must(n <= 8);
    (void)log_runs_at(runs, n, 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes in = {data + 1, size - 1};
    if (data[0] % 3 == 0)
        fuzz_stored(in);
    else if (data[0] % 3 == 1)
        fuzz_frames(in);
    else
        fuzz_runs(in);
    return 0;
}
