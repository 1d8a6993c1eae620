/* The phrase book from libyaml's words to ours.  See doc_words.h; libyaml: scanner.c and parser.c. */
#include "core/doc_words.h"

#include <string.h>

/* Where the complaint stands. */
enum place {
    AT_PROBLEM,
    AT_CONTEXT,
    AT_OPEN, /* at the problem; at what is open when the text ended meanwhile */
};

static const struct phrase {
    const char *problem, *context; /* parts of theirs; NULL = any */
    enum place place;
    const char *words;
} phrases[] = {
    {"found unexpected end of stream", "quoted scalar", AT_CONTEXT,
     "this quote is not closed"},
    {"found unexpected document indicator", "quoted scalar", AT_CONTEXT,
     "this quote is not closed"},
    {"found a tab character", NULL, AT_PROBLEM,
     "a tab: YAML wants spaces for indentation"},
    {"found unknown escape character", NULL, AT_PROBLEM,
     "no such escape: within \"...\" a backslash is written \\\\, or use '...'"},
    {"did not find expected hexdecimal number", NULL, AT_PROBLEM,
     "wants hexadecimal digits after this escape"},
    {"did not find expected ',' or '}'", NULL, AT_OPEN, NULL},
    {"did not find expected ',' or ']'", NULL, AT_OPEN, NULL},
    {"did not find expected node content", "flow", AT_OPEN,
     "wants a value here: is there a ',' too many?"},
    {"did not find expected key", NULL, AT_PROBLEM,
     "wants a key here, with the same indentation as the keys before it"},
    {"did not find expected '-' indicator", NULL, AT_PROBLEM,
     "wants '-' here, with the same indentation as the items before it"},
    {"could not find expected ':'", NULL, AT_CONTEXT,
     "wants ':' after this key (a longer text goes in quotes)"},
    {"mapping values are not allowed", NULL, AT_PROBLEM,
     "a second ':' in this line: put the text in quotes, or the key on a line of its "
     "own"},
    {"mapping keys are not allowed", NULL, AT_PROBLEM, "no key can stand here"},
    {"block sequence entries are not allowed", NULL, AT_PROBLEM,
     "no '-' can stand here: a list's items begin on lines of their own"},
    {"did not find expected <document start>", NULL, AT_PROBLEM,
     "wants the end of the file here, or '---' before another document"},
    {"found undefined tag handle", NULL, AT_CONTEXT,
     "tags are not used here: a value's type comes from its key; '!' goes in quotes"},
    {"invalid leading UTF-8 octet", NULL, AT_PROBLEM, "this is not UTF-8"},
    {"invalid trailing UTF-8 octet", NULL, AT_PROBLEM, "this is not UTF-8"},
    {"incomplete UTF-8 octet sequence", NULL, AT_PROBLEM, "this is not UTF-8"},
    {"invalid length of a UTF-8 sequence", NULL, AT_PROBLEM, "this is not UTF-8"},
    {"invalid Unicode character", NULL, AT_PROBLEM, "this is not UTF-8"},
    {"control characters are not allowed", NULL, AT_PROBLEM,
     "a control character: write it as an escape within \"...\""},
};

static bool has(const char *text, const char *part)
{
    return !part || (text && strstr(text, part));
}

/* From a place of the source; the end when it is past it. */
static struct bytes from_place(struct bytes source, unsigned line, unsigned column)
{
    size_t i = 0;
    for (; line > 1 && i < source.len; i++)
        line -= source.at[i] == '\n';
    while (column > 1 && i < source.len && source.at[i] != '\n') {
        i++;
        column -= i == source.len || (source.at[i] & 0xc0) != 0x80;
    }
    return (struct bytes){source.at + i, source.len - i};
}

/* Nothing but space and comments is left. */
static bool is_over(struct bytes rest)
{
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.at[i] == '#')
            while (i < rest.len && rest.at[i] != '\n')
                i++;
        else if (!strchr(" \t\r\n", rest.at[i]) || rest.at[i] == 0)
            return false;
    }
    return true;
}

/* A character no value begins with. */
static void complain_start(const struct doc_syntax *s, struct bytes rest,
                           struct complaints *complaints)
{
    int c = rest.len > 0 ? rest.at[0] : 0;
    if (c == '\t')
        complain(complaints, s->problem_line, s->problem_column,
                 "a tab: YAML wants spaces for indentation");
    else
        complain(complaints, s->problem_line, s->problem_column,
                 "no text begins with '%c' unless it is in quotes", c);
}

static void complain_open(const struct doc_syntax *s, const struct phrase *phrase,
                          struct bytes source, struct complaints *complaints)
{
    const struct doc_open *open = &s->open;
    if (is_over(from_place(source, s->problem_line, s->problem_column)))
        complain(complaints, open->line, open->column, "this '%c' is not closed",
                 open->bracket);
    else if (phrase->words)
        complain(complaints, s->problem_line, s->problem_column, "%s", phrase->words);
    else
        complain(complaints, s->problem_line, s->problem_column,
                 "wants ',' or '%c' here: the '%c' of line %u is open",
                 open->bracket == '[' ? ']' : '}', open->bracket, open->line);
}

void doc_words_complain(const struct doc_syntax *s, struct bytes source,
                        struct complaints *complaints)
{
    const struct phrase *phrase = NULL;
    for (size_t i = 0; !phrase && i < sizeof(phrases) / sizeof(phrases[0]); i++)
        if (s->problem && has(s->problem, phrases[i].problem) &&
            has(s->context, phrases[i].context))
            phrase = &phrases[i];
    bool is_start = has(s->problem, "cannot start any token") && s->problem;
    if (is_start)
        complain_start(s, from_place(source, s->problem_line, s->problem_column),
                       complaints);
    else if (!phrase)
        complain(complaints, s->problem_line, s->problem_column, "%s%s%s",
                 s->problem ? s->problem : "not YAML", s->context ? " " : "",
                 s->context ? s->context : "");
    else if (phrase->place == AT_OPEN && s->open.bracket)
        complain_open(s, phrase, source, complaints);
    else if (phrase->place == AT_CONTEXT && s->has_context)
        complain(complaints, s->context_line, s->context_column, "%s", phrase->words);
    else
        complain(complaints, s->problem_line, s->problem_column, "%s",
                 phrase->words ? phrase->words : s->problem);
}
