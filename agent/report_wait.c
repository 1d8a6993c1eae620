/* What waits says until when.  See report.h.
 *
 * The times are of the clock of whoever waits; the clocks of two nodes differ by less than people see. */
#include <stdio.h>
#include <string.h>

#include "agent/report.h"
#include "agent/text_json.h"
#include "core/err.h"
#include "core/utf8.h"

enum {
    REASON_TEXT = 2048
}; /* a plan's reason quotes a claim's, and names what nodes lack */

uint64_t report_refused_until(const struct report *r, uint32_t job, uint32_t index,
                              uint32_t node)
{
    const struct view *v = &r->view;
    uint64_t earliest = 0;
    for (size_t i = 0; i < v->n_refusals; i++) {
        const struct view_refuse *f = &v->refusals[i];
        if (f->job != job || f->index != index ||
            (node != VIEW_NONE && f->node != node) ||
            !spec_hash_equal(f->doc.spec, v->jobs[job].doc.spec) ||
            f->doc.until_unix_ms == 0) /* that one waits for a port */
            continue;
        if (earliest == 0 || f->doc.until_unix_ms < earliest)
            earliest = f->doc.until_unix_ms;
    }
    return earliest;
}

static void put_span(uint64_t ms, char *out, size_t cap)
{
    uint64_t s = (ms + 999) / 1000;
    if (s < 120)
        (void)snprintf(out, cap, "%llus", (unsigned long long)s);
    else
        (void)snprintf(out, cap, "%llum%02llus", (unsigned long long)(s / 60),
                       (unsigned long long)(s % 60));
}

void report_put_wait(const struct report *r, json_t *out, const char *reason,
                     const char *what, uint64_t again_unix_ms)
{
    char text[REASON_TEXT], span[32], at[32];
    bool is_to_come = again_unix_ms > r->at.at_unix_ms;
    /* So much less than there is room: for what comes behind it. */
    (void)utf8_cut(reason ? reason : "", text, sizeof(text) - 64);
    if (is_to_come) {
        size_t len = strlen(text);
        put_span(again_unix_ms - r->at.at_unix_ms, span, sizeof(span));
        (void)snprintf(text + len, sizeof(text) - len, "%s%s in %s", len ? "; " : "",
                       what, span);
    }
    (void)json_object_set_new(out, "reason",
                              reason || is_to_come ? text_json(text) : json_null());
    (void)json_object_set_new(out, "again_at",
                              is_to_come ? json_string(unix_ms_text(again_unix_ms, at))
                                         : json_null());
}
