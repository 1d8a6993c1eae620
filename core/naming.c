/* One order, and a hash table of the best bearer of each name.  See naming.h. */
#include "core/naming.h"

#include <errno.h>
#include <string.h>

#include "core/hash.h"

bool naming_precedes(const struct name_bearer *a, const struct name_bearer *b)
{
    if (a->is_here != b->is_here)
        return a->is_here;
    if (a->taken != b->taken)
        return a->taken < b->taken;
    return node_id_compare(a->id, b->id) < 0;
}

bool naming_is_distinct(const char *name)
{
    struct node_id id;
    return node_id_parse(bytes_of_text(name), &id) < 0;
}

int naming_decide(const struct name_bearer *bearers, size_t n, struct arena *arena,
                  bool *ret_keeps)
{
    size_t n_slots = 8;
    while (n_slots < 2 * n)
        n_slots *= 2;
    uint32_t *first = arena_array(arena, n_slots, sizeof(*first)); /* bearer + 1 */
    if (!first)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        const char *name = bearers[i].name;
        ret_keeps[i] = naming_is_distinct(name);
        if (!ret_keeps[i])
            continue;
        size_t at = (size_t)hash64(bytes_of_text(name), 0) & (n_slots - 1);
        while (first[at] && strcmp(bearers[first[at] - 1].name, name) != 0)
            at = (at + 1) & (n_slots - 1);
        uint32_t other = first[at];
        if (other && naming_precedes(&bearers[other - 1], &bearers[i])) {
            ret_keeps[i] = false;
            continue;
        }
        if (other)
            ret_keeps[other - 1] = false;
        first[at] = i + 1;
    }
    return 0;
}
