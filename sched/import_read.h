/* Readers for the values of a foreign app.  Each value is of its type, or the app is refused with its
 * place; null is absent; a key that nobody reads is told. */
#ifndef SCHED_IMPORT_READ_H
#define SCHED_IMPORT_READ_H

#include "core/yaml_text.h"
#include "sched/import_report.h"

struct app_import {
    struct arena *arena;
    struct import_report *report;
    const char *id;       /* absolute: "/prod/shop/web" */
    const char *ns, *job; /* what it is called here */
    bool
        without_image; /* a command that was meant for an image runs on the host itself */
    bool is_refused;   /* an error was told: no job */
    size_t n_commented; /* notes of the report that stand in the text already */
};

void import_say(struct app_import *import, enum import_kind kind, const struct doc *at,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The notes since the last call as comments, indented. */
void import_comments(struct app_import *import, const char *indent,
                     struct yaml_text *out);

bool import_is_null(const struct doc *value);
/* The value, unless it is absent or null. */
const struct doc *import_get(const struct doc *map, const char *key);
/* The same of its kind; another kind is an error and NULL. */
const struct doc *import_map(struct app_import *import, const struct doc *map,
                             const char *key);
const struct doc *import_list(struct app_import *import, const struct doc *map,
                              const char *key);
const char *import_text(struct app_import *import, const struct doc *map,
                        const char *key);
bool import_bool(struct app_import *import, const struct doc *map, const char *key);
/* A number from `min` to `max`; `fallback` when absent. */
double import_number(struct app_import *import, const struct doc *map, const char *key,
                     double fallback, double min, double max);
uint32_t import_whole(struct app_import *import, const struct doc *map, const char *key,
                      uint32_t fallback, uint32_t min, uint32_t max);
/* Seconds as milliseconds; what a job file cannot say is brought into its bounds, and told. */
uint32_t import_ms(struct app_import *import, const struct doc *map, const char *key,
                   double fallback_s, uint32_t min_ms);

/* "", 0, false, null, [] and {}. */
bool import_says_nothing(const struct doc *value);

/* A key that the other side knows. */
struct import_key {
    const char *name;
    const char *why; /* why it is not carried over; NULL = it is, or is told elsewhere */
    const char *usual; /* "a|b": values that are silent besides those that say nothing */
};

/* Go over every key of `map`, and tell what is dropped or unknown.  The table ends with {0}. */
void import_keys(struct app_import *import, const struct doc *map, const char *where,
                 const struct import_key *keys);

#endif
