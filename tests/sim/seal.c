/* Sessions and replay windows.  See seal.h. */
#include "tests/sim/seal.h"

#include <string.h>

#include "core/err.h"

static struct clocks clocks_of(const struct sim *s, const struct sim_node *n)
{
    struct moment at = sim_moment(s, n);
    return (struct clocks){at.now_ms, at.now_ms + n->slept_ms, at.at_unix_ms};
}

void seal_boot(struct sim *s, unsigned node)
{
    struct sim_node *n = &s->nodes[node];
    replay_init(&n->replays, s->options.seed);
    n->session = (struct sim_session){0};
    n->n_copied = n->n_replayed = 0;
}

void seal_down(struct sim *s, unsigned node)
{
    replay_fini(&s->nodes[node].replays);
}

/* Sessions are numbered: as good as drawn, and what each has counted to can be looked up. */
static void draw(struct sim *s, struct sim_node *n, const struct clocks *now)
{
    if (s->n_sessions + 1 == SIM_SESSIONS_MAX)
        sim_fail(s, "more than %d sessions", SIM_SESSIONS_MAX);
    else
        s->n_sessions++;
    n->session = (struct sim_session){.number = s->n_sessions, .drawn = *now};
}

struct sim_nonce seal_next(struct sim *s, unsigned from, unsigned to, bool is_copied)
{
    struct sim_node *n = &s->nodes[from];
    struct clocks now = clocks_of(s, n);
    if (session_is_spent(&n->session.drawn, &now))
        draw(s, n, &now);
    struct sim_nonce nonce = {n->session.number, ++n->session.counter};
    uint64_t *last = &s->counted[nonce.session];
    if (nonce.counter <= *last)
        sim_fail(s, "%s sealed under the nonce (%u, %llu) twice", n->name, nonce.session,
                 (unsigned long long)nonce.counter);
    *last = nonce.counter;
    s->nodes[to].n_copied += is_copied;
    return nonce;
}

void seal_open(struct sim *s, const struct sim_event *e)
{
    struct sim_node *n = &s->nodes[e->node];
    uint8_t session[SESSION_LEN] = {0};
    memcpy(session, &e->nonce.session, sizeof(e->nonce.session));
    n->n_replayed += replay_check(&n->replays, session, e->nonce.counter) == ERR_REPLAYED;
    if (n->n_replayed > n->n_copied)
        sim_fail(s,
                 "%s refused what it had not seen: counter %llu of session %u, which is "
                 "at %llu",
                 n->name, (unsigned long long)e->nonce.counter, e->nonce.session,
                 (unsigned long long)s->counted[e->nonce.session]);
}

struct seal_memory seal_keep(const struct sim *s, unsigned node)
{
    return (struct seal_memory){s->nodes[node].session, s->now_ms};
}

void seal_put_back(struct sim *s, unsigned node, const struct seal_memory *memory)
{
    struct sim_node *n = &s->nodes[node];
    n->session = memory->session;
    n->slept_ms += s->now_ms - memory->at_ms;
}
