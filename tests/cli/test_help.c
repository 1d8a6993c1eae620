/* The command table and what is read from it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/help.h"
#include "tests/cli/fake_agent.h"

Test(help, the_reference_is_what_the_table_says)
{
    char *text = NULL, *kept = calloc(1, 256 * 1024);
    size_t len;
    FILE *out = open_memstream(&text, &len), *file = fopen("docs/CLI.md", "r");
    cr_assert(file, "run from the root of the tree");
    (void)!fread(kept, 1, 256 * 1024 - 1, file);
    fclose(file);
    help_markdown(&command_table, out);
    fclose(out);
    cr_assert_str_eq(text, kept,
                     "docs/CLI.md is old: stratos help --markdown > docs/CLI.md");
    free(text);
    free(kept);
}

Test(help, every_line_of_it_fits_a_terminal)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    help_overview(&command_table, out);
    for (size_t i = 0; i < command_table.n; i++)
        help_command(&command_table, &command_table.commands[i], out);
    fclose(out);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_expect_leq(strlen(line), 90, "%s", line);
    free(text);
}

Test(help, every_command_is_whole)
{
    for (size_t i = 0; i < command_table.n; i++) {
        const struct command *c = &command_table.commands[i];
        char second[32] = "", first[32];
        int used = 0;
        (void)sscanf(c->name, "%31s %31s", first, second);
        cr_expect_eq(command_find(&command_table, first, second, &used), c, "%s",
                     c->name);
        cr_expect_eq(used, *second ? 2 : 1);
        cr_expect(c->run && c->summary && c->synopsis && c->group && c->example, "%s",
                  c->name);
        cr_expect(strncmp(c->example, "stratos ", 8) == 0 && strstr(c->example, c->name),
                  "%s", c->name);
        cr_expect_leq(c->args_min, c->args_max);
        for (const struct flag *f = c->flags; f && f->name; f++)
            cr_expect(f->help && *f->help, "%s --%s", c->name, f->name);
    }
}

Test(help, an_unknown_verb_is_answered_with_ours)
{
    static const struct {
        const char *line, *err;
    } rows[] = {
        {"statsu",
         "stratos: 'statsu' is no command of stratos: did you mean 'status'?\n"},
        {"ps", "stratos: 'ps' is no command of stratos: use stratos status [JOB]\n"},
        {"kill web", "stratos: 'kill' is no command of stratos: use stratos stop JOB\n"},
        {"node status",
         "stratos: 'node' is no command of stratos: use stratos members, or stratos "
         "status NODE\n"},
        {"drain n1",
         "stratos: 'drain' is planned but not part of stratos " STRATOS_VERSION "\n"},
        {"secret",
         "stratos: 'secret' wants a second word: stratos secret new, stratos secret "
         "rotate\n"},
        {"var", "stratos: 'var' wants a second word: stratos var set, stratos var get, "
                "stratos var ls, "
                "stratos var rm\n"},
        {"xyzzy",
         "stratos: 'xyzzy' is no command of stratos: `stratos help` lists them\n"},
    };
    static struct outcome o;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        run_stratos("/nonexistent", rows[i].line, &o);
        cr_expect_eq(o.code, 2, "%s", rows[i].line);
        cr_expect_str_eq(o.err, rows[i].err);
        cr_expect_str_eq(o.out, "");
    }
}
