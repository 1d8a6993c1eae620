/* The tasks of an earlier agent become this node's own work again.  See holder.h. */
#include <string.h>

#include "agent/holder.h"
#include "proto/record.h"
#include "proto/seal.h"

/* What our own claim in the table says, for a task whose note cannot be read. */
static bool own_claim(const struct holder *h, const char *ns, const char *name,
                      uint32_t index, struct arena *arena, struct claim_doc *ret_claim,
                      struct bytes *ret_body)
{
    struct key key = key_claim(h->options.id, ns, name, index);
    const struct entry *entry =
        table_get(gossip_table(h->options.gossip), key_bytes(&key));
    if (!entry || record_decode_claim(entry->value, arena, ret_claim) < 0)
        return false;
    *ret_body = holder_spec(h, ns, name, ret_claim->spec);
    return ret_body->at != NULL;
}

/* The note is as old as the task's start; our claim in the table may know more of the same process:
 * whether it was healthy when the last agent went.  So it stays in DNS, or out of it, until a check
 * says otherwise.  The claim is also written before a restart and the note with it: an agent that was killed
 * between the two had counted the end of the run before. */
static void adopt_claim(const struct holder *h, struct key key, uint32_t pid,
                        struct arena *arena, struct claim_doc *claim)
{
    const struct entry *entry =
        table_get(gossip_table(h->options.gossip), key_bytes(&key));
    struct claim_doc row;
    if (!entry || record_decode_claim(entry->value, arena, &row) < 0 ||
        row.generation != claim->generation || !spec_hash_equal(row.spec, claim->spec))
        return;
    if (row.restarts > claim->restarts) {
        claim->restarts = row.restarts;
        claim->has_exit = row.has_exit;
        claim->last_exit = row.last_exit;
    }
    if (pid == 0 || row.pid != pid || row.state != INSTANCE_RUNNING)
        return;
    claim->health = row.health;
    claim->is_proven = row.is_proven;
    claim->reason = row.reason;
}

bool holder_adopt(struct holder *h, struct moment at, const char *key, uint32_t pid,
                  uint64_t started_unix_ms, struct bytes note, const char *doubt)
{
    struct arena arena;
    struct claim_doc claim;
    struct bytes body;
    char text[WORK_KEY_MAX];
    const char *dot = strchr(key, '.'), *last = strrchr(key, '.');
    uint32_t index;
    if (!dot || dot == last || strlen(key) >= sizeof(text) ||
        index_parse(bytes_of_text(last + 1), &index) < 0)
        return false;
    memcpy(text, key, strlen(key) + 1);
    text[dot - key] = text[last - key] = '\0';
    arena_init(&arena, ENTRY_LEN_MAX);
    const char *ns = text, *name = text + (dot - key) + 1;
    bool is_known = work_note_read(note, &arena, &claim, &body) == 0 &&
                    spec_hash_equal(spec_hash_of(body), claim.spec);
    if (!is_known && own_claim(h, ns, name, index, &arena, &claim, &body)) {
        is_known = spec_hash_equal(spec_hash_of(body), claim.spec);
        doubt = "its note cannot be read: it is known by this node's claim alone";
    }
    if (is_known) {
        claim.started_unix_ms = started_unix_ms;
        adopt_claim(h, key_claim(h->options.id, ns, name, index), pid, &arena, &claim);
        claim.reason = doubt ? doubt : claim.reason;
        struct assignment order = {.ns = ns,
                                   .name = name,
                                   .index = index,
                                   .generation = claim.generation,
                                   .hash = claim.spec,
                                   .version = claim.version,
                                   .restart_at = claim.restart_at,
                                   .born = claim.born,
                                   .body = body};
        is_known = work_adopt(&h->work, at, &order, &claim, pid) == 0;
    }
    arena_fini(&arena);
    return is_known;
}
