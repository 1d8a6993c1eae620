/* See event_text.h. */
#include "cli/event_text.h"

#include <stdio.h>
#include <string.h>

#include "cli/talk.h"

/* "web.0 is pending on n1: exited with 3": the subject is the text's first word.  What has happened again
 * and again is one event: "web.0 is pending on n1, 4x in 8s: exited with 3". */
void event_text(const json_t *event, char *out, size_t cap)
{
    const char *cause = json_text(event, "cause"), *subject = json_text(event, "subject");
    size_t len = strlen(subject);
    long long times = json_number(event, "times");
    uint64_t at = time_parse(json_text(event, "at")),
             since = time_parse(json_text(event, "since"));
    char often[RENDER_TEXT + 48] = "", age[RENDER_TEXT];
    if (strncmp(cause, subject, len) == 0 && cause[len] == ' ')
        cause = ""; /* what it was before is told by the line of that */
    if (times > 1)
        (void)snprintf(often, sizeof(often), ", %lldx in %s", times,
                       age_text(at > since ? at - since : 0, age));
    (void)snprintf(out, cap, "%s%s%s%s", json_text(event, "text"), often,
                   *cause ? ": " : "", cause);
}
