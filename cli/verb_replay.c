/* `replay`: a recording of `agent --record` is told to a node of this process, which needs no agent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/replay.h"
#include "cli/talk.h"
#include "cli/verbs.h"
#include "isolate/files.h"

enum { FILE_MAX = 1 << 30 };

static const char *counted(struct arena *arena, uint64_t n, const char *one,
                           const char *many)
{
    return arena_printf(arena, "%llu %s", (unsigned long long)n, n == 1 ? one : many);
}

static double seconds(const struct replay *r)
{
    return (double)(r->at_ms - r->begun_ms) / 1000;
}

static int say_json(const struct invocation *in, const struct replay *r)
{
    json_t *o =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:b, s:b, s:s}", "node", r->name,
                  "version", r->version, "starts", (json_int_t)r->n_starts, "entries",
                  (json_int_t)r->n_entries, "steps", (json_int_t)r->n_steps, "effects",
                  (json_int_t)r->n_effects, "seconds", seconds(r), "same", !r->differs,
                  "cut", r->is_cut, "end", r->why);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return fail(in, EXIT_FAILED, "memory", "out of memory");
    puts(text);
    free(text);
    return r->differs ? EXIT_FAILED : EXIT_DONE;
}

static void say(const struct replay *r, struct arena *arena)
{
    printf("%s %s was told %s in %.1f s, after %s of its store", r->name, r->version,
           counted(arena, r->n_steps, "input", "inputs"), seconds(r),
           counted(arena, r->n_entries, "entry", "entries"));
    if (r->n_starts > 1)
        printf(" (%llu starts)", (unsigned long long)r->n_starts);
    if (r->differs)
        printf(", and asks for something else after the last: %s.\nIt was recorded with "
               "%s then, and has %u now.%s\n",
               input_name(r->last), counted(arena, r->n_recorded, "effect", "effects"),
               r->n_asked,
               strcmp(r->version, STRATOS_VERSION) == 0
                   ? ""
                   : "  The recording is of another version than this program, which may "
                     "be all there is to it.");
    else
        printf(", and asks for the same: %s.\n",
               counted(arena, r->n_effects, "effect", "effects"));
    if (r->is_cut)
        printf("The recording is cut off: its last input was %s, and its agent may have "
               "crashed of what came then.\n",
               input_name(r->last));
    else if (r->why[0])
        printf("The recording ends because %s.\n", r->why);
}

int verb_replay(const struct invocation *in)
{
    struct arena arena;
    struct bytes file;
    struct err err = {0};
    struct replay r;
    const char *path = in->words.args[0];
    arena_init(&arena, 0);
    int status = file_read(path, FILE_MAX, &arena, &file);
    int code;
    if (status < 0)
        code = fail(in, EXIT_FAILED, "unreadable", "%s: %s", path, err_text(status));
    else if (replay_run(file, &r, &err) < 0)
        code = fail(in, EXIT_FAILED, "malformed", "%s: %s", path, err.text);
    else if (in->is_json)
        code = say_json(in, &r);
    else {
        say(&r, &arena);
        code = r.differs ? EXIT_FAILED : EXIT_DONE;
    }
    arena_fini(&arena);
    return code;
}
