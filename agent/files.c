/* Files without an agent: what `stratos validate` and `stratos import` do. */
#include "agent/files.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "sched/import_marathon.h"
#include "sched/service_names.h"
#include "sched/spec.h"

int files_validate(struct bytes text, const struct jobfile_params *params,
                   struct arena *arena, struct complaints *complaints,
                   struct files_jobs *ret)
{
    struct jobfile file;
    int error = jobfile_read_with(text, params, arena, complaints, &file);
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
    *ret = (struct files_jobs){names, bodies, file.n_jobs};
    return 0;
}

struct bytes files_join(const struct files_jobs *files, size_t n, struct arena *arena)
{
    size_t cap = 16;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < files[i].n; k++)
            cap += files[i].bodies[k].len + 1;
    uint8_t *out = arena_alloc(arena, cap);
    if (!out)
        return (struct bytes){0};
    struct writer w = writer_of(out, cap);
    writer_bytes(&w, bytes_of_text("{\"jobs\":["));
    bool is_first = true;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < files[i].n; k++) {
            writer_bytes(&w, bytes_of_text(is_first ? "" : ","));
            writer_bytes(&w, files[i].bodies[k]);
            is_first = false;
        }
    writer_bytes(&w, bytes_of_text("]}"));
    return writer_done(&w);
}

int files_import(struct bytes text, bool without_image, struct import_report *report,
                 char **ret_yaml)
{
    return import_marathon(text, without_image, report, ret_yaml);
}
