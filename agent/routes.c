/* Routes by method and path.  See routes.h. */
#include "agent/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/err.h"
#include "core/ids.h"
#include "netsvc/http.h"

/* A pattern's word at `at`: its name, how long it is, and whether it takes all that is left. */
struct hole {
    const char *name;
    size_t len;
    bool is_tail;
};

static struct hole hole_at(const char *at)
{
    size_t len = strcspn(at, "}");
    bool is_tail = len > 3 && memcmp(at + len - 3, "...", 3) == 0;
    return (struct hole){at + 1, len - 1 - (is_tail ? 3 : 0), is_tail};
}

/* Decode one raw segment behind the words that the match has already. */
static int take_word(struct route_match *m, size_t *used, const char *raw, size_t len)
{
    struct arena arena;
    char *text;
    arena_init(&arena, 4 * ROUTE_TEXT_MAX);
    int status =
        http_decode((struct bytes){(const uint8_t *)raw, len}, false, &arena, &text);
    size_t n = status == 0 ? strlen(text) + 1 : 0;
    if (status == 0 && (n == 1 || n > sizeof(m->text) - *used))
        status = ERR_NOT_FOUND;
    if (status == 0) {
        memcpy(m->text + *used, text, n);
        m->word[m->n_words++] = m->text + *used;
        *used += n;
    }
    arena_fini(&arena);
    return status;
}

/* 0 with the words of `path` taken, or ERR_NOT_FOUND, ERR_MALFORMED. */
static int match(const char *pattern, const char *path, struct route_match *m)
{
    size_t used = 0;
    m->n_words = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *path++)
                return ERR_NOT_FOUND;
            continue;
        }
        struct hole hole = hole_at(pattern);
        size_t len = hole.is_tail ? strlen(path) : strcspn(path, "/");
        int status = take_word(m, &used, path, len);
        if (status < 0)
            return status;
        path += len;
        pattern += strcspn(pattern, "}") + 1;
    }
    return *path ? ERR_NOT_FOUND : 0;
}

static void allow_add(char allow[static ROUTE_ALLOW_MAX], const char *method)
{
    size_t len = strlen(allow);
    const char *more = strcmp(method, "GET") == 0 ? ", HEAD" : "";
    (void)snprintf(allow + len, ROUTE_ALLOW_MAX - len, "%s%s%s", len ? ", " : "", method,
                   more);
}

int route_find(const struct route *table, size_t n, const char *method, const char *path,
               struct route_match *ret_match, char allow[static ROUTE_ALLOW_MAX])
{
    int found = ERR_NOT_FOUND;
    allow[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        int status = match(table[i].pattern, path, ret_match);
        if (status == ERR_NOT_FOUND)
            continue;
        if (status < 0)
            return status;
        if (strcmp(table[i].method, method) == 0) {
            ret_match->route = &table[i];
            return 0;
        }
        allow_add(allow, table[i].method);
        found = ERR_UNSUPPORTED;
    }
    return found;
}

const char *route_word(const struct route_match *m, const char *name)
{
    const char *at = m->route->pattern;
    for (size_t i = 0; i < m->n_words && (at = strchr(at, '{')); i++, at++) {
        struct hole hole = hole_at(at);
        if (strlen(name) == hole.len && memcmp(hole.name, name, hole.len) == 0)
            return m->word[i];
    }
    return NULL;
}

bool route_names_are_valid(const struct route_match *m)
{
    static const char *const names[] = {"ns", "job"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *word = route_word(m, names[i]);
        if (word && !name_is_valid(bytes_of_text(word)))
            return false;
    }
    return true;
}

bool route_takes(const struct route *route, const char *param)
{
    size_t len = strlen(param);
    for (const char *at = route->params; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        if (n == len && memcmp(at, param, n) == 0)
            return true;
        at += n;
    }
    return false;
}
