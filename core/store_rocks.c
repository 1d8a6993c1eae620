/* The store on disk: RocksDB with one column family per key space, tuned small (DESIGN
 * 11).
 *
 * The usual path: open, write synced batches, read it all back at the next start.
 * What can fail: another process holds the directory (refused), the disk (reported, never
 * guessed around), damaged files (set aside under another name, and a fresh store is
 * opened: the table comes back from the peers). */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <rocksdb/c.h>

#include "core/store.h"

/* RocksDB insists on a "default" family, which stays empty. */
enum { FAMILIES = STORE_SPACES + 1 };

/* Kept free for what RocksDB writes on its own: two write buffers, a manifest, a log. */
enum { SPACE_RESERVED = 4 << 20 };

static const char *const family_names[FAMILIES] = {"table", "order", "local", "default"};

struct store_rocks {
    struct store base;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[FAMILIES];
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *lazy, *synced;
    rocksdb_readoptions_t *reading, *scanning;
    char path[]; /* of the directory */
};

/* Fill `err` from RocksDB's words and free them. */
static int fail(struct err *err, const char *doing, char *message)
{
    int code = strncmp(message, "Corruption", 10) == 0 ? ERR_DAMAGED : ERR_STORE;
    (void)err_set(err, code, "store: %s: %s", doing, message);
    rocksdb_free(message);
    return code;
}

/* A disk that is full is refused before RocksDB meets it: its asserts, which Debian
 * leaves in, end the process when a file is synced after a write to it failed. */
static int check_space(const struct store_rocks *r, size_t wanted, struct err *err)
{
    struct statvfs fs;
    if (statvfs(r->path, &fs) < 0) {
        int code = -errno;
        return err_set(err, code, "store: %s: %s", r->path, err_text(code));
    }
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_bytes >= SPACE_RESERVED + (uint64_t)wanted)
        return 0;
    return err_set(
        err, -ENOSPC,
        "no space left: %llu KiB are free under %s, %d MiB are wanted: make room there",
        (unsigned long long)(free_bytes / 1024), r->path, SPACE_RESERVED >> 20);
}

static size_t changes_len(const struct store_change *changes, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += changes[i].key.len + changes[i].value.len;
    return len;
}

static int rocks_write(struct store *s, const struct store_change *changes, size_t n,
                       bool is_synced, struct err *err)
{
    struct store_rocks *r = (struct store_rocks *)s;
    int result = check_space(r, changes_len(changes, n), err);
    if (result < 0)
        return result;
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    for (size_t i = 0; i < n; i++) {
        const struct store_change *c = &changes[i];
        rocksdb_column_family_handle_t *family = r->families[c->space];
        if (c->value.at)
            rocksdb_writebatch_put_cf(batch, family, (const char *)c->key.at, c->key.len,
                                      (const char *)c->value.at, c->value.len);
        else
            rocksdb_writebatch_delete_cf(batch, family, (const char *)c->key.at,
                                         c->key.len);
    }
    char *message = NULL;
    rocksdb_write(r->db, is_synced ? r->synced : r->lazy, batch, &message);
    rocksdb_writebatch_destroy(batch);
    return message ? fail(err, "write", message) : 0;
}

static int rocks_read(struct store *s, enum store_space space, struct bytes key,
                      uint8_t **ret_value, size_t *ret_len, struct err *err)
{
    struct store_rocks *r = (struct store_rocks *)s;
    char *message = NULL;
    size_t len = 0;
    rocksdb_pinnableslice_t *found = rocksdb_get_pinned_cf(
        r->db, r->reading, r->families[space], (const char *)key.at, key.len, &message);
    if (message)
        return fail(err, "read", message);
    if (!found)
        return err_set(err, ERR_NOT_FOUND, "%s", err_text(ERR_NOT_FOUND));
    const char *value = rocksdb_pinnableslice_value(found, &len);
    uint8_t *copy = malloc(len + 1); /* +1: an empty value is not NULL */
    if (copy && len)
        memcpy(copy, value, len);
    rocksdb_pinnableslice_destroy(found);
    if (!copy)
        return err_set(err, -ENOMEM, "store: read: %s", err_text(-ENOMEM));
    *ret_value = copy;
    *ret_len = len;
    return 0;
}

static int rocks_each(struct store *s, enum store_space space, struct bytes prefix,
                      int (*visit)(void *ctx, struct bytes key, struct bytes value),
                      void *ctx, struct err *err)
{
    struct store_rocks *r = (struct store_rocks *)s;
    rocksdb_iterator_t *it =
        rocksdb_create_iterator_cf(r->db, r->scanning, r->families[space]);
    int result = 0;
    char *message = NULL;
    rocksdb_iter_seek(it, prefix.len ? (const char *)prefix.at : "", prefix.len);
    for (; result == 0 && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        struct bytes key, value;
        key.at = (const uint8_t *)rocksdb_iter_key(it, &key.len);
        value.at = (const uint8_t *)rocksdb_iter_value(it, &value.len);
        if (!bytes_start_with(key, prefix))
            break;
        result = visit(ctx, key, value);
    }
    rocksdb_iter_get_error(it, &message);
    rocksdb_iter_destroy(it);
    if (message && result == 0)
        return fail(err, "scan", message);
    rocksdb_free(message);
    return result;
}

static void rocks_close(struct store *s)
{
    struct store_rocks *r = (struct store_rocks *)s;
    for (size_t i = 0; r->db && i < FAMILIES; i++)
        rocksdb_column_family_handle_destroy(r->families[i]);
    if (r->db)
        rocksdb_close(r->db);
    rocksdb_options_destroy(r->options);
    rocksdb_writeoptions_destroy(r->lazy);
    rocksdb_writeoptions_destroy(r->synced);
    rocksdb_readoptions_destroy(r->reading);
    rocksdb_readoptions_destroy(r->scanning);
    free(r);
}

/* Everything is held in memory by the table above, so the store needs no caches: small
 * write buffers, files of a few megabytes, one thread for each kind of background work,
 * no timers. */
static rocksdb_options_t *options_small(void)
{
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_paranoid_checks(o, 1);
    /* A record that fails its check inside the log is damage.  The default would drop it
     * and all after it in silence, and numbers that peers have seen would be given out
     * again. */
    rocksdb_options_set_wal_recovery_mode(
        o, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_write_buffer_size(o, 1 << 20);
    rocksdb_options_set_db_write_buffer_size(o, 3 << 20);
    rocksdb_options_set_arena_block_size(o, 32 << 10);
    rocksdb_options_set_max_write_buffer_number(o, 2);
    rocksdb_options_set_allow_concurrent_memtable_write(
        o, 0); /* one writer: no arena per core */
    rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
    rocksdb_options_set_target_file_size_base(o, 4 << 20);
    rocksdb_options_set_max_bytes_for_level_base(o, 64 << 20);
    /* It is read at a start only: more files on the first level cost little, merging them often does
     * while a whole table comes in. */
    rocksdb_options_set_level0_file_num_compaction_trigger(o, 8);
    rocksdb_options_set_max_total_wal_size(o, 8 << 20);
    rocksdb_options_set_max_manifest_file_size(o, 1 << 20);
    rocksdb_options_set_max_open_files(o, 64);
    rocksdb_options_set_table_cache_numshardbits(o, 1);
    rocksdb_options_set_max_background_compactions(o, 1);
    rocksdb_options_set_max_background_flushes(o, 1);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_info_log_level(o, 2); /* warnings and errors */
    rocksdb_options_set_max_log_file_size(o, 256 << 10);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_compression(o, rocksdb_no_compression);
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_no_block_cache(table, 1);
    rocksdb_options_set_block_based_table_factory(o, table);
    rocksdb_block_based_options_destroy(table);
    return o;
}

static struct store_rocks *handle_new(const char *path)
{
    static const struct store_ops ops = {.write = rocks_write,
                                         .read = rocks_read,
                                         .each = rocks_each,
                                         .close = rocks_close};
    struct store_rocks *r = calloc(1, sizeof(*r) + strlen(path) + 1);
    if (!r)
        return NULL;
    memcpy(r->path, path, strlen(path));
    r->base.ops = &ops;
    r->options = options_small();
    r->lazy = rocksdb_writeoptions_create();
    r->synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->synced, 1);
    r->reading = rocksdb_readoptions_create();
    r->scanning = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(r->scanning, 0);
    return r;
}

/* Whether the directory holds a file whose name starts with `start`. */
static bool has_file(const char *path, const char *start)
{
    DIR *dir = opendir(path);
    bool has = false;
    if (!dir)
        return false;
    for (const struct dirent *e; !has && (e = readdir(dir));)
        has = strncmp(e->d_name, start, strlen(start)) == 0;
    (void)closedir(dir); /* it was only read */
    return has;
}

static int nothing(void *ctx, struct bytes key, struct bytes value)
{
    (void)ctx, (void)key, (void)value;
    return 0;
}

/* Read every block once, so that damage shows now and not in the middle of somebody's
 * step. */
static int verify(struct store_rocks *r, struct err *err)
{
    int result = 0;
    for (enum store_space space = 0; result == 0 && space < STORE_SPACES; space++)
        result = rocks_each(&r->base, space, (struct bytes){0}, nothing, NULL, err);
    return result;
}

/* Open what is there.  ERR_DAMAGED when its files do not hold together. */
static int open_once(const char *path, struct store **ret_store, struct err *err)
{
    bool was_there = has_file(path, "CURRENT");
    if (!was_there && has_file(path, "MANIFEST-"))
        return err_set(err, ERR_DAMAGED, "store: open: CURRENT is missing");
    struct store_rocks *r = handle_new(path);
    if (!r)
        return err_set(err, -ENOMEM, "store: open: %s", err_text(-ENOMEM));
    const rocksdb_options_t *options[FAMILIES];
    for (size_t i = 0; i < FAMILIES; i++)
        options[i] = r->options;
    char *message = NULL;
    r->db = rocksdb_open_column_families(r->options, path, FAMILIES, family_names,
                                         options, r->families, &message);
    if (!message) {
        int result = verify(r, err);
        if (result < 0)
            rocks_close(&r->base);
        else
            *ret_store = &r->base;
        return result;
    }
    rocks_close(&r->base);
    /* The two wordings are those of a lock held elsewhere and of one held by this
     * process. */
    bool is_locked =
        strstr(message, "While lock file") || strstr(message, "lock hold by");
    bool is_missing_part = was_there && strstr(message, "No such file");
    int code = fail(err, "open", message);
    if (is_locked)
        return err_set(err, ERR_CONFLICT,
                       "another agent is running on this data directory (%s is locked)",
                       path);
    if (is_missing_part && err)
        err->code = ERR_DAMAGED;
    return is_missing_part ? ERR_DAMAGED : code;
}

static int set_aside(const char *path, struct err *err)
{
    char aside[4096];
    long long now = (long long)time(NULL);
    if ((size_t)snprintf(aside, sizeof(aside), "%s.damaged-%lld", path, now) >=
        sizeof(aside))
        return err_set(err, -ENAMETOOLONG, "store: %s", err_text(-ENAMETOOLONG));
    if (rename(path, aside) < 0) {
        int code = -errno;
        return err_set(err, code, "store: damaged, and cannot be renamed to %s: %s",
                       aside, err_text(code));
    }
    return 0;
}

int store_rocks_open(const char *path, struct store **ret_store, bool *ret_was_damaged,
                     struct err *err)
{
    int result = open_once(path, ret_store, err);
    bool was_damaged = result == ERR_DAMAGED;
    if (was_damaged) {
        result = set_aside(path, err);
        if (result == 0)
            result = open_once(path, ret_store, err);
    }
    if (result == 0)
        *ret_was_damaged = was_damaged;
    return result;
}
