/* See import_report.h. */
#include "sched/import_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

enum { TEXT_MAX = 1024 };

const char *import_kind_name(enum import_kind kind)
{
    static const char *const names[] = {"changed", "dropped", "error"};
    return names[kind];
}

void import_report_add(struct import_report *r, enum import_kind kind, const char *app,
                       const struct doc *at, const char *format, ...)
{
    char text[TEXT_MAX], line[TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)utf8_line(bytes_of_text(text), line,
                    sizeof(line)); /* it becomes a comment, too */
    const char *copy = arena_text(r->arena, line);
    if (!copy ||
        arena_grow(r->arena, (void **)&r->notes, r->n, &r->cap, sizeof(*r->notes)) < 0) {
        r->is_failed = true;
        return;
    }
    bool has_key = at && at->key_line > 0;
    r->notes[r->n++] = (struct import_note){
        .kind = kind,
        .line = !at       ? 0
                : has_key ? at->key_line
                          : at->line,
        .column = !at       ? 0
                  : has_key ? at->key_column
                            : at->column,
        .app = app,
        .key = at ? at->key : NULL,
        .text = copy,
    };
}

void import_report_app(struct import_report *r, const struct import_made *app)
{
    if (arena_grow(r->arena, (void **)&r->apps, r->n_apps, &r->apps_cap,
                   sizeof(*r->apps)) < 0) {
        r->is_failed = true;
        return;
    }
    r->apps[r->n_apps++] = *app;
    r->n_made += app->is_made;
}

size_t import_report_count(const struct import_report *r, enum import_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->notes[i].kind == kind;
    return n;
}

const char *import_report_sum(const struct import_report *r)
{
    size_t n_not = r->n_apps - r->n_made,
           n_changed = import_report_count(r, IMPORT_CHANGED),
           n_dropped = import_report_count(r, IMPORT_DROPPED);
    return arena_printf(
        r->arena,
        "%zu app%s: %zu made, %zu not; %zu thing%s not carried over, %zu changed",
        r->n_apps, r->n_apps == 1 ? "" : "s", r->n_made, n_not, n_dropped,
        n_dropped == 1 ? "" : "s", n_changed);
}
