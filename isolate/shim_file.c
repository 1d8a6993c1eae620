/* See shim_file.h.  Tags are never used again for something else. */
#include "isolate/shim_file.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "isolate/shim_old.h"
#include "isolate/shim_tlv.h"
#include "isolate/shim_value.h"

static const uint32_t launch_magic = 0x5354524cu; /* "STRL" */
static const uint32_t state_magic = 0x53545253u;  /* "STRS" */

enum launch_tag {
    LAUNCH_KEY = 1,
    LAUNCH_DIR = 2,
    LAUNCH_DATA_DIR = 3,
    LAUNCH_GROUP = 4,
    LAUNCH_USER = 5,
    LAUNCH_CWD = 6,
    LAUNCH_ARGV = 7,
    LAUNCH_TASK_ENV = 8,
    LAUNCH_ENV = 9,
    LAUNCH_HIDDEN = 10,
    LAUNCH_MEMORY = 11,
    LAUNCH_LOG_BYTES = 12,
    LAUNCH_CPU = 13,
    LAUNCH_PIDS = 14,
    LAUNCH_LOG_FILES = 15,
    LAUNCH_AGENT_PID = 16,
    LAUNCH_PORTS = 17,
    LAUNCH_HAS_TOKEN = 18,
    LAUNCH_STOP_SIGNAL = 19,
    LAUNCH_STOP_TIMEOUT = 20,
    LAUNCH_CPU_CAP = TLV_MUST | 21,
    LAUNCH_SWAP = TLV_MUST | 22, /* not there: none was asked for */
    LAUNCH_RLIMITS = TLV_MUST | 23,
    LAUNCH_LOG_KEEP = 24,
};

enum state_tag {
    STATE_FILL = 0, /* makes a slot as long as it has to be */
    STATE_PHASE = 1,
    STATE_ORDER = 2,
    STATE_SHIM_PID = 3,
    STATE_INIT_PID = 4,
    STATE_PID = 5,
    STATE_STARTED = 6,
    STATE_ENDED = 7,
    STATE_EXIT_KIND = 8,
    STATE_EXIT_NUMBER = 9,
    STATE_EXIT_NOTES = 10, /* exit_notes */
    STATE_BOOT = 11,
    STATE_LOST = 12,
};

/* ---- launch ---- */

static void put_lists(const struct shim_launch *l, struct writer *w)
{
    size_t at = tlv_open(w, LAUNCH_ARGV);
    value_put_texts(w, l->argv, l->n_argv);
    tlv_close(w, at);
    at = tlv_open(w, LAUNCH_TASK_ENV);
    value_put_pairs(w, l->task_env, l->n_task_env);
    tlv_close(w, at);
    at = tlv_open(w, LAUNCH_ENV);
    value_put_pairs(w, l->env, l->n_env);
    tlv_close(w, at);
    at = tlv_open(w, LAUNCH_HIDDEN);
    value_put_texts(w, l->hidden, l->n_hidden);
    tlv_close(w, at);
    at = tlv_open(w, LAUNCH_PORTS);
    writer_u32(w, (uint32_t)l->n_ports);
    for (size_t i = 0; i < l->n_ports; i++)
        writer_u16(w, l->ports[i]);
    tlv_close(w, at);
}

/* Only what was asked for.  A shim that does not know them refuses the task: no limit is ignored. */
static void put_caps(const struct shim_launch *l, struct writer *w)
{
    if (l->cpu_cap_milli)
        tlv_u32(w, LAUNCH_CPU_CAP, l->cpu_cap_milli);
    if (l->has_swap)
        tlv_u64(w, LAUNCH_SWAP, l->swap_bytes);
    if (!l->rlimits.set)
        return;
    size_t at = tlv_open(w, LAUNCH_RLIMITS);
    writer_u32(w, l->rlimits.set);
    for (int kind = 0; kind < RLIMITS_KINDS; kind++)
        if (rlimits_has(&l->rlimits, (enum rlimit_kind)kind))
            writer_u64(w, l->rlimits.at[kind]);
    tlv_close(w, at);
}

void shim_launch_write(const struct shim_launch *l, struct writer *w)
{
    size_t begin = w->len;
    tlv_begin(w, launch_magic);
    tlv_text(w, LAUNCH_KEY, l->key);
    tlv_text(w, LAUNCH_DIR, l->dir);
    tlv_text(w, LAUNCH_DATA_DIR, l->data_dir);
    tlv_text(w, LAUNCH_GROUP, l->group);
    tlv_text(w, LAUNCH_USER, l->user);
    tlv_text(w, LAUNCH_CWD, l->cwd);
    put_lists(l, w);
    tlv_u64(w, LAUNCH_MEMORY, l->memory_bytes);
    tlv_u64(w, LAUNCH_LOG_BYTES, l->log_max_bytes);
    tlv_u32(w, LAUNCH_CPU, l->cpu_milli);
    tlv_u32(w, LAUNCH_PIDS, l->pids);
    tlv_u32(w, LAUNCH_LOG_FILES, l->log_max_files);
    tlv_u32(w, LAUNCH_LOG_KEEP, l->log_keep_s);
    tlv_u32(w, LAUNCH_AGENT_PID, l->agent_pid);
    tlv_u32(w, LAUNCH_HAS_TOKEN, l->has_token);
    tlv_u32(w, LAUNCH_STOP_SIGNAL, l->stop_signal);
    tlv_u32(w, LAUNCH_STOP_TIMEOUT, l->stop_timeout_ms);
    put_caps(l, w);
    writer_bytes(w, l->unknown);
    tlv_end(w, begin);
}

/* False: it names limits of a later version, which a shim must not ignore. */
static bool take_rlimits(struct value_reader *d, struct rlimits *limits)
{
    uint32_t set = reader_u32(&d->r);
    if (set >> RLIMITS_KINDS)
        return false;
    limits->set = set;
    for (int kind = 0; kind < RLIMITS_KINDS; kind++)
        if (rlimits_has(limits, (enum rlimit_kind)kind))
            limits->at[kind] = reader_u64(&d->r);
    return true;
}

/* False: not a tag of texts and lists, or not to be read by this version. */
static bool take_text_field(struct value_reader *d, struct bytes value, uint16_t tag,
                            struct shim_launch *l)
{
    const char **texts[] = {
        [LAUNCH_KEY] = &l->key,           [LAUNCH_DIR] = &l->dir,
        [LAUNCH_DATA_DIR] = &l->data_dir, [LAUNCH_GROUP] = &l->group,
        [LAUNCH_USER] = &l->user,         [LAUNCH_CWD] = &l->cwd,
    };
    if (tag >= LAUNCH_KEY && tag <= LAUNCH_CWD)
        *texts[tag] = value_text_of(d, value);
    else if (tag == LAUNCH_ARGV)
        l->argv = value_texts(d, ARGS_MAX, &l->n_argv);
    else if (tag == LAUNCH_TASK_ENV)
        l->task_env = value_pairs(d, ENV_MAX, &l->n_task_env);
    else if (tag == LAUNCH_ENV)
        l->env = value_pairs(d, ENV_MAX, &l->n_env);
    else if (tag == LAUNCH_HIDDEN)
        l->hidden = value_texts(d, HIDDEN_MAX, &l->n_hidden);
    else if (tag == LAUNCH_PORTS)
        l->ports = value_ports(d, &l->n_ports);
    else if (tag == LAUNCH_RLIMITS)
        return take_rlimits(d, &l->rlimits);
    else
        return false;
    return true;
}

static bool take_number_field(struct bytes value, uint16_t tag, struct shim_launch *l)
{
    switch (tag) {
    case LAUNCH_MEMORY:
        l->memory_bytes = tlv_as_u64(value);
        return true;
    case LAUNCH_LOG_BYTES:
        l->log_max_bytes = tlv_as_u64(value);
        return true;
    case LAUNCH_CPU:
        l->cpu_milli = tlv_as_u32(value);
        return true;
    case LAUNCH_PIDS:
        l->pids = tlv_as_u32(value);
        return true;
    case LAUNCH_LOG_FILES:
        l->log_max_files = tlv_as_u32(value);
        return true;
    case LAUNCH_LOG_KEEP:
        l->log_keep_s = tlv_as_u32(value);
        return true;
    case LAUNCH_AGENT_PID:
        l->agent_pid = tlv_as_u32(value);
        return true;
    case LAUNCH_HAS_TOKEN:
        l->has_token = tlv_as_u32(value) != 0;
        return true;
    case LAUNCH_STOP_SIGNAL:
        l->stop_signal = tlv_as_u32(value);
        return true;
    case LAUNCH_CPU_CAP:
        l->cpu_cap_milli = tlv_as_u32(value);
        return true;
    case LAUNCH_SWAP:
        l->has_swap = true;
        l->swap_bytes = tlv_as_u64(value);
        return true;
    case LAUNCH_STOP_TIMEOUT:
        l->stop_timeout_ms = tlv_as_u32(value);
        return true;
    default:
        return false;
    }
}

/* `to` has room for the whole file. */
static void keep_unknown(struct writer *to, uint16_t tag, struct bytes value)
{
    tlv_bytes(to, tag, value);
}

static int take_field(struct arena *arena, uint16_t tag, struct bytes value,
                      struct shim_launch *l, bool *ret_is_known)
{
    struct value_reader d = {.r = reader_of(value), .arena = arena};
    bool is_text = tag >= LAUNCH_KEY && tag <= LAUNCH_CWD;
    *ret_is_known = true;
    if (take_text_field(&d, value, tag, l))
        return is_text ? reader_error(&d.r) : reader_end(&d.r);
    *ret_is_known = take_number_field(value, tag, l);
    return 0;
}

int shim_launch_read(struct bytes in, struct arena *arena, enum shim_reader reader,
                     struct shim_launch *ret_launch)
{
    static const char *const none[] = {NULL};
    struct shim_launch l = {.key = "",
                            .dir = "",
                            .data_dir = "",
                            .group = "",
                            .user = "",
                            .cwd = "",
                            .argv = none,
                            .stop_signal = 15,
                            .stop_timeout_ms = 10000};
    struct tlv_reader t;
    uint16_t tag;
    struct bytes value;
    if (shim_old_is(in, launch_magic))
        return shim_old_launch(in, arena, ret_launch);
    int error = tlv_read(in, launch_magic, &t);
    uint8_t *buf = error ? NULL : arena_alloc(arena, in.len);
    if (error || !buf)
        return error ? error : -ENOMEM;
    struct writer unknown = writer_of(buf, in.len);
    while (error == 0 && tlv_next(&t, &tag, &value)) {
        bool is_known;
        error = take_field(arena, tag, value, &l, &is_known);
        if (error || is_known)
            continue;
        if ((tag & TLV_MUST) && reader == SHIM_READ_SHIM)
            error = ERR_UNSUPPORTED;
        keep_unknown(&unknown, tag, value);
    }
    error = error ? error : tlv_error(&t);
    if (error)
        return error;
    if (l.n_argv == 0 || !l.argv[0][0])
        return ERR_MALFORMED;
    l.unknown = writer_done(&unknown);
    *ret_launch = l;
    return 0;
}

/* ---- state ---- */

void shim_state_write(const struct shim_state *s, struct writer *w)
{
    static const uint8_t zeros[SHIM_SLOT_LEN];
    size_t begin = w->len;
    const struct exit_fact *e = &s->exit;
    tlv_begin(w, state_magic);
    tlv_u32(w, STATE_PHASE, (uint32_t)s->phase);
    tlv_u32(w, STATE_ORDER, s->order);
    tlv_u32(w, STATE_SHIM_PID, s->shim_pid);
    tlv_u32(w, STATE_INIT_PID, s->init_pid);
    tlv_u32(w, STATE_PID, s->pid);
    tlv_u64(w, STATE_STARTED, s->started_unix_ms);
    tlv_u64(w, STATE_ENDED, s->ended_unix_ms);
    tlv_u32(w, STATE_EXIT_KIND, (uint32_t)e->kind);
    tlv_u32(w, STATE_EXIT_NUMBER, (uint32_t)e->number);
    tlv_u32(w, STATE_EXIT_NOTES, exit_notes(e));
    tlv_bytes(w, STATE_BOOT, BYTES_OF(s->boot));
    tlv_u64(w, STATE_LOST, s->lost_bytes);
    size_t used = w->len - begin + TLV_HEAD + sizeof(uint32_t);
    tlv_bytes(w, STATE_FILL, (struct bytes){zeros, SHIM_SLOT_LEN - used});
    tlv_end(w, begin);
}

static void take_state_field(uint16_t tag, struct bytes value, struct shim_state *s)
{
    switch (tag) {
    case STATE_PHASE:
        s->phase = (enum shim_phase)tlv_as_u32(value);
        break;
    case STATE_ORDER:
        s->order = tlv_as_u32(value);
        break;
    case STATE_SHIM_PID:
        s->shim_pid = tlv_as_u32(value);
        break;
    case STATE_INIT_PID:
        s->init_pid = tlv_as_u32(value);
        break;
    case STATE_PID:
        s->pid = tlv_as_u32(value);
        break;
    case STATE_STARTED:
        s->started_unix_ms = tlv_as_u64(value);
        break;
    case STATE_ENDED:
        s->ended_unix_ms = tlv_as_u64(value);
        break;
    case STATE_EXIT_KIND:
        s->exit.kind = (enum exit_kind)tlv_as_u32(value);
        break;
    case STATE_EXIT_NUMBER:
        s->exit.number = (int32_t)tlv_as_u32(value);
        break;
    case STATE_EXIT_NOTES:
        exit_take_notes(&s->exit, tlv_as_u32(value));
        break;
    case STATE_LOST:
        s->lost_bytes = tlv_as_u64(value);
        break;
    case STATE_BOOT:
        if (value.len == sizeof(s->boot))
            memcpy(s->boot, value.at, sizeof(s->boot));
        break;
    default:
        break; /* of another release */
    }
}

static int read_slot(struct bytes in, struct shim_state *ret_state)
{
    struct shim_state s = {0};
    struct tlv_reader t;
    uint16_t tag;
    struct bytes value;
    int error = tlv_read(in, state_magic, &t);
    if (error)
        return error;
    while (tlv_next(&t, &tag, &value))
        take_state_field(tag, value, &s);
    if (tlv_error(&t))
        return tlv_error(&t);
    if (s.phase < SHIM_RUNNING || s.phase > SHIM_ENDING || s.exit.kind > EXIT_NEVER)
        return ERR_MALFORMED;
    *ret_state = s;
    return 0;
}

int shim_state_read(struct bytes in, struct shim_state *ret_state)
{
    struct shim_state slots[2];
    int errors[2];
    if (shim_old_is(in, state_magic))
        return shim_old_state(in, ret_state);
    if (in.len != SHIM_STATE_LEN)
        return in.len < SHIM_STATE_LEN ? ERR_TRUNCATED : ERR_MALFORMED;
    for (size_t i = 0; i < 2; i++)
        errors[i] = read_slot((struct bytes){in.at + i * SHIM_SLOT_LEN, SHIM_SLOT_LEN},
                              &slots[i]);
    if (errors[0] && errors[1])
        return errors[0];
    bool is_second = errors[0] || (errors[1] == 0 && slots[1].order > slots[0].order);
    *ret_state = slots[is_second];
    return 0;
}

struct exit_fact shim_state_end(const struct shim_state *state,
                                const uint8_t boot[static SHIM_BOOT_LEN])
{
    static const uint8_t unknown[SHIM_BOOT_LEN];
    if (!state)
        return (struct exit_fact){.kind = EXIT_NEVER};
    if (state->phase == SHIM_EXITED || state->phase == SHIM_ENDING)
        return state->exit;
    bool is_known = memcmp(state->boot, unknown, sizeof(unknown)) != 0 &&
                    memcmp(boot, unknown, sizeof(unknown)) != 0;
    return (struct exit_fact){.kind = EXIT_LOST,
                              .is_host = is_known &&
                                         memcmp(state->boot, boot, sizeof(unknown)) != 0};
}
