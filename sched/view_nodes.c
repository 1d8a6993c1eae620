/* The nodes of a view: members, what their rows say, and what each is called.  See view_nodes.h. */
#include "sched/view_nodes.h"

#include <errno.h>

#include "core/naming.h"
#include "proto/record.h"

struct build {
    const struct members *members;
    const struct table *table;
    const struct view_options *options;
    struct arena *arena;
    struct view *view;
    struct view_node *nodes;
    struct name_bearer *bearers; /* of the same order */
};

static void note_change(struct view *v, uint64_t at_ms)
{
    if (v->next_change_ms == 0 || at_ms < v->next_change_ms)
        v->next_change_ms = at_ms;
}

static int read_row(const struct build *b, const struct member *m, struct view_node *node,
                    struct name_bearer *bearer)
{
    struct key key = key_node(m->id);
    const struct entry *entry = table_get(b->table, key_bytes(&key));
    node->has_doc = entry && record_decode_node(entry->value, b->arena, &node->doc) == 0;
    if (!node->has_doc)
        node->doc = (struct node_doc){0};
    bool is_name_told = node->has_doc && *node->doc.name;
    if (!is_name_told)
        node->doc.name = arena_text(b->arena, m->name);
    stamp_t taken = is_name_told ? node->doc.named : NAME_NOT_TAKEN;
    *bearer = (struct name_bearer){.name = node->doc.name, .id = m->id, .taken = taken};
    return node->doc.name ? 0 : -ENOMEM;
}

static int build_node(struct build *b, const struct member *m, size_t i)
{
    struct view_node *node = &b->nodes[i];
    *node = (struct view_node){.id = m->id, .state = m->state};
    int rc = read_row(b, m, node, &b->bearers[i]);
    if (rc < 0)
        return rc;
    bool is_here = m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT;
    const struct aways *aways = b->options->aways;
    if (m->state == MEMBER_DEAD && node->has_doc && aways)
        node->away_until_ms = aways_until_ms(aways, m->id, b->options->now_ms);
    uint64_t former_ms = away_former_ms(b->members, m, b->options->now_ms);
    if (former_ms > node->away_until_ms)
        node->away_until_ms = former_ms;
    bool is_kept = m->state == MEMBER_DEAD &&
                   (b->options->is_takeover_held || node->away_until_ms > 0);
    node->is_live = is_here || is_kept;
    node->takes_work = is_here && node->has_doc && node->doc.state == AGENT_UP &&
                       node->doc.disk == DISK_OK && node_runs_tasks(&node->doc);
    b->bearers[i].is_here = node->is_live; /* what it holds may be bound to its name */
    if (node->away_until_ms > 0)
        note_change(b->view, node->away_until_ms);
    return 0;
}

/* Nothing may be addressed by a name that could mean two nodes. */
static int settle_names(struct build *b, size_t n)
{
    bool *keeps = arena_array(b->arena, n + 1, sizeof(*keeps));
    if (!keeps || naming_decide(b->bearers, n, b->arena, keeps) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (keeps[i])
            continue;
        char *id = arena_alloc(b->arena, NODE_ID_TEXT);
        if (!id)
            return -ENOMEM;
        b->nodes[i].namesake = b->nodes[i].doc.name;
        b->nodes[i].doc.name = node_id_text(b->nodes[i].id, id);
    }
    return 0;
}

int view_nodes_build(const struct members *members, const struct table *table,
                     const struct view_options *options, struct arena *arena,
                     struct view *v)
{
    size_t n = members_count(members);
    struct build b = {
        .members = members, .table = table, .options = options, .arena = arena, .view = v};
    b.bearers = arena_array(arena, n + 1, sizeof(*b.bearers));
    b.nodes = arena_array(arena, n + 1, sizeof(*b.nodes));
    if (!b.nodes || !b.bearers)
        return -ENOMEM;
    v->self = VIEW_NONE;
    for (uint32_t i = 0; i < n; i++) {
        int rc = build_node(&b, members_at(members, i), i);
        if (rc < 0)
            return rc;
        if (b.nodes[i].has_doc && node_id_equal(b.nodes[i].id, options->self))
            v->self = i;
    }
    v->nodes = b.nodes;
    v->n_nodes = n;
    return settle_names(&b, n);
}

uint32_t view_find_node(const struct view *v, struct node_id id)
{
    size_t low = 0, high = v->n_nodes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = node_id_compare(v->nodes[middle].id, id);
        if (order == 0)
            return (uint32_t)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return VIEW_NONE;
}
