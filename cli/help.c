/* The help: for people in a terminal, and as docs/CLI.md. */
#include "cli/help.h"

#include <string.h>

#include "cli/talk.h"
#include "cli/verbs.h"

static const struct {
    int code;
    const char *meaning;
} exits[] = {
    {EXIT_DONE, "done"},
    {EXIT_FAILED, "failed otherwise"},
    {EXIT_USAGE, "usage, or an invalid file"},
    {EXIT_NO_SUCH, "no such job, node or variable"},
    {EXIT_UNPLACEABLE, "cannot be placed before the deadline"},
    {EXIT_ROLLOUT, "the rollout failed"},
    {EXIT_NO_AGENT, "no agent, or the secret was refused"},
    {EXIT_CONFLICT, "version conflict, or the question was answered with no"},
    {EXIT_TIMED_OUT, "timed out"},
    {EXIT_INTERRUPTED, "interrupted"},
};

void help_synopsis(const struct command *command, FILE *out)
{
    fprintf(out, "stratos %s%s%s%s\n", command->name, *command->synopsis ? " " : "",
            command->synopsis, command->flags ? " [flags]" : "");
}

/* "-f, --follow", "--timeout D" */
static void flag_text(const struct flag *flag, char *out, size_t cap)
{
    char letter[8] = "";
    if (flag->letter)
        (void)snprintf(letter, sizeof(letter), "-%c, ", flag->letter);
    (void)snprintf(out, cap, "%s--%s%s%s", letter, flag->name, flag->argument ? " " : "",
                   flag->argument ? flag->argument : "");
}

static void print_flags(const struct flag *flags, FILE *out)
{
    for (; flags && flags->name; flags++) {
        char text[96];
        flag_text(flags, text, sizeof(text));
        if (!flags->is_hidden)
            fprintf(out, "  %-25s  %s\n", text, flags->help);
    }
}

void help_commands(FILE *out)
{
    fputs("  stratos init web      write a job file to start from\n"
          "  stratos run web.yaml  submit it and follow until it is healthy\n"
          "  stratos status [JOB]  what runs where, and how it is\n"
          "  stratos logs JOB      what its tasks wrote\n"
          "  stratos why JOB.N     why it is where it is, and not elsewhere\n"
          "`stratos help` lists all commands.\n",
          out);
}

void help_group(const struct command_table *table, const char *first, FILE *out)
{
    size_t len = strlen(first);
    for (size_t i = 0; i < table->n; i++) {
        const struct command *c = &table->commands[i];
        if (strncmp(c->name, first, len) == 0 && c->name[len] == ' ')
            fprintf(out, "  %-24s  %s\n", c->name, c->summary);
    }
    fprintf(out, "`stratos help %s WORD` says more.\n", first);
}

void help_overview(const struct command_table *table, FILE *out)
{
    fputs("stratos: a cluster scheduler without a master\n\nusage: stratos COMMAND "
          "[words] [flags]\n\nTo begin with\n",
          out);
    help_commands(out);
    for (size_t i = 0; i < table->n; i++) {
        if (i == 0 || strcmp(table->commands[i].group, table->commands[i - 1].group) != 0)
            fprintf(out, "\n%s\n", table->commands[i].group);
        char text[96];
        (void)snprintf(text, sizeof(text), "%s%s%s", table->commands[i].name,
                       *table->commands[i].synopsis ? " " : "",
                       table->commands[i].synopsis);
        fprintf(out, "  %-24s  %s\n", text, table->commands[i].summary);
    }
    fputs("\nFlags of every command\n", out);
    print_flags(table->global_flags, out);
    fputs("\n`stratos help COMMAND` says more.  To try it: stratos dev\n", out);
}

void help_command(const struct command_table *table, const struct command *command,
                  FILE *out)
{
    fprintf(out, "stratos %s: %s\n\nusage: ", command->name, command->summary);
    help_synopsis(command, out);
    if (command->detail)
        fprintf(out, "\n%s\n", command->detail);
    if (command->flags) {
        fputs("\nFlags\n", out);
        print_flags(command->flags, out);
    }
    fputs("\nFlags of every command\n", out);
    print_flags(table->global_flags, out);
    fprintf(out, "\nExample\n  %s\n", command->example);
}

static void markdown_flags(const struct flag *flags, FILE *out)
{
    fputs("| flag | |\n| --- | --- |\n", out);
    for (; flags && flags->name; flags++) {
        char text[96];
        flag_text(flags, text, sizeof(text));
        if (flags->is_hidden)
            continue;
        fputs("| `", out);
        for (const char *c = text; *c; c++)
            fprintf(out, *c == '|' ? "\\%c" : "%c", *c); /* a bar would end the cell */
        fprintf(out, "` | %s |\n", flags->help);
    }
    fputc('\n', out);
}

void help_markdown(const struct command_table *table, FILE *out)
{
    fputs("# Commands\n\nWritten by `stratos help --markdown` from the command table; do "
          "not edit.\n\n"
          "Data goes to stdout, messages to stderr. Flags may stand before or after "
          "other words, as\n"
          "`--flag V` or `--flag=V`; `--` ends them.\n\n## Flags of every command\n\n",
          out);
    markdown_flags(table->global_flags, out);
    fputs("## Exit codes\n\n| code | |\n| --- | --- |\n", out);
    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++)
        fprintf(out, "| %d | %s |\n", exits[i].code, exits[i].meaning);

    for (size_t i = 0; i < table->n; i++) {
        const struct command *c = &table->commands[i];
        if (i == 0 || strcmp(c->group, c[-1].group) != 0)
            fprintf(out, "\n## %s\n", c->group);
        fprintf(out, "\n### %s\n\n    ", c->name);
        help_synopsis(c, out);
        fprintf(out, "\n%c%s.\n", c->summary[0] & ~0x20, c->summary + 1);
        if (c->detail)
            fprintf(out, "%s\n", c->detail);
        fputc('\n', out);
        if (c->flags)
            markdown_flags(c->flags, out);
        fprintf(out, "Example: `%s`\n", c->example);
    }
}

static json_t *flags_json(const struct flag *flags)
{
    json_t *list = json_array();
    for (; flags && flags->name; flags++) {
        if (!flags->is_hidden)
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s?, s:s}", "flag", flags->name, "argument",
                                flags->argument, "help", flags->help));
    }
    return list;
}

/* The command table, for whoever writes a completion or a form. */
static void help_json(const struct command_table *table, const struct command *only)
{
    json_t *list = json_array();
    for (size_t i = 0; i < table->n; i++) {
        const struct command *c = &table->commands[i];
        if (only && only != c)
            continue;
        (void)json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:s, s:s, s:s?, s:o, s:s}", "command", c->name, "group",
                      c->group, "words", c->synopsis, "summary", c->summary, "detail",
                      c->detail, "flags", flags_json(c->flags), "example", c->example));
    }
    json_t *root = json_pack("{s:i, s:o}", "api", 1, "data", list);
    (void)json_dumpf(root, stdout, JSON_COMPACT);
    fputc('\n', stdout);
    json_decref(root);
}

int verb_help(const struct invocation *in)
{
    if (words_has(&in->words, "markdown")) {
        help_markdown(in->table, stdout);
        return EXIT_DONE;
    }
    if (in->words.n_args == 0) {
        if (in->is_json)
            help_json(in->table, NULL);
        else
            help_overview(in->table, stdout);
        return EXIT_DONE;
    }
    const char *first = in->words.args[0];
    const char *second = in->words.n_args > 1 ? in->words.args[1] : NULL;
    int used;
    const struct command *command = command_find(in->table, first, second, &used);
    if (!command && !second && command_is_group(in->table, first)) {
        help_group(in->table, first, stdout);
        return EXIT_DONE;
    }
    if (!command) {
        char text[512];
        command_suggest(in->table, first, second, text, sizeof(text));
        return fail(in, EXIT_USAGE, "usage", "%s", text);
    }
    if (in->is_json)
        help_json(in->table, command);
    else
        help_command(in->table, command, stdout);
    return EXIT_DONE;
}

int verb_version(const struct invocation *in)
{
    if (in->is_json)
        puts("{\"api\":1,\"data\":{\"version\":\"" STRATOS_VERSION "\"}}");
    else
        puts("stratos " STRATOS_VERSION);
    return EXIT_DONE;
}
