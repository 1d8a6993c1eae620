/* What a person sees: tables as wide as the terminal, ages, sizes, and colour where it
 * helps.
 *
 * Control bytes of the data never reach the terminal. */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    RENDER_WIDTH = 80 /* of a terminal that does not say */,
    GRID_COLUMNS_MAX = 12,
    RENDER_TEXT = 32
};

/* A table; cells are copied.  Nothing is ever cut.  Where a row is wider than the terminal, columns
 * shrink, the last and then the widest first, and their cells go on below; in a pipe a row is a line. */
struct grid {
    const char *heads[GRID_COLUMNS_MAX];
    size_t n_columns, n_rows, cap;
    char **cells; /* row by row */
    size_t width; /* 0: as wide as what it is printed on */
};

/* heads end with NULL. */
void grid_init(struct grid *t, const char *const *heads);
void grid_fini(struct grid *t);
/* One cell per column, NULL or "" shows as "-". */
void grid_row(struct grid *t, const char *const *cells);
void grid_print(const struct grid *t, FILE *out, bool is_coloured);

/* "0.2s" below 10 s, "45s", "3m12s", "2h5m", "4d3h"; returns out. */
const char *age_text(uint64_t ms, char out[static RENDER_TEXT]);
/* "512", "64K", "1.5G" (binary). */
const char *size_rounded(uint64_t bytes, char out[static RENDER_TEXT]);
/* "<1ms", "12ms". */
const char *rtt_text(double ms, char out[static RENDER_TEXT]);
/* "0.5", "12". */
const char *cores_text(double cores, char out[static RENDER_TEXT]);
/* Milliseconds since 1970 of "2026-11-21T00:45:46.123Z"; 0 when it is not one. */
uint64_t time_parse(const char *text);

/* Columns of the terminal behind this stream; SIZE_MAX: it is none, and lines have no end. */
size_t render_width(FILE *out);
/* Colour on this stream: a terminal, and no NO_COLOR. */
bool render_is_coloured(FILE *out);
/* Flush stdout; true when all that was printed so far is written.  What went wrong first is kept. */
bool out_flush(void);
/* What went wrong with it (a negative error), 0: nothing. */
int out_error(void);
/* Print text with control bytes replaced by '?'; newlines stay when `keep_lines`. */
void print_safe(FILE *out, const char *text, bool keep_lines);

#endif
