/* See shim_file.h. */
#include "isolate/shim_file.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"

static const uint32_t launch_magic = 0x5354524cu; /* "STRL" */
static const uint32_t state_magic = 0x53545253u;  /* "STRS" */

/* ---- writing ---- */

static void put_text(struct writer *w, const char *text)
{
    struct bytes in = bytes_of_text(text);
    writer_u32(w, (uint32_t)in.len);
    writer_bytes(w, in);
}

static void put_pairs(struct writer *w, const struct pair *pairs, size_t n)
{
    writer_u32(w, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        put_text(w, pairs[i].key);
        put_text(w, pairs[i].value);
    }
}

static void put_texts(struct writer *w, const char *const *texts, size_t n)
{
    writer_u32(w, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        put_text(w, texts[i]);
}

void shim_launch_write(const struct shim_launch *l, struct writer *w)
{
    writer_u32(w, launch_magic);
    writer_u8(w, SHIM_FILE_VERSION);
    put_text(w, l->key);
    put_text(w, l->dir);
    put_text(w, l->data_dir);
    put_text(w, l->group);
    put_text(w, l->user);
    put_text(w, l->cwd);
    put_texts(w, l->argv, l->n_argv);
    put_pairs(w, l->task_env, l->n_task_env);
    put_pairs(w, l->env, l->n_env);
    put_texts(w, l->hidden, l->n_hidden);
    writer_u64(w, l->memory_bytes);
    writer_u64(w, l->log_max_bytes);
    writer_u32(w, l->cpu_milli);
    writer_u32(w, l->pids);
    writer_u32(w, l->log_max_files);
    writer_u32(w, l->agent_pid);
}

/* ---- reading ---- */

struct decoder {
    struct reader r;
    struct arena *arena;
};

/* A text with a NUL inside could not be handed to the kernel. */
static const char *take_text(struct decoder *d)
{
    struct bytes in = reader_take(&d->r, reader_u32(&d->r));
    if (in.len && memchr(in.at, 0, in.len))
        reader_fail(&d->r, ERR_MALFORMED);
    const char *text = arena_text_of(d->arena, in);
    if (!text) {
        reader_fail(&d->r, -ENOMEM);
        return "";
    }
    return text;
}

static size_t take_count(struct decoder *d, size_t max)
{
    uint32_t n = reader_u32(&d->r);
    if (n > max)
        reader_fail(&d->r, ERR_BOUND);
    return reader_error(&d->r) ? 0 : n;
}

static void *take_array(struct decoder *d, size_t n, size_t size)
{
    void *array = arena_array(d->arena, n, size);
    if (!array)
        reader_fail(&d->r, -ENOMEM);
    return array;
}

static const char *const *take_texts(struct decoder *d, size_t max, size_t *ret_n)
{
    size_t n = take_count(d, max);
    const char **texts = take_array(d, n + 1, sizeof(*texts));
    for (size_t i = 0; texts && i < n; i++)
        texts[i] = take_text(d);
    *ret_n = n;
    return texts;
}

static const struct pair *take_pairs(struct decoder *d, size_t max, size_t *ret_n)
{
    size_t n = take_count(d, max);
    struct pair *pairs = take_array(d, n + 1, sizeof(*pairs));
    for (size_t i = 0; pairs && i < n; i++) {
        pairs[i].key = take_text(d);
        pairs[i].value = take_text(d);
    }
    *ret_n = n;
    return pairs;
}

static void take_head(struct reader *r, uint32_t magic)
{
    if (reader_u32(r) != magic)
        reader_fail(r, ERR_MALFORMED);
    if (reader_u8(r) != SHIM_FILE_VERSION)
        reader_fail(r, ERR_UNSUPPORTED);
}

int shim_launch_read(struct bytes in, struct arena *arena, struct shim_launch *ret_launch)
{
    struct decoder d = {.r = reader_of(in), .arena = arena};
    struct shim_launch l = {0};
    take_head(&d.r, launch_magic);
    l.key = take_text(&d);
    l.dir = take_text(&d);
    l.data_dir = take_text(&d);
    l.group = take_text(&d);
    l.user = take_text(&d);
    l.cwd = take_text(&d);
    l.argv = take_texts(&d, ARGS_MAX, &l.n_argv);
    l.task_env = take_pairs(&d, ENV_MAX, &l.n_task_env);
    l.env = take_pairs(&d, ENV_MAX, &l.n_env);
    l.hidden = take_texts(&d, HIDDEN_MAX, &l.n_hidden);
    l.memory_bytes = reader_u64(&d.r);
    l.log_max_bytes = reader_u64(&d.r);
    l.cpu_milli = reader_u32(&d.r);
    l.pids = reader_u32(&d.r);
    l.log_max_files = reader_u32(&d.r);
    l.agent_pid = reader_u32(&d.r);
    int error = reader_end(&d.r);
    if (error)
        return error;
    if (l.n_argv == 0 || !l.argv[0][0])
        return ERR_MALFORMED;
    *ret_launch = l;
    return 0;
}

void shim_state_write(const struct shim_state *s, struct writer *w)
{
    writer_u32(w, state_magic);
    writer_u8(w, SHIM_FILE_VERSION);
    writer_u32(w, s->shim_pid);
    writer_u32(w, s->init_pid);
    writer_u32(w, s->pid);
    writer_u64(w, s->started_unix_ms);
    writer_u32(w, (uint32_t)s->status);
    writer_u8(w, s->is_oom ? 1 : 0);
    writer_u32(w, (uint32_t)s->phase);
}

int shim_state_read(struct bytes in, struct shim_state *ret_state)
{
    struct reader r = reader_of(in);
    struct shim_state s = {0};
    take_head(&r, state_magic);
    s.shim_pid = reader_u32(&r);
    s.init_pid = reader_u32(&r);
    s.pid = reader_u32(&r);
    s.started_unix_ms = reader_u64(&r);
    s.status = (int32_t)reader_u32(&r);
    s.is_oom = reader_u8(&r) != 0;
    uint32_t phase = reader_u32(&r);
    if (phase != SHIM_RUNNING && phase != SHIM_EXITED)
        reader_fail(&r, ERR_MALFORMED);
    int error = reader_end(&r);
    if (error)
        return error;
    s.phase = (enum shim_phase)phase;
    *ret_state = s;
    return 0;
}

_Static_assert(SHIM_STATE_LEN == 4 + 1 + 3 * 4 + 8 + 4 + 1 + 4, "the state's wire size");
