/* Ailing disks.  See ail.h; agent/uv_disk.c does the same with a real one. */
#include "tests/sim/ail.h"

#include "tests/sim/disk.h"

enum { ROOMY = 100 << 20 };

/* Does the store take what waits for it? */
static bool flush(struct sim *s, struct sim_node *n)
{
    struct err err = {0};
    return disk_persist(s, n, true, &err) == 0;
}

static void see(struct sim *s, struct sim_node *n, bool has_written)
{
    bool is_spent;
    struct disk_facts facts = {.has_ballast = true,
                               .is_open = !n->is_shut,
                               .has_written = has_written,
                               .trouble = store_trouble(n->store, &is_spent),
                               .where = "/data"};
    facts.room.free_bytes = facts.trouble == STORE_NO_SPACE ? 0 : ROOMY;
    facts.room.free_inodes = ROOM_UNCOUNTED;
    tape_step(&n->tape, n->node, sim_moment(s, n),
              &(struct node_input){.kind = INPUT_DISK, .disk = &facts}, &n->fx);
    struct disk_advice advice = node_disk_advice(n->node);
    n->look_ms = s->now_ms + advice.next_ms;
    if (advice.probes && facts.trouble == STORE_WELL)
        see(s, n, flush(s, n));
}

void ail_look(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    if (!n->node || !n->has_ailed || s->now_ms < n->look_ms)
        return;
    if (n->ails && s->now_ms >= n->ails_until_ms)
        ail_end(s, node);
    see(s, n, !n->ails && flush(s, n));
}

void ail_begin(struct sim *s, unsigned node, enum store_trouble trouble, uint64_t for_ms)
{
    struct sim_node *n = &s->nodes[node];
    store_mem_ail(n->store, trouble);
    n->ails = n->has_ailed = true;
    n->ails_until_ms = s->now_ms + for_ms;
    n->look_ms = s->now_ms;
    ail_look(s, node);
}

void ail_end(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    (void)s;
    store_mem_ail(n->store, STORE_WELL);
    n->ails = n->is_shut = false;
    n->look_ms = 0;
}

void ail_boot(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    if (n->ails && s->now_ms >= n->ails_until_ms)
        ail_end(s, node);
    n->is_shut = n->ails;
    if (n->is_unwritten || n->is_shut)
        tape_leap(&n->tape, n->node);
    if (n->has_ailed)
        see(s, n, false);
}

void ail_crash(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    (void)s;
    backlog_fini(&n->backlog);
    backlog_init(&n->backlog);
}
