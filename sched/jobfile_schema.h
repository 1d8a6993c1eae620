/* The table machinery of the job file: a map's keys are rows of a table, each with its
 * name, its reader and where the value goes.  It says what is wrong with a file; it knows
 * no job.
 *
 * A struct job_reader collects everything that is wrong and goes on reading. */
#ifndef SCHED_JOBFILE_SCHEMA_H
#define SCHED_JOBFILE_SCHEMA_H

#include <stddef.h>

#include "core/doc.h"
#include "core/job.h"

struct key;

struct job_reader {
    struct arena *arena;
    struct complaints *complaints;
    int error; /* 0, ERR_INVALID or -ENOMEM; the first stays, except that -ENOMEM wins */
    bool
        is_stored; /* a body that was taken already: what later versions refuse is read */
    const char *ns;  /* of all jobs, by who submits them; NULL: as each says */
    size_t n_copied; /* nodes of defaults that were laid under jobs */
    const struct key_map *const *maps; /* all maps of the format; ends with NULL */
    /* Refuse `value` by its key, met in the map at `where`, whose keys are `keys`. */
    void (*unknown)(struct job_reader *r, const struct doc *value, const struct key *keys,
                    const char *where);
};

/* One key a map may have.  A table of them ends with an empty row. */
struct key {
    const char *name;
    void (*read)(struct job_reader *r, const struct key *key, const struct doc *value,
                 void *to);
    size_t offset;     /* of the member the value goes to, within what the map fills */
    uint64_t min, max; /* numbers, durations (ms), cpu (milli), sizes (bytes) */
    const char *text;  /* schema_only, schema_refused: see there */
};

/* A map of the format: its path, as schema_read takes it, and its keys.  A family of them ends with
 * an empty row. */
struct key_map {
    const char *where;
    const struct key *keys;
};

/* Is there nothing: `env:` with nothing behind it, null, {} or []?  Such a key counts as left out. */
bool schema_is_nothing(const struct doc *value);

/* The value of `key`, unless it is nothing. */
const struct doc *schema_find(const struct doc *map, const char *key);

/* Read a map by its table into `to`.  `where` is the map's path ("task.resources"; "" =
 * the job itself), for the hints about unknown keys. */
void schema_read(struct job_reader *r, const struct doc *map, const struct key *keys,
                 const char *where, void *to);

/* Complain at `at` and remember that the file is not valid. */
void schema_refuse(struct job_reader *r, const struct doc *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Where a value's key stands, to complain about the key. */
struct doc schema_key_place(const struct doc *value);

/* Complaints in the order of the file, whatever order its keys were looked at in. */
void schema_sort(struct complaints *complaints);

/* Zeroed memory for `n` elements; NULL (and r->error) when there is none, or for n == 0. */
void *schema_array(struct job_reader *r, size_t n, size_t size);

/* The value's text if it is a scalar of a sane length, else NULL with a complaint. */
const char *schema_text_of(struct job_reader *r, const struct doc *value);

/* Is it a list (a map) of at most `max` elements?  Complains if not. */
bool schema_is_list(struct job_reader *r, const struct doc *value, size_t max);
bool schema_is_map(struct job_reader *r, const struct doc *value, size_t max);

/* A DNS label, copied; NULL with a complaint. */
const char *schema_label_of(struct job_reader *r, const struct doc *value);

/* A map of texts, or a list of NAME=VALUE; `is_env` refuses names no environment can hold. */
void schema_pairs(struct job_reader *r, const struct doc *value, size_t max, bool is_env,
                  const struct pair **ret_pairs, size_t *ret_n);

/* ---- readers for the tables ---- */

#define SCHEMA_READER(name)                                                              \
    void name(struct job_reader *r, const struct key *key, const struct doc *value,      \
              void *to)

SCHEMA_READER(schema_uint);     /* -> uint32_t */
SCHEMA_READER(schema_duration); /* -> uint32_t, ms */
SCHEMA_READER(schema_cpu);      /* -> uint32_t, thousandths of a core */
SCHEMA_READER(schema_decimal);  /* -> uint32_t, thousandths */
SCHEMA_READER(schema_size);     /* -> uint64_t, bytes */
SCHEMA_READER(schema_text);     /* -> const char *, not empty */
SCHEMA_READER(schema_label);    /* -> const char *, a DNS label */
SCHEMA_READER(schema_keep);     /* -> const struct doc *: read later */
/* text: "accepted|later1 later2": one value is what this version does anyway, the others
 * are the format's but refused. */
SCHEMA_READER(schema_only);
/* text: what to do instead. */
SCHEMA_READER(schema_refused);

#endif
