/* One walk over the members for one name.  See namesakes.h. */
#include "agent/namesakes.h"

#include <string.h>

#include "core/hash.h"
#include "core/naming.h"
#include "proto/record.h"

static bool is_here(const struct member *m)
{
    return m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT;
}

static struct name_bearer bearer_of(const struct table *table, const struct member *m)
{
    struct name_bearer bearer = {m->name, m->id, NAME_NOT_TAKEN, is_here(m)};
    struct key key = key_node(m->id);
    const struct entry *row = table_get(table, key_bytes(&key));
    struct node_doc doc;
    struct arena scratch;
    arena_init(&scratch, 0);
    if (row && record_decode_node(row->value, &scratch, &doc) == 0 &&
        strcmp(doc.name, m->name) == 0)
        bearer.taken = doc.named;
    arena_fini(&scratch);
    return bearer;
}

struct namesakes namesakes_find(const struct members *members, const struct table *table,
                                const char *name)
{
    struct namesakes found = {0};
    struct name_bearer best = {0};
    const struct member *here[2] = {NULL, NULL}; /* the last two */
    size_t n = 0;
    for (size_t i = 0; i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        if (strcmp(m->name, name) != 0)
            continue;
        found.n_here += is_here(m);
        if (is_here(m)) {
            here[1] = here[0];
            here[0] = m;
        }
        if (++n > NAMESAKES_MAX)
            continue;
        struct name_bearer bearer = bearer_of(table, m);
        if (found.keeper && !naming_precedes(&bearer, &best))
            continue;
        best = bearer;
        found.keeper = m;
    }
    if (n > NAMESAKES_MAX || !naming_is_distinct(name))
        found.keeper = NULL;
    found.other = here[0] == found.keeper ? here[1] : here[0];
    found.hash = hash_mix(found.n_here, 1);
    if (found.keeper)
        found.hash = hash64(BYTES_OF(found.keeper->id), found.hash);
    if (found.other)
        found.hash = hash64(BYTES_OF(found.other->id), found.hash);
    return found;
}

const char *namesakes_called(const struct members *members, const struct table *table,
                             const struct member *member, struct arena *arena)
{
    if (naming_is_distinct(member->name) &&
        (!members_may_share_name(member) ||
         namesakes_find(members, table, member->name).keeper == member))
        return member->name;
    char *id = arena_alloc(arena, NODE_ID_TEXT);
    return id ? node_id_text(member->id, id) : NULL;
}

stamp_t namesakes_take(const struct members *members, const struct table *table,
                       struct node_id self, const char *name, uint64_t at_unix_ms)
{
    stamp_t stamp = at_unix_ms << 16;
    for (size_t i = 0; i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        if (strcmp(m->name, name) != 0 || node_id_equal(m->id, self))
            continue;
        stamp_t taken = bearer_of(table, m).taken;
        if (taken >= stamp && taken < NAME_NOT_TAKEN - 1)
            stamp = taken + 1;
    }
    return stamp;
}
