/* How a task ended: what was seen, or that nobody saw it.  A code and a signal are two
 * things; neither is made up. */
#ifndef CORE_EXIT_H
#define CORE_EXIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_kind {                     /* numbers are on disk and in claims */
                 EXIT_BY_CODE = 0,   /* the main process ended by itself, with `number` */
                 EXIT_BY_SIGNAL = 1, /* signal `number` ended it */
                 EXIT_LOST = 2,      /* it ran, or may have, and nobody saw its end */
                 EXIT_NEVER = 3,     /* it was to be started, and was not */
};

struct exit_fact {
    enum exit_kind kind;
    int32_t number;
    bool is_oom;  /* killed because its memory limit was reached */
    bool had_oom; /* not that, but one of its processes was, at some time */
    bool is_late; /* something of it was left at the end of the stop's grace: killed */
    bool is_host; /* lost: with its host */
};

/* "exited with 3", "killed by signal 9 (KILL)", "lost: its shim was killed". */
const char *exit_words(const struct exit_fact *fact, char *out, size_t cap);
/* "exited", "killed", "lost" or "never started". */
const char *exit_kind_name(enum exit_kind kind);
bool exit_is_success(const struct exit_fact *fact);
/* What is true beside kind and number, as bits that are on disk and in claims. */
uint32_t exit_notes(const struct exit_fact *fact);
void exit_take_notes(struct exit_fact *fact, uint32_t notes);
/* All of it in one number, for claims: 8 bits kind, 24 notes, 32 number; never 0, but unknown bits
 * and kinds of later releases can be met. */
uint64_t exit_pack(const struct exit_fact *fact);
struct exit_fact exit_unpack(uint64_t packed);
/* One number, as shells have it and as 0.1.0 put it into claims: what nobody saw is 137. */
int32_t exit_status(const struct exit_fact *fact);
/* What such a number was made from, as far as it says. */
struct exit_fact exit_of_status(int32_t status, bool is_oom);

#endif
