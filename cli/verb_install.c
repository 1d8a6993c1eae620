/* `install` and `uninstall`: this program, its agent and what it needs, on this host.
 *
 * The usual path: files that are not there or differ are put, then whoever starts programs here is told.  Each step
 * says what it did, and may be done again.  What can fail: no root, a full disk, a service manager
 * that refuses; what was done until then stays, and the command can be given again. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "cli/install_files.h"
#include "cli/talk.h"
#include "cli/verbs.h"

enum { START_TRIES = 100, START_TRY_US = 100000 };

static bool has_systemd(void)
{
    return access("/run/systemd/system", F_OK) == 0; /* sd_booted(3) */
}

/* Its exit status; -1: it could not be run. */
static int run(const char *const *argv)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void say(const struct invocation *in, const char *path, int did, const char *done,
                const char *same)
{
    char at[INSTALL_PATH_MAX];
    install_path(path, at);
    if (!in->is_json)
        fprintf(stderr, "%-40s %s\n", at, did > 0 ? done : same);
}

/* ---- an agent without a service manager ---- */

static pid_t read_pid(void)
{
    char path[INSTALL_PATH_MAX], text[32] = "", exe[64], program[256] = "";
    install_path(INSTALL_PID, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        (void)close(fd);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    (void)snprintf(exe, sizeof(exe), "/proc/%ld/exe", pid);
    bool is_ours = pid > 1 && readlink(exe, program, sizeof(program) - 1) > 0 &&
                   strncmp(program, INSTALL_BIN, sizeof(INSTALL_BIN) - 1) == 0;
    return is_ours ? (pid_t)pid : 0;
}

/* Its tasks stay. */
static void stop_agent(pid_t pid)
{
    (void)kill(pid, SIGTERM);
    for (int i = 0; i < START_TRIES && kill(pid, 0) == 0; i++)
        (void)usleep(START_TRY_US);
}

/* Run in a fork: leaves the terminal, and becomes the agent. */
static _Noreturn void become_agent(void)
{
    int in_fd = open("/dev/null", O_RDONLY),
        log = open(INSTALL_LOG, O_WRONLY | O_CREAT | O_APPEND, 0640);
    (void)setsid();
    if (chdir("/") < 0 || in_fd < 0 || log < 0 || dup2(in_fd, 0) < 0 ||
        dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    (void)close_range(3, ~0u, 0);
    (void)execl(INSTALL_BIN, "stratos", "agent", "--config", INSTALL_CONFIG, NULL);
    _exit(127);
}

static bool answers(const struct invocation *in)
{
    struct invocation quiet = *in;
    struct talk t;
    quiet.socket = agent_default_socket();
    quiet.host = NULL;
    quiet.is_json = false;
    if (access(quiet.socket, F_OK) != 0 || talk_open_or_none(&t, &quiet) != EXIT_DONE)
        return false;
    talk_close(&t);
    return true;
}

static int start_agent(const struct invocation *in)
{
    char text[32], path[INSTALL_PATH_MAX];
    struct err err = {0};
    pid_t pid = fork();
    if (pid == 0)
        become_agent();
    if (pid < 0)
        return fail(in, EXIT_FAILED, "failed", "cannot start the agent: %s",
                    err_text(-errno));
    for (int i = 0; i < START_TRIES && !answers(in); i++) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return fail(in, EXIT_FAILED, "failed",
                        "the agent ended at once: the end of %s says why", INSTALL_LOG);
        (void)usleep(START_TRY_US);
    }
    (void)snprintf(text, sizeof(text), "%ld\n", (long)pid);
    if (install_put(INSTALL_PID, bytes_of_text(text), 0644, &err) < 0)
        return fail(in, EXIT_FAILED, "failed", "%s", err.text);
    install_path(INSTALL_PID, path);
    if (!in->is_json)
        fprintf(stderr,
                "no systemd here: the agent was started in the background (pid %ld, log "
                "%s).\n"
                "At boot this host's own init has to start it: %s agent --config %s\n",
                (long)pid, INSTALL_LOG, INSTALL_BIN, INSTALL_CONFIG);
    return EXIT_DONE;
}

/* ---- install ---- */

/* In order; `did` counts what is new of program and unit. */
static int put_files(const struct invocation *in, unsigned *did)
{
    struct err err = {0};
    char config[INSTALL_CONFIG_MAX], at[INSTALL_PATH_MAX];
    const char *join = words_value(&in->words, "join"),
               *secret = words_value(&in->words, "secret-file");
    int code = install_put_program(&err);
    if (code >= 0) {
        *did += code > 0;
        say(in, INSTALL_BIN, code, "written", "is this program");
        code = install_put_secret(secret, &err);
    }
    if (code >= 0) {
        say(in, INSTALL_SECRET, code,
            secret ? "copied"
                   : "a new one was made: this host begins a cluster of its own",
            "stays as it is");
        install_config(join, config);
        install_path(INSTALL_CONFIG, at);
        bool is_there = access(at, F_OK) == 0;
        if (is_there && join)
            fprintf(stderr, "%s is there and stays: write join: [%s] into it\n", at,
                    join);
        code =
            is_there ? 0 : install_put(INSTALL_CONFIG, bytes_of_text(config), 0644, &err);
    }
    if (code >= 0) {
        say(in, INSTALL_CONFIG, code, "written", "stays as it is");
        if (install_is_elsewhere() || has_systemd()) {
            code = install_put(INSTALL_UNIT, bytes_of_text(install_unit), 0644, &err);
            *did += code > 0;
            if (code >= 0)
                say(in, INSTALL_UNIT, code, "written", "stays as it is");
        }
    }
    return code < 0 ? fail(in, code == ERR_CONFLICT ? EXIT_CONFLICT : EXIT_FAILED,
                           "failed", "%s", err.text)
                    : EXIT_DONE;
}

static int start(const struct invocation *in, bool is_new)
{
    if (install_is_elsewhere())
        return EXIT_DONE;
    if (has_systemd()) {
        if (RUN("systemctl", "daemon-reload") != 0 ||
            RUN("systemctl", "enable", "stratos.service") != 0 ||
            RUN("systemctl", is_new ? "restart" : "start", "stratos.service") != 0)
            return fail(
                in, EXIT_FAILED, "failed",
                "the unit does not start: systemctl status stratos; journalctl -u "
                "stratos");
        return EXIT_DONE;
    }
    pid_t pid = read_pid();
    if (pid && !is_new) {
        if (!in->is_json)
            fprintf(stderr, "the agent runs (pid %ld)\n", (long)pid);
        return EXIT_DONE;
    }
    if (!pid && answers(in))
        return fail(in, EXIT_FAILED, "failed",
                    "an agent runs here that was started in another way: stop it, then "
                    "install again");
    if (pid)
        stop_agent(pid);
    return start_agent(in);
}

static int need_root(const struct invocation *in, const char *verb)
{
    if (geteuid() == 0 || install_is_elsewhere())
        return EXIT_DONE;
    return fail(in, EXIT_FAILED, "denied", "%s needs root: sudo stratos %s", verb, verb);
}

int verb_install(const struct invocation *in)
{
    unsigned did = 0;
    int code = need_root(in, "install");
    if (code == EXIT_DONE)
        code = put_files(in, &did);
    if (code == EXIT_DONE)
        code = start(in, did > 0);
    if (code != EXIT_DONE)
        return code;
    if (in->is_json)
        printf(
            "{\"api\":1,\"data\":{\"program\":\"%s\",\"secret\":\"%s\",\"config\":\"%s\","
            "\"new\":%s}}\n",
            INSTALL_BIN, INSTALL_SECRET, INSTALL_CONFIG, did ? "true" : "false");
    else if (!install_is_elsewhere())
        fputs("see: stratos members\n", stderr);
    return EXIT_DONE;
}

/* ---- uninstall ---- */

static int ask_first(const struct invocation *in)
{
    char answer[16] = "";
    if (in->is_json || words_has(&in->words, "yes") || !isatty(STDIN_FILENO) ||
        !isatty(STDOUT_FILENO))
        return EXIT_DONE;
    fprintf(stderr,
            "stop this host's agent, end its tasks and remove the program: yes or no? ");
    fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return EXIT_DONE;
    return fail(in, EXIT_CONFLICT, "declined", "nothing was done");
}

static int stop(const struct invocation *in)
{
    static struct agent_options options;
    char unit[INSTALL_PATH_MAX];
    install_path(INSTALL_UNIT, unit);
    if (has_systemd() && access(unit, F_OK) == 0 &&
        RUN("systemctl", "disable", "--now", "stratos.service") != 0)
        return fail(in, EXIT_FAILED, "failed",
                    "the unit does not stop: systemctl status stratos");
    pid_t pid = read_pid();
    if (pid)
        stop_agent(pid);
    if (answers(in))
        return fail(in, EXIT_FAILED, "failed",
                    "an agent runs here that was started in another way: stop it, then "
                    "uninstall again");
    options.data_dir = INSTALL_DATA;
    struct err err = {0};
    size_t n = 0;
    int status = agent_stop_tasks(&options, &n, &err);
    bool is_done = status == 0 || status == -ENOENT; /* nothing was ever run here */
    if (n > 0 && is_done)
        fprintf(stderr, "%zu task%s stopped\n", n, n == 1 ? "" : "s");
    return is_done ? EXIT_DONE : fail(in, EXIT_FAILED, "failed", "%s", err.text);
}

/* One that nobody has changed; else it holds a person's words. */
static bool is_config_untouched(void)
{
    char config[INSTALL_CONFIG_MAX], kept[INSTALL_CONFIG_MAX], at[INSTALL_PATH_MAX];
    install_config(NULL, config);
    install_path(INSTALL_CONFIG, at);
    int fd = open(at, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, kept, sizeof(kept));
    if (fd >= 0)
        (void)close(fd);
    return n == (ssize_t)strlen(config) && memcmp(kept, config, (size_t)n) == 0;
}

static int remove_files(const struct invocation *in)
{
    const char *paths[] = {INSTALL_UNIT, INSTALL_PID, INSTALL_LOG, INSTALL_BIN,
                           is_config_untouched() ? INSTALL_CONFIG : NULL};
    struct err err = {0};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && paths[i]; i++) {
        int code = install_remove(paths[i], &err);
        if (code < 0)
            return fail(in, EXIT_FAILED, "failed", "%s", err.text);
        if (code > 0)
            say(in, paths[i], code, "removed", "");
    }
    if (!install_is_elsewhere() && has_systemd())
        (void)RUN("systemctl",
                  "daemon-reload"); /* of what is gone nothing is left to say */
    return EXIT_DONE;
}

int verb_uninstall(const struct invocation *in)
{
    int code = need_root(in, "uninstall");
    if (code == EXIT_DONE)
        code = ask_first(in);
    if (code == EXIT_DONE && !install_is_elsewhere())
        code = stop(in);
    if (code == EXIT_DONE)
        code = remove_files(in);
    if (code != EXIT_DONE)
        return code;
    if (in->is_json)
        printf("{\"api\":1,\"data\":{\"kept\":[\"%s\",\"%s\"]}}\n", INSTALL_DIR,
               INSTALL_DATA);
    else
        fprintf(
            stderr,
            "kept: %s (the secret) and %s (identity, table, logs).  Without `stratos "
            "leave` before it\nthe others believe this node dead: `stratos forget NAME` "
            "there drops it\n",
            INSTALL_DIR, INSTALL_DATA);
    return EXIT_DONE;
}
