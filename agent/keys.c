/* Rows and the record in, keys out.  See keys.h. */
#include "agent/keys.h"

#include <errno.h>
#include <string.h>

#include "proto/key.h"
#include "proto/record.h"

void keys_init(struct keys *k, const struct keyring *keys, uint64_t now_ms)
{
    *k = (struct keys){.rotation.keys = *keys};
    if (rotation_phase(&k->rotation) != ROTATION_ONE_KEY)
        k->begun_ms = now_ms ? now_ms : 1;
}

static struct bytes record_of(const struct gossip *g)
{
    struct key key = key_secret();
    const struct entry *entry = table_get(gossip_table(g), key_bytes(&key));
    return entry ? entry->value : (struct bytes){0};
}

/* Is this member one to wait for? */
static bool is_awaited(const struct keys *k, const struct member *m, uint64_t now_ms)
{
    if (m->state != MEMBER_DEAD)
        return m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT;
    return k->begun_ms && !k->is_forced && m->changed_ms >= k->begun_ms &&
           now_ms - m->changed_ms < KEYS_PATIENCE_MS;
}

static struct rotation_peer peer_of(const struct gossip *g, struct node_id id,
                                    struct arena *arena)
{
    struct key key = key_node(id);
    struct node_doc doc;
    const struct entry *entry = table_get(gossip_table(g), key_bytes(&key));
    if (!entry || record_decode_node(entry->value, arena, &doc) < 0)
        return (struct rotation_peer){0};
    return (struct rotation_peer){doc.key_epoch, doc.other_key_epoch};
}

/* The members to wait for but us. */
struct awaited {
    struct rotation_peer *peers; /* NULL when out of memory */
    size_t n;
    bool is_first;            /* of them and us, we are the first by id ... */
    bool is_first_with_these; /* ... of those who have the same secrets */
};

static struct awaited awaited_peers(const struct keys *k, const struct gossip *g,
                                    struct node_id self, uint64_t now_ms,
                                    struct arena *arena)
{
    const struct members *members = gossip_members(g);
    struct rotation_peer own = rotation_own(&k->rotation);
    struct awaited all = {
        .peers = arena_array(arena, members_count(members) + 1, sizeof(*all.peers)),
        .is_first = true,
        .is_first_with_these = true};
    for (size_t i = 0; all.peers && i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        if (node_id_equal(m->id, self) || !is_awaited(k, m, now_ms))
            continue;
        struct rotation_peer peer = peer_of(g, m->id, arena);
        bool is_before = node_id_compare(self, m->id) > 0;
        bool is_same = peer.seals + peer.opens == own.seals + own.opens &&
                       (peer.seals == own.seals || peer.seals == own.opens);
        all.is_first &= !is_before;
        all.is_first_with_these &= !is_before || !is_same;
        all.peers[all.n++] = peer;
    }
    return all;
}

/* Something has begun, or goes on after a restart, or is over. */
static void note_begin(struct keys *k, uint64_t now_ms)
{
    if (rotation_phase(&k->rotation) == ROTATION_ONE_KEY)
        k->begun_ms = 0;
    else if (k->begun_ms == 0)
        k->begun_ms = now_ms ? now_ms : 1;
}

static void tell(const struct rotation *r, struct node_effects *out)
{
    static const struct {
        const char *state, *text;
    } words[] = {
        [ROTATION_ACCEPTING] = {"accepted", "a new secret has arrived; both are opened"},
        [ROTATION_SENDING] = {"sending",
                              "every live member opens the new secret; it is used"},
        [ROTATION_ONE_KEY] = {"replaced", "the old secret is no longer accepted"},
    };
    (void)node_effects_add(out, NODE_KEYS);
    struct node_effect *effect = node_effects_add(out, NODE_EVENT);
    effect->event = (struct node_event){.kind = "secret",
                                        .subject = "cluster",
                                        .state = words[rotation_phase(r)].state,
                                        .text = words[rotation_phase(r)].text,
                                        .is_own = true};
}

static void write_record(struct gossip *g, struct moment at, struct bytes value,
                         struct node_effects *out)
{
    struct key key = key_secret();
    (void)gossip_publish(g, at.now_ms, at.at_unix_ms, key_bytes(&key), value, NULL,
                         &out->gossip);
}

/* True once it has been so for that long. */
static bool has_lasted(uint64_t *since_ms, bool is_so, uint64_t now_ms, uint64_t for_ms)
{
    if (!is_so)
        *since_ms = 0;
    else if (*since_ms == 0)
        *since_ms = now_ms ? now_ms : 1;
    return is_so && now_ms >= *since_ms + for_ms;
}

/* One of all removes the record when nobody needs it, and one of those who can puts it
 * back when it was displaced: by a removal of the one before it, written where its own
 * order had not been heard of. */
static void tend_record(struct keys *k, struct gossip *g, const struct awaited *all,
                        struct moment at, struct node_effects *out)
{
    const struct rotation *r = &k->rotation;
    struct bytes record = record_of(g);
    uint8_t value[SECRET_WRAPPED_LEN];
    bool is_over = record.at && rotation_is_over(r, record, all->peers, all->n);
    bool is_lacking = rotation_is_lacking(r, record, all->peers, all->n);
    /* Nobody to ask may mean that we have just started and heard of nobody. */
    uint64_t wait_ms = all->n == 0 ? ROTATION_GRACE_MS : 0;
    if (has_lasted(&k->over_ms, is_over, at.now_ms, wait_ms) && all->is_first)
        write_record(g, at, (struct bytes){0}, out);
    if (has_lasted(&k->lacking_ms, is_lacking, at.now_ms, ROTATION_GRACE_MS) &&
        all->is_first_with_these) {
        k->lacking_ms = 0;
        rotation_wrap(r, k->is_forced ? SECRET_FORCED : SECRET_PATIENT, value);
        write_record(g, at, BYTES_OF(value), out);
    }
}

bool keys_step(struct keys *k, struct gossip *g, struct node_id self, struct moment at,
               struct node_effects *out)
{
    struct rotation *r = &k->rotation;
    struct bytes record = record_of(g);
    bool has_changed = record.at && rotation_offer(r, record);
    if (r->keys.n == 0 || (!record.at && rotation_phase(r) == ROTATION_ONE_KEY)) {
        k->next_ms = 0;
        return false;
    }
    note_begin(k, at.now_ms);
    if (record.at)
        k->is_forced = secret_wrapped_urgency(record) == SECRET_FORCED;
    if (has_changed)
        tell(r, out);
    if (at.now_ms < k->next_ms)
        return has_changed;
    k->next_ms = at.now_ms + KEYS_STEP_MS;
    struct arena arena;
    arena_init(&arena, 0);
    struct awaited all = awaited_peers(k, g, self, at.now_ms, &arena);
    if (all.peers && rotation_advance(r, at.now_ms, all.peers, all.n)) {
        note_begin(k, at.now_ms);
        tell(r, out);
        has_changed = true;
    } else if (all.peers) {
        tend_record(k, g, &all, at, out);
    }
    arena_fini(&arena);
    return has_changed;
}

uint64_t keys_deadline_ms(const struct keys *k)
{
    return k->next_ms ? k->next_ms : UINT64_MAX;
}

/* ---- the order ---- */

static const struct member *first_absent(const struct gossip *g)
{
    const struct members *members = gossip_members(g);
    for (size_t i = 0; i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        if (m->state == MEMBER_DEAD || m->state == MEMBER_SUSPECT)
            return m;
    }
    return NULL;
}

int keys_rotate(const struct keyring *keys, struct gossip *g, struct moment at,
                const struct order *command, struct node_effects *out, struct err *err)
{
    uint8_t from, to, value[SECRET_WRAPPED_LEN];
    struct bytes in = command->value, record = record_of(g);
    const struct member *absent = first_absent(g);
    struct secret next;
    if (in.len != SECRET_LEN + SECRET_NONCE_LEN || keys->n == 0)
        return err_set(err, ERR_INVALID, "a rotation wants a new secret");
    if (keys->n > 1 || (record.at && secret_wrapped_epochs(record, &from, &to) == 0 &&
                        from == secret_epoch(&keys->secrets[0])))
        return err_set(err, ERR_CONFLICT,
                       "the secret is being changed already: wait for it to end");
    if (absent && !command->is_forced)
        return err_set(
            err, ERR_CONFLICT,
            "node '%s' is %s and would be locked out: bring it back, forget it, or "
            "use --force and copy the new secret file to it",
            absent->name, member_state_name(absent->state));
    struct reader r = reader_of(in);
    reader_copy(&r, next.at, SECRET_LEN);
    if (secret_epoch(&next) == secret_epoch(&keys->secrets[0]))
        return err_set(err, ERR_CONFLICT,
                       "the new secret cannot be told from the old: try again");
    secret_wrap(&keys->secrets[0], &next,
                command->is_forced ? SECRET_FORCED : SECRET_PATIENT,
                reader_take(&r, SECRET_NONCE_LEN).at, value);
    explicit_bzero(&next, sizeof(next));
    struct key key = key_secret();
    int status = gossip_publish(g, at.now_ms, at.at_unix_ms, key_bytes(&key),
                                BYTES_OF(value), NULL, &out->gossip);
    return status < 0
               ? err_set(err, status, "cannot write %s: %s", key.text, err_text(status))
               : 0;
}
