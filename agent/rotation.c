/* The steps from one secret to the next.  See rotation.h. */
#include "agent/rotation.h"

#include <string.h>

enum rotation_phase rotation_phase(const struct rotation *r)
{
    if (r->keys.n < 2)
        return ROTATION_ONE_KEY;
    return r->keys.is_second_next ? ROTATION_ACCEPTING : ROTATION_SENDING;
}

static uint8_t epoch_of(const struct rotation *r, size_t i)
{
    return i < r->keys.n ? secret_epoch(&r->keys.secrets[i]) : 0;
}

struct rotation_peer rotation_own(const struct rotation *r)
{
    return (struct rotation_peer){.seals = epoch_of(r, 0), .opens = epoch_of(r, 1)};
}

bool rotation_offer(struct rotation *r, struct bytes record)
{
    struct secret next;
    uint8_t from, to;
    if (r->keys.n == 0 || secret_wrapped_epochs(record, &from, &to) < 0 ||
        from != epoch_of(r, 0))
        return false;
    if (rotation_phase(r) == ROTATION_ACCEPTING && to == epoch_of(r, 1))
        return false;
    if (secret_unwrap(&r->keys.secrets[0], record, &next) < 0)
        return false;
    /* Of two written at once this one stands, and nobody can have sealed with the other we
     * accepted, as its writer's rival never opened it.  Or the other is the one before. */
    r->keys.secrets[1] = next;
    r->keys.n = 2;
    r->keys.is_second_next = true;
    r->agreed_ms = 0;
    explicit_bzero(&next, sizeof(next));
    return true;
}

static bool all_open(const struct rotation_peer *live, size_t n, uint8_t epoch)
{
    for (size_t i = 0; i < n; i++)
        if (live[i].seals != epoch && live[i].opens != epoch)
            return false;
    return true;
}

static bool all_seal(const struct rotation_peer *live, size_t n, uint8_t epoch)
{
    for (size_t i = 0; i < n; i++)
        if (live[i].seals != epoch)
            return false;
    return true;
}

/* For how long has it been so? */
static bool has_held(struct rotation *r, bool is_so, uint64_t now_ms, uint64_t for_ms)
{
    if (!is_so)
        r->agreed_ms = 0;
    else if (r->agreed_ms == 0)
        r->agreed_ms = now_ms ? now_ms : 1;
    return is_so && now_ms >= r->agreed_ms + for_ms;
}

static void swap_keys(struct rotation *r)
{
    struct secret old = r->keys.secrets[0];
    r->keys.secrets[0] = r->keys.secrets[1];
    r->keys.secrets[1] = old;
    r->keys.is_second_next = false;
    explicit_bzero(&old, sizeof(old));
}

static void drop_last(struct rotation *r)
{
    explicit_bzero(&r->keys.secrets[1], sizeof(r->keys.secrets[1]));
    r->keys.n = 1;
}

bool rotation_advance(struct rotation *r, uint64_t now_ms,
                      const struct rotation_peer *live, size_t n)
{
    enum rotation_phase phase = rotation_phase(r);
    bool is_due = false;
    if (phase == ROTATION_ACCEPTING) {
        /* Nobody to wait for may mean that we have just started and heard of nobody. */
        uint64_t wait_ms = n == 0 ? ROTATION_GRACE_MS : 0;
        is_due = has_held(r, all_open(live, n, epoch_of(r, 1)), now_ms, wait_ms);
        if (is_due)
            swap_keys(r);
    } else if (phase == ROTATION_SENDING) {
        is_due =
            has_held(r, all_seal(live, n, epoch_of(r, 0)), now_ms, ROTATION_GRACE_MS);
        if (is_due)
            drop_last(r);
    }
    if (is_due)
        r->agreed_ms = 0;
    return is_due;
}

static const struct secret *secret_old(const struct rotation *r)
{
    return &r->keys.secrets[rotation_phase(r) == ROTATION_SENDING];
}

static const struct secret *secret_next(const struct rotation *r)
{
    return &r->keys.secrets[rotation_phase(r) == ROTATION_ACCEPTING];
}

bool rotation_is_lacking(const struct rotation *r, struct bytes record,
                         const struct rotation_peer *live, size_t n)
{
    uint8_t from, to;
    if (rotation_phase(r) == ROTATION_ONE_KEY)
        return false;
    uint8_t old = secret_epoch(secret_old(r)), next = secret_epoch(secret_next(r));
    bool is_there =
        secret_wrapped_epochs(record, &from, &to) == 0 && from == old && to == next;
    return !is_there && !all_open(live, n, next);
}

void rotation_wrap(const struct rotation *r, enum secret_urgency urgency,
                   uint8_t out[static SECRET_WRAPPED_LEN])
{
    secret_rewrap(secret_old(r), secret_next(r), urgency, out);
}

bool rotation_is_over(const struct rotation *r, struct bytes record,
                      const struct rotation_peer *live, size_t n)
{
    uint8_t from, to, own = epoch_of(r, 0);
    if (rotation_phase(r) != ROTATION_ONE_KEY || r->keys.n == 0 ||
        secret_wrapped_epochs(record, &from, &to) < 0 || from == own)
        return false;
    for (size_t i = 0; i < n; i++)
        if (live[i].seals != own || live[i].opens != 0)
            return false;
    return true;
}
