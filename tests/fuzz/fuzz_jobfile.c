/* A file from a user: read as a job file and as a Marathon app.  Whatever is accepted
 * must have a canonical body that is accepted too and says the same; whatever is imported
 * must be accepted. */
#include <stdlib.h>

#include "sched/import_marathon.h"
#include "sched/jobfile.h"
#include "sched/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 64 << 20 };

static void check_spec(const struct job_spec *spec, struct arena *arena)
{
    struct complaints complaints = {.arena = arena};
    struct jobfile file;
    struct bytes body = spec_canonical(spec, arena);
    if (!body.at)
        return;
    if (jobfile_read(body, arena, &complaints, &file) < 0 || file.n_jobs != 1)
        abort();
    struct bytes again = spec_canonical(file.jobs, arena);
    if (again.at && !bytes_equal(body, again))
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

static void fuzz_import(struct bytes in, struct arena *arena)
{
    struct complaints notes = {.arena = arena}, complaints = {.arena = arena};
    struct jobfile file;
    char *yaml = NULL;
    int error = import_marathon(in, arena, &notes, &yaml);
    if (error < 0 && notes.n == 0)
        abort();
    if (error == 0 && jobfile_read(bytes_of_text(yaml), arena, &complaints, &file) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, MEMORY);
    fuzz_jobfile((struct bytes){data, size}, &arena);
    arena_clear(&arena);
    fuzz_import((struct bytes){data, size}, &arena);
    arena_fini(&arena);
    return 0;
}
