/* See exit.h. */
#include "core/exit.h"

#include <signal.h>
#include <stdio.h>

#include "core/libc.h"

enum { SHELL_SIGNAL = 128, SIGNALS_MAX = 64 };

const char *exit_kind_name(enum exit_kind kind)
{
    static const char *const names[] = {"exited", "killed", "lost", "never started"};
    return (unsigned)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

static void say_signal(int number, char *out, size_t cap)
{
    const char *name = sigabbrev_np(number);
    if (name)
        (void)snprintf(out, cap, "killed by signal %d (%s)", number, name);
    else
        (void)snprintf(out, cap, "killed by signal %d", number);
}

const char *exit_words(const struct exit_fact *fact, char *out, size_t cap)
{
    switch (fact->kind) {
    case EXIT_BY_CODE:
        (void)snprintf(out, cap, "exited with %d", (int)fact->number);
        break;
    case EXIT_BY_SIGNAL:
        say_signal((int)fact->number, out, cap);
        break;
    case EXIT_LOST:
        (void)snprintf(out, cap, "lost: %s",
                       fact->is_host ? "its host went down" : "its shim was killed");
        break;
    case EXIT_NEVER:
        (void)snprintf(out, cap, "never started: its agent or shim was killed before");
        break;
    }
    return out;
}

bool exit_is_success(const struct exit_fact *fact)
{
    return fact->kind == EXIT_BY_CODE && fact->number == 0;
}

enum { NOTE_OOM = 1, NOTE_HAD_OOM = 2, NOTE_LATE = 4, NOTE_HOST = 8 };

uint32_t exit_notes(const struct exit_fact *fact)
{
    return (fact->is_oom ? NOTE_OOM : 0u) | (fact->had_oom ? NOTE_HAD_OOM : 0u) |
           (fact->is_late ? NOTE_LATE : 0u) | (fact->is_host ? NOTE_HOST : 0u);
}

void exit_take_notes(struct exit_fact *fact, uint32_t notes)
{
    fact->is_oom = notes & NOTE_OOM;
    fact->had_oom = notes & NOTE_HAD_OOM;
    fact->is_late = notes & NOTE_LATE;
    fact->is_host = notes & NOTE_HOST;
}

/* Kinds count from 1 in there, so that no field is left out for being 0. */
uint64_t exit_pack(const struct exit_fact *fact)
{
    return ((uint64_t)fact->kind + 1) | (uint64_t)exit_notes(fact) << 8 |
           (uint64_t)(uint32_t)fact->number << 32;
}

struct exit_fact exit_unpack(uint64_t packed)
{
    unsigned kind = (unsigned)(packed & 0xff);
    struct exit_fact fact = {.kind = EXIT_LOST};
    if (kind >= EXIT_BY_CODE + 1 && kind <= EXIT_NEVER + 1)
        fact.kind = (enum exit_kind)(kind - 1);
    fact.number = (int32_t)(uint32_t)(packed >> 32);
    exit_take_notes(&fact, (uint32_t)(packed >> 8) & 0xffffff);
    return fact;
}

int32_t exit_status(const struct exit_fact *fact)
{
    if (fact->kind == EXIT_BY_CODE)
        return fact->number;
    return SHELL_SIGNAL + (fact->kind == EXIT_BY_SIGNAL ? fact->number : SIGKILL);
}

struct exit_fact exit_of_status(int32_t status, bool is_oom)
{
    bool is_signal = status > SHELL_SIGNAL && status <= SHELL_SIGNAL + SIGNALS_MAX;
    return (struct exit_fact){.kind = is_signal ? EXIT_BY_SIGNAL : EXIT_BY_CODE,
                              .number = is_signal ? status - SHELL_SIGNAL : status,
                              .is_oom = is_oom};
}
