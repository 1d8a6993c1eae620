/* The door of the node: every input goes to the part that it concerns, and every step ends alike.  See
 * input.h. */
#include "agent/node_inner.h"

#include "agent/news.h"
#include "core/err.h"

static void join(struct node *n, struct moment at, const struct node_input *in,
                 struct node_effects *out)
{
    n->started_ms = n->started_ms ? n->started_ms : at.now_ms;
    gossip_expect(n->gossip, in->join.is_expecting);
    node_recall(n, out);
    news_recall(n->news, gossip_table(n->gossip));
    n->has_joined = true;
    (void)node_publish_self(n, at, out);
    gossip_join(n->gossip, at.now_ms, in->join.seeds, in->join.n, &out->gossip);
    holder_set_dirty(&n->holder, at.now_ms);
}

static void tick(struct node *n, struct moment at, struct node_effects *out)
{
    if (gossip_deadline_ms(n->gossip) <= at.now_ms)
        gossip_tick(n->gossip, at.now_ms, at.at_unix_ms, &out->gossip);
    work_tick(&n->holder.work, at, out);
}

static void hear_former(struct node *n, struct moment at, const struct node_input *in)
{
    bool is_news =
        in->kind == INPUT_FORMER_BEACON
            ? gossip_note_former(n->gossip, at.now_ms, in->member)
            : gossip_hear_former(n->gossip, at.now_ms, at.at_unix_ms, in->datagram.bytes);
    if (is_news) /* what would be taken over is not */
        holder_set_dirty(&n->holder, at.now_ms);
}

static void restock(struct node *n, bool is_first, struct node_effects *out)
{
    if (is_first)
        n->restock.key_len = 0;
    n->is_restocking = gossip_restock(n->gossip, &n->restock, &out->gossip);
    node_route(n, (struct moment){0}, out); /* nothing but PERSIST */
}

static void hear_stream(struct gossip *g, struct moment at, const struct node_input *in,
                        struct gossip_effects *out)
{
    uint32_t id = in->stream.id;
    if (in->kind == INPUT_STREAM_OPENED)
        gossip_stream_opened(g, at.now_ms, id, in->stream.peer, out);
    else if (in->kind == INPUT_STREAM_FRAME)
        (void)gossip_stream_frame(g, at.now_ms, at.at_unix_ms, id, in->stream.frame, out);
    else if (in->kind == INPUT_STREAM_CLOSED)
        gossip_stream_closed(g, at.now_ms, id, out);
    else
        gossip_stream_failed(g, at.now_ms, id, in->stream.how, out);
}

static void hear_task(struct work *work, struct moment at, const struct node_input *in,
                      struct node_effects *out)
{
    const char *key = in->task.key;
    if (in->kind == INPUT_TASK_STARTED)
        work_started(work, at, key, in->task.pid, out);
    else if (in->kind == INPUT_TASK_FAILED)
        work_failed(work, at, key, in->task.why, out);
    else if (in->kind == INPUT_TASK_REFUSED)
        work_refused(work, at, key, in->task.why, out);
    else
        work_exited(work, at, key, &in->task.fact, out);
}

/* True: what follows from it has to be looked at. */
static bool take(struct node *n, struct moment at, const struct node_input *in,
                 struct node_effects *out)
{
    struct gossip *g = n->gossip;
    struct work *work = &n->holder.work;
    switch (in->kind) {
    case INPUT_JOIN:
        join(n, at, in, out);
        return true;
    case INPUT_MEET:
        gossip_meet(g, at.now_ms, in->endpoint, &out->gossip);
        return true;
    case INPUT_TICK:
        tick(n, at, out);
        return true;
    case INPUT_DATAGRAM: /* what cannot be used was dropped and counted by gossip itself */
        (void)gossip_receive(g, at.now_ms, at.at_unix_ms, in->datagram.from,
                             in->datagram.bytes, &out->gossip);
        return true;
    case INPUT_FORMER:
    case INPUT_FORMER_BEACON:
        hear_former(n, at, in);
        return false;
    case INPUT_REFUSED:
        gossip_refused(g, at.now_ms, in->endpoint, &out->gossip);
        acks_refused(&n->commands.acks, in->endpoint);
        return true;
    case INPUT_STREAM_OPENED:
    case INPUT_STREAM_FRAME:
    case INPUT_STREAM_CLOSED:
    case INPUT_STREAM_FAILED:
        hear_stream(g, at, in, &out->gossip);
        return true;
    case INPUT_PORTS:
        holder_ports(&n->holder, at, in->ports.asked, in->ports.states, in->ports.n, out);
        return true;
    case INPUT_TASK_STARTED:
    case INPUT_TASK_FAILED:
    case INPUT_TASK_REFUSED:
    case INPUT_TASK_EXITED:
        hear_task(work, at, in, out);
        return true;
    case INPUT_PROBED:
        work_probed(work, at, in->probed.key, in->probed.check, in->probed.is_ok,
                    in->probed.detail, out);
        return true;
    case INPUT_STORE_FAILED:
        (void)err_set(&n->store_error, ERR_STORE,
                      "nothing was written: the local store does not take writes: %s",
                      in->why);
        return false;
    case INPUT_STORE_MENDED:
        n->store_error = (struct err){0};
        return false;
    case INPUT_RESTOCK:
        restock(n, in->is_first, out);
        return false;
    case INPUT_DISK:
        return node_disk(n, at, in->disk, out);
    case INPUT_ADDRESSED:
        return node_addressed(n, at, in->address.facts, in->address.at, out);
    case INPUT_ADDRESSED_SECOND:
        gossip_move_second(g, at.now_ms, in->endpoint, &out->gossip);
        return n->has_joined;
    case INPUT_ORDER:
        return node_order(n, at, in->order, out);
    case INPUT_COMMITTED:
        node_committed(n, at, in->committed.status, in->committed.why, out);
        return true;
    case INPUT_AWAY:
        node_away(n, at, in->away_ms, out);
        return true;
    }
    return false;
}

void node_step(struct node *n, struct moment at, const struct node_input *in,
               struct node_effects *out)
{
    gossip_set_us(n->gossip, at.now_us);
    if (take(n, at, in, out))
        node_settle(n, at, out);
}

bool node_is_restocking(const struct node *n)
{
    return n->is_restocking;
}
