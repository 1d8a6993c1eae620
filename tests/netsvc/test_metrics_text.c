/* Prometheus' text form. */
#include <criterion/criterion.h>
#include <string.h>

#include "netsvc/metrics_text.h"

Test(metrics_text, counters_and_gauges_read_as_prometheus_wants_them)
{
    struct metrics metrics = {.probes = 41, .dns_queries = 18446744073709551615u};
    struct metrics_gauge gauges[] = {
        {"members", "members by state", "state", "alive", 3, false},
        {"members", "members by state", "state", "de\"a\\d\n", 0.5, false},
        {"table_entries", "entries of the table", NULL, NULL, 1e6, false},
        {"log_lost_bytes", "lost", "job", "default/web", 7, true},
        {"log_lost_bytes", "lost", "job", "shop/db", 0, true},
    };
    const size_t n = sizeof(gauges) / sizeof(gauges[0]);
    struct arena arena;
    arena_init(&arena, 0);
    const char *text = metrics_text(&metrics, gauges, n, &arena);
    cr_assert_not_null(text);
    const char *parts[] = {
        "# HELP stratos_probes_total membership probes sent\n# TYPE stratos_probes_total "
        "counter\n"
        "stratos_probes_total 41\n",
        "stratos_dns_queries_total 18446744073709551615\n",
        "# HELP stratos_members members by state\n# TYPE stratos_members gauge\n"
        "stratos_members{state=\"alive\"} 3\nstratos_members{state=\"de\\\"a\\\\d\\n\"} "
        "0.5\n"
        "# HELP stratos_table_entries entries of the table\n# TYPE stratos_table_entries "
        "gauge\n"
        "stratos_table_entries 1000000\n"
        "# HELP stratos_log_lost_bytes_total lost\n# TYPE stratos_log_lost_bytes_total "
        "counter\n"
        "stratos_log_lost_bytes_total{job=\"default/web\"} 7\n"
        "stratos_log_lost_bytes_total{job=\"shop/db\"} 0\n",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        cr_expect(strstr(text, parts[i]), "part %zu", i);
    arena_fini(&arena);
    arena_init(&arena, 100);
    cr_expect_null(metrics_text(&metrics, gauges, n, &arena));
}
