/* See importing.h. */
#include "tests/sched/importing.h"

#include <criterion/criterion.h>
#include <string.h>

void importing_read(struct importing *m, const char *text, bool without_image)
{
    *m = (struct importing){0};
    arena_init(&m->arena, 0);
    m->report.arena = &m->arena;
    m->error = import_marathon(bytes_of_text(text), without_image, &m->report, &m->yaml);
    cr_assert_eq(m->yaml != NULL, m->error == 0 && m->report.n_made > 0, "%s", text);
    if (!m->yaml)
        return;
    struct complaints complaints = {.arena = &m->arena};
    cr_assert_eq(jobfile_read(bytes_of_text(m->yaml), &m->arena, &complaints, &m->file),
                 0, "%s\n%s", m->yaml, complaints.n ? complaints.list[0].text : "");
    cr_assert_eq(m->file.n_jobs, m->report.n_made);
}

void importing_free(struct importing *m)
{
    arena_fini(&m->arena);
}

const struct import_note *importing_note(const struct importing *m, enum import_kind kind,
                                         unsigned line, const char *words)
{
    for (size_t i = 0; i < m->report.n; i++) {
        const struct import_note *note = &m->report.notes[i];
        if (note->kind == kind && (line == 0 || note->line == line) &&
            strstr(note->text, words))
            return note;
    }
    return NULL;
}
