/* `events`: what happened, and with -f what happens (server-sent events, one JSON object
 * each). */
#include <errno.h>
#include <string.h>

#include "cli/event_text.h"
#include "cli/talk.h"
#include "cli/verbs.h"
#include "core/doc.h"

enum {
    EVENT_MAX = 64 * 1024,
    TEXT_MAX = 1024,
    EVENTS_DEFAULT = 100,
    EVENTS_MAX = 100000
};

/* The time of day, UTC; with the date where that is not today's. */
static void event_time(const json_t *event, char out[static 24])
{
    const uint64_t day_ms = 24 * 3600 * 1000;
    const char *stamp = json_text(event, "at");
    bool is_today = time_parse(stamp) / day_ms == now_unix_ms() / day_ms;
    out[0] = '\0';
    if (strlen(stamp) >= 19)
        (void)snprintf(out, 24, "%.*s%s%.8s", is_today ? 0 : 10, stamp,
                       is_today ? "" : " ", stamp + 11);
}

/* One at a time, without knowing how wide the next ones are. */
static void print_event(const json_t *event)
{
    char at[24], text[TEXT_MAX];
    event_time(event, at);
    event_text(event, text, sizeof(text));
    printf("%-8s  ", at);
    print_safe(stdout, json_text(event, "node"), false);
    printf("  %-8s  ", json_text(event, "kind"));
    print_safe(stdout, text, false);
    fputc('\n', stdout);
}

static void print_events(const json_t *events)
{
    static const char *const heads[] = {"AT", "NODE", "KIND", "TEXT", NULL};
    struct grid grid;
    size_t i;
    json_t *event;
    grid_init(&grid, heads);
    json_array_foreach(events, i, event)
    {
        char at[24], text[TEXT_MAX];
        event_time(event, at);
        event_text(event, text, sizeof(text));
        grid_row(&grid, (const char *const[]){at, json_text(event, "node"),
                                              json_text(event, "kind"), text});
    }
    grid_print(&grid, stdout, render_is_coloured(stdout));
    grid_fini(&grid);
}

/* ---- following ---- */

struct stream {
    bool is_json;
    char line[EVENT_MAX];
    size_t len;
    bool is_cut; /* the line is longer than an event may be: skip it */
};

/* Our server sends each event's JSON in one `data:` line; ids and comments are for
 * reconnecting. */
static void take_line(struct stream *s)
{
    s->line[s->len] = '\0';
    const char *data = s->line + 5;
    if (!s->is_cut && strncmp(s->line, "data:", 5) == 0) {
        data += *data == ' ';
        json_t *event = s->is_json ? NULL : json_loads(data, 0, NULL);
        if (s->is_json)
            puts(data);
        else if (event)
            print_event(event);
        json_decref(event);
    }
    s->len = 0;
    s->is_cut = false;
}

static int on_chunk(void *ctx, struct bytes in)
{
    struct stream *s = ctx;
    for (size_t i = 0; i < in.len; i++) {
        if (in.at[i] == '\n')
            take_line(s);
        else if (s->len + 1 == sizeof(s->line))
            s->is_cut = true;
        else if (in.at[i] != '\r')
            s->line[s->len++] = (char)in.at[i];
    }
    return out_flush() ? 0 : EIO;
}

static int show_last(struct talk *t, uint64_t limit)
{
    struct answer a;
    int code = talk_get(t, &a, "/v1/events?limit=%llu", (unsigned long long)limit);
    if (code != EXIT_DONE)
        return code;
    if (!print_json(t->in, &a))
        print_events(a.data);
    say_view(t->in, &a);
    answer_close(&a);
    return code;
}

int verb_events(const struct invocation *in)
{
    static struct stream stream;
    struct talk t;
    const char *text = words_value(&in->words, "limit");
    uint64_t limit = EVENTS_DEFAULT;
    if (text && text_uint(text, EVENTS_MAX, &limit) < 0)
        return fail(in, EXIT_USAGE, "usage", "--limit wants a number up to %d, not '%s'",
                    EVENTS_MAX, text);
    int code = talk_open(&t, in);
    if (code != EXIT_DONE)
        return code;
    stream.is_json = in->is_json;
    if (words_has(&in->words, "follow"))
        code = talk_stream(&t, on_chunk, &stream, "/v1/events?follow=1%s%s",
                           text ? "&limit=" : "", text ? text : "");
    else
        code = show_last(&t, limit);
    talk_close(&t);
    return code;
}
