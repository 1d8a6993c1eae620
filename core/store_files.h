/* The files of a store on disk, looked at without opening it: is it whole, how much is in its logs. */
#ifndef CORE_STORE_FILES_H
#define CORE_STORE_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

/* What a look at the directory's files tells. */
struct store_files {
    bool has_current, has_manifest,
        has_data; /* data: a table, or a log that is not empty */
    uint64_t log_bytes;
};

struct store_files store_files_look(const char *path);
/* Logs of text that earlier versions kept beside the data. */
void store_files_remove_text_logs(const char *path);
/* Rename a damaged store. */
int store_files_set_aside(const char *path, struct err *err);

#endif
