/* See pattern.h.  The code of any part of a pattern refers only to itself, by relative
 * steps, and falls out at its end: so it can be moved and copied, which is how
 * repetitions are made. */
#include "sched/pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/bounds.h"

struct compiler {
    struct pattern *p;
    const char *at;
    unsigned depth;
    struct err *err;
    int error;
};

static void fail(struct compiler *c, int error, const char *why)
{
    if (!c->error)
        c->error = err_set(c->err, error, "%s", why);
}

/* Make room for `n` states at `start`, moving what is there.  False when full. */
static bool make_room(struct compiler *c, int start, int n)
{
    struct pattern *p = c->p;
    if (c->error || n > PATTERN_STATES_MAX - p->n) {
        fail(c, ERR_BOUND,
             "the pattern grows too large once its repetitions are written out");
        return false;
    }
    memmove(&p->states[start + n], &p->states[start],
            (size_t)(p->n - start) * sizeof(p->states[0]));
    p->n += n;
    return true;
}

static void insert(struct compiler *c, int start, enum pattern_op op, int next, int other)
{
    if (make_room(c, start, 1))
        c->p->states[start] =
            (struct pattern_state){.op = op, .next = next, .other = other};
}

/* Another copy of states[start, start + len) at the end. */
static void copy(struct compiler *c, int start, int len)
{
    int end = c->p->n;
    if (make_room(c, end, len))
        memcpy(&c->p->states[end], &c->p->states[start],
               (size_t)len * sizeof(c->p->states[0]));
}

/* ---- sets of bytes ---- */

static void set_add(struct pattern_state *s, unsigned char byte)
{
    s->set[byte / 64] |= (uint64_t)1 << byte % 64;
}

static bool set_has(const struct pattern_state *s, unsigned char byte)
{
    return s->set[byte / 64] >> byte % 64 & 1;
}

static void set_invert(struct pattern_state *s)
{
    for (size_t i = 0; i < 4; i++)
        s->set[i] = ~s->set[i];
}

/* The classes by name, as pairs of first and last byte.  ASCII only: the same on every
 * machine, whatever its locale. */
static bool set_add_class(struct pattern_state *s, const char *name, size_t len)
{
    static const struct {
        const char *name, *ranges;
    } classes[] = {
        {"alpha", "AZaz"},
        {"digit", "09"},
        {"alnum", "09AZaz"},
        {"upper", "AZ"},
        {"lower", "az"},
        {"space", "\t\r  "},
        {"blank", "\t\t  "},
        {"punct", "!/:@[`{~"},
        {"print", " ~"},
        {"graph", "!~"},
        {"cntrl", "\x01\x1f\x7f\x7f"},
        {"xdigit", "09AFaf"},
    };
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strlen(classes[i].name) != len || memcmp(classes[i].name, name, len) != 0)
            continue;
        for (const char *r = classes[i].ranges; *r; r += 2)
            for (int byte = r[0]; byte <= r[1]; byte++)
                set_add(s, (unsigned char)byte);
        return true;
    }
    return false;
}

/* One member of a bracket expression: a byte, a range or a class. */
static void read_member(struct compiler *c, struct pattern_state *s)
{
    if (c->at[0] == '[' && c->at[1] == ':') {
        const char *end = strstr(c->at + 2, ":]");
        if (!end || !set_add_class(s, c->at + 2, (size_t)(end - c->at) - 2))
            fail(c, ERR_INVALID, "a class is one such as [:alpha:]");
        else
            c->at = end + 2;
        return;
    }
    if (c->at[0] == '[' && (c->at[1] == '.' || c->at[1] == '=')) {
        fail(c, ERR_INVALID, "collating elements ([. and [=) are not known here");
        return;
    }
    unsigned char low = (unsigned char)*c->at++, high = low;
    if (c->at[0] == '-' && c->at[1] && c->at[1] != ']') {
        high = (unsigned char)c->at[1];
        c->at += 2;
    }
    if (high < low)
        fail(c, ERR_INVALID, "a range in [] runs backwards");
    for (unsigned byte = low; byte <= high; byte++)
        set_add(s, (unsigned char)byte);
}

static void read_bracket(struct compiler *c, struct pattern_state *s)
{
    bool is_inverted = c->at[1] == '^';
    c->at += is_inverted ? 2 : 1;
    for (bool is_first = true; !c->error && (*c->at != ']' || is_first);
         is_first = false) {
        if (!*c->at)
            fail(c, ERR_INVALID, "a [ has no ]");
        else
            read_member(c, s);
    }
    if (is_inverted)
        set_invert(s);
    c->at++;
}

static void read_escape(struct compiler *c, struct pattern_state *s)
{
    unsigned char byte = (unsigned char)c->at[1];
    const char *class = tolower(byte) == 'd'   ? "digit"
                        : tolower(byte) == 's' ? "space"
                                               : "alnum";
    if (byte && strchr("dDsSwW", byte)) {
        (void)set_add_class(s, class, strlen(class));
        if (tolower(byte) == 'w')
            set_add(s, '_');
        if (isupper(byte))
            set_invert(s);
    } else if (byte >= '1' && byte <= '9') {
        fail(c, ERR_INVALID, "a pattern cannot refer back (\\1)");
    } else if (!byte || isalnum(byte)) {
        fail(c, ERR_INVALID, "a \\ stands before punctuation, or in \\d \\w \\s");
    } else {
        set_add(s, byte);
    }
    c->at += byte ? 2 : 1;
}

/* ---- structure ---- */

static void read_alternatives(struct compiler *c);

static void read_group(struct compiler *c)
{
    c->at++;
    if (++c->depth > PATTERN_GROUPS_MAX) {
        fail(c, ERR_BOUND, "groups are nested more than 32 deep");
        return;
    }
    read_alternatives(c);
    c->depth--;
    if (*c->at == ')')
        c->at++;
    else
        fail(c, ERR_INVALID, "a ( has no )");
}

static void read_atom(struct compiler *c)
{
    struct pattern_state s = {.op = PATTERN_SET, .next = 1};
    switch (*c->at) {
    case '(':
        read_group(c);
        return;
    case '*':
    case '+':
    case '?':
    case '{':
        fail(c, ERR_INVALID, "a repetition has nothing before it");
        return;
    case ')':
        fail(c, ERR_INVALID, "a ) has no (");
        return;
    case '^':
    case '$':
        s.op = *c->at++ == '^' ? PATTERN_START : PATTERN_END;
        break;
    case '.':
        c->at++;
        set_invert(&s);
        break;
    case '[':
        read_bracket(c, &s);
        break;
    case '\\':
        read_escape(c, &s);
        break;
    default:
        set_add(&s, (unsigned char)*c->at++);
    }
    if (make_room(c, c->p->n, 1))
        c->p->states[c->p->n - 1] = s;
}

/* "{2}" "{2,}" "{,3}" "{2,3}"; *ret_high is -1 for no limit. */
static void read_interval(struct compiler *c, int *ret_low, int *ret_high)
{
    static const char wanted[] =
        "a { starts a repetition such as {2} or {2,3}; write \\{ for itself";
    char *end;
    const char *at = c->at + 1;
    bool has_low = isdigit((unsigned char)*at);
    unsigned long low = has_low ? strtoul(at, &end, 10) : 0, high = low;
    at += strspn(at, "0123456789");
    bool has_comma = *at == ',', has_high = has_comma && isdigit((unsigned char)at[1]);
    if (has_high)
        high = strtoul(at + 1, &end, 10);
    at += has_comma ? 1 + strspn(at + 1, "0123456789") : 0;
    if (*at != '}' || (!has_low && !has_high) || (has_high && high < low))
        fail(c, ERR_INVALID, wanted);
    else if (low > PATTERN_STATES_MAX || high > PATTERN_STATES_MAX)
        fail(c, ERR_BOUND, "a repetition {m,n} is too large");
    *ret_low = (int)low;
    *ret_high = has_comma && !has_high ? -1 : (int)high;
    if (!c->error)
        c->at = at + 1;
}

/* x* is SPLIT x SPLIT-back; the second SPLIT is what x+ is made of. */
static void add_star(struct compiler *c, int start)
{
    int len = c->p->n - start;
    insert(c, start, PATTERN_SPLIT, 1, len + 2);
    insert(c, c->p->n, PATTERN_SPLIT, -len, 1);
}

/* What stands at [start, end of code) is wanted `low` to `high` times. */
static void repeat(struct compiler *c, int start, int low, int high)
{
    int len = c->p->n - start;
    if (high == 0) {
        c->p->n = start;
        return;
    }
    for (int i = 1; i < low && !c->error; i++)
        copy(c, start, len);
    if (high < 0 && low > 0) { /* x{2,} is xx+ */
        insert(c, c->p->n, PATTERN_SPLIT, -len, 1);
    } else if (high < 0) {
        add_star(c, start);
    } else {
        if (low == 0) {
            insert(c, start, PATTERN_SPLIT, 1, len + 1);
            len++;
        }
        for (int i = low ? low : 1; i < high && !c->error; i++) {
            int end = c->p->n;
            copy(c, start, len);
            if (low)
                insert(c, end, PATTERN_SPLIT, 1, len + 1);
        }
    }
}

static void read_piece(struct compiler *c)
{
    int start = c->p->n;
    read_atom(c);
    while (!c->error && *c->at && strchr("*+?{", *c->at)) {
        int low = *c->at == '+' ? 1 : 0, high = *c->at == '?' ? 1 : -1;
        if (*c->at == '{')
            read_interval(c, &low, &high);
        else
            c->at++;
        if (!c->error)
            repeat(c, start, low, high);
    }
}

/* a|b is SPLIT a SKIP b, where SKIP leaps over b. */
static void read_alternatives(struct compiler *c)
{
    int start = c->p->n;
    while (!c->error && *c->at && *c->at != '|' && (*c->at != ')' || c->depth == 0))
        read_piece(c);
    if (c->error || *c->at != '|')
        return;
    c->at++;
    insert(c, start, PATTERN_SPLIT, 1, c->p->n - start + 2);
    int skip = c->p->n;
    insert(c, skip, PATTERN_SPLIT, 0, 0);
    read_alternatives(c);
    if (!c->error)
        c->p->states[skip].next = c->p->states[skip].other = c->p->n - skip;
}

int pattern_compile(const char *text, struct pattern *ret_pattern, struct err *err)
{
    struct compiler c = {.p = ret_pattern, .at = text, .err = err};
    ret_pattern->n = 0;
    if (strlen(text) > PATTERN_LEN_MAX)
        return err_set(err, ERR_BOUND, "a pattern may have at most %d bytes",
                       PATTERN_LEN_MAX);
    read_alternatives(&c);
    return c.error;
}

/* ---- matching ---- */

struct walk {
    const struct pattern *p;
    bool is_on[PATTERN_STATES_MAX + 1];
    int list[PATTERN_STATES_MAX + 1],
        n; /* the states that are on; also the stack of follow() */
};

/* Switch on `state` and all that is reached from it without a byte. */
static void follow(struct walk *w, int state, bool is_start, bool is_end)
{
    if (w->is_on[state])
        return;
    w->is_on[state] = true;
    int done = w->n;
    w->list[w->n++] = state;
    for (; done < w->n; done++) {
        if (w->list[done] == w->p->n)
            continue;
        const struct pattern_state *s = &w->p->states[w->list[done]];
        bool is_open = s->op == PATTERN_SPLIT || (s->op == PATTERN_START && is_start) ||
                       (s->op == PATTERN_END && is_end);
        const int to[] = {w->list[done] + s->next,
                          w->list[done] + (s->op == PATTERN_SPLIT ? s->other : s->next)};
        for (size_t i = 0; is_open && i < 2; i++) {
            if (w->is_on[to[i]])
                continue;
            w->is_on[to[i]] = true;
            w->list[w->n++] = to[i];
        }
    }
}

static void walk_clear(struct walk *w, const struct pattern *p)
{
    w->p = p;
    w->n = 0;
    memset(w->is_on, 0, sizeof(w->is_on[0]) * ((size_t)p->n + 1));
}

bool pattern_matches(const struct pattern *p, const char *value)
{
    struct walk walks[2], *now = &walks[0], *then = &walks[1];
    walk_clear(now, p);
    follow(now, 0, true, !*value);
    for (; *value; value++) {
        walk_clear(then, p);
        for (int i = 0; i < now->n; i++) {
            int state = now->list[i];
            if (state < p->n && p->states[state].op == PATTERN_SET &&
                set_has(&p->states[state], (unsigned char)*value))
                follow(then, state + 1, false, !value[1]);
        }
        struct walk *swap = now;
        now = then;
        then = swap;
    }
    return now->is_on[p->n];
}
