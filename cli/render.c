/* Tables, ages, sizes and colours. */
#include "cli/render.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GUTTER = 2 };

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
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; text && *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void measure(const struct grid *t, size_t *widths)
{
    size_t total = 0;
    for (size_t c = 0; c < t->n_columns; c++) {
        widths[c] = width_of(t->heads[c]);
        for (size_t r = 0; r < t->n_rows; r++) {
            size_t width = width_of(t->cells[r * t->n_columns + c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
        total += widths[c] + (c > 0 ? GUTTER : 0);
    }
    while (total > RENDER_WIDTH) {
        size_t widest = 0;
        for (size_t c = 1; c < t->n_columns; c++)
            widest = widths[c] >= widths[widest] ? c : widest;
        if (widths[widest] <= width_of(t->heads[widest]) || widths[widest] <= 4)
            return;
        widths[widest]--;
        total--;
    }
}

/* The word is the sign, the colour only helps the eye. */
static const char *colour_of(const char *word)
{
    static const struct {
        const char *word, *colour;
    } colours[] = {
        {"alive", "32"},    {"running", "32"},  {"passing", "32"}, {"healthy", "32"},
        {"complete", "32"}, {"suspect", "33"},  {"pending", "33"}, {"starting", "33"},
        {"stopping", "33"}, {"updating", "33"}, {"unknown", "33"}, {"failed", "31"},
        {"failing", "31"},  {"dead", "31"},     {"lost", "31"},
    };
    for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        if (strcmp(word, colours[i].word) == 0)
            return colours[i].colour;
    }
    return NULL;
}

static void print_cell(FILE *out, const char *text, size_t width, bool is_last,
                       bool is_coloured)
{
    size_t full = width_of(text);
    bool is_cut = full > width;
    size_t shown = is_cut ? width - 2 : full;
    const char *end = text;
    for (size_t n = 0; *end; end++) {
        n += ((unsigned char)*end & 0xc0) != 0x80;
        if (n > shown)
            break;
    }
    const char *colour = is_coloured ? colour_of(text) : NULL;
    if (colour)
        fprintf(out, "\033[%sm", colour);
    fwrite(text, 1, (size_t)(end - text), out);
    fputs(is_cut ? ".." : "", out);
    if (colour)
        fputs("\033[0m", out);
    for (size_t n = is_cut ? width : full; !is_last && n < width + GUTTER; n++)
        fputc(' ', out);
}

/* Words of a last cell, continued below its beginning. */
static void print_wrapped_cell(FILE *out, const char *text, size_t indent, size_t width)
{
    size_t at = 0;
    while (*text) {
        size_t len = strcspn(text, " "), shown = 0;
        for (size_t i = 0; i < len; i++)
            shown += ((unsigned char)text[i] & 0xc0) != 0x80;
        if (at > 0 && at + 1 + shown > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = 0;
        } else if (at > 0) {
            fputc(' ', out);
            at++;
        }
        fwrite(text, 1, len, out);
        at += shown;
        text += len;
        text += strspn(text, " ");
    }
}

void grid_print(const struct grid *t, FILE *out, bool is_coloured)
{
    size_t widths[GRID_COLUMNS_MAX];
    measure(t, widths);
    for (size_t c = 0; c < t->n_columns; c++)
        print_cell(out, t->heads[c], widths[c], c + 1 == t->n_columns, false);
    fputc('\n', out);
    size_t indent = 0, last = t->n_columns - 1;
    for (size_t c = 0; c < last; c++)
        indent += widths[c] + GUTTER;
    for (size_t r = 0; r < t->n_rows; r++) {
        for (size_t c = 0; c < t->n_columns; c++) {
            const char *text = t->cells[r * t->n_columns + c];
            if (c == last && t->is_wrapped)
                print_wrapped_cell(out, text, indent, widths[c]);
            else
                print_cell(out, text, widths[c], c == last, is_coloured);
        }
        fputc('\n', out);
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

const char *size_text(uint64_t bytes, char out[static RENDER_TEXT])
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
