/* An agent that answers from a table. */
#include "tests/cli/fake_agent.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"

static const char envelope[] = "{\"api\":1,\"node\":\"n1\",\"view\":{\"alive\":3,"
                               "\"suspect\":0,\"dead\":0,\"digest\":\"00\","
                               "\"newest_ms\":200,\"reachable\":3},\"data\":%s}";

/* False when the agent is to go away. */
static bool answer(int fd, const char *request, const struct canned *answers, size_t n)
{
    char body[8192] =
        "{\"error\":{\"code\":\"not_found\",\"message\":\"no such route\"}}",
         head[256];
    int status = 404;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(answers[i].request);
        if (strncmp(request, answers[i].request, len) != 0 || request[len] != ' ')
            continue;
        status = answers[i].status;
        if (status == 0)
            return false;
        (void)snprintf(body, sizeof(body), status < 400 ? envelope : "%s",
                       answers[i].body);
    }
    int len = snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n",
                       status, strlen(body));
    (void)!send(fd, head, (size_t)len, MSG_NOSIGNAL);
    (void)!send(fd, body, strlen(body), MSG_NOSIGNAL);
    return true;
}

/* One connection, requests one after another; a body is as long as its head says. */
static void serve(int fd, const struct canned *answers, size_t n)
{
    static char in[65536];
    size_t len = 0;
    for (;;) {
        ssize_t got = recv(fd, in + len, sizeof(in) - 1 - len, 0);
        if (got <= 0)
            return;
        len += (size_t)got;
        in[len] = '\0';
        char *end = strstr(in, "\r\n\r\n"), *length = strstr(in, "Content-Length: ");
        size_t whole =
            end && length ? (size_t)(end - in) + 4 + strtoul(length + 16, NULL, 10) : 0;
        if (whole == 0 || len < whole)
            continue;
        if (!answer(fd, in, answers, n))
            return;
        memmove(in, in + whole, len - whole);
        len -= whole;
    }
}

void fake_agent_start(struct fake_agent *a, const struct canned *answers, size_t n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(a->dir, sizeof(a->dir), "/tmp/stratos-test-XXXXXX");
    cr_assert(mkdtemp(a->dir));
    (void)snprintf(a->socket, sizeof(a->socket), "%s/s", a->dir);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", a->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
              listen(fd, 8) == 0);
    a->pid = fork();
    if (a->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int one = accept(fd, NULL, NULL);
            if (one < 0)
                _exit(1);
            serve(one, answers, n);
            close(one);
        }
    }
    close(fd);
}

void fake_agent_stop(struct fake_agent *a)
{
    (void)kill(a->pid, SIGKILL);
    (void)waitpid(a->pid, NULL, 0);
    (void)unlink(a->socket);
    (void)rmdir(a->dir);
}

static void read_back(int fd, char *out, size_t cap)
{
    ssize_t n = pread(fd, out, cap - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    close(fd);
}

static int memory_file(void)
{
    FILE *file = tmpfile();
    cr_assert(file);
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

void run_stratos(const char *socket, const char *line, struct outcome *ret_outcome)
{
    char words[1024], name[] = "stratos", flag[] = "--socket", path[128];
    char *argv[64] = {name, flag, path};
    int argc = 3, out = memory_file(), err = memory_file(), status = 0;
    (void)snprintf(path, sizeof(path), "%s", socket);
    (void)snprintf(words, sizeof(words), "%s", line);
    for (char *rest = words, *word; (word = strsep(&rest, " ")) != NULL;)
        argv[argc++] = word;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(out, 1);
        (void)dup2(err, 2);
        int code = command_main(argc, argv);
        fflush(NULL);
        _exit(code); /* a leak check in a fork of a process with threads only says that it
                        is one */
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    ret_outcome->code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    read_back(out, ret_outcome->out, sizeof(ret_outcome->out));
    read_back(err, ret_outcome->err, sizeof(ret_outcome->err));
}
