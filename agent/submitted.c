/* See submitted.h. */
#include "agent/submitted.h"

#include <errno.h>
#include <string.h>

#include "core/squeeze.h"
#include "proto/record.h"

/* One text, while it is packed. */
struct source {
    struct bytes text;
    const struct doc *jobs; /* whose it is: NULL, all of them */
    const char *params;
};

static bool has_job(const struct source *source, const struct job_spec *spec)
{
    size_t ns = strlen(spec->ns);
    if (!source->jobs)
        return true;
    for (const struct doc *d = source->jobs->child; d; d = d->next)
        if (d->kind == DOC_SCALAR && strncmp(d->text, spec->ns, ns) == 0 &&
            d->text[ns] == '/' && strcmp(d->text + ns + 1, spec->name) == 0)
            return true;
    return false;
}

enum { NAMESPACES_MAX = 16 }; /* of one text; with more it is not kept */

/* The namespaces of a text's jobs, each once. */
struct spaces {
    const char *list[NAMESPACES_MAX];
    struct bytes documents[NAMESPACES_MAX];
    size_t n, n_jobs;
    bool are_more;
};

static size_t space_of(const struct spaces *spaces, const char *ns)
{
    size_t i = 0;
    while (i < spaces->n && strcmp(spaces->list[i], ns) != 0)
        i++;
    return i;
}

static void find_spaces(const struct source *source, const struct jobfile *file,
                        struct spaces *ret)
{
    *ret = (struct spaces){0};
    for (size_t i = 0; i < file->n_jobs; i++) {
        if (!has_job(source, &file->jobs[i]))
            continue;
        ret->n_jobs++;
        if (space_of(ret, file->jobs[i].ns) < ret->n)
            continue;
        ret->are_more = ret->are_more || ret->n == NAMESPACES_MAX;
        if (ret->n < NAMESPACES_MAX)
            ret->list[ret->n++] = file->jobs[i].ns;
    }
}

/* All but one, with a space between; NULL when out of memory. */
static const char *others_text(const struct spaces *spaces, size_t one,
                               struct arena *arena)
{
    const char *others = "";
    for (size_t i = 0; others && i < spaces->n; i++)
        if (i != one)
            others = arena_printf(arena, "%s%s%s", others, *others ? " " : "",
                                  spaces->list[i]);
    return others;
}

static int encode(const struct text_doc *doc, struct arena *arena, struct bytes *ret)
{
    size_t cap = doc->packed.len + 2 * TEXT_NOTE_MAX + 64;
    void *buf = arena_alloc(arena, cap);
    struct writer w = writer_of(buf, buf ? cap : 0);
    int status = buf && doc->others ? record_encode_text(doc, &w) : -ENOMEM;
    if (status == 0)
        *ret = writer_done(&w);
    return status;
}

/* The documents of one text: those of a namespace are the same. */
static int pack_one(const struct source *source, const struct jobfile *file,
                    struct bytes *out, struct arena *arena)
{
    struct spaces spaces;
    find_spaces(source, file, &spaces);
    if (spaces.are_more || strlen(source->params) > TEXT_NOTE_MAX)
        return 0;
    struct bytes packed = squeeze(source->text, arena);
    if (!packed.at)
        return -ENOMEM;
    if (packed.len > SUBMITTED_ONE_MAX || packed.len * spaces.n_jobs > SUBMITTED_ALL_MAX)
        return 0;
    for (size_t i = 0; i < spaces.n; i++) {
        struct text_doc doc = {
            .codec = TEXT_ZSTD,
            .len = (uint32_t)source->text.len,
            .packed = packed,
            .others = others_text(&spaces, i, arena),
            .params = source->params,
            .n_jobs = (uint32_t)spaces.n_jobs,
        };
        int status = encode(&doc, arena, &spaces.documents[i]);
        if (status < 0)
            return status;
    }
    for (size_t i = 0; i < file->n_jobs; i++)
        if (has_job(source, &file->jobs[i]))
            out[i] = spaces.documents[space_of(&spaces, file->jobs[i].ns)];
    return 0;
}

/* A list that no client of ours has made is no harm: what is not as it should be is passed over. */
static int pack_told(const struct doc *told, const struct jobfile *file,
                     struct bytes *out, struct arena *arena)
{
    int status = 0;
    for (const struct doc *d = told->kind == DOC_LIST ? told->child : NULL;
         d && status == 0; d = d->next) {
        const struct doc *text = doc_find(d, "text"), *jobs = doc_find(d, "jobs"),
                         *params = doc_find(d, "params");
        if (!text || text->kind != DOC_SCALAR || (params && params->kind != DOC_SCALAR))
            continue;
        struct source source = {bytes_of_text(text->text), jobs,
                                params ? params->text : ""};
        status = pack_one(&source, file, out, arena);
    }
    return status;
}

struct bytes *submitted_pack(struct bytes body, const struct jobfile *file,
                             struct arena *arena)
{
    struct bytes *out = arena_array(arena, file->n_jobs + 1, sizeof(*out));
    struct source whole = {body, NULL, ""};
    if (!out)
        return NULL;
    int status = file->submitted ? pack_told(file->submitted, file, out, arena)
                                 : pack_one(&whole, file, out, arena);
    return status < 0 ? NULL : out;
}

/* ---- reading ---- */

static bool may_see(const char *others, bool (*shows)(const void *who, const char *ns),
                    const void *who)
{
    char ns[NAME_LEN_MAX + 1];
    while (*others) {
        size_t len = strcspn(others, " ");
        if (len >= sizeof(ns))
            return false;
        memcpy(ns, others, len);
        ns[len] = '\0';
        if (!shows(who, ns))
            return false;
        others += len + (others[len] == ' ');
    }
    return true;
}

int submitted_read(struct bytes document, bool (*shows)(const void *who, const char *ns),
                   const void *who, struct arena *arena, struct submitted *ret)
{
    struct text_doc doc;
    if (document.len == 0)
        return ERR_NOT_FOUND;
    int status = record_decode_text(document, arena, &doc);
    if (status < 0)
        return status == -ENOMEM ? status : ERR_DAMAGED;
    if (doc.codec != TEXT_ZSTD)
        return ERR_UNSUPPORTED;
    if (shows && !may_see(doc.others, shows, who))
        return ERR_DENIED;
    status = unsqueeze(doc.packed, doc.len, arena, &ret->text);
    if (status < 0)
        return status == -ENOMEM ? status : ERR_DAMAGED;
    ret->params = doc.params;
    ret->n_jobs = doc.n_jobs;
    return 0;
}
