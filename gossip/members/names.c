/* A hash table with chains; texts never move while they are there. */
#include "gossip/members/names.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/hash.h"

enum { BUCKETS_MIN = 8 };

struct name {
    struct name *next;
    uint32_t hash, n_refs;
    char text[];
};

void names_init(struct names *names)
{
    *names = (struct names){0};
}

void names_fini(struct names *names)
{
    for (size_t i = 0; i < names->n_buckets; i++) {
        while (names->buckets[i]) {
            struct name *next = names->buckets[i]->next;
            free(names->buckets[i]);
            names->buckets[i] = next;
        }
    }
    free(names->buckets);
    *names = (struct names){0};
}

/* Without memory for more buckets the chains grow longer. */
static void spread(struct names *names)
{
    size_t n = names->n_buckets ? 2 * names->n_buckets : BUCKETS_MIN;
    struct name **buckets = calloc(n, sizeof(struct name *));
    if (!buckets)
        return;
    for (size_t i = 0; i < names->n_buckets; i++) {
        for (struct name *name = names->buckets[i], *next; name; name = next) {
            next = name->next;
            name->next = buckets[name->hash & (n - 1)];
            buckets[name->hash & (n - 1)] = name;
        }
    }
    free(names->buckets);
    names->buckets = buckets;
    names->n_buckets = n;
}

const char *names_take(struct names *names, const char *text)
{
    size_t len = strlen(text);
    uint32_t hash = (uint32_t)hash64((struct bytes){(const uint8_t *)text, len}, 0);
    if (names->n >= names->n_buckets)
        spread(names);
    if (names->n_buckets == 0)
        return NULL;
    struct name **bucket = &names->buckets[hash & (names->n_buckets - 1)];
    for (struct name *name = *bucket; name; name = name->next) {
        if (name->hash == hash && strcmp(name->text, text) == 0) {
            name->n_refs++;
            return name->text;
        }
    }
    struct name *name = malloc(sizeof(*name) + len + 1);
    if (!name)
        return NULL;
    *name = (struct name){.next = *bucket, .hash = hash, .n_refs = 1};
    memcpy(name->text, text, len + 1);
    *bucket = name;
    names->n++;
    return name->text;
}

static struct name *name_of(const char *taken)
{
    return (struct name *)(uintptr_t)((uintptr_t)taken - offsetof(struct name, text));
}

bool names_is_shared(const char *taken)
{
    return name_of(taken)->n_refs > 1;
}

void names_drop(struct names *names, const char *taken)
{
    if (!taken)
        return;
    struct name *name = name_of(taken);
    assert(name->n_refs > 0);
    if (--name->n_refs > 0)
        return;
    struct name **at = &names->buckets[name->hash & (names->n_buckets - 1)];
    while (*at != name)
        at = &(*at)->next;
    *at = name->next;
    free(name);
    names->n--;
}
