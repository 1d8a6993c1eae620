/* Two nodes of one name: who keeps it, on every node alike, and that it is told. */
#include "agent/namesakes.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/naming.h"
#include "proto/record.h"
#include "tests/agent/host.h"

static const char *keeper(const struct host *h, char id[static NODE_ID_TEXT])
{
    const struct gossip *g = node_gossip(h->node);
    struct namesakes found = namesakes_find(gossip_members(g), gossip_table(g), "db1");
    return found.keeper ? node_id_text(found.keeper->id, id) : "";
}

static void expect_keeper(struct hosts *all, unsigned want)
{
    char id[NODE_ID_TEXT], wanted[NODE_ID_TEXT];
    (void)node_id_text(all->hosts[want].options.gossip.id, wanted);
    for (unsigned i = 0; i < all->n; i++)
        if (all->hosts[i].node)
            cr_expect_str_eq(keeper(&all->hosts[i], id), wanted, "as n%u sees it", i + 1);
}

static stamp_t named(const struct host *h, unsigned of)
{
    const struct gossip *g = node_gossip(h->node);
    struct key key = key_node(h->all->hosts[of].options.gossip.id);
    const struct entry *row = table_get(gossip_table(g), key_bytes(&key));
    struct node_doc doc = {0};
    struct arena arena;
    arena_init(&arena, 0);
    cr_assert(row && record_decode_node(row->value, &arena, &doc) == 0);
    arena_fini(&arena);
    return doc.named;
}

static void rename_host(struct host *h, const char *name)
{
    host_stop(h);
    (void)strcpy(h->name, name);
    host_start(h);
}

/* n2 takes the name first, n1 later, whose id is the smaller. */
Test(namesakes, the_name_stays_with_its_first_holder_and_every_node_says_so)
{
    struct hosts *all = hosts_settled(3);
    rename_host(&all->hosts[1], "db1");
    hosts_run(all, 10000);
    for (unsigned i = 0; i < 3; i++)
        cr_expect_not(host_said(&all->hosts[i], "db1 is the name of"));
    rename_host(&all->hosts[0], "db1");
    hosts_run(all, 10000);
    expect_keeper(all, 1);
    for (unsigned i = 0; i < 3; i++)
        cr_expect(host_said(&all->hosts[i], "db1 is the name of 2 nodes"), "n%u: %s",
                  i + 1, all->hosts[i].log);
    /* Over starts, with rewritten rows. */
    stamp_t was = named(&all->hosts[2], 1);
    cr_expect(was != 0 && was != NAME_NOT_TAKEN);
    rename_host(&all->hosts[1], "db1");
    hosts_run(all, 10000);
    cr_expect_eq(named(&all->hosts[2], 1), was);
    expect_keeper(all, 1);
    /* Until that one is gone. */
    host_stop(&all->hosts[1]);
    hosts_run(all, 30000);
    expect_keeper(all, 0);
    cr_expect(host_said(&all->hosts[2], "db1 is the name of one node again"));
    host_start(&all->hosts[1]);
    hosts_run(all, 10000);
    expect_keeper(all, 1);
    hosts_free(all);
}

Test(namesakes, a_clock_that_is_behind_takes_no_name_from_anybody)
{
    struct hosts *all = hosts_settled(3);
    rename_host(&all->hosts[1], "db1");
    hosts_run(all, 10000);
    host_stop(&all->hosts[0]);
    all->hosts[0].skew_ms = -400000;
    rename_host(&all->hosts[0], "db1");
    hosts_run(all, 10000);
    expect_keeper(all, 1);
    cr_expect_gt(named(&all->hosts[2], 0), named(&all->hosts[2], 1));
    hosts_free(all);
}

Test(namesakes, what_does_not_keep_its_name_is_called_by_its_id)
{
    struct hosts *all = hosts_settled(3);
    char id[NODE_ID_TEXT];
    struct arena arena;
    arena_init(&arena, 0);
    rename_host(&all->hosts[1], "db1");
    hosts_run(all, 10000);
    rename_host(&all->hosts[0], "db1");
    hosts_run(all, 10000);
    const struct gossip *g = node_gossip(all->hosts[2].node);
    for (unsigned i = 0; i < 3; i++) {
        const struct member *m =
            members_find(gossip_members(g), all->hosts[i].options.gossip.id);
        const char *called =
            namesakes_called(gossip_members(g), gossip_table(g), m, &arena);
        cr_expect_str_eq(called, i == 0   ? node_id_text(m->id, id)
                                 : i == 1 ? "db1"
                                          : "n3");
    }
    arena_fini(&arena);
    hosts_free(all);
}
