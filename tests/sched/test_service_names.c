/* Which names a job has not in DNS. */
#include <criterion/criterion.h>
#include <string.h>

#include "sched/service_names.h"

#define N62 "a2345678901234567890123456789012345678901234567890123456789012"

Test(service_names, a_name_of_63_letters_is_noted_where_it_has_no_underscore_name)
{
    static const struct {
        const char *name, *port, *protocol, *note;
    } rows[] = {
        {N62, "http", "http", NULL},
        {N62 "3", "http", "http", "its service '" N62 "3' has no name _" N62 "3._tcp in DNS"},
        {"web", N62 "3", "http", "its port '" N62 "3' has no name _" N62 "3._tcp in DNS"},
        {"web", N62, "udp", NULL},
        {"web", "http", N62 "3", "its protocol '"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct arena arena;
        arena_init(&arena, 0);
        struct complaints notes = {.arena = &arena};
        struct port_spec port = {.name = rows[i].port, .protocol = rows[i].protocol};
        struct job_spec spec = {.name = "web",
                                .ns = "default",
                                .service_name = rows[i].name,
                                .ports = &port,
                                .n_ports = 1};
        service_names_note(&spec, &notes);
        cr_expect_eq(notes.n, rows[i].note ? 1 : 0, "row %zu", i);
        if (rows[i].note && notes.n > 0)
            cr_expect_not_null(strstr(notes.list[0].text, rows[i].note), "%s",
                               notes.list[0].text);
        notes.n = 0;
        spec.n_ports = 0;
        service_names_note(&spec, &notes);
        cr_expect_eq(notes.n, 0, "addresses alone have no such names");
        arena_fini(&arena);
    }
}
