/* The help, all of it read from the command table. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

/* `stratos help` */
void help_overview(const struct command_table *table, FILE *out);
/* the five to begin with */
void help_commands(FILE *out);
/* those of two words that begin with it */
void help_group(const struct command_table *table, const char *first, FILE *out);
/* the usage line of a command */
void help_synopsis(const struct command *command, FILE *out);
/* `stratos help run` */
void help_command(const struct command_table *table, const struct command *command,
                  FILE *out);
/* docs/CLI.md */
void help_markdown(const struct command_table *table, FILE *out);

#endif
