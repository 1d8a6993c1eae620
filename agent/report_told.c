/* Who has a write, as JSON: what agent/reach.c counted and named. */
#include "agent/report.h"

json_t *report_told(const struct node_result *r)
{
    json_t *has = json_array(), *missing = json_array();
    for (size_t i = 0; i < r->n_has; i++)
        (void)json_array_append_new(has, json_string(r->has[i]));
    for (size_t i = 0; i < r->n_missing; i++) {
        const struct node_missing *m = &r->missing[i];
        json_t *silent = m->silent_ms == SILENT_SINCE_START
                             ? json_null()
                             : json_integer((json_int_t)m->silent_ms);
        (void)json_array_append_new(
            missing, json_pack("{s:s,s:s,s:o}", "name", m->name, "state",
                               member_state_name(m->state), "silent_ms", silent));
    }
    return json_pack("{s:I,s:I,s:I,s:I,s:o,s:o,s:s}", "known_by", (json_int_t)r->known_by,
                     "members", (json_int_t)r->members, "total", (json_int_t)r->total,
                     "took_ms", (json_int_t)r->took_ms, "has", has, "missing", missing,
                     "told", r->told ? r->told : "");
}
