/* Files without an agent: what `stratos validate` and `stratos import` do. */
#include "agent/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/bounds.h"
#include "core/err.h"
#include "sched/import_marathon.h"
#include "sched/service_names.h"
#include "sched/spec.h"

int files_validate(struct bytes text, const struct jobfile_params *params,
                   const struct jobfile_loader *loader, struct arena *arena,
                   struct complaints *complaints, struct files_jobs *ret)
{
    struct jobfile file;
    int error = jobfile_read_with(text, params, loader, arena, complaints, &file);
    if (error < 0)
        return error;
    const char **names = arena_array(arena, file.n_jobs, sizeof(*names));
    struct bytes *bodies = arena_array(arena, file.n_jobs, sizeof(*bodies));
    for (size_t i = 0; names && bodies && i < file.n_jobs; i++) {
        names[i] = arena_printf(arena, "%s/%s", file.jobs[i].ns, file.jobs[i].name);
        bodies[i] = spec_canonical(&file.jobs[i], arena);
        if (!names[i] || !bodies[i].at)
            return -ENOMEM;
        service_names_note(&file.jobs[i], complaints);
    }
    if (!names || !bodies)
        return -ENOMEM;
    *ret = (struct files_jobs){names, bodies, file.n_jobs, file.uses_files};
    return 0;
}

/* "[{"text":...,"jobs":[...],"params":...}]" as JSON; NULL when out of memory. */
static char *submitted_text(const struct files_source *sources, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const struct files_source *s = &sources[i];
        json_t *one = json_object(), *jobs = json_array();
        for (size_t k = 0; k < s->jobs.n; k++)
            (void)json_array_append_new(jobs, json_string(s->jobs.names[k]));
        (void)json_object_set_new(one, "text",
                                  json_stringn((const char *)s->text.at, s->text.len));
        (void)json_object_set_new(one, "jobs", jobs);
        (void)json_object_set_new(one, "params", json_string(s->params));
        (void)json_array_append_new(list, one);
    }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

static void put_jobs(const struct files_source *sources, size_t n, struct writer *w)
{
    bool is_first = true;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sources[i].jobs.n; k++) {
            writer_bytes(w, bytes_of_text(is_first ? "" : ","));
            writer_bytes(w, sources[i].jobs.bodies[k]);
            is_first = false;
        }
}

struct bytes files_join(const struct files_source *sources, size_t n, struct arena *arena)
{
    static const char head[] = "{\"jobs\":[", middle[] = "],\"" JOBFILE_SUBMITTED "\":";
    char *submitted = submitted_text(sources, n);
    size_t cap = sizeof(head) + sizeof(middle) + 4;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sources[i].jobs.n; k++)
            cap += sources[i].jobs.bodies[k].len + 1;
    size_t more = submitted ? strlen(submitted) : 0;
    bool has_room = submitted && cap + more <= JOBFILE_LEN_MAX;
    uint8_t *out = submitted ? arena_alloc(arena, cap + more) : NULL;
    struct writer w = writer_of(out, out ? cap + more : 0);
    writer_bytes(&w, bytes_of_text(head));
    put_jobs(sources, n, &w);
    writer_bytes(&w, bytes_of_text(middle));
    writer_bytes(&w, bytes_of_text(has_room ? submitted : "[]"));
    writer_bytes(&w, bytes_of_text("}"));
    free(submitted);
    return out ? writer_done(&w) : (struct bytes){0};
}

int files_import(struct bytes text, bool without_image, struct import_report *report,
                 char **ret_yaml)
{
    return import_marathon(text, without_image, report, ret_yaml);
}
