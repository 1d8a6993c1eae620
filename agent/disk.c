/* The state of our disk.  See disk.h.
 *
 *        -- a write was refused for space, or less than 4 MiB --> FULL
 *     OK <- 16 MiB for 2 s, and a write has succeeded -----------  |
 *      |                                                           | an error
 *       -- the store meets an error --> BROKEN <-------------------
 *     OK or FULL <- writes succeed for a minute -- */
#include "agent/disk.h"

#include <inttypes.h>
#include <stdio.h>

bool disk_drops_ballast(const struct room *room, bool has_ballast)
{
    return has_ballast && room->free_bytes < STORE_SPACE_KEPT;
}

/* ---- judging ---- */

static bool is_short(const struct disk_facts *f)
{
    return f->room.free_bytes < STORE_SPACE_KEPT || f->room.free_inodes < DISK_FEW_INODES;
}

static bool is_roomy(const struct disk_facts *f)
{
    uint64_t bytes = f->room.free_bytes + (f->has_ballast ? DISK_BALLAST_BYTES : 0);
    return bytes >= DISK_ENOUGH_BYTES && f->room.free_inodes >= DISK_ENOUGH_INODES;
}

static uint64_t since(uint64_t was_ms, bool is_so, uint64_t now_ms)
{
    return !is_so ? 0 : was_ms ? was_ms : now_ms;
}

static bool has_lasted(uint64_t since_ms, uint64_t for_ms, uint64_t now_ms)
{
    return since_ms && now_ms - since_ms >= for_ms;
}

static enum disk_state judge(struct disk *d, const struct disk_facts *f, uint64_t now_ms)
{
    bool takes_writes = f->is_open && f->trouble == STORE_WELL;
    bool lacks_room = is_short(f) || f->trouble == STORE_NO_SPACE;
    bool is_healthy = takes_writes && (d->healthy_ms || f->has_written);
    d->roomy_ms = since(d->roomy_ms, is_roomy(f), now_ms);
    d->healthy_ms = since(d->healthy_ms, is_healthy, now_ms);
    if (f->trouble == STORE_FAILING) {
        d->failed_ms = now_ms;
        return DISK_BROKEN;
    }
    switch (d->state) {
    case DISK_BROKEN:
        if (has_lasted(d->healthy_ms, DISK_HEALTHY_MS, now_ms))
            return is_short(f) ? DISK_FULL : DISK_OK;
        return lacks_room && has_lasted(d->failed_ms, DISK_HEALTHY_MS, now_ms)
                   ? DISK_FULL
                   : DISK_BROKEN;
    case DISK_FULL:
        return takes_writes && f->has_written &&
                       has_lasted(d->roomy_ms, DISK_ROOMY_MS, now_ms)
                   ? DISK_OK
                   : DISK_FULL;
    case DISK_OK:
        break;
    }
    return lacks_room || f->was_short || !f->is_open ? DISK_FULL : DISK_OK;
}

/* ---- words ---- */

/* "812 KiB", "9.4 MiB" */
static void room_text(uint64_t bytes, char *out, size_t cap)
{
    if (bytes < 1 << 20)
        (void)snprintf(out, cap, "%" PRIu64 " KiB", bytes >> 10);
    else
        (void)snprintf(out, cap, "%" PRIu64 ".%u MiB", bytes >> 20,
                       (unsigned)((bytes & ((1 << 20) - 1)) * 10 >> 20));
}

static void describe(struct disk *d, const struct disk_facts *f)
{
    char free_text[32];
    size_t cap = sizeof(d->cause);
    room_text(f->room.free_bytes, free_text, sizeof(free_text));
    if (d->state == DISK_OK)
        d->cause[0] = '\0';
    else if (d->state == DISK_BROKEN && f->trouble == STORE_FAILING)
        (void)snprintf(d->cause, cap, "%.120s: look at dmesg, and replace the disk",
                       f->error ? f->error : "it answers errors");
    else if (d->state == DISK_BROKEN && f->is_open && !is_short(f))
        (void)snprintf(d->cause, cap,
                       "it takes writes again, and is watched for a minute before it is "
                       "trusted");
    else if (f->room.free_inodes < DISK_ENOUGH_INODES)
        (void)snprintf(d->cause, cap,
                       "%" PRIu64
                       " more files can be made under %.96s: remove some there",
                       f->room.free_inodes, f->where);
    else if (is_short(f))
        (void)snprintf(d->cause, cap, "%s free under %.96s: make room there", free_text,
                       f->where);
    else if (!is_roomy(f))
        (void)snprintf(d->cause, cap,
                       "%s free under %.96s, %d MiB are wanted: make room there",
                       free_text, f->where, DISK_ENOUGH_BYTES >> 20);
    else if (f->trouble == STORE_NO_SPACE)
        (void)snprintf(d->cause, cap, "%.120s: is it a quota?",
                       f->error ? f->error : "the store finds no space");
    else
        (void)snprintf(d->cause, cap, "%s free under %.96s: it is just being mended",
                       free_text, f->where);
}

/* ---- the step ---- */

static void advise(struct disk *d, const struct disk_facts *f, uint64_t now_ms,
                   struct disk_advice *ret)
{
    bool is_time = !d->tried_ms || now_ms - d->tried_ms >= DISK_TRY_MS;
    bool has_room =
        f->room.free_bytes >= f->wants_bytes && f->room.free_inodes >= DISK_FEW_INODES;
    bool is_broken = d->state == DISK_BROKEN;
    ret->opens_store = !f->is_open && is_time && (has_room || is_broken);
    if (ret->opens_store)
        d->tried_ms = now_ms;
    else if (d->state == DISK_OK)
        d->tried_ms = 0;
    ret->probes = f->is_open && d->state != DISK_OK && !f->has_written &&
                  (is_broken ? !is_short(f) : is_roomy(f));
    ret->makes_ballast = d->state == DISK_OK && !f->has_ballast &&
                         f->room.free_bytes >= DISK_ENOUGH_BYTES &&
                         (!d->ballast_ms || now_ms - d->ballast_ms >= DISK_BALLAST_MS);
    if (ret->makes_ballast)
        d->ballast_ms = now_ms;
    ret->next_ms = d->state == DISK_OK ? DISK_LOOK_MS : DISK_LOOK_CLOSELY_MS;
}

bool disk_step(struct disk *d, const struct disk_facts *facts, struct moment at,
               struct disk_advice *ret_advice)
{
    enum disk_state was = d->state;
    d->state = judge(d, facts, at.now_ms);
    if (d->state != was)
        d->since_unix_ms = d->state == DISK_OK ? 0 : at.at_unix_ms;
    if (d->state == DISK_OK)
        d->roomy_ms = d->healthy_ms = 0;
    d->facts = *facts;
    d->facts.error = NULL;
    d->was_looked_at = true;
    describe(d, facts);
    *ret_advice = (struct disk_advice){0};
    advise(d, facts, at.now_ms, ret_advice);
    return d->state != was;
}

void disk_tell(const struct disk *d, enum disk_state was, const char *node,
               struct node_effects *out)
{
    struct arena *arena = node_effects_arena(out);
    struct node_event *event = &node_effects_add(out, NODE_EVENT)->event;
    *event = (struct node_event){.kind = "disk",
                                 .subject = arena_text(arena, node),
                                 .state = disk_state_name(d->state),
                                 .is_own = true};
    if (d->state == DISK_OK)
        event->text = arena_printf(arena, "%s's disk %s again", node,
                                   was == DISK_FULL ? "has room" : "takes writes");
    else
        event->text =
            arena_printf(arena, "%s's disk is %s: %s", node, event->state, d->cause);
    event->cause = d->state == DISK_OK ? NULL : arena_text(arena, d->cause);
}

bool disk_takes_orders(const struct disk *d)
{
    return d->state == DISK_OK ||
           (d->state == DISK_FULL && d->facts.is_open && !is_short(&d->facts));
}

int disk_refuse(const struct disk *d, struct err *err)
{
    return err_set(
        err, ERR_STORE,
        "nothing was written: this node's disk is %s: %s, or give the order to "
        "another node",
        d->state == DISK_FULL ? "full, no space left" : "broken", d->cause);
}

int disk_refuse_waiting(const struct disk *d, struct err *err)
{
    return err_set(err, ERR_NOT_READY,
                   "this node has not joined the others yet, for its disk is %s: %s",
                   disk_state_name(d->state), d->cause);
}
