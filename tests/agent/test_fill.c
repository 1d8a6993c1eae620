/* A table that fills up, as people hear of it. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/fill.h"
#include "core/err.h"
#include "gossip/machine/machine.h"
#include "host.h"

static unsigned count(const struct host *h, const char *text)
{
    unsigned n = 0;
    for (const char *at = h->log; (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void set_bound(struct host *h, unsigned percent)
{
    struct gossip *g = (struct gossip *)(uintptr_t)node_gossip(h->node);
    g->table.entries_max = table_size(gossip_table(g)) * 100 / percent;
}

Test(fill, half_and_four_fifths_are_told_once_each_with_who_is_gone)
{
    struct hosts *all = hosts_settled(3);
    struct host *h = &all->hosts[0];
    struct gossip_fill fill;
    char cause[FILL_TEXT];
    tape_fini(&h->tape); /* it is not told of its bound */
    set_bound(h, 30);
    hosts_run(all, 3000);
    cr_expect_eq(count(h, "event table"), 0);
    host_stop(&all->hosts[2]);
    hosts_run(all, 20000);
    set_bound(h, 60);
    hosts_run(all, 3000);
    cr_expect_eq(count(h, "event table n1 filling"), 1, "%s", h->log);
    (void)fill_cause(node_gossip(h->node), hosts_now(all).now_ms + 3 * 3600 * 1000, &fill,
                     cause);
    cr_expect_str_eq(cause, "n3 is dead since 3 h: `stratos forget n3`");
    set_bound(h, 85);
    hosts_run(all, 3000);
    cr_expect_eq(count(h, "event table n1 nearly full"), 1);
    set_bound(h, 78);
    hosts_run(all, 3000);
    cr_expect_eq(count(h, "event table"), 2, "it trembles");
    set_bound(h, 20);
    hosts_run(all, 3000);
    cr_expect_eq(count(h, "event table n1 ok"), 1);
    hosts_free(all);
}
