/* Members that were forgotten: who they are, and their rows dropped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/trace.h"
#include "gossip/spread/entries_inner.h"
#include "gossip/spread/grave.h"

static const char forget_prefix[] = "forget/";

struct bytes entries_forget_key(struct node_id id, char out[static 64])
{
    char text[NODE_ID_TEXT];
    int len = snprintf(out, 64, "%s%s", forget_prefix, node_id_text(id, text));
    return (struct bytes){(const uint8_t *)out, (size_t)len};
}

uint32_t entries_incarnation_after(const struct gossip *g, struct node_id id)
{
    char key[64], number[16] = "";
    struct grave grave;
    uint32_t after = grave_of(g, id, &grave) ? grave.incarnation + 1 : 0;
    const struct entry *e = table_get(&g->table, entries_forget_key(id, key));
    if (!e || e->value.len == 0 || e->value.len >= sizeof(number))
        return after;
    memcpy(number, e->value.at, e->value.len);
    unsigned long long until = strtoull(number, NULL, 10);
    return until < INCARNATION_MAX - 1 && until >= after ? (uint32_t)until + 1 : after;
}

bool entries_is_forgotten(const struct gossip *g, struct node_id id, uint32_t incarnation)
{
    return incarnation < entries_incarnation_after(g, id);
}

void entries_drop(struct gossip *g, const struct entry *e, struct gossip_effects *fx)
{
    struct bytes key = arena_bytes(&fx->arena, e->key);
    batch_add(&g->batch, fx, STORE_TABLE, key, (struct bytes){0});
    if (e->value.at)
        effect_table(fx, e->key);
    table_remove(&g->table, key.at ? key : e->key);
}

bool entries_drop_forgotten(struct gossip *g, struct peer *peer,
                            struct gossip_effects *fx)
{
    static const char *const kinds[] = {"node", "claim", "done", "refuse"};
    struct member gone = peer->member;
    if ((gone.state != MEMBER_DEAD && gone.state != MEMBER_LEFT) ||
        !entries_is_forgotten(g, gone.id, gone.incarnation))
        return false;
    char text[NODE_ID_TEXT], prefix[64];
    (void)node_id_text(gone.id, text);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int len = snprintf(prefix, sizeof(prefix), "%s/%s", kinds[i], text);
        struct bytes from = {(const uint8_t *)prefix, (size_t)len};
        struct table_walk walk;
        struct entry e;
        table_from_key(&g->table, from, &walk);
        while (table_next(&g->table, &walk, &e) && bytes_start_with(e.key, from)) {
            entries_drop(g, &e, fx);
            table_from_key(&g->table, from, &walk);
        }
    }
    char key[5 + sizeof(gone.id.at)] = "peer/";
    memcpy(key + 5, gone.id.at, sizeof(gone.id.at));
    batch_add(&g->batch, fx, STORE_LOCAL, arena_bytes(&fx->arena, BYTES_OF(key)),
              (struct bytes){0});
    trace(g->tracer, "forget %s", gone.name);
    rumor_drop(&g->rumors, &peer->rumor);
    enum member_state was = gone.state;
    gone.state = MEMBER_LEFT;
    effect_member(fx, &gone, was);
    members_remove(&g->members, peer);
    return true;
}

void entries_obey_forget(struct gossip *g, struct bytes key, struct gossip_effects *fx)
{
    struct node_id id;
    if (!grave_forgets(key, &id))
        return;
    struct peer *peer = members_peer(&g->members, id);
    if (peer && peer != g->self)
        (void)entries_drop_forgotten(g, peer, fx);
    else if (peer && entries_is_forgotten(g, id, peer->member.incarnation))
        g->is_own_forgotten = true; /* we live: the next tick says so */
}
