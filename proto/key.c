/* Keys of the table: see key.h.  Building is plain copying (a view builds a key per
 * claim), and parsing accepts only what building could have made. */
#include "proto/key.h"

#include <string.h>

#include "core/err.h"

enum { NUMBER_DIGITS_MAX = 10 }; /* UINT32_MAX has ten */

static const struct {
    const char *text;
    enum key_kind kind;
} prefixes[] = {
    {"job/", KEY_JOB},           {"spec/", KEY_SPEC},     {"version/", KEY_VERSION},
    {"control/", KEY_CONTROL},   {"intent/", KEY_INTENT}, {"var/", KEY_VAR},
    {"node/", KEY_NODE},         {"claim/", KEY_CLAIM},   {"refuse/", KEY_REFUSE},
    {"secret/next", KEY_SECRET}, {"text/", KEY_TEXT},
};

struct bytes key_bytes(const struct key *key)
{
    return (struct bytes){(const uint8_t *)key->text, key->len};
}

/* ---- building ---- */

static const char *prefix_of(enum key_kind kind)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (prefixes[i].kind == kind)
            return prefixes[i].text;
    return "";
}

/* The writer leaves room for the NUL. */
static struct writer key_begin(struct key *key, enum key_kind kind)
{
    struct writer w = writer_of(key->text, sizeof(key->text) - 1);
    writer_bytes(&w, bytes_of_text(prefix_of(kind)));
    return w;
}

static void key_end(struct key *key, const struct writer *w)
{
    key->len = writer_error(w) ? 0 : w->len;
    key->text[key->len] = '\0';
}

static void put_name(struct writer *w, const char *name)
{
    struct bytes in = bytes_of_text(name);
    if (!name_is_valid(in))
        w->error = ERR_INVALID;
    writer_bytes(w, in);
}

static void put_job(struct writer *w, const char *ns, const char *job)
{
    put_name(w, ns);
    writer_u8(w, '/');
    put_name(w, job);
}

static void put_node(struct writer *w, struct node_id node)
{
    char text[NODE_ID_TEXT];
    node_id_text(node, text);
    writer_put(w, text, NODE_ID_TEXT - 1);
}

static void put_number(struct writer *w, uint32_t number)
{
    char digits[NUMBER_DIGITS_MAX];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number && n < sizeof(digits));
    while (n > 0)
        writer_put(w, &digits[--n], 1);
}

static void put_index(struct writer *w, uint32_t index)
{
    if (index >= INSTANCES_PER_JOB_MAX)
        w->error = ERR_INVALID;
    put_number(w, index);
}

static void put_hash(struct writer *w, struct spec_hash hash)
{
    char text[SPEC_HASH_TEXT];
    writer_bytes(w, bytes_of_text(spec_hash_text(hash, text)));
}

static struct key job_key(enum key_kind kind, const char *ns, const char *job)
{
    struct key key;
    struct writer w = key_begin(&key, kind);
    put_job(&w, ns, job);
    key_end(&key, &w);
    return key;
}

struct key key_job(const char *ns, const char *job)
{
    return job_key(KEY_JOB, ns, job);
}

struct key key_control(const char *ns, const char *job)
{
    return job_key(KEY_CONTROL, ns, job);
}

static struct key hash_key(enum key_kind kind, const char *ns, const char *job,
                           struct spec_hash hash)
{
    struct key key;
    struct writer w = key_begin(&key, kind);
    put_job(&w, ns, job);
    writer_u8(&w, '/');
    put_hash(&w, hash);
    key_end(&key, &w);
    return key;
}

struct key key_spec(const char *ns, const char *job, struct spec_hash hash)
{
    return hash_key(KEY_SPEC, ns, job, hash);
}

struct key key_text(const char *ns, const char *job, struct spec_hash hash)
{
    return hash_key(KEY_TEXT, ns, job, hash);
}

struct key key_version(const char *ns, const char *job, uint32_t version,
                       struct spec_hash hash)
{
    struct key key;
    struct writer w = key_begin(&key, KEY_VERSION);
    if (version == 0)
        w.error = ERR_INVALID;
    put_job(&w, ns, job);
    writer_u8(&w, '/');
    put_number(&w, version);
    writer_u8(&w, '/');
    put_hash(&w, hash);
    key_end(&key, &w);
    return key;
}

static struct key node_key(enum key_kind kind, struct node_id node)
{
    struct key key;
    struct writer w = key_begin(&key, kind);
    put_node(&w, node);
    key_end(&key, &w);
    return key;
}

struct key key_secret(void)
{
    struct key key;
    struct writer w = key_begin(&key, KEY_SECRET);
    key_end(&key, &w);
    return key;
}

struct key key_node(struct node_id node)
{
    return node_key(KEY_NODE, node);
}

struct key key_intent(struct node_id node)
{
    return node_key(KEY_INTENT, node);
}

static struct key instance_key(enum key_kind kind, struct node_id node, const char *ns,
                               const char *job, uint32_t index)
{
    struct key key;
    struct writer w = key_begin(&key, kind);
    put_node(&w, node);
    writer_u8(&w, '/');
    put_job(&w, ns, job);
    writer_u8(&w, '/');
    put_index(&w, index);
    key_end(&key, &w);
    return key;
}

struct key key_claim(struct node_id node, const char *ns, const char *job, uint32_t index)
{
    return instance_key(KEY_CLAIM, node, ns, job, index);
}

struct key key_refuse(struct node_id node, const char *ns, const char *job,
                      uint32_t index)
{
    return instance_key(KEY_REFUSE, node, ns, job, index);
}

bool var_name_is_valid(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = (char)name.at[i];
        bool is_word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && c != '.' && c != '_' && c != '/' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= VAR_NAME_LEN_MAX;
}

struct key key_var(const char *ns, const char *name)
{
    struct key key;
    struct writer w = key_begin(&key, KEY_VAR);
    struct bytes in = bytes_of_text(name);
    put_name(&w, ns);
    writer_u8(&w, '/');
    if (!var_name_is_valid(in))
        w.error = ERR_INVALID;
    writer_bytes(&w, in);
    key_end(&key, &w);
    return key;
}

/* ---- parsing ---- */

/* What is in front of the next '/', which is taken too, or all that is left. */
static struct bytes take_part(struct reader *r)
{
    size_t len = 0;
    while (len < r->left && r->at[len] != '/')
        len++;
    bool has_slash = len < r->left;
    struct bytes part = reader_take(r, len);
    if (has_slash)
        (void)reader_take(r, 1);
    if (has_slash && r->left == 0)
        reader_fail(r, ERR_MALFORMED); /* nothing after the last slash */
    return part;
}

static struct bytes take_name(struct reader *r)
{
    struct bytes name = take_part(r);
    if (!name_is_valid(name))
        reader_fail(r, ERR_MALFORMED);
    return name;
}

static void take_hex(struct reader *r, void *out, size_t len)
{
    struct bytes text = take_part(r);
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] >= 'A' && text.at[i] <= 'F')
            reader_fail(r, ERR_MALFORMED); /* the same id must not have two spellings */
    if (text.len != 2 * len || hex_decode((const char *)text.at, text.len, out, len) < 0)
        reader_fail(r, ERR_MALFORMED);
}

static uint32_t take_number(struct reader *r, uint32_t min, uint32_t max)
{
    struct bytes text = take_part(r);
    uint64_t number = 0;
    if (text.len == 0 || text.len > NUMBER_DIGITS_MAX ||
        (text.at[0] == '0' && text.len > 1))
        reader_fail(r, ERR_MALFORMED);
    for (size_t i = 0; i < text.len && i < NUMBER_DIGITS_MAX; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            reader_fail(r, ERR_MALFORMED);
        number = number * 10 + (uint64_t)(text.at[i] - '0');
    }
    if (number < min || number > max)
        reader_fail(r, ERR_MALFORMED);
    return (uint32_t)number;
}

static void parse_rest(struct reader *r, struct key_parts *parts)
{
    enum key_kind kind = parts->kind;
    if (kind == KEY_VAR) {
        parts->ns = take_name(r);
        parts->name = reader_rest(r);
        if (!var_name_is_valid(parts->name))
            reader_fail(r, ERR_MALFORMED);
        return;
    }
    if (kind == KEY_SECRET)
        return;
    if (kind == KEY_INTENT || kind == KEY_NODE || kind == KEY_CLAIM || kind == KEY_REFUSE)
        take_hex(r, parts->node.at, sizeof(parts->node.at));
    if (kind == KEY_INTENT || kind == KEY_NODE)
        return;
    parts->ns = take_name(r);
    parts->name = take_name(r);
    if (kind == KEY_VERSION)
        parts->version = take_number(r, 1, UINT32_MAX);
    if (kind == KEY_SPEC || kind == KEY_TEXT || kind == KEY_VERSION)
        take_hex(r, parts->spec.at, sizeof(parts->spec.at));
    if (kind == KEY_CLAIM || kind == KEY_REFUSE)
        parts->index = take_number(r, 0, INSTANCES_PER_JOB_MAX - 1);
}

int key_parse(struct bytes text, struct key_parts *ret_parts)
{
    if (text.len == 0 || text.len >= KEY_LEN_MAX)
        return ERR_MALFORMED;
    struct key_parts parts = {.kind = KEY_OTHER};
    struct reader r = reader_of(text);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        struct bytes prefix = bytes_of_text(prefixes[i].text);
        if (!bytes_start_with(text, prefix))
            continue;
        parts.kind = prefixes[i].kind;
        (void)reader_take(&r, prefix.len);
        parse_rest(&r, &parts);
        if (reader_end(&r) != 0)
            return ERR_MALFORMED;
        break;
    }
    *ret_parts = parts;
    return 0;
}
