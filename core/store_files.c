/* See store_files.h. */
#include "core/store_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

struct store_files store_files_look(const char *path)
{
    struct store_files c = {0};
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        struct stat st;
        bool is_log = ends_with(e->d_name, ".log"),
             is_table = ends_with(e->d_name, ".sst");
        uint64_t size = is_log && fstatat(dirfd(dir), e->d_name, &st, 0) == 0
                            ? (uint64_t)st.st_size
                            : 0;
        c.has_current |= strcmp(e->d_name, "CURRENT") == 0;
        c.has_manifest |= strncmp(e->d_name, "MANIFEST-", 9) == 0;
        c.has_data |= is_table || size > 0;
        c.log_bytes += size;
    }
    if (dir)
        (void)closedir(dir); /* it was only read */
    return c;
}

void store_files_remove_text_logs(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, "LOG") == 0 || strncmp(e->d_name, "LOG.old.", 8) == 0)
            (void)unlinkat(dirfd(dir), e->d_name, 0); /* nobody needs them */
    if (dir)
        (void)closedir(dir); /* it was only read */
}

/* Two of one second are told apart by a number. */
int store_files_set_aside(const char *path, struct err *err)
{
    enum { TRIES = 16 };
    char aside[4096];
    long long now = (long long)time(NULL);
    int code = -ENAMETOOLONG;
    for (unsigned i = 0; i < TRIES; i++) {
        int len = i ? snprintf(aside, sizeof(aside), "%s.damaged-%lld.%u", path, now, i)
                    : snprintf(aside, sizeof(aside), "%s.damaged-%lld", path, now);
        if ((size_t)len >= sizeof(aside))
            break;
        if (rename(path, aside) == 0)
            return 0;
        code = -errno;
        if (code != -ENOTEMPTY && code != -EEXIST)
            break;
    }
    return err_set(err, code, "store: damaged, and cannot be renamed to %s: %s", aside,
                   err_text(code));
}
