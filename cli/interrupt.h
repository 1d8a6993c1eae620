/* Ctrl-C while a verb runs. */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

/* From here on Ctrl-C ends the program with EXIT_INTERRUPTED. */
void interrupt_catch(void);

/* What Ctrl-C writes to a terminal before it ends the program; lives as long as it. */
void interrupt_says(const char *words);

#endif
