/* Run a fuzz target over a directory of inputs, without a fuzzer: every file, and of
 * small files every truncation too.  The sanitizers and asserts of the build are the
 * judges. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUT_MAX = 4 << 20,
    TRUNCATED_MAX = 1024 /* files up to this length are also tried cut short */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of exactly its size, so that one byte read too far is seen. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay_file(const char *path)
{
    FILE *in = fopen(path, "rbe");
    uint8_t *data = malloc(INPUT_MAX);
    size_t size = in && data ? fread(data, 1, INPUT_MAX, in) : 0;
    int result = in && data && !ferror(in) ? 0 : -1;
    if (result == 0) {
        feed(data, size);
        for (size_t len = 0; size <= TRUNCATED_MAX && len < size; len++)
            feed(data, len);
    }
    free(data);
    if (in)
        fclose(in);
    return result;
}

int main(int argc, char **argv)
{
    unsigned n = 0;
    feed((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        for (const struct dirent *e; dir && (e = readdir(dir));) {
            char path[4096];
            if (e->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
            fprintf(stderr, "%s\n",
                    path); /* the last line before a crash is the culprit */
            if (replay_file(path) < 0)
                return 1;
            n++;
        }
        if (dir)
            closedir(dir);
    }
    printf("replayed %u files\n", n);
    return 0;
}
