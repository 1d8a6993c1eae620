/* The versions of a job as JSON: its history with what lost to a concurrent submission, and the
 * body of any of them.  See report.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/door.h"
#include "agent/report.h"
#include "agent/submitted.h"
#include "agent/versions.h"

static int no_job(const char *ns, const char *job, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no job '%.63s' in namespace '%.63s'", job, ns);
}

static void set_text(json_t *object, const char *key, const char *value)
{
    (void)json_object_set_new(object, key, json_string(value));
}

static void set_version(json_t *object, uint32_t version)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "v%u", version);
    set_text(object, "version", text);
}

/* ---- history ---- */

static const char *outcome_of(const struct report *r, const char *ns, const char *job,
                              const struct version *v)
{
    uint32_t index = view_find_job(&r->view, ns, job);
    if (v->state == VERSION_LOST)
        return "lost";
    if (v->state == VERSION_SUPERSEDED || index == VIEW_NONE)
        return "superseded";
    return report_job_status(r, index);
}

static json_t *version_json(const struct report *r, const char *ns, const char *job,
                            const struct version *v)
{
    char at[32], hash[SPEC_HASH_TEXT];
    json_t *out = json_object();
    (void)unix_ms_text(v->doc.at_unix_ms, at);
    set_version(out, v->doc.version);
    set_text(out, "stamp", at);
    set_text(out, "at", at);
    set_text(out, "by", v->doc.by);
    set_text(out, "note", v->doc.note);
    set_text(out, "outcome", outcome_of(r, ns, job, v));
    set_text(out, "spec", spec_hash_text(v->doc.spec, hash));
    (void)json_object_set_new(out, "kept", json_boolean(v->is_kept));
    (void)json_object_set_new(out, "conflict", json_boolean(v->has_conflict));
    (void)json_object_set_new(out, "lost_to",
                              v->has_rival ? json_string(spec_hash_text(v->rival, hash))
                                           : json_null());
    return out;
}

int report_history(struct report *r, const char *ns, const char *job, json_t **ret_data,
                   struct err *err)
{
    struct version *list;
    size_t n;
    int status = versions_list(gossip_table(r->gossip), ns, job, &r->arena, &list, &n);
    if (status < 0)
        return err_set(err, status, "%s", err_text(status));
    if (n == 0)
        return no_job(ns, job, err);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(out, version_json(r, ns, job, &list[i]));
    *ret_data = out;
    return 0;
}

/* ---- bodies ---- */

static int explain(int status, const char *ns, const char *job, const char *word,
                   struct err *err)
{
    if (status == ERR_NOT_FOUND && !word)
        return no_job(ns, job, err);
    if (status == ERR_NOT_FOUND)
        return err_set(err, status, "no version '%.70s' of job '%.63s' is kept", word,
                       job);
    if (status == ERR_INVALID)
        return err_set(err, status,
                       "'%.70s' names no one version: v7, or more of its hash", word);
    return err_set(err, status, "%s", err_text(status));
}

static bool shows(const void *who, const char *ns)
{
    return door_shows(who, ns);
}

/* What it was submitted as, or why that is not here. */
static void set_submitted(struct report *r, json_t *out, const char *ns, const char *job,
                          struct spec_hash hash, const struct caller *who)
{
    struct key key = key_text(ns, job, hash);
    const struct entry *entry = table_get(gossip_table(r->gossip), key_bytes(&key));
    struct submitted s = {.params = ""};
    int status = submitted_read(entry ? entry->value : (struct bytes){0},
                                who ? shows : NULL, who, &r->arena, &s);
    const char *missing =
        status == 0 ? NULL
        : status == ERR_NOT_FOUND
            ? "none is kept: an older agent took it, or it was too large"
        : status == ERR_DENIED      ? "it has jobs of other namespaces, too"
        : status == ERR_UNSUPPORTED ? "a newer version of Stratos has stored it"
                                    : err_text(status);
    (void)json_object_set_new(
        out, "text",
        status == 0 ? json_stringn((const char *)s.text.at, s.text.len) : json_null());
    (void)json_object_set_new(out, "text_missing",
                              missing ? json_string(missing) : json_null());
    (void)json_object_set_new(out, "params", json_string(s.params));
    (void)json_object_set_new(out, "text_jobs", json_integer(s.n_jobs));
}

int report_spec(struct report *r, const char *ns, const char *job, const char *word,
                const struct caller *who, json_t **ret_data, struct err *err)
{
    const struct table *table = gossip_table(r->gossip);
    uint32_t version = 0;
    struct spec_hash hash = {0};
    char text[SPEC_HASH_TEXT];
    int status = versions_find(table, ns, job, word, &r->arena, &version, &hash);
    struct key key = key_spec(ns, job, hash);
    const struct entry *entry = status == 0 ? table_get(table, key_bytes(&key)) : NULL;
    if (status == 0 && word && !entry)
        status = ERR_NOT_FOUND;
    if (status < 0)
        return explain(status, ns, job, word, err);
    json_t *out = json_object();
    if (version > 0)
        set_version(out, version);
    else
        (void)json_object_set_new(out, "version", json_null());
    set_text(out, "hash", spec_hash_text(hash, text));
    (void)json_object_set_new(
        out, "spec",
        entry ? json_loadb((const char *)entry->value.at, entry->value.len, 0, NULL)
              : json_null());
    set_submitted(r, out, ns, job, hash, who);
    *ret_data = out;
    return 0;
}
