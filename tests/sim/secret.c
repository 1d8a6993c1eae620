/* Who holds which secret.  See secret.h. */
#include "tests/sim/secret.h"

#include <stdio.h>
#include <string.h>

#include "core/hash.h"
#include "proto/key.h"

struct secret secret_drawn(uint64_t seed, uint64_t number)
{
    struct secret secret;
    for (size_t i = 0; i < SECRET_LEN; i++)
        secret.at[i] = (uint8_t)hash_mix(hash_mix(seed, number + 1), i + 1);
    return secret;
}

static bool is_same(const struct secret *a, const struct secret *b)
{
    return memcmp(a->at, b->at, SECRET_LEN) == 0;
}

bool secret_opens(const struct keyring *keys, const struct secret *sealed)
{
    const struct secret *held = keyring_find(keys, secret_epoch(sealed));
    return held && is_same(held, sealed);
}

/* The later it was ordered, the greater; 0 for the first of a cluster. */
static size_t age_of(const struct sim *s, const struct secret *secret)
{
    for (size_t i = s->n_rotations; i-- > 0;)
        if (is_same(&s->rotations[i].to, secret))
            return i + 1;
    return 0;
}

/* The running node of a cluster whose first secret is the newest; NULL when all are down. */
static const struct sim_node *newest_holder(const struct sim *s, unsigned cluster)
{
    const struct sim_node *newest = NULL;
    for (unsigned i = 0; i < s->options.nodes; i++) {
        const struct sim_node *n = &s->nodes[i];
        if (n->node && n->cluster == cluster &&
            (!newest ||
             age_of(s, &n->keys.secrets[0]) > age_of(s, &newest->keys.secrets[0])))
            newest = n;
    }
    return newest;
}

void secret_install(struct sim *s, unsigned node)
{
    const struct sim_node *from = newest_holder(s, s->nodes[node].cluster);
    if (from)
        s->nodes[node].keys = from->keys;
}

/* ---- the order ---- */

void secret_rotate(struct sim *s, unsigned node, bool is_forced)
{
    struct sim_node *n = &s->nodes[node];
    if (s->n_rotations == SIM_ROTATIONS_MAX)
        return;
    uint64_t number = SIM_CLUSTERS_MAX + s->n_rotations;
    uint8_t value[SECRET_LEN + SECRET_NONCE_LEN];
    struct secret next = secret_drawn(s->options.seed, number);
    memcpy(value, next.at, SECRET_LEN);
    memset(value + SECRET_LEN, (int)number, SECRET_NONCE_LEN);
    s->rotations[s->n_rotations] = (struct sim_rotation){
        .cluster = n->cluster, .from = n->keys.secrets[0], .to = next};
    struct order command = {.kind = ORDER_ROTATE,
                            .token = SECRET_TOKEN + s->n_rotations++,
                            .value = BYTES_OF(value),
                            .is_forced = is_forced};
    sim_order(s, node, &command);
}

void secret_answered(struct sim *s, const struct node_effect *e)
{
    s->rotations[e->token - SECRET_TOKEN].is_acked = e->result.code == 0;
}

/* ---- the operator ---- */

static bool is_under_way(const struct sim *s)
{
    for (unsigned i = 0; i < s->options.nodes; i++)
        if (s->nodes[i].node && s->nodes[i].keys.n > 1)
            return true;
    return false;
}

void secret_hand_out(struct sim *s)
{
    if (is_under_way(s))
        return;
    for (unsigned i = 0; i < s->options.nodes; i++) {
        struct sim_node *n = &s->nodes[i];
        const struct sim_node *newest = newest_holder(s, n->cluster);
        if (!n->node || is_same(&n->keys.secrets[0], &newest->keys.secrets[0]))
            continue;
        s->n_handed_out++;
        sim_crash(s, i, false);
        n->keys = newest->keys;
        sim_boot(s, i);
    }
}

/* ---- at the end ---- */

static bool is_offered(const struct sim_node *n)
{
    struct key key = key_secret();
    const struct table *t = gossip_table(node_gossip(n->node));
    const struct entry *lost = table_get(t, bytes_of_text("lost/secret/next"));
    return (lost && lost->value.len > 0) || table_get(t, key_bytes(&key));
}

bool secret_is_settled(const struct sim *s, char *why, size_t cap)
{
    for (unsigned i = 0; i < s->options.nodes; i++) {
        const struct sim_node *n = &s->nodes[i];
        if (!n->node)
            continue;
        const struct secret *own = &n->keys.secrets[0];
        const char *what = NULL;
        if (n->keys.n != 1)
            what = "still opens two secrets";
        else if (!is_same(own, &newest_holder(s, n->cluster)->keys.secrets[0]))
            what = "holds an old secret";
        else if (is_offered(n))
            what = "still has the offer of the new secret in its table";
        for (size_t k = 0; k < s->n_rotations && !what; k++)
            if (s->rotations[k].is_acked && is_same(&s->rotations[k].from, own))
                what = "holds a secret that was replaced";
        if (what) {
            (void)snprintf(why, cap, "%s %s", n->name, what);
            return false;
        }
    }
    return true;
}
