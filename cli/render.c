/* Tables, ages, sizes and colours. */
#include "cli/render.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    GUTTER = 2,
    LAST_MIN =
        24, /* the last column, mostly words, gives way down to this before others do */
    COLUMN_MIN = 4,
};

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

void print_safe(FILE *out, const char *text, bool keep_lines)
{
    for (; *text; text++) {
        bool is_kept = !is_control((unsigned char)*text) || *text == '\t' ||
                       (keep_lines && *text == '\n');
        fputc(is_kept ? *text : '?', out);
    }
}

/* ---- stdout ---- */

static int first_error;

bool out_flush(void)
{
    bool is_written = fflush(stdout) == 0 && !ferror(stdout);
    if (!is_written && first_error == 0)
        first_error = errno > 0 ? -errno : -EIO;
    return is_written;
}

int out_error(void)
{
    return first_error;
}

/* ---- tables ---- */

void grid_init(struct grid *t, const char *const *heads)
{
    *t = (struct grid){0};
    while (heads[t->n_columns] && t->n_columns < GRID_COLUMNS_MAX) {
        t->heads[t->n_columns] = heads[t->n_columns];
        t->n_columns++;
    }
}

void grid_fini(struct grid *t)
{
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct grid){0};
}

static char *cell_copy(const char *text)
{
    char *copy = strdup(text && *text ? text : "-");
    for (char *c = copy; c && *c; c++) {
        if (is_control((unsigned char)*c))
            *c = ' ';
    }
    return copy;
}

void grid_row(struct grid *t, const char *const *cells)
{
    if (t->n_rows == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        char **grown = realloc(t->cells, cap * t->n_columns * sizeof(*grown));
        if (!grown)
            return; /* a row less is what a person without memory can be shown */
        t->cells = grown;
        t->cap = cap;
    }
    for (size_t i = 0; i < t->n_columns; i++)
        t->cells[t->n_rows * t->n_columns + i] = cell_copy(cells[i]);
    t->n_rows++;
}

/* Columns on the screen: bytes that do not continue a UTF-8 character. */
static size_t columns_of(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static size_t width_of(const char *text)
{
    return text ? columns_of(text, strlen(text)) : 0;
}

size_t render_width(FILE *out)
{
    struct winsize size = {0};
    int fd = fileno(out);
    if (fd < 0 || !isatty(fd))
        return SIZE_MAX;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                : RENDER_WIDTH;
}

/* The column that gives way next; n_columns: none can. */
static size_t to_shrink(const struct grid *t, const size_t *widths)
{
    size_t last = t->n_columns - 1, widest = t->n_columns;
    if (widths[last] > LAST_MIN)
        return last;
    for (size_t c = 0; c < t->n_columns; c++) {
        if (widths[c] > COLUMN_MIN &&
            (widest == t->n_columns || widths[c] > widths[widest]))
            widest = c;
    }
    return widest;
}

static void measure(const struct grid *t, size_t width, size_t *widths)
{
    size_t total = 0;
    for (size_t c = 0; c < t->n_columns; c++) {
        widths[c] = width_of(t->heads[c]);
        for (size_t r = 0; r < t->n_rows; r++) {
            size_t cell = width_of(t->cells[r * t->n_columns + c]);
            widths[c] = cell > widths[c] ? cell : widths[c];
        }
        total += widths[c] + (c > 0 ? GUTTER : 0);
    }
    for (; total > width; total--) {
        size_t c = to_shrink(t, widths);
        if (c == t->n_columns)
            return;
        widths[c]--;
    }
}

/* The word is the sign, the colour only helps the eye. */
static const char *colour_of(const char *word)
{
    static const struct {
        const char *word, *colour;
    } colours[] = {
        {"alive", "32"},    {"running", "32"},      {"passing", "32"},
        {"Healthy", "32"},  {"complete", "32"},     {"suspect", "33"},
        {"pending", "33"},  {"starting", "33"},     {"stopping", "33"},
        {"updating", "33"}, {"degraded", "33"},     {"unknown", "33"},
        {"failed", "31"},   {"failing", "31"},      {"dead", "31"},
        {"lost", "31"},     {"crashing", "31"},     {"Crashing", "31"},
        {"Lost", "31"},     {"Cannot start", "31"}, {"Waiting for room", "31"},
    };
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        if (strcmp(word, colours[i].word) == 0)
            return colours[i].colour;
    }
    return NULL;
}

/* How many bytes of `text` stand in one line of a cell: whole words where one fits, parts of a name where
 * these fill half of it. */
static size_t piece_of(const char *text, size_t width)
{
    size_t shown = 0, len = 0, at_word = 0;
    for (; text[len]; len++) {
        shown += ((unsigned char)text[len] & 0xc0) != 0x80;
        if (shown > width)
            return at_word > 0 ? at_word : len;
        bool is_joint = strchr("-/,:", text[len]) && 2 * shown > width;
        if (text[len + 1] == ' ' || is_joint)
            at_word = len + 1;
    }
    return len;
}

/* One row, in as many lines as its longest cell takes; `rest` is used up. */
static void print_row(const struct grid *t, const char **rest, const size_t *widths,
                      FILE *out, bool is_coloured)
{
    bool has_more = true;
    while (has_more) {
        size_t n_blanks =
            0; /* owed before the next piece, so that no line ends in them */
        has_more = false;
        for (size_t c = 0; c < t->n_columns; c++) {
            size_t len = piece_of(rest[c], widths[c]);
            const char *colour = is_coloured && len > 0 ? colour_of(rest[c]) : NULL;
            if (len > 0) {
                fprintf(out, "%*s", (int)n_blanks, "");
                n_blanks = 0;
            }
            if (colour)
                fprintf(out, "\033[%sm", colour);
            fwrite(rest[c], 1, len, out);
            if (colour)
                fputs("\033[0m", out);
            n_blanks += widths[c] + GUTTER - columns_of(rest[c], len);
            rest[c] += len;
            rest[c] += *rest[c] == ' ';
            has_more = has_more || *rest[c] != '\0';
        }
        fputc('\n', out);
    }
}

void grid_print(const struct grid *t, FILE *out, bool is_coloured)
{
    size_t widths[GRID_COLUMNS_MAX];
    const char *rest[GRID_COLUMNS_MAX];
    measure(t, t->width ? t->width : render_width(out), widths);
    memcpy(rest, t->heads, sizeof(rest));
    print_row(t, rest, widths, out, false);
    for (size_t r = 0; r < t->n_rows; r++) {
        for (size_t c = 0; c < t->n_columns; c++)
            rest[c] = t->cells[r * t->n_columns + c];
        print_row(t, rest, widths, out, is_coloured);
    }
}

bool render_is_coloured(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    return !(no && *no) && isatty(fileno(out));
}

/* ---- values ---- */

const char *age_text(uint64_t ms, char out[static RENDER_TEXT])
{
    unsigned long long s = ms / 1000;
    if (ms < 10000)
        (void)snprintf(out, RENDER_TEXT, "%llu.%llus", s,
                       (unsigned long long)(ms % 1000) / 100);
    else if (s < 60)
        (void)snprintf(out, RENDER_TEXT, "%llus", s);
    else if (s < 3600)
        (void)snprintf(out, RENDER_TEXT, "%llum%llus", s / 60, s % 60);
    else if (s < 86400)
        (void)snprintf(out, RENDER_TEXT, "%lluh%llum", s / 3600, s / 60 % 60);
    else
        (void)snprintf(out, RENDER_TEXT, "%llud%lluh", s / 86400, s / 3600 % 24);
    return out;
}

const char *size_rounded(uint64_t bytes, char out[static RENDER_TEXT])
{
    static const char units[] = "KMGTP";
    if (bytes < 1024) {
        (void)snprintf(out, RENDER_TEXT, "%llu", (unsigned long long)bytes);
        return out;
    }
    size_t unit = 0;
    double value = (double)bytes / 1024;
    while (value >= 1024 && units[unit + 1]) {
        value /= 1024;
        unit++;
    }
    bool is_whole = value >= 100 || value - (double)(uint64_t)value < 0.05;
    (void)snprintf(out, RENDER_TEXT, "%.*f%c", is_whole ? 0 : 1, value, units[unit]);
    return out;
}

const char *rtt_text(double ms, char out[static RENDER_TEXT])
{
    if (ms < 1)
        (void)snprintf(out, RENDER_TEXT,
                       "<1ms"); /* the clock of a probe counts whole ones */
    else
        (void)snprintf(out, RENDER_TEXT, "%.0fms", ms < 1e6 ? ms : 1e6);
    return out;
}

const char *cores_text(double cores, char out[static RENDER_TEXT])
{
    (void)snprintf(out, RENDER_TEXT, "%.3f", cores);
    char *end = out + strlen(out);
    while (end[-1] == '0')
        *--end = '\0';
    if (end[-1] == '.')
        *--end = '\0';
    return out;
}

uint64_t time_parse(const char *text)
{
    struct tm t = {0};
    int ms = 0;
    if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &t.tm_year, &t.tm_mon,
                        &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &ms) < 6)
        return 0;
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    time_t s = timegm(&t);
    return s > 0 ? (uint64_t)s * 1000 + (uint64_t)ms : 0;
}
