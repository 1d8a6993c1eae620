/* The seen vector: two parallel arrays sorted by writer, so that the first of them can be
 * handed out as it is. */
#include "gossip/table/seen.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/hash.h"

void seen_init(struct seen *s)
{
    *s = (struct seen){0};
}

void seen_fini(struct seen *s)
{
    free(s->numbers);
    free(s->spans);
    *s = (struct seen){0};
}

int seen_compare(uint64_t epoch_a, uint64_t number_a, uint64_t epoch_b, uint64_t number_b)
{
    if (epoch_a != epoch_b)
        return epoch_a < epoch_b ? -1 : 1;
    return (number_a > number_b) - (number_a < number_b);
}

size_t seen_at_least(const struct seen *s, struct node_id writer)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (node_id_compare(s->numbers[middle].writer, writer) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct seen_number *seen_find(const struct seen *s, struct node_id writer)
{
    size_t i = seen_at_least(s, writer);
    return i < s->n && node_id_equal(s->numbers[i].writer, writer) ? &s->numbers[i]
                                                                   : NULL;
}

bool seen_line_covers(const struct seen_number *line, uint64_t epoch, uint64_t number)
{
    if (epoch >= line->epoch)
        return epoch == line->epoch && number <= line->number;
    for (unsigned i = 0; i <= SEEN_OLDER; i++) {
        struct life former = seen_line_former(line, i);
        if (former.epoch == 0)
            return true;
        if (epoch >= former.epoch)
            return epoch == former.epoch && number <= former.number;
    }
    return true;
}

struct life seen_line_former(const struct seen_number *line, unsigned i)
{
    if (i == 0)
        return (struct life){line->before_epoch, line->before_number};
    return i <= SEEN_OLDER ? line->older[i - 1] : (struct life){0};
}

struct seen_number seen_line_begin(const struct seen_number *was, uint64_t epoch)
{
    struct seen_number line = {.writer = was->writer,
                               .epoch = epoch,
                               .before_epoch = was->epoch,
                               .before_number = was->number};
    for (unsigned i = 0; i < SEEN_OLDER; i++)
        line.older[i] = seen_line_former(was, i);
    return line;
}

bool seen_reaches(const struct seen *s, struct node_id writer, uint64_t before_epoch,
                  uint64_t before_number)
{
    const struct seen_number *line = seen_find(s, writer);
    if (before_number == 0)
        return true;
    return line && (line->epoch > before_epoch ||
                    (line->epoch == before_epoch && line->number >= before_number));
}

bool seen_covers(const struct seen *s, struct node_id writer, uint64_t epoch, uint64_t number)
{
    size_t i = seen_at_least(s, writer);
    if (i == s->n || !node_id_equal(s->numbers[i].writer, writer))
        return false;
    bool is_covered = seen_line_covers(&s->numbers[i], epoch, number);
    for (size_t k = 0; k < SEEN_SPANS && epoch == s->spans[i].epoch; k++)
        is_covered = is_covered || (number > s->spans[i].at[k].after &&
                                    number <= s->spans[i].at[k].through);
    return is_covered;
}

/* What a line gives to the hash of all.  A life that has written nothing yet is known to nobody else. */
static uint64_t share(const struct seen *s, size_t i)
{
    const struct seen_number *line = &s->numbers[i];
    bool has_begun = line->number > 0;
    uint64_t epoch = has_begun ? line->epoch : line->before_epoch;
    uint64_t number = has_begun ? line->number : line->before_number;
    return s->spans[i].is_retired || number == 0
               ? 0
               : hash64(BYTES_OF(line->writer), hash_mix(epoch, number));
}

static void set_line(struct seen *s, size_t i, const struct seen_number *line, bool is_retired)
{
    s->hash ^= share(s, i);
    s->numbers[i] = *line;
    s->spans[i].is_retired = is_retired;
    s->hash ^= share(s, i);
}

static int grow(struct seen *s)
{
    size_t cap = s->cap ? s->cap * 2 : 16;
    struct seen_number *numbers = realloc(s->numbers, cap * sizeof(*numbers));
    if (numbers)
        s->numbers = numbers;
    struct seen_spans *spans = realloc(s->spans, cap * sizeof(*spans));
    if (spans)
        s->spans = spans;
    if (!numbers || !spans)
        return -ENOMEM;
    s->cap = cap;
    return 0;
}

static int insert(struct seen *s, size_t i, struct node_id writer, uint64_t epoch)
{
    if (s->n >= SEEN_WRITERS_MAX)
        return ERR_BOUND;
    if (s->n == s->cap && grow(s) < 0)
        return -ENOMEM;
    memmove(s->numbers + i + 1, s->numbers + i, (s->n - i) * sizeof(*s->numbers));
    memmove(s->spans + i + 1, s->spans + i, (s->n - i) * sizeof(*s->spans));
    s->numbers[i] = (struct seen_number){.writer = writer, .epoch = epoch};
    s->spans[i] = (struct seen_spans){0};
    s->n++;
    return 0;
}

int seen_mark_stale(struct seen *s, struct node_id writer)
{
    size_t i = seen_at_least(s, writer);
    if (i == s->n || !node_id_equal(s->numbers[i].writer, writer)) {
        int err = insert(s, i, writer, 0);
        if (err < 0)
            return err;
    }
    bool was_stale = s->spans[i].is_stale;
    s->spans[i].is_stale = true;
    return !was_stale;
}

void seen_clear_stale(struct seen *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->spans[i].is_stale = false;
}

/* Spans that touch the number are part of it now. */
static void absorb(struct seen_number *number, struct seen_spans *spans)
{
    bool has_changed = true;
    while (has_changed) {
        has_changed = false;
        for (size_t i = 0; i < SEEN_SPANS; i++) {
            if (spans->at[i].through == 0 || spans->at[i].after > number->number)
                continue;
            if (spans->at[i].through > number->number) {
                number->number = spans->at[i].through;
                has_changed = true;
            }
            spans->at[i].through = 0;
        }
    }
}

/* Without a free place the span is forgotten: a sync brings what is between again. */
static int keep_span(struct seen_spans *spans, uint64_t after, uint64_t through)
{
    size_t place = SEEN_SPANS;
    for (size_t i = 0; i < SEEN_SPANS; i++) {
        if (spans->at[i].through == 0) {
            place = i;
        } else if (spans->at[i].after <= after && through <= spans->at[i].through) {
            return 0;
        } else if (after <= spans->at[i].through && spans->at[i].after <= through) {
            if (after < spans->at[i].after)
                spans->at[i].after = after;
            if (through > spans->at[i].through)
                spans->at[i].through = through;
            return 1;
        }
    }
    if (place == SEEN_SPANS)
        return 0;
    spans->at[place].after = after;
    spans->at[place].through = through;
    return 1;
}

/* An epoch begins; what came early of it is there. */
static void begin_spans(struct seen_spans *spans, uint64_t epoch)
{
    if (spans->epoch != epoch)
        *spans = (struct seen_spans){.epoch = epoch,
                                      .is_stale = spans->is_stale,
                                      .is_retired = spans->is_retired};
}

/* Of a writer of whom nothing was seen yet: its first pushes may overtake each other. */
static int keep_early(struct seen_spans *spans, uint64_t epoch, uint64_t after, uint64_t through)
{
    if (epoch < spans->epoch)
        return 0;
    begin_spans(spans, epoch);
    return keep_span(spans, after, through);
}

int seen_advance(struct seen *s, struct node_id writer, uint64_t epoch, uint64_t after,
                 uint64_t through)
{
    size_t i = seen_at_least(s, writer);
    if (i == s->n || !node_id_equal(s->numbers[i].writer, writer)) {
        int err = insert(s, i, writer, 0);
        if (err < 0)
            return err;
    }
    struct seen_number line = s->numbers[i];
    struct seen_spans *spans = &s->spans[i];
    if (epoch < line.epoch)
        return 0;
    if (epoch > line.epoch) {
        if (after > 0) /* the beginning of the epoch is missing; a sync brings it */
            return line.number > 0 ? 0 : keep_early(spans, epoch, after, through);
        line = seen_line_begin(&line, epoch);
        set_line(s, i, &line, false);
        begin_spans(spans, epoch);
    }
    if (through <= line.number)
        return 0;
    if (after > line.number)
        return keep_span(spans, after, through);
    line.number = through;
    absorb(&line, spans);
    set_line(s, i, &line, false);
    return 1;
}

int seen_begin(struct seen *s, const struct seen_number *line)
{
    size_t i = seen_at_least(s, line->writer);
    bool is_known = i < s->n && node_id_equal(s->numbers[i].writer, line->writer);
    if (!is_known) {
        int err = insert(s, i, line->writer, line->epoch);
        if (err < 0)
            return err;
    } else if (seen_compare(line->epoch, line->number, s->numbers[i].epoch,
                            s->numbers[i].number) <= 0) {
        return 0;
    }
    struct seen_number next = *line;
    set_line(s, i, &next, false);
    begin_spans(&s->spans[i], line->epoch);
    absorb(&next, &s->spans[i]);
    set_line(s, i, &next, false);
    return 1;
}

void seen_set_former(struct seen *s, const struct seen_number *line)
{
    size_t i = seen_at_least(s, line->writer);
    if (i == s->n || !node_id_equal(s->numbers[i].writer, line->writer) ||
        s->numbers[i].epoch != line->epoch)
        return;
    struct seen_number next = *line;
    next.number = s->numbers[i].number;
    set_line(s, i, &next, s->spans[i].is_retired);
}

bool seen_retire(struct seen *s, const struct seen_number *line)
{
    size_t i = seen_at_least(s, line->writer);
    if (i == s->n || !node_id_equal(s->numbers[i].writer, line->writer))
        return false;
    struct seen_number *was = &s->numbers[i];
    int order = seen_compare(line->epoch, line->number, was->epoch, was->number);
    if (order < 0)
        return false;
    if (order > 0)
        begin_spans(&s->spans[i], line->epoch);
    struct seen_number next = order > 0 ? *line : *was;
    absorb(&next, &s->spans[i]);
    set_line(s, i, &next, next.number == line->number);
    return order > 0;
}

void seen_remove(struct seen *s, size_t i)
{
    assert(s->spans[i].is_retired);
    size_t n_behind = --s->n - i;
    memmove(s->numbers + i, s->numbers + i + 1, n_behind * sizeof(*s->numbers));
    memmove(s->spans + i, s->spans + i + 1, n_behind * sizeof(*s->spans));
}
