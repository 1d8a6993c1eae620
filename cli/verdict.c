/* The verdict as people read it.  See verdict.h. */
#include "cli/verdict.h"

#include <string.h>

#include "cli/talk.h"

static void print_need(const json_t *need, const char *said)
{
    const char *text = json_text(need, "text"), *see = json_text(need, "see"),
               *level = json_text(need, "level");
    bool is_said =
        strstr(said, text) != NULL; /* in the line above: only what to type is new */
    fputs(strcmp(level, "note") == 0 ? "  - " : "  ! ", stdout);
    print_safe(stdout, is_said ? json_text(need, "subject") : text, false);
    if (*see) {
        fputs(": ", stdout);
        print_safe(stdout, see, false);
    }
    fputc('\n', stdout);
}

void verdict_print(const json_t *verdict)
{
    const json_t *needs = json_object_get(verdict, "needs");
    const char *text = json_text(verdict, "text");
    size_t n = json_array_size(needs), n_shown = n < NEEDS_SHOWN ? n : NEEDS_SHOWN;
    long long n_more = json_number(verdict, "more") + (long long)(n - n_shown);
    if (!*text)
        return;
    print_safe(stdout, text, false);
    fputc('\n', stdout);
    for (size_t i = 0; i < n_shown; i++)
        print_need(json_array_get(needs, i), text);
    if (n_more > 0)
        printf("  and %lld more: stratos status\n", n_more);
}
