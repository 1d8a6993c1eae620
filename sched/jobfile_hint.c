/* Hints for unknown keys, in the order of how sure they are: another system's word, the same word in
 * other case, a key of another map, a key that is one or two letters away.  See jobfile_hint.h. */
#include "sched/jobfile_hint.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sched/foreign.h"

enum {
    HINT_KEYS_MAX = 64, /* rows of the largest table */
    PLACES_MAX = 3,     /* places named for one key */
    PATH_MAX_LEN = 96,
};

/* Go through the maps of the format. */
static const struct key_map *map_next(const struct job_reader *r, size_t *family,
                                      size_t *i)
{
    while (r->maps && r->maps[*family]) {
        const struct key_map *map = &r->maps[*family][*i];
        if (map->keys) {
            (*i)++;
            return map;
        }
        (*family)++;
        *i = 0;
    }
    return NULL;
}

static const struct key *row_of(const struct key *keys, const char *name, size_t len)
{
    for (; keys->name; keys++)
        if (strlen(keys->name) == len && strncasecmp(keys->name, name, len) == 0)
            return keys;
    return NULL;
}

/* The row of "task.resources.cpu"; of "schedule.cron" that of schedule, when it has no map of its own. */
static const struct key *row_at(const struct job_reader *r, const char *path)
{
    size_t len = strlen(path);
    while (len > 0) {
        const char *dot = memrchr(path, '.', len);
        size_t where = dot ? (size_t)(dot - path) : 0;
        const char *name = dot ? dot + 1 : path;
        size_t family = 0, i = 0;
        for (const struct key_map *map; (map = map_next(r, &family, &i));) {
            const struct key *row =
                strlen(map->where) == where && strncmp(map->where, path, where) == 0
                    ? row_of(map->keys, name, len - (size_t)(name - path))
                    : NULL;
            if (row)
                return row;
        }
        len = where;
    }
    return NULL;
}

static bool is_refused(const struct key *row)
{
    return row && row->read == schema_refused;
}

/* ", which is not supported by this version; do that", or nothing. */
static void add_refusal(const struct key *row, char *out, size_t cap)
{
    out[0] = '\0';
    if (is_refused(row))
        (void)snprintf(out, cap, "; %s is not supported by this version; %s", row->name,
                       row->text);
}

static void say_foreign(struct job_reader *r, const struct doc *at, const char *key,
                        const struct foreign_name *foreign, const char *where)
{
    char refusal[256];
    if (!foreign->system) {
        schema_refuse(r, at, "unknown key '%.64s': %s", key, foreign->ours);
        return;
    }
    add_refusal(row_at(r, foreign->ours), refusal, sizeof(refusal));
    schema_refuse(r, at, "unknown key '%.64s': stratos calls this %s (%s calls it %s)%s",
                  key, foreign_relative(foreign->ours, where), foreign->system,
                  foreign->word, refusal);
}

/* The maps that have this very key, those that honour it before those that refuse it. */
static size_t find_places(const struct job_reader *r, const char *key,
                          const struct key_map *ret_maps[static PLACES_MAX])
{
    size_t n = 0;
    for (int refused = 0; refused < 2 && n == 0; refused++) {
        size_t family = 0, i = 0;
        for (const struct key_map *map; (map = map_next(r, &family, &i));) {
            const struct key *row = row_of(map->keys, key, strlen(key));
            if (row && is_refused(row) == (refused == 1) && n < PLACES_MAX)
                ret_maps[n++] = map;
        }
    }
    return n;
}

static const char *place_text(const struct key_map *map)
{
    return *map->where ? map->where : "the job itself";
}

static bool say_place(struct job_reader *r, const struct doc *at, const char *key,
                      const char *in)
{
    const struct key_map *maps[PLACES_MAX];
    char refusal[256], others[2 * PATH_MAX_LEN] = "";
    size_t n = find_places(r, key, maps);
    if (n == 0)
        return false;
    if (n > 1)
        (void)snprintf(others, sizeof(others), " (or to %s%s%s)", place_text(maps[1]),
                       n > 2 ? ", " : "", n > 2 ? place_text(maps[2]) : "");
    add_refusal(row_of(maps[0]->keys, key, strlen(key)), refusal, sizeof(refusal));
    bool is_up = !*maps[0]->where && *in;
    schema_refuse(r, at, "unknown key '%.64s'%s; it belongs to %s%s%s%s", key, in,
                  place_text(maps[0]), is_up ? ", beside task" : "", others, refusal);
    return true;
}

static const char *near_of(const char *key, const struct key *keys)
{
    const char *names[HINT_KEYS_MAX + 1] = {NULL};
    for (size_t i = 0; keys[i].name && i < HINT_KEYS_MAX; i++)
        names[i] = keys[i].name;
    return did_you_mean(key, names);
}

/* A key of another map, misspelt: only those below this one are looked at. */
static bool say_near_below(struct job_reader *r, const struct doc *at, const char *key,
                           const char *in, const char *where)
{
    size_t family = 0, i = 0, len = strlen(where);
    for (const struct key_map *map; (map = map_next(r, &family, &i));) {
        bool is_below = strncmp(map->where, where, len) == 0 && strlen(map->where) > len;
        const char *near = is_below && strlen(key) > 3 ? near_of(key, map->keys) : NULL;
        if (!near || is_refused(row_of(map->keys, near, strlen(near))))
            continue;
        schema_refuse(r, at, "unknown key '%.64s'%s; did you mean '%s.%s'?", key, in,
                      map->where, near);
        return true;
    }
    return false;
}

void jobfile_hint_unknown(struct job_reader *r, const struct doc *value,
                          const struct key *keys, const char *where)
{
    struct doc place = schema_key_place(value);
    const struct doc *at = &place;
    const char *key = value->key;
    char in[80] = "", refusal[256];
    if (*where)
        (void)snprintf(in, sizeof(in), " in %s", where);
    if (r->complaints->n ==
        COMPLAINTS_MAX) { /* counted, not shown: no need to look for words */
        schema_refuse(r, at, "unknown key '%.64s'%s", key, in);
        return;
    }
    if (strncmp(key, "x-", 2) == 0) {
        schema_refuse(r, at,
                      "'%.64s': keys that begin with x- stand at the top of a file", key);
        return;
    }
    const struct key *same = row_of(keys, key, strlen(key));
    const struct foreign_name *foreign = same ? NULL : foreign_find(where, key);
    if (foreign) {
        say_foreign(r, at, key, foreign, where);
        return;
    }
    if (!same && say_place(r, at, key, in))
        return;
    const char *near = same ? same->name : near_of(key, keys);
    if (near) {
        add_refusal(row_of(keys, near, strlen(near)), refusal, sizeof(refusal));
        schema_refuse(r, at, "unknown key '%.64s'%s; did you mean '%s'?%s", key, in, near,
                      refusal);
    } else if (!say_near_below(r, at, key, in, where)) {
        schema_refuse(r, at, "unknown key '%.64s'%s", key, in);
    }
}
