/* Reading graves, and what they stand for.  See grave.h. */
#include "gossip/spread/grave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

static const char prefix[] = "grave/";
static const char forget_prefix[] = "forget/";
static const char water_prefix[] = "water/";

enum { VALUE_MAX = 256, WORDS = 4 + 2 * SEEN_OLDER };

/* Nobody counts so far.  A hostile row says nothing. */
#define WORD_MAX ((uint64_t)1 << 60)
#define GENERATION_MAX ((uint64_t)1 << 40)

/* ---- rows ---- */

bool grave_is_row(struct bytes key)
{
    return bytes_start_with(key, bytes_of_text(prefix));
}

static bool read_words(struct bytes value, uint64_t words[static WORDS])
{
    char text[VALUE_MAX] = "", *end = text;
    if (!value.at || value.len >= sizeof(text))
        return false;
    memcpy(text, value.at, value.len);
    for (unsigned i = 0; i < WORDS; i++) {
        const char *at = end;
        words[i] = strtoull(at, &end, 10);
        if (end == at || words[i] > WORD_MAX)
            return false;
    }
    return *end == '\0';
}

static bool read_row(const struct entry *e, struct grave *ret_grave)
{
    uint64_t words[WORDS];
    if (!read_words(e->value, words) || words[0] >= INCARNATION_MAX - 1 ||
        words[1] > GENERATION_MAX || (words[2] && words[2] >= e->epoch))
        return false;
    *ret_grave = (struct grave){
        .line = {e->writer, e->epoch, e->number, words[2], words[3], {{0}}},
        .generation = words[1],
        .incarnation = (uint32_t)words[0],
    };
    for (unsigned i = 0; i < SEEN_OLDER; i++)
        ret_grave->line.older[i] = (struct life){words[4 + 2 * i], words[5 + 2 * i]};
    return true;
}

struct bytes grave_encode(const struct grave *grave, struct arena *arena)
{
    char text[VALUE_MAX];
    int len = snprintf(text, sizeof(text), "%u %llu", grave->incarnation,
                       (unsigned long long)grave->generation);
    for (unsigned i = 0; i <= SEEN_OLDER; i++) {
        struct life former = seen_line_former(&grave->line, i);
        len += snprintf(text + len, sizeof(text) - (size_t)len, " %llu %llu",
                        (unsigned long long)former.epoch, (unsigned long long)former.number);
    }
    return arena_bytes(arena, (struct bytes){(const uint8_t *)text, (size_t)len});
}

struct bytes grave_key(struct node_id writer, char out[static KEY_LEN_MAX])
{
    char id[NODE_ID_TEXT];
    int len = snprintf(out, KEY_LEN_MAX, "%s%s", prefix, node_id_text(writer, id));
    return (struct bytes){(const uint8_t *)out, (size_t)len};
}

bool grave_row(const struct gossip *g, struct node_id writer, char key[static KEY_LEN_MAX],
               struct entry *ret_entry)
{
    return table_find(&g->table, grave_key(writer, key), ret_entry);
}

bool grave_of(const struct gossip *g, struct node_id writer, struct grave *ret_grave)
{
    char key[KEY_LEN_MAX];
    struct entry row;
    return grave_row(g, writer, key, &row) && read_row(&row, ret_grave);
}

/* ---- what they stand for ---- */

static bool is_id_behind(struct bytes key, const char *start, struct node_id *ret_id)
{
    struct bytes s = bytes_of_text(start);
    return bytes_start_with(key, s) &&
           node_id_parse((struct bytes){key.at + s.len, key.len - s.len}, ret_id) == 0;
}

bool grave_forgets(struct bytes key, struct node_id *ret_id)
{
    return is_id_behind(key, forget_prefix, ret_id) || is_id_behind(key, prefix, ret_id);
}

static bool covers_forgetting(const struct gossip *g, struct node_id id,
                              const struct entry *e)
{
    struct grave grave;
    char text[16] = "";
    if (!e->value.at || e->value.len >= sizeof(text) || !grave_of(g, id, &grave))
        return false;
    memcpy(text, e->value.at, e->value.len);
    return strtoull(text, NULL, 10) <= grave.incarnation;
}

bool grave_covers(const struct gossip *g, const struct entry *e)
{
    struct node_id forgotten;
    struct grave grave;
    if (is_id_behind(e->key, forget_prefix, &forgotten))
        return covers_forgetting(g, forgotten, e);
    bool is_of_it = !e->value.at || bytes_start_with(e->key, bytes_of_text(water_prefix));
    return is_of_it && grave_of(g, e->writer, &grave) &&
           seen_line_covers(&grave.line, e->epoch, e->number);
}

/* ---- keeping them ---- */

bool grave_raise(struct gossip *g, const struct entry *e)
{
    struct grave grave;
    if (!read_row(e, &grave))
        return false;
    if (grave.generation > g->collect.generation)
        g->collect.generation = grave.generation;
    return machine_is_self(g, e->writer) ? false
           : seen_find(&g->seen, e->writer) ? seen_retire(&g->seen, &grave.line)
                                            : true;
}

void grave_start(struct gossip *g)
{
    struct table_walk walk;
    struct entry e;
    table_from_key(&g->table, bytes_of_text(prefix), &walk);
    while (table_next(&g->table, &walk, &e) && grave_is_row(e.key))
        (void)grave_raise(g, &e);
}

void grave_open(struct gossip *g, struct node_id writer)
{
    struct grave grave;
    if (machine_is_self(g, writer) || seen_find(&g->seen, writer) ||
        !grave_of(g, writer, &grave))
        return;
    if (seen_begin(&g->seen, &grave.line) > 0)
        (void)seen_retire(&g->seen, &grave.line);
}

/* ---- the other side of a comparison ---- */

bool grave_is_same(const struct gossip *g, const struct stream *s)
{
    return s->graves == g->table.graves;
}

struct seen_number grave_their_seen(const struct gossip *g, const struct stream *s,
                                    struct node_id writer)
{
    struct seen_number theirs = stream_their_seen(s, writer);
    struct grave grave;
    bool has_line = theirs.epoch != 0 || theirs.number != 0;
    return !has_line && stream_speaks_of(s, writer) && grave_is_same(g, s) &&
                   grave_of(g, writer, &grave)
               ? grave.line
               : theirs;
}
