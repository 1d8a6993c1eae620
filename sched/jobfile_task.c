/* The task's own keys: what to run, as whom, with how much, and how to stop it. */
#include "sched/jobfile_task.h"

#include <errno.h>
#include <string.h>

#include "sched/defaults.h"

/* ---- command ---- */

static const char **argv_new(struct job_reader *r, struct task_spec *task, size_t n)
{
    const char **argv = schema_array(r, n + 1, sizeof(*argv));
    if (argv) {
        task->argv = argv;
        task->n_argv = n;
    }
    return argv;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static SCHEMA_READER(read_command)
{
    struct task_spec *task = to;
    if (value->kind == DOC_SCALAR) {
        const char *text = schema_text_of(r, value);
        const char **argv = text && !is_blank(text) ? argv_new(r, task, 3) : NULL;
        if (argv) {
            argv[0] = "/bin/sh";
            argv[1] = "-c";
            argv[2] = text;
        } else if (text && is_blank(text)) {
            schema_refuse(r, value, "%s: must not be empty", key->name);
        }
        return;
    }
    if (value->kind == DOC_MAP) {
        schema_refuse(r, value,
                      "%s: wants a list of words, or a text for the shell, not a map",
                      key->name);
        return;
    }
    if (!schema_is_list(r, value, ARGS_MAX))
        return;
    if (value->n == 0 ||
        (value->child->kind == DOC_SCALAR && is_blank(value->child->text))) {
        schema_refuse(r, value, "%s: wants the program first", key->name);
        return;
    }
    const char **argv = argv_new(r, task, value->n);
    size_t i = 0;
    for (const struct doc *word = value->child; argv && word; word = word->next)
        argv[i++] = schema_text_of(r, word);
}

/* ---- user, dir, env ---- */

static SCHEMA_READER(read_user)
{
    struct task_spec *task = to;
    const char *text = schema_text_of(r, value);
    if (!text)
        return;
    size_t len = strlen(text);
    if (len == 0 || len > 32 || text[0] == '-' ||
        strspn(text,
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
            len)
        schema_refuse(r, value, "%s: wants a user's name or number, not '%.64s'",
                      key->name, text);
    else
        task->user = text;
}

static SCHEMA_READER(read_dir)
{
    struct task_spec *task = to;
    const char *text = schema_text_of(r, value);
    if (!text)
        return;
    if ((text[0] != '/' && strncmp(text, "${", 2) != 0) || strlen(text) > 4095)
        schema_refuse(r, value,
                      "%s: wants an absolute path (leave it out for the task's own "
                      "directory), not '%.64s'",
                      key->name, text);
    else
        task->dir = text;
}

static SCHEMA_READER(read_env)
{
    (void)key;
    struct task_spec *task = to;
    schema_pairs(r, value, ENV_MAX, true, &task->env, &task->n_env);
}

/* ---- stop ---- */

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT},
    {"HUP", SIGHUP},   {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"USR2", SIGUSR2}, {"ABRT", SIGABRT}, {"WINCH", SIGWINCH},
};

const char *jobfile_signal_name(int number)
{
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (signals[i].number == number)
            return signals[i].name;
    return NULL;
}

static SCHEMA_READER(read_signal)
{
    struct task_spec *task = to;
    const char *text = schema_text_of(r, value);
    if (!text)
        return;
    const char *name = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (strcmp(signals[i].name, name) == 0) {
            task->stop_signal = signals[i].number;
            return;
        }
    schema_refuse(
        r, value,
        "%s: wants TERM, INT, QUIT, HUP, KILL, USR1, USR2, ABRT or WINCH, not '%.64s'",
        key->name, text);
}

static SCHEMA_READER(read_stop_to)
{
    struct task_spec *task = to;
    const char *text = schema_text_of(r, value);
    if (!text)
        return;
    task->stop_main = strcmp(text, "main") == 0;
    if (!task->stop_main && strcmp(text, "all") != 0)
        schema_refuse(r, value, "%s: wants all or main, not '%.64s'", key->name, text);
}

/* ---- isolation ---- */

static const char *const api_names[] = {"none", "read", "write", NULL};

_Static_assert(API_WRITE == 2, "a name for each scope");

const char *jobfile_api_name(enum api_scope scope)
{
    return api_names[scope];
}

static SCHEMA_READER(read_api)
{
    struct task_spec *task = to;
    const char *text = schema_text_of(r, value);
    if (!text)
        return;
    for (size_t i = 0; api_names[i]; i++)
        if (strcmp(api_names[i], text) == 0) {
            task->api = (enum api_scope)i;
            return;
        }
    const char *near = did_you_mean(text, api_names);
    schema_refuse(r, value, "%s: wants none, read or write, not '%.64s'%s%s%s", key->name,
                  text, near ? "; did you mean '" : "", near ? near : "",
                  near ? "'?" : "");
}

/* ---- the tables ---- */

#define MEMBER(name) offsetof(struct task_spec, name)

static const struct key resource_keys[] = {
    {"cpu", schema_cpu, .offset = MEMBER(cpu_milli), .min = 1, .max = CPU_MILLI_MAX},
    {"memory", schema_size, .offset = MEMBER(memory_bytes), .min = 1 << 20,
     .max = (uint64_t)MEMORY_MIB_MAX << 20},
    {"pids", schema_uint, .offset = MEMBER(pids), .min = 1, .max = PIDS_PER_TASK_MAX},
    {"disk", schema_refused, .text = "leave it out: disk space is not limited"},
    {"io", schema_refused, .text = "leave it out: disk bandwidth is not limited"},
    {0},
};

static const struct key stop_keys[] = {
    {"signal", .read = read_signal},
    {"timeout", schema_duration, .offset = MEMBER(stop_timeout_ms)},
    {"to", .read = read_stop_to},
    {0},
};

static const struct key logs_keys[] = {
    {"max_size", schema_size, .offset = MEMBER(log_max_bytes), .min = 4096,
     .max = (uint64_t)1 << 40},
    {"max_files", schema_uint, .offset = MEMBER(log_max_files), .min = 1, .max = 100},
    {"keep", schema_duration, .offset = MEMBER(log_keep_ms)},
    {0},
};

static const struct key isolation_keys[] = {
    {"api", .read = read_api},
    {0},
};

static SCHEMA_READER(read_resources)
{
    (void)key;
    schema_read(r, value, resource_keys, "task.resources", to);
}

static SCHEMA_READER(read_stop)
{
    (void)key;
    schema_read(r, value, stop_keys, "task.stop", to);
}

static SCHEMA_READER(read_logs)
{
    (void)key;
    schema_read(r, value, logs_keys, "task.logs", to);
}

static SCHEMA_READER(read_isolation)
{
    (void)key;
    schema_read(r, value, isolation_keys, "task.isolation", to);
}

static const struct key task_keys[] = {
    {"command", .read = read_command},
    {"user", .read = read_user},
    {"dir", .read = read_dir},
    {"env", .read = read_env},
    {"resources", .read = read_resources},
    {"stop", .read = read_stop},
    {"logs", .read = read_logs},
    {"name", schema_refused, .text = "leave it out: a job has one task"},
    {"role", schema_only, .text = "main|init sidecar final"},
    {"image", schema_refused,
     .text = "install the program on the nodes and name it in command"},
    {"env_file", schema_refused, .text = "write the variables under env"},
    {"fetch", schema_refused,
     .text = "have the command download it, or put it on the nodes"},
    {"files", schema_refused,
     .text = "have the command write them, or put them on the nodes"},
    {"limits", .read = jobfile_limits_read},
    {"rlimits", .read = jobfile_rlimits_read},
    {"secrets", schema_refused,
     .text = "have the command read them from a file on the node"},
    {"volumes", schema_refused, .text = "name the host's own paths in command or dir"},
    {"isolation", .read = read_isolation},
    {0},
};

const struct key *jobfile_task_keys(void)
{
    return task_keys;
}

const struct key_map jobfile_task_maps[] = {
    {"task", task_keys},
    {"task.resources", resource_keys},
    {"task.stop", stop_keys},
    {"task.logs", logs_keys},
    {"task.isolation", isolation_keys},
    {0},
};

void jobfile_task_default(struct task_spec *task)
{
    *task = (struct task_spec){
        .cpu_milli = DEFAULT_CPU_MILLI,
        .memory_bytes = DEFAULT_MEMORY_BYTES,
        .pids = DEFAULT_PIDS,
        .stop_signal = DEFAULT_STOP_SIGNAL,
        .stop_timeout_ms = DEFAULT_STOP_TIMEOUT_MS,
        .log_max_bytes = DEFAULT_LOG_MAX_BYTES,
        .log_max_files = DEFAULT_LOG_MAX_FILES,
        .log_keep_ms = DEFAULT_LOG_KEEP_MS,
    };
}

void jobfile_task_read(struct job_reader *r, const struct doc *map,
                       struct task_spec *task)
{
    if (map->kind == DOC_SCALAR) { /* task: "command" */
        read_command(r, task_keys, map, task);
        return;
    }
    schema_read(r, map, task_keys, "task", task);
    if (map->kind == DOC_MAP && !schema_find(map, "command") &&
        !schema_find(map, "image"))
        schema_refuse(r, map, "task: wants a command");
}
