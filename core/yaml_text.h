/* Writing a job file: text that grows in an arena, and scalars that a YAML reader takes
 * back as they were.  Not a YAML library: layout is the caller's. */
#ifndef CORE_YAML_TEXT_H
#define CORE_YAML_TEXT_H

#include "core/arena.h"

struct yaml_text {
    struct arena *arena;
    char *at; /* NUL-terminated once anything was added */
    size_t len, cap;
    bool is_failed; /* out of memory; what was added since is lost */
};

void yaml_add(struct yaml_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A text as one scalar on one line, quoted when it must be or when it would look like a
 * number or a truth value.  Fits in block and flow style, as a key (up to 1000 bytes) and
 * as a value. */
void yaml_scalar(struct yaml_text *t, const char *text);

/* "10s", "5m", "1500ms". */
void yaml_duration(struct yaml_text *t, uint32_t ms);

/* `block` again, its first line after `first`, the others after as many spaces. */
void yaml_indented(struct yaml_text *t, const char *first, const char *block);

#endif
