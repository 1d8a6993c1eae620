/* Copying stores and putting them back.  See copy.h. */
#include "tests/sim/copy.h"

#include <assert.h>

struct target {
    struct store *store;
    enum store_space space;
};

static int copy_one(void *ctx, struct bytes key, struct bytes value)
{
    struct target *to = ctx;
    struct store_change change = {to->space, key, value};
    return store_write(to->store, &change, 1, true, NULL);
}

struct store *copy_of(struct store *from)
{
    struct target to = {.store = store_mem_new()};
    assert(to.store);
    for (int space = 0; space < STORE_SPACES; space++) {
        to.space = (enum store_space)space;
        int status = store_each(from, to.space, (struct bytes){0}, copy_one, &to, NULL);
        assert(status == 0);
    }
    return to.store;
}

void copy_take(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    if (n->boot == 0)
        return;
    if (n->copy)
        store_close(n->copy);
    n->copy = copy_of(n->store);
}

void copy_put_back(struct sim *s, unsigned node, bool has_memory)
{
    struct sim_node *n = &s->nodes[node];
    if (!n->copy)
        return;
    sim_crash(s, node, false);
    store_close(n->store);
    n->store = copy_of(n->copy);
    n->goes_on = has_memory;
    sim_boot(s, node);
    n->goes_on = false;
}
