/* Counters and gauges in Prometheus' text form.  See metrics_text.h. */
#include "netsvc/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct writer *w, const char *text)
{
    writer_bytes(w, bytes_of_text(text));
}

/* Backslash and line feed everywhere, the quote in label values. */
static void put_escaped(struct writer *w, const char *text)
{
    for (const char *c = text; *c; c++) {
        if (*c == '\n') {
            put(w, "\\n");
            continue;
        }
        if (*c == '\\' || *c == '"')
            writer_u8(w, '\\');
        writer_u8(w, (uint8_t)*c);
    }
}

static void put_help(struct writer *w, const char *name, const char *suffix,
                     const char *help, const char *type)
{
    put(w, "# HELP stratos_");
    put(w, name);
    put(w, suffix);
    writer_u8(w, ' ');
    for (const char *c = help; *c; c++) /* a help text is one line */
        writer_u8(w, (uint8_t)(*c == '\n' || *c == '\\' ? ' ' : *c));
    put(w, "\n# TYPE stratos_");
    put(w, name);
    put(w, suffix);
    writer_u8(w, ' ');
    put(w, type);
    writer_u8(w, '\n');
}

static void put_counter(struct writer *w, const char *name, const char *help,
                        uint64_t value)
{
    char text[32];
    put_help(w, name, "_total", help, "counter");
    put(w, "stratos_");
    put(w, name);
    (void)snprintf(text, sizeof(text), "_total %" PRIu64 "\n", value);
    put(w, text);
}

static void put_gauge(struct writer *w, const struct metrics_gauge *g, bool is_first)
{
    char text[40];
    const char *suffix = g->is_counter ? "_total" : "";
    if (is_first)
        put_help(w, g->name, suffix, g->help, g->is_counter ? "counter" : "gauge");
    put(w, "stratos_");
    put(w, g->name);
    put(w, suffix);
    if (g->label) {
        writer_u8(w, '{');
        put(w, g->label);
        put(w, "=\"");
        put_escaped(w, g->label_value);
        put(w, "\"}");
    }
    (void)snprintf(text, sizeof(text), " %.15g\n", g->value);
    put(w, text);
}

static size_t room(const struct metrics_gauge *gauges, size_t n)
{
    size_t len = 1;
#define METRICS_ROOM(name, help) len += 3 * sizeof(#name) + sizeof(help) + 128;
    METRICS(METRICS_ROOM)
#undef METRICS_ROOM
    for (size_t i = 0; i < n; i++)
        len +=
            3 * strlen(gauges[i].name) + strlen(gauges[i].help) + 160 +
            (gauges[i].label ? strlen(gauges[i].label) + 2 * strlen(gauges[i].label_value)
                             : 0);
    return len;
}

char *metrics_text(const struct metrics *metrics, const struct metrics_gauge *gauges,
                   size_t n_gauges, struct arena *arena)
{
    size_t cap = room(gauges, n_gauges);
    char *out = arena_alloc(arena, cap);
    if (!out)
        return NULL;
    struct writer w = writer_of(out, cap - 1);
#define METRICS_PUT(name, help) put_counter(&w, #name, help, metrics->name);
    METRICS(METRICS_PUT)
#undef METRICS_PUT
    for (size_t i = 0; i < n_gauges; i++)
        put_gauge(&w, &gauges[i],
                  i == 0 || strcmp(gauges[i - 1].name, gauges[i].name) != 0);
    if (writer_error(&w))
        return NULL;
    out[w.len] = '\0';
    return out;
}
