/* Ctrl-C stops watching, not the work: nothing needs to be undone. */
#include "cli/interrupt.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit.h"

static const char *volatile last_words = "\n";

static void on_interrupt(int signal)
{
    (void)signal;
    /* A terminal shows ^C at the end of a line; elsewhere only what says something is of use. */
    bool is_terminal = isatty(STDERR_FILENO) != 0;
    const char *words = last_words + !is_terminal;
    (void)!write(STDERR_FILENO, words, strlen(words));
    _exit(EXIT_INTERRUPTED);
}

void interrupt_catch(void)
{
    (void)signal(SIGINT, on_interrupt);
}

void interrupt_says(const char *words)
{
    last_words = words;
}
