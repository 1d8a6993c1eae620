/* An agent that answers from a table, and the program run against it in a child process.
 */
#ifndef TESTS_CLI_FAKE_AGENT_H
#define TESTS_CLI_FAKE_AGENT_H

#include <stddef.h>
#include <sys/types.h>

struct canned {
    const char *request; /* "GET /v1/jobs": method and target, exactly */
    int status;          /* 0: the agent hangs up without an answer */
    const char
        *body; /* of an answer: the data; of an error (status >= 400): the whole object */
};

struct fake_agent {
    pid_t pid;
    char dir[64], socket[80];
};

void fake_agent_start(struct fake_agent *a, const struct canned *answers, size_t n);
void fake_agent_stop(struct fake_agent *a);

struct outcome {
    int code;
    char out[16384], err[16384];
};

/* `stratos --socket SOCKET LINE...`; words of `line` are separated by single spaces. */
void run_stratos(const char *socket, const char *line, struct outcome *ret_outcome);

#endif
