/* See sandbox.h; docs/ISOLATION.md says the same to people.
 *
 * Order matters: all that is the host's is tamed first, then what is to be shown again later is
 * held open, then things are hidden, outermost first, then the task's own directory is put back,
 * then hidden places are sealed. */
#include "isolate/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "isolate/places.h"
#include "isolate/shim.h"

enum {
    SLOT_HOME,
    SLOT_PROGRAM,
    SLOT_GROUPS
}; /* the control groups take the slots from SLOT_GROUPS on */

_Static_assert(SLOT_GROUPS + CGROUP_CONTROLLERS <= SANDBOX_SLOTS,
               "a slot for each control group");

/* Sockets through which root, even without capabilities, would command the host. */
static const char *const host_sockets[] = {
    "/run/docker.sock",     "/run/containerd", "/run/podman",     "/run/crio",
    "/run/systemd/private", "/run/dbus",       "/run/lxd.socket", "/run/libvirt",
};

/* Where the cluster's secret and the agent's socket are by default.  Directories: a mask
 * over a file is lost as soon as the host puts another file in its place, as a rotation of
 * the secret does. */
static const char *const agent_places[] = {"/etc/stratos", "/run/stratos"};

/* The host's programs and configuration: a task may read and run, not change them. */
static const char *const host_read_only[] = {
    "/usr",  "/etc", "/boot",           "/efi",
    "/root", "/opt", "/var/spool/cron", "/var/lib/systemd"};

static const char *const masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/kallsyms",
    "/proc/kmsg",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/vmallocinfo",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
    "/sys/kernel/security",
    "/sys/fs/bpf",
    "/sys/fs/pstore",
};

static const char *const read_only[] = {
    "/proc/bus",           "/proc/fs",   "/proc/irq", "/proc/sys",
    "/proc/sysrq-trigger", "/proc/mtrr",
};

static const struct {
    const char *path;
    uint16_t device; /* kernel devices.txt */
} devices[] = {
    {"/dev/null", 1 << 8 | 3},   {"/dev/zero", 1 << 8 | 5},    {"/dev/full", 1 << 8 | 7},
    {"/dev/random", 1 << 8 | 8}, {"/dev/urandom", 1 << 8 | 9}, {"/dev/tty", 5 << 8 | 0},
};

static const char *const links[][2] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
    {"/dev/ptmx", "pts/ptmx"},
};

struct planner {
    struct sandbox *s;
    struct arena *arena;
    int error;
};

static void add(struct planner *p, struct sandbox_op op)
{
    if (p->s->n_ops == SANDBOX_OPS_MAX)
        p->error = ERR_BOUND;
    else
        p->s->ops[p->s->n_ops++] = op;
}

static const char *made(struct planner *p, const char *text)
{
    if (!text)
        p->error = -ENOMEM;
    return text ? text : "";
}

/* A tmpfs is charged to the task's memory, so half of its limit is a bound that leaves
 * room. */
static const char *scratch_options(struct planner *p, const char *mode)
{
    uint64_t bytes =
        p->s->limits.memory_bytes ? p->s->limits.memory_bytes / 2 : 64u << 20;
    return made(
        p, arena_printf(p->arena, "mode=%s,size=%llu", mode, (unsigned long long)bytes));
}

static void plan_scratch(struct planner *p)
{
    const char *options = scratch_options(p, "1777");
    add(p, (struct sandbox_op){.kind = SANDBOX_TMPFS, .to = "/tmp", .options = options});
    add(p, (struct sandbox_op){.kind = SANDBOX_TMPFS,
                               .to = "/var/tmp",
                               .options = options,
                               .is_optional = true});
}

static void mask(struct planner *p, const char *path)
{
    add(p, (struct sandbox_op){.kind = SANDBOX_MASK, .to = path, .is_optional = true});
}

static void seal(struct planner *p, const char *path)
{
    add(p,
        (struct sandbox_op){.kind = SANDBOX_READ_ONLY, .to = path, .is_optional = true});
}

/* Private scratch first: a data directory below /tmp is hidden by it already. */
static void plan_hiding(struct planner *p, const struct shim_launch *l)
{
    for (size_t i = 0; i < sizeof(host_read_only) / sizeof(host_read_only[0]); i++)
        seal(p, host_read_only[i]);
    plan_scratch(p);
    for (size_t i = 0; i < sizeof(agent_places) / sizeof(agent_places[0]); i++)
        mask(p, agent_places[i]);
    for (size_t i = 0; i < sizeof(host_sockets) / sizeof(host_sockets[0]); i++)
        mask(p, host_sockets[i]);
    for (size_t i = 0; i < l->n_hidden; i++)
        mask(p, l->hidden[i]);
    mask(p, l->data_dir);
    add(p, (struct sandbox_op){.kind = SANDBOX_DIR, .to = p->s->home});
    add(p,
        (struct sandbox_op){.kind = SANDBOX_BIND, .slot = SLOT_HOME, .to = p->s->home});
}

/* Tasks may run the agent's program where it is, also below /tmp, which is hidden by now. */
static void plan_program(struct planner *p, const char *program)
{
    if (!program)
        return;
    add(p, (struct sandbox_op){.kind = SANDBOX_FILE, .to = program, .is_optional = true});
    add(p, (struct sandbox_op){.kind = SANDBOX_BIND,
                               .slot = SLOT_PROGRAM,
                               .to = program,
                               .is_optional = true});
    seal(p, program);
}

static void plan_dev(struct planner *p)
{
    add(p, (struct sandbox_op){
               .kind = SANDBOX_TMPFS, .to = "/dev", .options = "mode=755,size=64k"});
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
        add(p, (struct sandbox_op){.kind = SANDBOX_DEVICE,
                                   .to = devices[i].path,
                                   .device = devices[i].device});
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        add(p, (struct sandbox_op){
                   .kind = SANDBOX_LINK, .to = links[i][0], .from = links[i][1]});
    add(p, (struct sandbox_op){.kind = SANDBOX_DIR, .to = "/dev/pts"});
    add(p, (struct sandbox_op){.kind = SANDBOX_PTS,
                               .to = "/dev/pts",
                               .options = "newinstance,ptmxmode=0666,mode=0620"});
    add(p, (struct sandbox_op){.kind = SANDBOX_DIR, .to = "/dev/shm"});
    add(p, (struct sandbox_op){.kind = SANDBOX_TMPFS,
                               .to = "/dev/shm",
                               .options = scratch_options(p, "1777")});
}

/* Root's, so that a user's task cannot change what is there; in memory, so that it is on no disk. */
static void plan_token(struct planner *p)
{
    add(p, (struct sandbox_op){.kind = SANDBOX_DIR, .to = SHIM_TOKEN_DIR});
    add(p, (struct sandbox_op){.kind = SANDBOX_TMPFS,
                               .to = SHIM_TOKEN_DIR,
                               .options = "mode=755,size=32k"});
    add(p, (struct sandbox_op){.kind = SANDBOX_TOKEN, .to = SHIM_TOKEN_PATH});
}

/* The task may look at its own limits (language runtimes size themselves by them) and at
 * no other group; root owns these files, so read-only is what keeps it from raising them.
 */
static void plan_groups(struct planner *p, const struct cgroup *g)
{
    static const char *const places[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids",
                                         "/sys/fs/cgroup/cpu"};
    if (!g->is_v2)
        add(p, (struct sandbox_op){.kind = SANDBOX_TMPFS,
                                   .to = "/sys/fs/cgroup",
                                   .options = "mode=755,size=64k"});
    for (size_t i = 0; i < g->n; i++) {
        const char *to = g->is_v2 ? "/sys/fs/cgroup" : places[g->dirs[i].controller];
        if (!g->is_v2)
            add(p, (struct sandbox_op){.kind = SANDBOX_DIR, .to = to});
        add(p, (struct sandbox_op){
                   .kind = SANDBOX_BIND, .slot = SLOT_GROUPS + (unsigned)i, .to = to});
    }
}

static void plan_mounts(struct planner *p, const struct shim_launch *l,
                        const struct cgroup *groups)
{
    add(p, (struct sandbox_op){.kind = SANDBOX_DETACH});
    add(p, (struct sandbox_op){.kind = SANDBOX_TAME,
                               .to = "/"}); /* what follows inherits it */
    add(p,
        (struct sandbox_op){.kind = SANDBOX_KEEP, .slot = SLOT_HOME, .from = p->s->home});
    const char *program = places_program(l);
    if (program && !places_hide(l, program))
        program = NULL;
    if (program)
        add(p, (struct sandbox_op){.kind = SANDBOX_KEEP,
                                   .slot = SLOT_PROGRAM,
                                   .from = program,
                                   .is_optional = true});
    for (size_t i = 0; i < groups->n; i++)
        add(p, (struct sandbox_op){.kind = SANDBOX_KEEP,
                                   .slot = SLOT_GROUPS + (unsigned)i,
                                   .from = groups->dirs[i].path});
    plan_dev(
        p); /* before anything is masked: of the host's devices none can be opened now */
    if (l->has_token)
        plan_token(p);
    plan_hiding(p, l);
    plan_program(p, program);
    plan_groups(p, groups);
    add(p, (struct sandbox_op){.kind = SANDBOX_PROC, .to = "/proc"});
    for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
        mask(p, masked[i]);
    for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++)
        seal(p, read_only[i]);
    seal(p, "/sys");
}

static void set_hostname(struct sandbox *s, const char *key)
{
    size_t n = 0;
    for (; key[n] && n < HOSTNAME_LEN_MAX; n++) /* a host name has no dots of its own */
        s->hostname[n] = key[n] == '.' ? '-' : key[n];
    s->hostname[n] = '\0';
}

int sandbox_plan(const struct shim_launch *l, const struct user_ids *user,
                 const struct cgroup *groups, struct arena *arena,
                 struct sandbox *ret_sandbox, struct err *err)
{
    struct planner p = {.s = ret_sandbox, .arena = arena};
    *ret_sandbox = (struct sandbox){
        .user = *user,
        .limits = {.memory_bytes = l->memory_bytes,
                   .pids = l->pids,
                   .cpu_milli = l->cpu_milli,
                   .cpu_cap_milli = l->cpu_cap_milli,
                   .has_swap = l->has_swap,
                   .swap_bytes = l->swap_bytes},
        .rlimits = l->rlimits,
    };
    assert(l->n_ports <= PORTS_MAX);
    for (size_t i = 0; i < l->n_ports; i++)
        ret_sandbox->ports[ret_sandbox->n_ports++] = l->ports[i];
    ret_sandbox->home = made(&p, arena_printf(arena, "%s/work", l->dir));
    set_hostname(ret_sandbox, l->key);
    plan_mounts(&p, l, groups);
    if (p.error)
        return err_set(err, p.error, "too much to hide for one sandbox: %s",
                       err_text(p.error));
    return 0;
}

char *sandbox_text(const struct sandbox *s, struct arena *arena)
{
    static const char *const kinds[] = {"detach", "tame",  "keep", "tmpfs",    "proc",
                                        "pts",    "dir",   "file", "link",     "device",
                                        "bind",   "token", "mask", "read-only"};
    char *text = arena_text(arena, "");
    for (size_t i = 0; text && i < s->n_ops; i++) {
        const struct sandbox_op *op = &s->ops[i];
        text = arena_printf(arena, "%s%s%s%s%s%s%s%s\n", text, kinds[op->kind],
                            op->to ? " " : "", op->to ? op->to : "",
                            op->from ? " from " : "", op->from ? op->from : "",
                            op->options ? " " : "", op->options ? op->options : "");
    }
    for (size_t i = 0; text && i < s->n_ports; i++)
        text = arena_printf(arena, "%stcp %u\n", text, s->ports[i]);
    return text;
}
