/* Reading and checking job files. */
#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent/files.h"
#include "core/bounds.h"

int input_read(const struct invocation *in, const char *path, struct arena *arena,
               struct bytes *ret_text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(in, EXIT_USAGE, "invalid", "%s: %s", path, err_text(-errno));
    size_t cap = JOBFILE_LEN_MAX + 1, len = 0;
    uint8_t *at = arena_alloc(arena, cap);
    ssize_t n = at ? 1 : -1;
    errno = at ? errno : ENOMEM;
    while (n > 0 && len < cap) {
        n = read(fd, at + len, cap - len);
        len += n > 0 ? (size_t)n : 0;
    }
    int error = n < 0 ? -errno : 0;
    if (!is_stdin)
        close(fd);
    if (error < 0)
        return fail(in, EXIT_USAGE, "invalid", "%s: %s", path, err_text(error));
    if (len > JOBFILE_LEN_MAX) /* 1 MiB */
        return fail(in, EXIT_USAGE, "invalid",
                    "%s: larger than 1 MiB, the most a job file may be", path);
    *ret_text = (struct bytes){at, len};
    return EXIT_DONE;
}

static void say_json(const char *path, const struct complaints *c, const char *code)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n; i++) {
        (void)json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:s}", "file", path,
                                                    "line", (int)c->list[i].line,
                                                    "column", (int)c->list[i].column,
                                                    "message", c->list[i].text));
    }
    json_t *root =
        json_pack("{s:{s:s, s:s, s:s, s:i, s:i, s:o}}", "error", "code", code, "message",
                  c->n > 0 ? c->list[0].text : "not a job file", "file", path, "line",
                  c->n > 0 ? (int)c->list[0].line : 0, "column",
                  c->n > 0 ? (int)c->list[0].column : 0, "complaints", list);
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(root);
}

int input_check(const struct invocation *in, const char *path, struct bytes text,
                struct arena *arena, const char *const **ret_names, size_t *ret_n)
{
    struct complaints complaints = {.arena = arena};
    int error = files_validate(text, arena, &complaints, ret_names, ret_n);
    if (error == 0)
        return EXIT_DONE;
    const char *shown = strcmp(path, "-") == 0 ? "<stdin>" : path;
    if (in->is_json) {
        say_json(shown, &complaints, "invalid");
        return EXIT_USAGE;
    }
    const char *said = complaints_text(&complaints, shown, text, arena);
    if (complaints.n == 0)
        return fail(in, EXIT_USAGE, "invalid", "%s: %s", shown, err_text(error));
    print_safe(stderr, said ? said : "", true);
    return EXIT_USAGE;
}
