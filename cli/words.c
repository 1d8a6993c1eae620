/* The words of a command line. */
#include "cli/words.h"

#include <string.h>

#include "core/doc.h"

enum { NAMES_MAX = 64 };

static const struct flag *find_in(const struct flag *list, const char *name, size_t len)
{
    for (; list && list->name; list++) {
        if (strlen(list->name) == len && memcmp(list->name, name, len) == 0)
            return list;
    }
    return NULL;
}

static const struct flag *find_letter(const struct flag *list, char letter)
{
    for (; list && list->name; list++) {
        if (list->letter != 0 && list->letter == letter)
            return list;
    }
    return NULL;
}

static int unknown_flag(const char *word, size_t name_len, const struct flag *flags,
                        const struct flag *more, struct err *err)
{
    const char *names[NAMES_MAX + 1];
    size_t n = 0;
    for (const struct flag *f = flags; f && f->name && n < NAMES_MAX; f++) {
        if (!f->is_hidden)
            names[n++] = f->name;
    }
    for (const struct flag *f = more; f && f->name && n < NAMES_MAX; f++)
        names[n++] = f->name;
    names[n] = NULL;

    char name[64];
    size_t len = name_len < sizeof(name) ? name_len : sizeof(name) - 1;
    memcpy(name, word + 2, len);
    name[len] = '\0';
    const char *meant = did_you_mean(name, names);
    if (meant)
        return err_set(err, ERR_INVALID, "unknown flag --%s: did you mean --%s?", name,
                       meant);
    return err_set(err, ERR_INVALID, "unknown flag --%s", name);
}

static int give(struct words *w, const struct flag *flag, const char *value,
                struct err *err)
{
    if (w->n_given == FLAGS_GIVEN_MAX)
        return err_set(err, ERR_INVALID, "more than %d flags", FLAGS_GIVEN_MAX);
    w->given[w->n_given++] = (struct given){flag, value};
    return 0;
}

/* A word that begins with a dash; `next` is the one after it or NULL.  Returns how many
 * words were taken. */
static int take_flag(struct words *w, const char *word, const char *next,
                     const struct flag *flags, const struct flag *more, struct err *err)
{
    const struct flag *flag;
    const char *equals = NULL;
    if (word[1] == '-') {
        equals = strchr(word, '=');
        size_t len = equals ? (size_t)(equals - word) - 2 : strlen(word) - 2;
        flag = find_in(flags, word + 2, len);
        if (!flag)
            flag = find_in(more, word + 2, len);
        if (!flag)
            return unknown_flag(word, len, flags, more, err);
    } else {
        flag = find_letter(flags, word[1]);
        if (!flag)
            flag = find_letter(more, word[1]);
        if (!flag || word[2] != '\0')
            return err_set(err, ERR_INVALID, "unknown flag %s", word);
    }

    if (!flag->argument && equals)
        return err_set(err, ERR_INVALID, "--%s takes no value", flag->name);
    if (!flag->argument || equals) {
        int error = give(w, flag, equals ? equals + 1 : "", err);
        return error < 0 ? error : 1;
    }
    if (!next)
        return err_set(err, ERR_INVALID, "--%s wants a value: --%s %s", flag->name,
                       flag->name, flag->argument);
    int error = give(w, flag, next, err);
    return error < 0 ? error : 2;
}

int words_parse(struct words *w, int argc, char **argv, const struct flag *flags,
                const struct flag *more, bool stop_at_word, int *ret_used,
                struct err *err)
{
    bool is_over = false; /* "--" was seen */
    int i = 0;
    while (i < argc) {
        const char *word = argv[i];
        if (!is_over && strcmp(word, "--") == 0) {
            is_over = w->has_end = true;
            w->n_before_end = w->n_args;
            i++;
        } else if (!is_over && word[0] == '-' && word[1] != '\0') {
            const char *next = i + 1 < argc ? argv[i + 1] : NULL;
            int taken = take_flag(w, word, next, flags, more, err);
            if (taken < 0)
                return taken;
            i += taken;
        } else if (stop_at_word) {
            break;
        } else {
            if (w->n_args == WORDS_MAX)
                return err_set(err, ERR_INVALID, "more than %d words", WORDS_MAX);
            w->args[w->n_args++] = word;
            i++;
        }
    }
    *ret_used = i;
    return 0;
}

const char *words_value(const struct words *w, const char *flag)
{
    for (size_t i = w->n_given; i > 0; i--) {
        if (strcmp(w->given[i - 1].flag->name, flag) == 0)
            return w->given[i - 1].value;
    }
    return NULL;
}

bool words_has(const struct words *w, const char *flag)
{
    return words_value(w, flag) != NULL;
}
