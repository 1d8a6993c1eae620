/* Orders about jobs become table writes: submissions, what control says, removal.  See commands_job.h. */
#include "agent/commands_job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/trouble.h"
#include "agent/versions.h"
#include "proto/record.h"
#include "sched/spec.h"

enum {
    NOTE_LEN_MAX = 512
}; /* a line or two about why; the job's record must fit its buffer */

/* The table shows nothing of it before the whole order is done: no command may read what it wrote. */
int applying_publish(struct applying *run, const struct key *key, struct bytes value)
{
    int status = gossip_publish(run->scope->gossip, run->at.now_ms, run->at.at_unix_ms,
                                key_bytes(key), value, NULL, &run->out->gossip);
    if (status < 0)
        return err_set(&run->err, status, "nothing was written: %s: %s", key->text,
                       err_text(status));
    return 0;
}

/* An order found things as it wants them. */
static void find_unchanged(struct applying *run, struct key key)
{
    const struct entry *e = table_get(gossip_table(run->scope->gossip), key_bytes(&key));
    if (e)
        holding_add(&run->found, e);
}

/* ---- jobs ---- */

static bool job_find(const struct applying *run, const char *ns, const char *name,
                     struct job_doc *ret_doc)
{
    struct key key = key_job(ns, name);
    const struct entry *entry =
        table_get(gossip_table(run->scope->gossip), key_bytes(&key));
    return entry &&
           record_decode_job(entry->value, node_effects_arena(run->out), ret_doc) == 0;
}

static struct control_doc control_find(const struct applying *run, const char *ns,
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

/* `by` NULL: no scale but the spec's. */
static void control_set_scale(struct control_doc *doc, const char *by, uint32_t count,
                              uint64_t at_unix_ms)
{
    doc->has_count = by != NULL;
    doc->count = count;
    doc->scaled_unix_ms = at_unix_ms;
    (void)snprintf(doc->scaled_by, sizeof(doc->scaled_by), "%s", by ? by : "");
}

static int control_write(struct applying *run, const char *ns, const char *name,
                         const struct control_doc *doc)
{
    uint8_t buf[256];
    struct key key = key_control(ns, name);
    struct writer w = writer_of(buf, sizeof(buf));
    int status = record_encode_control(doc, &w);
    return status < 0 ? status : applying_publish(run, &key, writer_done(&w));
}

static bool is_in_trouble(const struct applying *run, const char *ns, const char *name)
{
    return trouble_has(run->scope->gossip, ns, name, node_effects_arena(run->out));
}

static void control_set_retry(struct control_doc *doc, uint64_t at_unix_ms)
{
    uint64_t next = control_tried_at(doc) + 1;
    doc->retry_at = at_unix_ms > next ? at_unix_ms : next;
}

/* ---- submissions ---- */

/* Is this submission allowed?  Checked for all jobs before any is written: all or none. */
static int submit_check(struct applying *run, const struct job_spec *spec,
                        struct bytes body)
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
    if (run->command->if_new && is_known)
        return err_set(
            &run->err, ERR_CONFLICT,
            "job '%s' is not new, it is at v%u: look at it, or submit without that",
            spec->name, was.version);
    if (wanted && !is_known)
        return err_set(&run->err, ERR_CONFLICT,
                       "there is no job '%s' that could be at v%u", spec->name, wanted);
    if (wanted && was.version != wanted)
        return err_set(
            &run->err, ERR_CONFLICT,
            "job '%s' is at v%u, not v%u: look at what changed and submit again",
            spec->name, was.version, wanted);
    return 0;
}

static int drop_old_versions(struct applying *run, const struct job_spec *spec,
                             const struct job_doc *next)
{
    struct key *keys;
    size_t n;
    int status = versions_old(gossip_table(run->scope->gossip), spec->ns, spec->name,
                              next, node_effects_arena(run->out), &keys, &n);
    for (size_t i = 0; status == 0 && i < n; i++)
        status = applying_publish(run, &keys[i], (struct bytes){0});
    return status;
}

/* Twice: as what is in force, where of two writers one loses, and as a version, where both stay. */
static int job_write(struct applying *run, const struct job_spec *spec,
                     const struct job_doc *doc)
{
    uint8_t buf[1024];
    struct writer w = writer_of(buf, sizeof(buf));
    struct key job = key_job(spec->ns, spec->name);
    struct key version = key_version(spec->ns, spec->name, doc->version, doc->spec);
    int status = record_encode_job(doc, &w);
    if (status == 0)
        status = applying_publish(run, &version, writer_done(&w));
    if (status == 0)
        status = applying_publish(run, &job, writer_done(&w));
    return status;
}

/* What tells a job that is made now from the removed ones of its name. */
static uint64_t born_now(const struct applying *run, const struct job_spec *spec)
{
    struct key key = key_job(spec->ns, spec->name);
    return gossip_next_generation(run->scope->gossip, key_bytes(&key)) + BORN_BEFORE;
}

/* What the version was submitted as: the newest text of a body is the one that counts, and where none is
 * kept an older one would be false. */
static int text_write(struct applying *run, const struct job_spec *spec,
                      struct spec_hash hash, const struct bytes *text)
{
    struct key key = key_text(spec->ns, spec->name, hash);
    if (!text)
        return 0;
    const struct entry *old =
        table_get(gossip_table(run->scope->gossip), key_bytes(&key));
    if (text->len == 0)
        return old ? applying_publish(run, &key, (struct bytes){0}) : 0;
    return old && bytes_equal(old->value, *text) ? 0 : applying_publish(run, &key, *text);
}

static int submit_one(struct applying *run, const struct job_spec *spec,
                      struct bytes body, const struct bytes *text)
{
    struct job_doc was = {0};
    bool is_known = job_find(run, spec->ns, spec->name, &was);
    struct spec_hash hash = spec_hash_of(body);
    struct control_doc control = control_find(run, spec->ns, spec->name);
    int status = 0;
    bool drops_scale = control.has_count && !run->command->keep_scale;
    bool is_same = is_known && spec_hash_equal(was.spec, hash);
    bool is_retry = is_same && is_in_trouble(run, spec->ns, spec->name);
    if (control.is_stopped || drops_scale ||
        is_retry) { /* the newest order is the file's word */
        if (control.is_stopped || is_retry)
            control_set_retry(&control, run->at.at_unix_ms);
        control.is_stopped = false;
        if (drops_scale)
            control_set_scale(&control, NULL, 0, 0);
        status = control_write(run, spec->ns, spec->name, &control);
    }
    if (is_same)
        find_unchanged(run, key_job(spec->ns, spec->name));
    if (status == 0)
        status = text_write(run, spec, hash, text);
    if (status < 0 || is_same)
        return status;
    struct key key = key_spec(spec->ns, spec->name, hash);
    status = applying_publish(run, &key, body);
    if (status < 0)
        return status;
    struct job_doc doc = {
        .spec = hash,
        .version = is_known ? was.version + 1 : 1,
        .first_stamp = is_known ? was.first_stamp : run->at.at_unix_ms << 16,
        .at_unix_ms = run->at.at_unix_ms,
        .by = run->command->by ? run->command->by : run->scope->node,
        .note = run->command->note ? run->command->note : "",
        .previous = was.spec,
        .born = is_known ? was.born : born_now(run, spec),
    };
    status = job_write(run, spec, &doc);
    return status == 0 ? drop_old_versions(run, spec, &doc) : status;
}

int commands_submit(struct applying *run)
{
    const struct order *c = run->command;
    struct arena *arena = node_effects_arena(run->out);
    struct bytes *bodies = arena_array(arena, c->n_jobs, sizeof(*bodies));
    if (!bodies)
        return -ENOMEM;
    for (size_t i = 0; i < c->n_jobs; i++) {
        bodies[i] = c->bodies ? c->bodies[i] : spec_canonical(&c->jobs[i], arena);
        int status = submit_check(run, &c->jobs[i], bodies[i]);
        if (status < 0)
            return status;
    }
    for (size_t i = 0; i < c->n_jobs; i++) {
        int status =
            submit_one(run, &c->jobs[i], bodies[i], c->texts ? &c->texts[i] : NULL);
        if (status < 0)
            return status;
    }
    return 0;
}

int commands_order(struct applying *run)
{
    const struct order *c = run->command;
    struct job_doc job;
    if (!job_find(run, c->ns, c->name, &job))
        return err_set(&run->err, ERR_NOT_FOUND, "no job '%s' in namespace '%s'", c->name,
                       c->ns);
    struct control_doc doc = control_find(run, c->ns, c->name);
    if (c->kind == ORDER_RESTART && doc.is_stopped)
        return err_set(&run->err, ERR_STOPPED,
                       "%s is stopped: `stratos start %s` starts it", c->name, c->name);
    bool is_so = (c->kind == ORDER_SCALE && doc.has_count && doc.count == c->count) ||
                 (c->kind == ORDER_STOP && doc.is_stopped) ||
                 (c->kind == ORDER_START && !doc.is_stopped &&
                  !is_in_trouble(run, c->ns, c->name));
    if (is_so) { /* nothing to write, nothing to tell */
        find_unchanged(run, key_job(c->ns, c->name));
        find_unchanged(run, key_control(c->ns, c->name));
        return 0;
    }
    if (c->kind == ORDER_SCALE) {
        control_set_scale(&doc, c->by ? c->by : run->scope->node, c->count,
                          run->at.at_unix_ms);
    } else if (c->kind == ORDER_STOP || c->kind == ORDER_START) {
        doc.is_stopped = c->kind == ORDER_STOP;
        if (c->kind == ORDER_START)
            control_set_retry(&doc, run->at.at_unix_ms);
    } else {
        uint64_t next = control_tried_at(&doc) + 1;
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

int commands_remove(struct applying *run)
{
    const struct order *c = run->command;
    struct job_doc job;
    if (!job_find(run, c->ns, c->name, &job))
        return err_set(&run->err, ERR_NOT_FOUND, "no job '%s' in namespace '%s'", c->name,
                       c->ns);
    struct doomed doomed = {.arena = node_effects_arena(run->out)};
    static const char *const kinds[] = {"spec", "text", "version"};
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
        status = applying_publish(run, &key, (struct bytes){0});
    key = key_control(c->ns, c->name);
    if (status == 0 && table_get(gossip_table(run->scope->gossip), key_bytes(&key)))
        status = applying_publish(run, &key, (struct bytes){0});
    for (size_t i = 0; status == 0 && i < doomed.n; i++)
        status = applying_publish(run, &doomed.keys[i], (struct bytes){0});
    return status;
}
