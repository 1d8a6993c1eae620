/* Files without an agent: what `stratos validate` and `stratos import` do. */
#include "agent/files.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "sched/import_marathon.h"
#include "sched/jobfile.h"

int files_validate(struct bytes text, struct arena *arena, struct complaints *complaints,
                   const char *const **ret_names, size_t *ret_n)
{
    struct jobfile file;
    int error = jobfile_read(text, arena, complaints, &file);
    if (error < 0)
        return error;
    const char **names = arena_array(arena, file.n_jobs, sizeof(*names));
    for (size_t i = 0; names && i < file.n_jobs; i++) {
        names[i] = arena_printf(arena, "%s/%s", file.jobs[i].ns, file.jobs[i].name);
        if (!names[i])
            return -ENOMEM;
    }
    if (!names)
        return -ENOMEM;
    *ret_names = names;
    *ret_n = file.n_jobs;
    return 0;
}

int files_import(const char *format, struct bytes text, struct arena *arena,
                 struct complaints *notes, char **ret_yaml)
{
    if (strcmp(format, "marathon") == 0)
        return import_marathon(text, arena, notes, ret_yaml);
    complain(notes, 0, 0,
             "files of '%.64s' cannot be imported by this version; marathon can", format);
    return ERR_UNSUPPORTED;
}
