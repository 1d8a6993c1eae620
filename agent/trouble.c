/* A job in trouble, by the rows of the live members.  See trouble.h. */
#include "agent/trouble.h"

#include <stdio.h>

#include "proto/record.h"

static int see_refusal(void *ctx, const struct entry *e)
{
    (void)e;
    *(bool *)ctx = true;
    return 1;
}

struct falling {
    struct arena *arena;
    bool is_so;
};

static int see_claim(void *ctx, const struct entry *e)
{
    struct falling *falling = ctx;
    struct claim_doc doc;
    if (record_decode_claim(e->value, falling->arena, &doc) < 0)
        return 0;
    falling->is_so = doc.state == INSTANCE_PENDING || (doc.restarts && !doc.is_proven);
    return falling->is_so;
}

bool trouble_has(const struct gossip *g, const char *ns, const char *name,
                 struct arena *arena)
{
    const struct members *members = gossip_members(g);
    const struct table *table = gossip_table(g);
    struct falling falling = {.arena = arena};
    char id[NODE_ID_TEXT], prefix[KEY_LEN_MAX];
    bool is_refused = false;
    for (size_t i = 0; i < members_count(members) && !is_refused && !falling.is_so; i++) {
        const struct member *m = members_at(members, i);
        if (m->state != MEMBER_ALIVE && m->state != MEMBER_SUSPECT)
            continue;
        (void)node_id_text(m->id, id);
        (void)snprintf(prefix, sizeof(prefix), "refuse/%s/%.63s/%.63s/", id, ns, name);
        (void)table_each(table, bytes_of_text(prefix), see_refusal, &is_refused);
        (void)snprintf(prefix, sizeof(prefix), "claim/%s/%.63s/%.63s/", id, ns, name);
        (void)table_each(table, bytes_of_text(prefix), see_claim, &falling);
    }
    return is_refused || falling.is_so;
}
