/* Orders of people become table writes.  See commands.h. */
#include "agent/commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/keys.h"
#include "agent/versions.h"
#include "core/err.h"
#include "proto/record.h"
#include "proto/seal.h"
#include "sched/spec.h"

enum {
    NOTE_LEN_MAX = 512
}; /* a line or two about why; the job's record must fit its buffer */

/* One command while it is being applied. */
struct run {
    const struct command_scope *scope;
    struct moment at;
    const struct command *command;
    struct node_effects *out;
    uint64_t number; /* of the newest write; 0 = nothing written */
    struct err err;
};

static size_t live_members(const struct gossip *g)
{
    const struct members *m = gossip_members(g);
    return members_count_state(m, MEMBER_ALIVE) + members_count_state(m, MEMBER_SUSPECT);
}

void command_done(uint64_t token, int code, const char *text, const struct gossip *gossip,
                  uint64_t took_ms, struct node_effects *out)
{
    struct node_effect *effect = node_effects_add(out, NODE_DONE);
    effect->token = token;
    effect->result =
        (struct node_result){.code = code,
                             .text = arena_text(node_effects_arena(out), text),
                             .members = live_members(gossip),
                             .took_ms = took_ms};
}

static int publish(struct run *run, const struct key *key, struct bytes value)
{
    uint64_t number = 0;
    int status = gossip_publish(run->scope->gossip, run->at.now_ms, run->at.at_unix_ms,
                                key_bytes(key), value, &number, &run->out->gossip);
    if (status < 0)
        return err_set(&run->err, status, "cannot write %s: %s", key->text,
                       err_text(status));
    run->number = number ? number : run->number;
    return 0;
}

/* ---- jobs ---- */

static bool job_find(const struct run *run, const char *ns, const char *name,
                     struct job_doc *ret_doc)
{
    struct key key = key_job(ns, name);
    const struct entry *entry =
        table_get(gossip_table(run->scope->gossip), key_bytes(&key));
    return entry &&
           record_decode_job(entry->value, node_effects_arena(run->out), ret_doc) == 0;
}

static struct control_doc control_find(const struct run *run, const char *ns,
                                       const char *name)
{
    struct control_doc doc = {0};
    struct key key = key_control(ns, name);
    const struct entry *entry =
        table_get(gossip_table(run->scope->gossip), key_bytes(&key));
    if (entry && record_decode_control(entry->value, &doc) < 0)
        doc = (struct control_doc){0};
    return doc;
}

static int control_write(struct run *run, const char *ns, const char *name,
                         const struct control_doc *doc)
{
    uint8_t buf[256];
    struct key key = key_control(ns, name);
    struct writer w = writer_of(buf, sizeof(buf));
    int status = record_encode_control(doc, &w);
    return status < 0 ? status : publish(run, &key, writer_done(&w));
}

/* Is this submission allowed?  Checked for all jobs before any is written: all or none. */
static int submit_check(struct run *run, const struct job_spec *spec, struct bytes body)
{
    struct job_doc was = {0};
    bool is_known = job_find(run, spec->ns, spec->name, &was);
    if (!body.at)
        return err_set(&run->err, -ENOMEM, "job '%s': out of memory", spec->name);
    if (body.len > SPEC_LEN_MAX)
        return err_set(&run->err, ERR_BOUND,
                       "job '%s': the spec takes %zu bytes, at most %d fit", spec->name,
                       body.len, SPEC_LEN_MAX);
    if (run->command->note && strlen(run->command->note) > NOTE_LEN_MAX)
        return err_set(&run->err, ERR_BOUND, "the note takes %zu bytes, at most %d fit",
                       strlen(run->command->note), NOTE_LEN_MAX);
    uint32_t wanted = run->command->if_version;
    if (wanted && (!is_known || was.version != wanted))
        return err_set(
            &run->err, ERR_CONFLICT,
            "job '%s' is at v%u, not v%u: look at what changed and submit again",
            spec->name, is_known ? was.version : 0, wanted);
    return 0;
}

/* What cannot be dropped now is dropped with the next version. */
static void drop_old_versions(struct run *run, const struct job_spec *spec)
{
    struct key *keys;
    size_t n;
    if (versions_old(gossip_table(run->scope->gossip), spec->ns, spec->name,
                     node_effects_arena(run->out), &keys, &n) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        (void)publish(run, &keys[i], (struct bytes){0});
}

/* Twice: as what is in force, where of two writers one loses, and as a version, where both stay. */
static int job_write(struct run *run, const struct job_spec *spec,
                     const struct job_doc *doc)
{
    uint8_t buf[1024];
    struct writer w = writer_of(buf, sizeof(buf));
    struct key job = key_job(spec->ns, spec->name);
    struct key version = key_version(spec->ns, spec->name, doc->version, doc->spec);
    int status = record_encode_job(doc, &w);
    if (status == 0)
        status = publish(run, &version, writer_done(&w));
    if (status == 0)
        status = publish(run, &job, writer_done(&w));
    return status;
}

static int submit_one(struct run *run, const struct job_spec *spec, struct bytes body)
{
    struct job_doc was = {0};
    bool is_known = job_find(run, spec->ns, spec->name, &was);
    struct spec_hash hash = spec_hash_of(body);
    struct control_doc control = control_find(run, spec->ns, spec->name);
    int status = 0;
    if (control.is_stopped || control.has_count) {
        control.is_stopped = control.has_count =
            false; /* the file's word is the newest order */
        status = control_write(run, spec->ns, spec->name, &control);
    }
    if (status < 0 || (is_known && spec_hash_equal(was.spec, hash)))
        return status;
    struct key key = key_spec(spec->ns, spec->name, hash);
    status = publish(run, &key, body);
    if (status < 0)
        return status;
    struct job_doc doc = {
        .spec = hash,
        .version = is_known ? was.version + 1 : 1,
        .first_stamp = is_known ? was.first_stamp : run->at.at_unix_ms << 16,
        .at_unix_ms = run->at.at_unix_ms,
        .by = run->scope->node,
        .note = run->command->note ? run->command->note : "",
        .previous = was.spec,
    };
    status = job_write(run, spec, &doc);
    if (status == 0)
        drop_old_versions(run, spec);
    return status;
}

static int submit(struct run *run)
{
    const struct command *c = run->command;
    struct arena *arena = node_effects_arena(run->out);
    struct bytes *bodies = arena_array(arena, c->n_jobs, sizeof(*bodies));
    if (!bodies)
        return -ENOMEM;
    for (size_t i = 0; i < c->n_jobs; i++) {
        bodies[i] = spec_canonical(&c->jobs[i], arena);
        int status = submit_check(run, &c->jobs[i], bodies[i]);
        if (status < 0)
            return status;
    }
    for (size_t i = 0; i < c->n_jobs; i++) {
        int status = submit_one(run, &c->jobs[i], bodies[i]);
        if (status < 0)
            return status;
    }
    return 0;
}

static int order(struct run *run)
{
    const struct command *c = run->command;
    struct job_doc job;
    if (!job_find(run, c->ns, c->name, &job))
        return err_set(&run->err, ERR_NOT_FOUND, "no job '%s' in namespace '%s'", c->name,
                       c->ns);
    struct control_doc doc = control_find(run, c->ns, c->name);
    bool is_so = (c->kind == COMMAND_SCALE && doc.has_count && doc.count == c->count) ||
                 (c->kind == COMMAND_STOP && doc.is_stopped) ||
                 (c->kind == COMMAND_START && !doc.is_stopped);
    if (is_so)
        return 0; /* nothing to write, nothing to tell */
    if (c->kind == COMMAND_SCALE) {
        doc.has_count = true;
        doc.count = c->count;
    } else if (c->kind == COMMAND_STOP || c->kind == COMMAND_START) {
        doc.is_stopped = c->kind == COMMAND_STOP;
    } else {
        uint64_t next = doc.restart_at + 1;
        doc.restart_at = run->at.at_unix_ms > next ? run->at.at_unix_ms : next;
    }
    return control_write(run, c->ns, c->name, &doc);
}

struct doomed {
    struct arena *arena;
    struct key *keys;
    size_t n, cap;
};

static int collect_key(void *ctx, const struct entry *entry)
{
    struct doomed *doomed = ctx;
    if (entry->key.len >= KEY_LEN_MAX)
        return 0;
    if (arena_grow(doomed->arena, (void **)&doomed->keys, doomed->n, &doomed->cap,
                   sizeof(*doomed->keys)) < 0)
        return -ENOMEM;
    struct key *key = &doomed->keys[doomed->n++];
    memcpy(key->text, entry->key.at, entry->key.len);
    key->len = entry->key.len;
    return 0;
}

static int remove_job(struct run *run)
{
    const struct command *c = run->command;
    struct job_doc job;
    if (!job_find(run, c->ns, c->name, &job))
        return err_set(&run->err, ERR_NOT_FOUND, "no job '%s' in namespace '%s'", c->name,
                       c->ns);
    struct doomed doomed = {.arena = node_effects_arena(run->out)};
    static const char *const kinds[] = {"spec", "version"};
    char prefix[KEY_LEN_MAX];
    int status = 0;
    for (size_t i = 0; status == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        (void)snprintf(prefix, sizeof(prefix), "%s/%.63s/%.63s/", kinds[i], c->ns,
                       c->name);
        status = table_each(gossip_table(run->scope->gossip), bytes_of_text(prefix),
                            collect_key, &doomed);
    }
    struct key key = key_job(c->ns, c->name);
    if (status == 0)
        status = publish(run, &key, (struct bytes){0});
    key = key_control(c->ns, c->name);
    if (status == 0 && table_get(gossip_table(run->scope->gossip), key_bytes(&key)))
        status = publish(run, &key, (struct bytes){0});
    for (size_t i = 0; status == 0 && i < doomed.n; i++)
        status = publish(run, &doomed.keys[i], (struct bytes){0});
    return status;
}

/* ---- the rest ---- */

static int set_variable(struct run *run)
{
    const struct command *c = run->command;
    struct key key = key_var(c->name);
    if (key.len == 0)
        return err_set(
            &run->err, ERR_INVALID,
            "'%s' is no variable name: use letters, digits, '.', '_', '-' and '/'",
            c->name);
    if (c->value.len > ENTRY_LEN_MAX)
        return err_set(&run->err, ERR_BOUND, "the value takes %zu bytes, at most %d fit",
                       c->value.len, ENTRY_LEN_MAX);
    static const uint8_t empty;
    struct bytes value = c->value.at ? c->value : (struct bytes){&empty, 0};
    return publish(run, &key, value);
}

static int remove_variable(struct run *run)
{
    struct key key = key_var(run->command->name);
    if (key.len == 0 || !table_get(gossip_table(run->scope->gossip), key_bytes(&key)))
        return err_set(&run->err, ERR_NOT_FOUND, "no variable '%s'", run->command->name);
    return publish(run, &key, (struct bytes){0});
}

/* By id or name; of namesakes the one that is gone. */
static const struct member *find_to_forget(const struct members *members,
                                           const char *word)
{
    const struct member *found = members_find_name(members, word);
    struct node_id id;
    if (node_id_parse(bytes_of_text(word), &id) == 0 && members_find(members, id))
        return members_find(members, id);
    for (size_t i = 0; i < members_count(members); i++) {
        const struct member *m = members_at(members, i);
        if (strcmp(m->name, word) == 0 && m->state != MEMBER_ALIVE &&
            m->state != MEMBER_SUSPECT)
            return m;
    }
    return found;
}

static int forget(struct run *run)
{
    const char *name = run->command->name;
    struct gossip *g = run->scope->gossip;
    const struct member *member = find_to_forget(gossip_members(g), name);
    if (!member)
        return err_set(&run->err, ERR_NOT_FOUND, "no node '%s'", name);
    if (member->state == MEMBER_ALIVE || member->state == MEMBER_SUSPECT)
        return err_set(&run->err, ERR_INVALID,
                       "node '%s' is %s: only a dead or departed node can be forgotten",
                       name, member_state_name(member->state));
    int status = gossip_forget(g, run->at.now_ms, member->id, &run->out->gossip);
    run->number = status == 0 ? gossip_number(g) : 0;
    return status;
}

static int apply(struct run *run)
{
    switch (run->command->kind) {
    case COMMAND_SUBMIT:
        return submit(run);
    case COMMAND_SCALE:
    case COMMAND_STOP:
    case COMMAND_START:
    case COMMAND_RESTART:
        return order(run);
    case COMMAND_REMOVE:
        return remove_job(run);
    case COMMAND_VAR_SET:
        return set_variable(run);
    case COMMAND_VAR_REMOVE:
        return remove_variable(run);
    case COMMAND_FORGET:
        return forget(run);
    case COMMAND_ROTATE:
        return keys_rotate(run->scope->keys, run->scope->gossip, run->at, run->command,
                           &run->number, run->out, &run->err);
    case COMMAND_JOIN:
    case COMMAND_LEAVE:
        break;
    }
    return err_set(&run->err, ERR_INVALID, "this order is not a write");
}

void commands_apply(struct commands *c, const struct command_scope *scope,
                    struct moment at, const struct command *command,
                    struct node_effects *out)
{
    struct run run = {.scope = scope, .at = at, .command = command, .out = out};
    if (c->n == COMMANDS_PENDING_MAX) {
        command_done(command->token, ERR_BOUND,
                     "too many orders wait for an answer: try again", scope->gossip, 0,
                     out);
        return;
    }
    int status = apply(&run);
    if (status < 0 || run.number == 0) {
        const char *text = run.err.text[0] ? run.err.text
                           : status < 0    ? err_text(status)
                                           : "unchanged";
        command_done(command->token, status, text, scope->gossip, 0, out);
        return;
    }
    c->pending[c->n++] = (struct pending){.token = command->token,
                                          .number = run.number,
                                          .since_ms = at.now_ms,
                                          .ack = command->ack};
    commands_check(c, scope->gossip, at, out);
}

static size_t wanted_members(int ack, size_t live)
{
    size_t wanted = ack > 0               ? (size_t)ack
                    : ack == ACK_ALL      ? live
                    : ack == ACK_MAJORITY ? live / 2 + 1
                                          : 2;
    if (ack == ACK_DEFAULT && wanted > live)
        wanted = live;
    return wanted;
}

/* Answer one if it is time: enough members have it and either all do or we waited a little for the
 * rest, so that `told 5/5` is the rule.  Returns whether it was answered. */
static bool pending_check(struct pending *p, const struct gossip *gossip,
                          struct moment at, struct node_effects *out)
{
    size_t live = live_members(gossip);
    size_t known = gossip_known_by(gossip, p->number);
    uint64_t waited_ms = at.now_ms - p->since_ms;
    bool is_enough = known >= wanted_members(p->ack, live);
    if (is_enough && p->enough_ms == 0)
        p->enough_ms = at.now_ms;
    bool is_done =
        is_enough && (known >= live || at.now_ms >= p->enough_ms + ACK_LINGER_MS);
    if (!is_done && waited_ms < ACK_TIMEOUT_MS)
        return false;
    struct arena *arena = node_effects_arena(out);
    const char *text =
        is_enough ? ""
                  : arena_printf(arena,
                                 "written here, but only %zu of %zu members confirmed it "
                                 "within %d s; it spreads as they can be reached",
                                 known, live, ACK_TIMEOUT_MS / 1000);
    struct node_effect *effect = node_effects_add(out, NODE_DONE);
    effect->token = p->token;
    effect->result = (struct node_result){.code = is_enough ? 0 : ERR_TIMEOUT,
                                          .text = text,
                                          .known_by = known,
                                          .members = live,
                                          .took_ms = waited_ms};
    return true;
}

void commands_check(struct commands *c, const struct gossip *gossip, struct moment at,
                    struct node_effects *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++)
        if (!pending_check(&c->pending[i], gossip, at, out))
            c->pending[kept++] = c->pending[i];
    c->n = kept;
}

void commands_fail(struct commands *c, const struct gossip *gossip, int code,
                   const char *text, struct moment at, struct node_effects *out)
{
    /* Those that this very step has answered, but whose write has not reached the disk either. */
    for (size_t i = 0; i < out->n; i++) {
        struct node_effect *effect = &out->list[i];
        if (effect->kind != NODE_DONE || effect->result.code != 0 ||
            effect->result.known_by == 0)
            continue;
        effect->result.code = code;
        effect->result.text = arena_text(node_effects_arena(out), text);
        effect->result.known_by = 0;
    }
    for (size_t i = 0; i < c->n; i++)
        command_done(c->pending[i].token, code, text, gossip,
                     at.now_ms - c->pending[i].since_ms, out);
    c->n = 0;
}

uint64_t commands_deadline_ms(const struct commands *c)
{
    uint64_t deadline = UINT64_MAX;
    for (size_t i = 0; i < c->n; i++) {
        const struct pending *p = &c->pending[i];
        uint64_t own =
            p->enough_ms ? p->enough_ms + ACK_LINGER_MS : p->since_ms + ACK_TIMEOUT_MS;
        deadline = own < deadline ? own : deadline;
    }
    return deadline;
}
