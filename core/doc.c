/* YAML into a tree of texts with their places, over libyaml's events; JSON goes to doc_json.c.
 *
 * The parser below knows nothing of schemas.  It is where hostile files are stopped:
 * size, depth, number of nodes (aliases are copied out, and the copies count), tags,
 * duplicate keys. */
#include "core/doc.h"

#include <errno.h>
#include <string.h>

#include <yaml.h>

#include "core/bounds.h"
#include "core/doc_json.h"
#include "core/doc_map.h"
#include "core/doc_words.h"
#include "core/err.h"

enum {
    DEPTH_MAX = DOC_DEPTH_MAX,
    NODES_MAX = DOC_NODES_MAX,
    ANCHORS_MAX = 1000, /* of one document; they are searched one by one */
};

struct reading {
    yaml_parser_t parser;
    struct bytes text;
    struct arena *arena;
    struct complaints *complaints;
    struct doc_options *options; /* NULL: none */
    struct doc_anchor *anchors;
    size_t n_anchors, anchors_cap;
    size_t n_nodes;
    struct doc_open open; /* the innermost bracket that is not closed yet */
    int error; /* the first that ends the reading: nothing more can be made of the file */
    bool is_refused; /* something was complained about, and the rest is read for more */
};

static unsigned line_of(yaml_mark_t mark)
{
    return (unsigned)mark.line + 1;
}

static unsigned column_of(yaml_mark_t mark)
{
    return (unsigned)mark.column + 1;
}

/* End the reading, with one complaint. */
static struct doc *stop(struct reading *r, int error, yaml_mark_t mark, const char *why)
{
    if (r->error == 0) {
        r->error = error;
        complain(r->complaints, line_of(mark), column_of(mark), "%s", why);
    }
    return NULL;
}

static struct doc *stop_memory(struct reading *r)
{
    if (r->error == 0) {
        r->error = ERR_BOUND;
        complain(r->complaints, 0, 0, "takes too much memory");
    }
    return NULL;
}

#define REFUSE(r, mark, ...)                                                             \
    do {                                                                                 \
        (r)->is_refused = true;                                                          \
        complain((r)->complaints, line_of(mark), column_of(mark), __VA_ARGS__);          \
    } while (0)

/* Say what libyaml said. */
static void stop_syntax(struct reading *r)
{
    const yaml_parser_t *p = &r->parser;
    yaml_mark_t at = p->problem_mark;
    if (p->error == YAML_MEMORY_ERROR) {
        (void)stop_memory(r);
        return;
    }
    if (p->error == YAML_READER_ERROR) { /* its mark is a byte offset only */
        at = (yaml_mark_t){0};
        for (size_t i = 0; i < p->problem_offset && i < r->text.len; i++) {
            at.column = r->text.at[i] == '\n' ? 0 : at.column + 1;
            at.line += r->text.at[i] == '\n';
        }
    }
    r->error = ERR_MALFORMED;
    struct doc_syntax syntax = {
        .problem = p->problem,
        .context = p->context,
        .problem_line = line_of(at),
        .problem_column = column_of(at),
        .open = r->open,
        .context_line = line_of(p->context_mark),
        .context_column = column_of(p->context_mark),
        .has_context = p->error != YAML_READER_ERROR && p->context != NULL,
    };
    doc_words_complain(&syntax, r->text, r->complaints);
}

/* The next event; on an error the event is empty and r->error is set. */
static void next_event(struct reading *r, yaml_event_t *ret_event)
{
    if (r->error == 0 && yaml_parser_parse(&r->parser, ret_event))
        return;
    *ret_event = (yaml_event_t){.type = YAML_NO_EVENT};
    if (r->error != 0)
        return;
    stop_syntax(r);
}

/* A zeroed node that counts, at `mark`. */
static struct doc *node_new(struct reading *r, enum doc_kind kind, yaml_mark_t mark)
{
    if (r->error != 0)
        return NULL;
    if (r->n_nodes++ >= NODES_MAX)
        return stop(r, ERR_BOUND, mark,
                    "more than 100000 values, aliases counted as what they stand for");
    struct doc *node = arena_alloc(r->arena, sizeof(*node));
    if (!node)
        return stop_memory(r);
    node->kind = kind;
    node->line = line_of(mark);
    node->column = column_of(mark);
    return node;
}

static void refuse_tag(struct reading *r, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (tag)
        REFUSE(r, mark,
               "tags (%.40s) are not used here: a value's type comes from its key",
               (const char *)tag);
}

/* From here on `*name` stands for `node`.  Called when the node is complete, so that it
 * cannot hold itself. */
static void anchor_add(struct reading *r, const char *name, const struct doc *node,
                       yaml_mark_t mark)
{
    if (!name || !node || r->error != 0)
        return;
    if (r->n_anchors == ANCHORS_MAX) {
        (void)stop(r, ERR_BOUND, mark, "more than 1000 anchors");
        return;
    }
    if (arena_grow(r->arena, (void **)&r->anchors, r->n_anchors, &r->anchors_cap,
                   sizeof(*r->anchors)) < 0) {
        (void)stop_memory(r);
        return;
    }
    r->anchors[r->n_anchors++] = (struct doc_anchor){name, node};
}

static const struct doc *anchor_find(const struct reading *r, const char *name)
{
    for (size_t i = r->n_anchors; i-- > 0;) /* the latest of a name counts */
        if (strcmp(r->anchors[i].name, name) == 0)
            return r->anchors[i].node;
    return NULL;
}

/* A copy of `from` and all below it, which keeps the place where the text stands. */
static struct doc *copy(struct reading *r, const struct doc *from, unsigned depth,
                        yaml_mark_t mark)
{
    if (depth > DEPTH_MAX)
        return stop(r, ERR_BOUND, mark, "nested more than 64 deep");
    struct doc *node = node_new(r, from->kind, mark);
    if (!node)
        return NULL;
    *node = *from;
    node->next = node->child = NULL;
    struct doc **tail = &node->child;
    for (const struct doc *c = from->child; c; c = c->next) {
        *tail = copy(r, c, depth + 1, mark);
        if (!*tail)
            return NULL;
        tail = &(*tail)->next;
    }
    return node;
}

static struct doc *read_scalar(struct reading *r, const yaml_event_t *event)
{
    struct bytes text = {event->data.scalar.value, event->data.scalar.length};
    refuse_tag(r, event->data.scalar.tag, event->start_mark);
    if (text.len > 0 && memchr(text.at, 0, text.len))
        REFUSE(r, event->start_mark, "a NUL character in a text");
    struct doc *node = node_new(r, DOC_SCALAR, event->start_mark);
    if (!node)
        return NULL;
    node->text = arena_text_of(r->arena, text);
    node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return node->text ? node : stop_memory(r);
}

static struct doc *read_node(struct reading *r, yaml_event_t *event, unsigned depth);

static struct doc_open open_at(char bracket, yaml_mark_t mark)
{
    return (struct doc_open){bracket, line_of(mark), column_of(mark)};
}

static struct doc *read_list(struct reading *r, const yaml_event_t *start, unsigned depth)
{
    struct doc_open outer = r->open;
    if (start->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE)
        r->open = open_at('[', start->start_mark);
    refuse_tag(r, start->data.sequence_start.tag, start->start_mark);
    struct doc *list = node_new(r, DOC_LIST, start->start_mark);
    struct doc **tail = list ? &list->child : NULL;
    while (r->error == 0) {
        yaml_event_t event;
        next_event(r, &event);
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            r->open = outer;
            yaml_event_delete(&event);
            return list;
        }
        struct doc *item = read_node(r, &event, depth + 1);
        if (!item || !list)
            continue;
        *tail = item;
        tail = &item->next;
        list->n++;
    }
    return NULL;
}

/* A key; NULL when it is not a text, which is complained about and skipped. */
static const struct doc *read_key(struct reading *r, yaml_event_t *event, unsigned depth)
{
    yaml_mark_t mark = event->start_mark;
    size_t n_before = r->n_nodes;
    const struct doc *key = read_node(r, event, depth);
    r->n_nodes = key && key->kind == DOC_SCALAR ? n_before
                                                : r->n_nodes; /* keys come with values */
    if (key && key->kind != DOC_SCALAR) {
        REFUSE(r, mark, "a key must be a text");
        return NULL;
    }
    return key;
}

static void merge(struct reading *r, const struct doc *value, struct doc ***tail)
{
    int result = doc_map_merge(value, tail, r->arena, r->complaints);
    r->is_refused = r->is_refused || result == ERR_MALFORMED;
    if (result == -ENOMEM)
        (void)stop_memory(r);
}

static struct doc *map_end(struct reading *r, struct doc *map, struct doc *own,
                           struct doc *merged)
{
    int result = map ? doc_map_fill(map, own, merged, r->complaints) : 0;
    r->is_refused = r->is_refused || result == ERR_MALFORMED;
    if (result == -ENOMEM)
        (void)stop_memory(r);
    return r->error == 0 ? map : NULL;
}

static struct doc *read_map(struct reading *r, const yaml_event_t *start, unsigned depth)
{
    struct doc_open outer = r->open;
    if (start->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE)
        r->open = open_at('{', start->start_mark);
    refuse_tag(r, start->data.mapping_start.tag, start->start_mark);
    struct doc *map = node_new(r, DOC_MAP, start->start_mark);
    struct doc *own = NULL, *merged = NULL;
    struct doc **tail = &own, **merged_tail = &merged;
    while (r->error == 0) {
        yaml_event_t event;
        next_event(r, &event);
        if (event.type == YAML_MAPPING_END_EVENT) {
            r->open = outer;
            yaml_event_delete(&event);
            return map_end(r, map, own, merged);
        }
        const struct doc *key = read_key(r, &event, depth + 1);
        next_event(r, &event);
        struct doc *value = read_node(r, &event, depth + 1);
        if (!key || !value)
            continue;
        if (!key->is_quoted && strcmp(key->text, "<<") == 0) {
            merge(r, value, &merged_tail);
            continue;
        }
        value->key = key->text;
        value->key_line = key->line;
        value->key_column = key->column;
        *tail = value;
        tail = &value->next;
    }
    return NULL;
}

static struct doc *read_alias(struct reading *r, const yaml_event_t *event,
                              unsigned depth)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct doc *from = anchor_find(r, name);
    if (!from && r->options && r->options->is_scan)
        return node_new(r, DOC_MAP, event->start_mark); /* as a merge wants it */
    if (!from) {
        REFUSE(r, event->start_mark, "nothing above is called &%.60s", name);
        return NULL;
    }
    struct doc *node = copy(r, from, depth, event->start_mark);
    if (node)
        node->key = NULL; /* that was its name in the other place */
    return node;
}

/* Read what `event` begins and delete the event.  NULL with r->error set, or NULL alone
 * when the node was complained about and skipped. */
static struct doc *read_node(struct reading *r, yaml_event_t *event, unsigned depth)
{
    struct doc *node = NULL;
    const yaml_char_t *anchor = NULL;
    if (r->error == 0 && depth > DEPTH_MAX)
        (void)stop(r, ERR_BOUND, event->start_mark, "nested more than 64 deep");
    if (r->error == 0 && event->type == YAML_ALIAS_EVENT) {
        node = read_alias(r, event, depth);
    } else if (r->error == 0 && event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        node = read_scalar(r, event);
    } else if (r->error == 0 && event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        node = read_list(r, event, depth);
    } else if (r->error == 0 && event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        node = read_map(r, event, depth);
    }
    if (anchor && node) {
        const char *name = arena_text(r->arena, (const char *)anchor);
        if (name)
            anchor_add(r, name, node, event->start_mark);
        else
            node = stop_memory(r);
    }
    yaml_event_delete(event);
    return r->error == 0 ? node : NULL;
}

/* `---` alone, or a file of comments, is no document. */
static bool is_nothing(const struct doc *d)
{
    return d->kind == DOC_SCALAR && !d->is_quoted && d->text[0] == '\0';
}

static void read_documents(struct reading *r, struct doc **ret_docs, size_t *ret_n)
{
    struct doc *docs = NULL;
    size_t n = 0, cap = 0;
    bool is_over = false;
    while (r->error == 0 && !is_over) {
        yaml_event_t event;
        next_event(r, &event);
        yaml_event_type_t type = event.type;
        yaml_event_delete(&event);
        is_over = type == YAML_STREAM_END_EVENT;
        if (type != YAML_DOCUMENT_START_EVENT)
            continue;
        r->n_anchors = 0;
        for (size_t i = 0; r->options && i < r->options->n_anchors; i++)
            anchor_add(r, r->options->anchors[i].name, r->options->anchors[i].node,
                       event.start_mark);
        next_event(r, &event);
        const struct doc *root = read_node(r, &event, 1);
        if (!root || is_nothing(root))
            continue;
        if (arena_grow(r->arena, (void **)&docs, n, &cap, sizeof(*docs)) < 0)
            (void)stop_memory(r);
        else
            docs[n++] = *root;
    }
    for (size_t i = 1; i < n; i++)
        docs[i - 1].next = &docs[i];
    *ret_docs = docs;
    *ret_n = n;
}

static int read_yaml(struct bytes text, struct doc_options *options, struct arena *arena,
                     struct complaints *complaints, struct doc **ret_docs, size_t *ret_n)
{
    struct reading r = {
        .text = text, .options = options, .arena = arena, .complaints = complaints};
    struct doc *docs;
    size_t n;
    if (!yaml_parser_initialize(&r.parser)) {
        (void)stop_memory(&r);
        return ERR_BOUND;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, text.len ? text.at : (const uint8_t *)"",
                                 text.len);
    read_documents(&r, &docs, &n);
    yaml_parser_delete(&r.parser);
    bool is_scan =
        options && options->is_scan; /* mistakes are said by the next reading */
    if (r.error != 0 || (r.is_refused && !is_scan))
        return r.error != 0 ? r.error : ERR_MALFORMED;
    *ret_docs = docs;
    *ret_n = n;
    if (options) {
        options->ret_anchors = r.anchors;
        options->ret_n_anchors = r.n_anchors;
    }
    return 0;
}

int doc_read(struct bytes text, struct arena *arena, struct complaints *complaints,
             struct doc **ret_docs, size_t *ret_n)
{
    return doc_read_with(text, NULL, arena, complaints, ret_docs, ret_n);
}

int doc_read_with(struct bytes text, struct doc_options *options, struct arena *arena,
                  struct complaints *complaints, struct doc **ret_docs, size_t *ret_n)
{
    if (text.len > JOBFILE_LEN_MAX) {
        complain(complaints, 0, 0, "larger than 1 MiB");
        return ERR_BOUND;
    }
    text = text.len > 0 ? doc_text(text) : text;
    if (!doc_json_is(text))
        return read_yaml(text, options, arena, complaints, ret_docs, ret_n);
    size_t used = 0;
    int result = doc_json_read(text, arena, complaints, ret_docs, &used);
    if (result == 0 && used < text.len) /* more documents, after a --- */
        return read_yaml(text, options, arena, complaints, ret_docs, ret_n);
    *ret_n = result == 0 ? 1 : *ret_n;
    return result;
}

const struct doc *doc_find(const struct doc *map, const char *key)
{
    if (!map || map->kind != DOC_MAP)
        return NULL;
    for (const struct doc *c = map->child; c; c = c->next)
        if (strcmp(c->key, key) == 0)
            return c;
    return NULL;
}
