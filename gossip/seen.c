/* The seen vector: two parallel arrays sorted by writer, so that the first of them can be
 * handed out as it is. */
#include "gossip/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

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

bool seen_covers(const struct seen *s, struct node_id writer, uint64_t epoch, uint64_t number)
{
    size_t i = seen_at_least(s, writer);
    if (i == s->n || !node_id_equal(s->numbers[i].writer, writer) ||
        epoch > s->numbers[i].epoch)
        return false;
    bool is_covered = epoch < s->numbers[i].epoch || number <= s->numbers[i].number;
    for (size_t k = 0; k < SEEN_SPANS; k++)
        is_covered = is_covered || (number > s->spans[i].at[k].after &&
                                    number <= s->spans[i].at[k].through);
    return is_covered;
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
    if (place < SEEN_SPANS) {
        spans->at[place].after = after;
        spans->at[place].through = through;
    }
    return 1;
}

int seen_advance(struct seen *s, struct node_id writer, uint64_t epoch, uint64_t after,
                 uint64_t through)
{
    size_t i = seen_at_least(s, writer);
    if (i == s->n || !node_id_equal(s->numbers[i].writer, writer)) {
        int err = insert(s, i, writer, epoch);
        if (err < 0)
            return err;
    }
    struct seen_number *number = &s->numbers[i];
    struct seen_spans *spans = &s->spans[i];
    if (epoch < number->epoch)
        return 0;
    if (epoch > number->epoch) {
        if (after > 0)
            return 1; /* the beginning of the epoch is missing; a sync brings it */
        *number = (struct seen_number){.writer = writer, .epoch = epoch};
        *spans = (struct seen_spans){.is_stale = spans->is_stale};
        number->number = through;
        return 1;
    }
    if (through <= number->number)
        return 0;
    if (after > number->number)
        return keep_span(spans, after, through);
    number->number = through;
    absorb(number, spans);
    return 1;
}
