/* See shim_old.h. */
#include "isolate/shim_old.h"

#include "core/err.h"
#include "isolate/shim_value.h"

enum { OLD_FORMAT = 1, HEAD_LEN = 5 };

bool shim_old_is(struct bytes in, uint32_t magic)
{
    struct reader r = reader_of(in);
    return reader_u32(&r) == magic && reader_u8(&r) == OLD_FORMAT;
}

int shim_old_launch(struct bytes in, struct arena *arena, struct shim_launch *ret_launch)
{
    struct value_reader d = {.r = reader_of(in), .arena = arena};
    struct shim_launch l = {0};
    (void)reader_take(&d.r, HEAD_LEN);
    l.key = value_text(&d);
    l.dir = value_text(&d);
    l.data_dir = value_text(&d);
    l.group = value_text(&d);
    l.user = value_text(&d);
    l.cwd = value_text(&d);
    l.argv = value_texts(&d, ARGS_MAX, &l.n_argv);
    l.task_env = value_pairs(&d, ENV_MAX, &l.n_task_env);
    l.env = value_pairs(&d, ENV_MAX, &l.n_env);
    l.hidden = value_texts(&d, HIDDEN_MAX, &l.n_hidden);
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

int shim_old_state(struct bytes in, struct shim_state *ret_state)
{
    struct reader r = reader_of(in);
    struct shim_state s = {0};
    (void)reader_take(&r, HEAD_LEN);
    s.shim_pid = reader_u32(&r);
    s.init_pid = reader_u32(&r);
    s.pid = reader_u32(&r);
    s.started_unix_ms = reader_u64(&r);
    int32_t status = (int32_t)reader_u32(&r);
    bool is_oom = reader_u8(&r) != 0;
    s.exit = exit_of_status(status, is_oom);
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
