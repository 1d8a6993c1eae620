/* Orders of people become table writes.  See commands.h. */
#include "agent/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/commands_job.h"
#include "agent/keys.h"

/* ---- variables and nodes ---- */

static int set_variable(struct applying *run)
{
    const struct order *c = run->command;
    struct key key = key_var(c->ns, c->name);
    if (!name_is_valid(bytes_of_text(c->ns)))
        return err_set(&run->err, ERR_INVALID,
                       "'%.64s' is no namespace: use a-z, 0-9 and '-'", c->ns);
    if (key.len == 0)
        return err_set(
            &run->err, ERR_INVALID,
            "'%s' is no variable name: use letters, digits, '.', '_', '-' and '/', at "
            "most %d",
            c->name, VAR_NAME_LEN_MAX);
    if (c->value.len > ENTRY_LEN_MAX)
        return err_set(&run->err, ERR_BOUND, "the value takes %zu bytes, at most %d fit",
                       c->value.len, ENTRY_LEN_MAX);
    static const uint8_t empty;
    struct bytes value = c->value.at ? c->value : (struct bytes){&empty, 0};
    return applying_publish(run, &key, value);
}

static int remove_variable(struct applying *run)
{
    const struct order *c = run->command;
    struct key key = key_var(c->ns, c->name);
    if (key.len == 0 || !table_get(gossip_table(run->scope->gossip), key_bytes(&key)))
        return err_set(&run->err, ERR_NOT_FOUND,
                       "no variable '%.*s' in namespace '%.63s'", VAR_NAME_LEN_MAX,
                       c->name, c->ns);
    return applying_publish(run, &key, (struct bytes){0});
}

static bool is_gone(const struct member *m)
{
    return m->state != MEMBER_ALIVE && m->state != MEMBER_SUSPECT;
}

/* By id or name; of namesakes the one that is gone.  *ret_n_gone: how many of them are. */
static const struct member *find_to_forget(const struct members *members,
                                           const char *word, size_t *ret_n_gone)
{
    const struct member *found = NULL;
    struct node_id id;
    *ret_n_gone = 0;
    if (node_id_parse(bytes_of_text(word), &id) == 0 && members_find(members, id))
        return members_find(members, id);
    for (size_t i = 0; i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        if (strcmp(m->name, word) != 0)
            continue;
        *ret_n_gone += is_gone(m);
        found = !found || is_gone(m) ? m : found;
    }
    return found;
}

static int forget(struct applying *run)
{
    const char *name = run->command->name;
    struct gossip *g = run->scope->gossip;
    size_t n_gone;
    const struct member *member = find_to_forget(gossip_members(g), name, &n_gone);
    if (!member)
        return err_set(&run->err, ERR_NOT_FOUND, "no node '%s'", name);
    if (n_gone > 1)
        return err_set(&run->err, ERR_INVALID,
                       "%zu nodes that are gone are named '%s': forget each by its id, "
                       "which `stratos members` shows",
                       n_gone, name);
    if (!is_gone(member))
        return err_set(&run->err, ERR_INVALID,
                       "node '%s' is %s: only a dead or departed node can be forgotten",
                       name, member_state_name(member->state));
    return gossip_forget(g, run->at.now_ms, member->id, &run->out->gossip);
}

static int apply(struct applying *run)
{
    switch (run->command->kind) {
    case ORDER_SUBMIT:
        return commands_submit(run);
    case ORDER_SCALE:
    case ORDER_STOP:
    case ORDER_START:
    case ORDER_RESTART:
        return commands_order(run);
    case ORDER_REMOVE:
        return commands_remove(run);
    case ORDER_VAR_SET:
        return set_variable(run);
    case ORDER_VAR_REMOVE:
        return remove_variable(run);
    case ORDER_FORGET:
        return forget(run);
    case ORDER_ROTATE:
        return keys_rotate(run->scope->keys, run->scope->gossip, run->at, run->command,
                           run->out, &run->err);
    case ORDER_JOIN:
    case ORDER_LEAVE:
        break;
    }
    return err_set(&run->err, ERR_INVALID, "this order is not a write");
}

/* Nothing came of it. */
static void refuse(const struct applying *run, int status)
{
    ack_refuse(run->command->token, status,
               run->err.text[0] ? run->err.text : err_text(status), run->scope->gossip,
               run->out);
}

bool commands_stage(struct commands *c, const struct command_scope *scope,
                    struct moment at, const struct order *command,
                    struct node_effects *out)
{
    struct applying run = {.scope = scope, .at = at, .command = command, .out = out};
    struct ack ack = {.kind = ACK_OF_ORDER,
                      .token = command->token,
                      .since_ms = at.now_ms,
                      .wanted = command->ack};
    if (acks_are_full(&c->acks)) {
        refuse(&run, acks_refuse_more(&run.err));
        return false;
    }
    gossip_stage(scope->gossip);
    int status = apply(&run);
    if (status == 0)
        status = gossip_staged(scope->gossip, &c->changes, &c->n_changes, &out->gossip);
    if (status == 0 && c->n_changes > 0) {
        c->staged = ack;
        return true;
    }
    gossip_unstage(scope->gossip, at.now_ms, false, &out->gossip);
    c->n_changes = 0;
    if (status < 0) {
        refuse(&run, status);
        return false;
    }
    ack.holding = run.found;
    acks_add(&c->acks, &ack);
    return false;
}

void commands_commit(struct commands *c, const struct command_scope *scope,
                     struct moment at, int status, const char *why,
                     struct node_effects *out)
{
    struct gossip *g = scope->gossip;
    struct arena *arena = node_effects_arena(out);
    uint64_t token = c->staged.token;
    c->n_changes = 0;
    if (status == 0) {
        status = gossip_commit(g, at.now_ms, &out->gossip);
        c->staged.holding.epoch = gossip_epoch(g);
        c->staged.holding.number = gossip_number(g);
        struct reach r = reach_of(g);
        if (r.within > ANSWER_MEMBERS && reach_expected(c->staged.wanted, r) == r.within)
            gossip_ask_all(g, at.now_ms);
        if (status == 0)
            acks_add(&c->acks, &c->staged);
        else
            ack_refuse(token, ERR_UNSURE,
                       "may stand: only this node's disk has all of it, its memory had "
                       "no room",
                       g, out);
        return;
    }
    gossip_unstage(g, at.now_ms, status == ERR_UNSURE, &out->gossip);
    if (status == ERR_UNSURE)
        ack_refuse(token, ERR_UNSURE,
                   arena_printf(arena,
                                "may stand: only this node's disk may have it, which did "
                                "not confirm the write (%s)",
                                why),
                   g, out);
    else
        ack_refuse(token, ERR_STORE,
                   arena_printf(arena,
                                "nothing was written: the local store does not take "
                                "writes: %s",
                                why),
                   g, out);
}
