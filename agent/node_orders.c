/* The node's orders: what may be taken now, and the first half of each.  See node.h, "commands". */
#include <assert.h>

#include "agent/node_inner.h"
#include "agent/reach.h"
#include "core/err.h"

enum {
    /* and the longest stop timeout: then what is left is killed */
    LEAVE_TIMEOUT_MS = 120000,
};

static struct command_scope scope_of(const struct node *n)
{
    return (struct command_scope){.gossip = n->gossip,
                                  .node = n->self.name,
                                  .keys = &n->keys.rotation.keys,
                                  .metrics = n->options.gossip.metrics};
}

/* Writes our row only, as all that is no order: it goes out even if the store refuses it, for a node
 * whose disk is full must be able to leave. */
static int leave(struct node *n, struct moment at, const struct order *command,
                 struct node_effects *out, struct err *err)
{
    struct ack ack = {
        .kind = ACK_OF_LEAVE, .token = command->token, .since_ms = at.now_ms};
    if (acks_are_full(&n->commands.acks))
        return acks_refuse_more(err);
    if (n->leaving == STAYING) {
        n->leaving = HANDING_OVER;
        n->leave_by_ms =
            at.now_ms + LEAVE_TIMEOUT_MS + work_stop_timeout_ms(&n->holder.work);
        n->self.state = AGENT_LEAVING;
        n->leave_number = node_publish_self(n, at, out);
        holder_set_dirty(&n->holder, at.now_ms);
    }
    ack.holding.epoch = gossip_epoch(n->gossip);
    ack.holding.number = n->leave_number;
    acks_add(&n->commands.acks, &ack);
    return 0;
}

/* Writes nothing: who answers becomes a member, and is remembered as such. */
static int join(struct node *n, struct moment at, const struct order *command,
                struct err *err)
{
    char address[ADDRESS_TEXT_MAX];
    struct ack ack = {.kind = ACK_OF_JOIN,
                      .token = command->token,
                      .since_ms = at.now_ms,
                      .ask_ms = at.now_ms,
                      .endpoint = command->endpoint};
    if (acks_are_full(&n->commands.acks))
        return acks_refuse_more(err);
    struct endpoint own = gossip_endpoint(n->gossip);
    if (endpoint_equal(&command->endpoint, &own))
        return err_set(err, ERR_INVALID, "%s is this node itself",
                       endpoint_text(&command->endpoint, address));
    acks_add(&n->commands.acks, &ack);
    return 0;
}

/* May an order be taken now?  Asked before anything is written. */
static int check_order(const struct node *n, struct moment at, int ack, struct err *err)
{
    if (!disk_takes_orders(&n->disk))
        return disk_refuse(&n->disk, err);
    if (gossip_endpoint(n->gossip).family == 0)
        return address_refuse(&n->address, err);
    if (!gossip_is_ready(n->gossip))
        return err_set(
            err, ERR_NOT_READY,
            "this node has not heard from the cluster yet: wait, or ask another node");
    if (n->store_error.code < 0) {
        *err = n->store_error;
        return err->code;
    }
    if (!wall_clock_is_trusted(&n->wall))
        return wall_clock_refuse(&n->wall, err);
    int status = reach_check_lone(n->gossip, at.now_ms,
                                  n->started_ms + n->options.lone_ms, ack, err);
    return status < 0 ? status : reach_check(n->gossip, ack, err);
}

static int refuse_stopped(const struct node *n, struct err *err)
{
    char text[ADDRESS_TEXT_MAX];
    struct endpoint elder = {0};
    (void)gossip_twin(n->gossip, n->options.gossip.id, &elder);
    return err_set(err, ERR_NOT_READY,
                   "this node has stopped: its identity lives at %s, and longer; stop "
                   "this agent and start it with an empty --data to join as a new node",
                   endpoint_text(&elder, text));
}

bool node_order(struct node *n, struct moment at, const struct order *given,
                struct node_effects *out)
{
    struct command_scope scope = scope_of(n);
    struct order order = *given;
    struct err err = {0};
    int status = 0;
    if (order.ack == ACK_DEFAULT)
        order.ack = n->options.ack;
    node_look_at_wall(n, at, out); /* it may have been set since the last step */
    if (n->options.is_waiting)
        status = disk_refuse_waiting(&n->disk, &err);
    else if (gossip_is_stopped(n->gossip))
        status = refuse_stopped(n, &err);
    else if (order.kind == ORDER_LEAVE)
        status = leave(n, at, &order, out, &err);
    else if (order.kind == ORDER_JOIN)
        status = join(n, at, &order, &err);
    else
        status = check_order(n, at, order.ack, &err);
    bool is_order = order.kind != ORDER_LEAVE && order.kind != ORDER_JOIN;
    if (status < 0)
        ack_refuse(order.token, status, err.text, n->gossip, out);
    else if (is_order && commands_stage(&n->commands, &scope, at, &order, out))
        return false; /* nothing may come between this and node_committed */
    return true;
}

const struct store_change *node_staged(const struct node *n, size_t *ret_n)
{
    *ret_n = n->commands.n_changes;
    return *ret_n ? n->commands.changes : NULL;
}

void node_committed(struct node *n, struct moment at, int status, const char *why,
                    struct node_effects *out)
{
    struct command_scope scope = scope_of(n);
    assert(n->commands.n_changes > 0);
    commands_commit(&n->commands, &scope, at, status, why, out);
}

void node_away(struct node *n, struct moment at, uint64_t away_ms,
               struct node_effects *out)
{
    n->self.state = AGENT_AWAY;
    n->self.away_ms = away_ms;
    n->self.away_until_unix_ms = at.at_unix_ms + away_ms;
    (void)node_publish_self(n, at, out);
    acks_end(&n->commands.acks, n->gossip, at, " before this agent was stopped", out);
}
