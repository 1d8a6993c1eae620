/* Log lines: their form is a contract with whoever greps them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "core/log.h"

/* Everything written to stderr since, without the times; `from` is a pipe's reading end.
 */
static void collect(int from, char *out, size_t cap)
{
    char buf[8192];
    ssize_t n = read(from, buf, sizeof(buf) - 1);
    cr_assert_gt(n, 0);
    buf[n] = '\0';
    out[0] = '\0';
    for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
        cr_assert_eq(strlen("2026-11-21T00:45:46.123Z"), strcspn(line, " "), "%s", line);
        (void)snprintf(out + strlen(out), cap - strlen(out), "%s\n",
                       strchr(line, ' ') + 1);
    }
}

Test(log, lines_are_level_subject_and_pairs_with_odd_values_quoted)
{
    int ends[2], saved = dup(STDERR_FILENO);
    char out[8192], longest[5000];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[4999] = '\0';
    cr_assert_eq(pipe(ends), 0);
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    log_line(LOG_INFO, "member", "name", "n3", "state", "alive", NULL);
    log_line(LOG_DEBUG, "member", "name", "quiet", NULL);
    log_line(LOG_ERROR, "store", "why", "no \"space\"\n\\left", "skipped", NULL, "empty",
             "", "pair", "a=b", NULL);
    log_level_set(LOG_DEBUG);
    log_line(LOG_DEBUG, "member", NULL);
    log_line(LOG_WARN, "long", "text", longest, "after", "cut", NULL);
    cr_assert_geq(dup2(saved, STDERR_FILENO), 0);
    collect(ends[0], out, sizeof(out));
    static const char expected[] =
        "info member name=n3 state=alive\n"
        "error store why=\"no \\\"space\\\" \\\\left\" empty=\"\" pair=\"a=b\"\n"
        "debug member\n"
        "warn long text=xxxxxxxx";
    cr_assert_eq(strncmp(out, expected, strlen(expected)), 0, "%s", out);
    cr_assert(strstr(out, "xxx after=cut\n"));
    cr_assert_lt(strlen(out), 800);
}
