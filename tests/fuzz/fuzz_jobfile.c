/* A file from a user: read as a job file and as a Marathon app.  Whatever is accepted
 * must have a canonical body that is accepted too and says the same; whatever is imported
 * must be accepted. */
#include <stdlib.h>

#include "core/err.h"
#include "sched/import_marathon.h"
#include "sched/jobfile.h"
#include "sched/spec.h"
#include "sched/spec_diff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 64 << 20 };

static void check_spec(const struct job_spec *spec, struct arena *arena)
{
    struct complaints complaints = {.arena = arena};
    struct jobfile file;
    struct bytes body = spec_canonical(spec, arena);
    if (!body.at)
        return;
    if (jobfile_read_stored(body, arena, &complaints, &file) < 0 || file.n_jobs != 1)
        abort();
    struct bytes again = spec_canonical(file.jobs, arena);
    if (again.at && !bytes_equal(body, again))
        abort();
    /* Nothing lies between a spec and itself, however it was written. */
    const struct spec_change *changes;
    size_t n = 0;
    struct spec_hash was = spec_task_hash(spec), is = spec_task_hash(file.jobs);
    if (spec_edit(spec, was, file.jobs, is) != EDIT_UNSEEN)
        abort();
    if (spec_changes(body, again, arena, &changes, &n) == 0 && n > 0)
        abort();
}

static void fuzz_jobfile(struct bytes in, struct arena *arena)
{
    struct complaints complaints = {.arena = arena};
    struct jobfile file;
    int error = jobfile_read(in, arena, &complaints, &file);
    if ((error < 0) != (complaints.n > 0))
        abort();
    (void)complaints_text(&complaints, "fuzz.yaml", in, arena);
    for (size_t i = 0; error == 0 && i < file.n_jobs && i < 4; i++)
        check_spec(&file.jobs[i], arena);
}

static void fuzz_import(struct bytes in, bool without_image, struct arena *arena)
{
    struct import_report report = {.arena = arena};
    struct complaints complaints = {.arena = arena};
    struct jobfile file;
    char *yaml = NULL;
    int error = import_marathon(in, without_image, &report, &yaml);
    if (error == ERR_MALFORMED && report.n == 0)
        abort();
    if (error == 0 && (report.n_made > 0) != (yaml != NULL))
        abort();
    if (yaml && (jobfile_read(bytes_of_text(yaml), arena, &complaints, &file) < 0 ||
                 file.n_jobs != report.n_made))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, MEMORY);
    fuzz_jobfile((struct bytes){data, size}, &arena);
    arena_clear(&arena);
    fuzz_import((struct bytes){data, size}, false, &arena);
    arena_clear(&arena);
    fuzz_import((struct bytes){data, size}, true, &arena);
    arena_fini(&arena);
    return 0;
}
