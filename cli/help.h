/* The help, all of it read from the command table. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

void help_overview(FILE *out);                                /* `stratos help` */
void help_synopsis(const struct command *command, FILE *out); /* its usage line */
void help_command(const struct command *command, FILE *out);  /* `stratos help run` */
void help_markdown(FILE *out);                                /* docs/CLI.md */

#endif
