/* What libyaml says of a text that is no YAML, in the words of a job file and at the place where the
 * mistake began. */
#ifndef CORE_DOC_WORDS_H
#define CORE_DOC_WORDS_H

#include "core/doc.h"

struct doc_open {
    char bracket; /* '{' or '['; 0 = none */
    unsigned line, column;
};

struct doc_syntax {
    const char *problem, *context; /* libyaml's words; may be NULL */
    unsigned problem_line, problem_column;
    unsigned context_line, context_column; /* where what it was reading began */
    bool has_context;
    struct doc_open open; /* the innermost bracket that is not closed */
};

void doc_words_complain(const struct doc_syntax *syntax, struct bytes source,
                        struct complaints *complaints);

#endif
