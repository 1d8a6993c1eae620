/* Rows and the record in, keys out.  See keys.h. */
#include "agent/keys.h"

#include <errno.h>
#include <string.h>

#include "proto/key.h"
#include "proto/record.h"

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

/* The members to wait for but us, in `arena`; NULL when out of memory. */
static struct rotation_peer *awaited_peers(const struct keys *k, const struct gossip *g,
                                           struct node_id self, uint64_t now_ms,
                                           struct arena *arena, size_t *ret_n,
                                           bool *ret_is_first)
{
    const struct members *members = gossip_members(g);
    struct rotation_peer *peers =
        arena_array(arena, members_count(members) + 1, sizeof(*peers));
    *ret_n = 0;
    *ret_is_first = true;
    for (size_t i = 0; peers && i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        if (node_id_equal(m->id, self) || !is_awaited(k, m, now_ms))
            continue;
        *ret_is_first = *ret_is_first && node_id_compare(self, m->id) < 0;
        peers[(*ret_n)++] = peer_of(g, m->id, arena);
    }
    return peers;
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

/* One of all is to remove the record: the first by id. */
static void retire(struct gossip *g, struct moment at, struct node_effects *out)
{
    struct key key = key_secret();
    (void)gossip_publish(g, at.now_ms, at.at_unix_ms, key_bytes(&key), (struct bytes){0},
                         NULL, &out->gossip);
}

bool keys_step(struct keys *k, struct gossip *g, struct node_id self, struct moment at,
               struct node_effects *out)
{
    struct rotation *r = &k->rotation;
    struct bytes record = record_of(g);
    bool has_changed = record.at && rotation_offer(r, record), is_first;
    if (r->keys.n == 0 || (!record.at && rotation_phase(r) == ROTATION_ONE_KEY)) {
        k->next_ms = 0;
        return false;
    }
    note_begin(k, at.now_ms);
    k->is_forced = secret_wrapped_urgency(record) == SECRET_FORCED;
    if (has_changed)
        tell(r, out);
    if (at.now_ms < k->next_ms)
        return has_changed;
    k->next_ms = at.now_ms + KEYS_STEP_MS;
    struct arena arena;
    size_t n;
    arena_init(&arena, 0);
    struct rotation_peer *peers =
        awaited_peers(k, g, self, at.now_ms, &arena, &n, &is_first);
    if (peers && rotation_advance(r, at.now_ms, peers, n)) {
        note_begin(k, at.now_ms);
        tell(r, out);
        has_changed = true;
    } else if (peers && is_first && record.at && rotation_is_over(r, record, peers, n)) {
        retire(g, at, out);
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
                const struct command *command, uint64_t *ret_number,
                struct node_effects *out, struct err *err)
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
                                BYTES_OF(value), ret_number, &out->gossip);
    return status < 0
               ? err_set(err, status, "cannot write %s: %s", key.text, err_text(status))
               : 0;
}
