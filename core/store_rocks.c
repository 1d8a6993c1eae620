/* The store on disk: RocksDB with one column family per key space, tuned small (DESIGN
 * 11).
 *
 * The usual path: open, write synced batches, read it all back at the next start.
 * What can fail: another process holds the directory (refused), the disk (reported, never
 * guessed around), damaged files (set aside under another name, and a fresh store is
 * opened: the table comes back from the peers).
 *
 * RocksDB met a disk that was full or failed in the midst of everything, ten thousand times, and
 * always said so; after one such write it is asked for no other, but closed and opened anew.  Only
 * its text log ends the process then (Debian leaves its asserts in, and that log goes on after a
 * write to it failed): so it is kept in memory while the store is opened, and empty afterwards. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rocksdb/c.h>

#include "core/hash.h"
#include "core/ram_dir.h"
#include "core/room.h"
#include "core/store.h"
#include "core/store_files.h"

/* RocksDB insists on a "default" family, which stays empty, and refuses to open a store with a
 * family that is not asked for, by its name.  So the last one is a sentence: 0.1.0, which would take
 * our table for damaged and kill the tasks whose files it cannot read, stops and prints it. */
enum { FAMILIES = STORE_SPACES + 2 };

enum {
    /* Kept free for what RocksDB writes on its own: two write buffers, a manifest, a log. */
    SPACE_RESERVED = STORE_SPACE_KEPT,
    FILES_RESERVED = 8, /* and a file for each of them */
    /* A new log, manifest and options; beside what the write buffers held of the old log. */
    SPACE_TO_OPEN = 1 << 20,
    TEXT_LOG_ROOM = 1 << 20, /* of some 20 KiB when the store is opened */
    LOG_NOTHING = 6,         /* above the highest of its levels */
};

static const char *const family_names[FAMILIES] = {"table", "order", "local", "default",
                                                   "needs-stratos-0.2"};

struct store_rocks {
    struct store base;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[FAMILIES];
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *lazy, *synced;
    rocksdb_readoptions_t *reading, *scanning;
    bool is_read_only;
    enum store_trouble trouble;
    bool is_spent;         /* RocksDB itself has failed to write */
    uint64_t n_background; /* errors of its own work that are known */
    struct err why;        /* is_spent */
    char path[];           /* of the directory */
};

/* ---- what RocksDB says ---- */

static enum store_trouble trouble_of(const char *message)
{
    bool is_full = strstr(message, "No space left on device") ||
                   strstr(message, "Disk quota exceeded");
    return is_full ? STORE_NO_SPACE : STORE_FAILING;
}

static int code_of(const char *message)
{
    static const int of_disks[] = {EIO, EROFS, EUCLEAN, ENODEV, ENXIO, ESTALE};
    if (strncmp(message, "Corruption", 10) == 0)
        return ERR_DAMAGED;
    if (trouble_of(message) == STORE_NO_SPACE)
        return -ENOSPC;
    for (size_t i = 0; i < sizeof(of_disks) / sizeof(of_disks[0]); i++)
        if (strstr(message, strerrordesc_np(of_disks[i])))
            return -of_disks[i];
    return ERR_STORE;
}

/* Fill `err` from RocksDB's words and free them. */
static int fail(struct err *err, const char *doing, char *message)
{
    int code = code_of(message);
    (void)err_set(err, code, "store: %s: %s", doing, message);
    rocksdb_free(message);
    return code;
}

/* Nothing was written, unless only the sync failed: then the log may hold it all. */
static int fail_write(struct store_rocks *r, struct err *err, char *message)
{
    bool is_unsure = strstr(message, "While fdatasync") || strstr(message, "While fsync");
    r->is_spent = true;
    r->trouble = trouble_of(message);
    if (fail(&r->why, "write", message) != -ENOSPC)
        r->why.code = ERR_STORE;
    return err_set(err, is_unsure ? ERR_UNSURE : r->why.code, "%s", r->why.text);
}

/* Room for a write, and for what it may set off, is looked for first: most disks are never filled
 * by us, and then RocksDB never meets a full one. */
static int check_room(struct store_rocks *r, size_t wanted, struct err *err)
{
    struct room room;
    int code = room_look(r->path, &room);
    if (code < 0) {
        r->trouble = STORE_FAILING;
        return err_set(err, ERR_STORE, "store: %s: %s", r->path, err_text(code));
    }
    if (room.free_bytes >= SPACE_RESERVED + (uint64_t)wanted &&
        room.free_inodes >= FILES_RESERVED)
        return 0;
    r->trouble = STORE_NO_SPACE;
    if (room.free_inodes < FILES_RESERVED)
        return err_set(err, -ENOSPC,
                       "no space left: no more files can be made under %s: remove some "
                       "there",
                       r->path);
    return err_set(
        err, -ENOSPC,
        "no space left: %llu KiB are free under %s, %d MiB are wanted: make room there",
        (unsigned long long)(room.free_bytes / 1024), r->path, SPACE_RESERVED >> 20);
}

/* ---- operations ---- */

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
    if (r->is_read_only)
        return err_set(err, ERR_STORE, "store: it was opened to be read");
    if (r->is_spent)
        return err_set(err, r->why.code, "%s", r->why.text);
    int result = check_room(r, changes_len(changes, n), err);
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
    if (message)
        return fail_write(r, err, message);
    r->trouble = STORE_WELL;
    return 0;
}

static enum store_trouble rocks_trouble(struct store *s, bool *ret_is_spent)
{
    struct store_rocks *r = (struct store_rocks *)s;
    *ret_is_spent = r->is_spent;
    return r->trouble;
}

/* RocksDB counts the errors of its own work, but tells of them with the next write only. */
static void rocks_check(struct store *s)
{
    struct store_rocks *r = (struct store_rocks *)s;
    uint64_t n = r->n_background;
    if (r->is_read_only || r->is_spent)
        return;
    (void)rocksdb_property_int(r->db, "rocksdb.background-errors", &n);
    if (n == r->n_background)
        return;
    r->n_background = n;
    (void)rocks_write(s, NULL, 0, true, NULL); /* trouble tells */
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
    for (size_t i = 0; i < FAMILIES; i++)
        if (r->families[i])
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
    rocksdb_options_set_manifest_preallocation_size(o, 64 << 10);
    rocksdb_options_set_info_log_level(o, LOG_NOTHING);
    rocksdb_options_set_max_log_file_size(o, 256 << 10);
    rocksdb_options_set_keep_log_file_num(o, 1);
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
                                         .trouble = rocks_trouble,
                                         .check = rocks_check,
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

/* ---- opening ---- */

uint64_t store_rocks_wants(const char *path)
{
    uint64_t log_bytes = store_files_look(path).log_bytes;
    return SPACE_TO_OPEN + (log_bytes < SPACE_RESERVED ? log_bytes : SPACE_RESERVED);
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

/* To be read, a store of 0.1 needs no family that is for 0.1 alone, and where nothing can be written it
 * gets none. */
static char *call_open_to_read(struct store_rocks *r,
                               const rocksdb_options_t *const options[FAMILIES])
{
    char *message = NULL;
    rocksdb_options_set_create_if_missing(r->options, 0);
    for (int n = FAMILIES; !r->db && n >= FAMILIES - 1; n--) {
        rocksdb_free(message);
        message = NULL;
        r->db = rocksdb_open_for_read_only_column_families(
            r->options, r->path, n, family_names, options, r->families, 0, &message);
        if (message && !strstr(message, family_names[FAMILIES - 1]))
            break;
    }
    return message;
}

static char *call_open(struct store_rocks *r)
{
    const rocksdb_options_t *options[FAMILIES];
    char *message = NULL, text_log[RAM_DIR_TEXT];
    for (size_t i = 0; i < FAMILIES; i++)
        options[i] = r->options;
    if (r->is_read_only)
        return call_open_to_read(r, options);
    bool is_apart =
        ram_dir_make(hash64(bytes_of_text(r->path), 0), TEXT_LOG_ROOM, text_log);
    if (is_apart)
        rocksdb_options_set_db_log_dir(r->options, text_log);
    r->db = rocksdb_open_column_families(r->options, r->path, FAMILIES, family_names,
                                         options, r->families, &message);
    if (is_apart)
        ram_dir_remove(text_log);
    if (is_apart && !message)
        store_files_remove_text_logs(r->path);
    return message;
}

/* The two wordings are those of a lock held elsewhere and of one held by this process. */
static bool is_locked(const char *message)
{
    return strstr(message, "lock hold by") ||
           (strstr(message, "While lock file") &&
            strstr(message, "Resource temporarily unavailable"));
}

/* Open what is there.  ERR_DAMAGED when its files do not hold together. */
static int open_once(const char *path, bool is_read_only, struct store **ret_store,
                     struct err *err)
{
    struct store_files was = store_files_look(path);
    if (!was.has_current && was.has_manifest && was.has_data)
        return err_set(err, ERR_DAMAGED, "store: open: CURRENT is missing");
    if (!was.has_current && is_read_only)
        return err_set(err, ERR_NOT_FOUND, "store: there is none at %s yet", path);
    struct store_rocks *r = handle_new(path);
    if (!r)
        return err_set(err, -ENOMEM, "store: open: %s", err_text(-ENOMEM));
    r->is_read_only = is_read_only;
    char *message = call_open(r);
    if (!message) {
        int result = verify(r, err);
        if (result < 0)
            rocks_close(&r->base);
        else
            *ret_store = &r->base;
        return result;
    }
    rocks_close(&r->base);
    bool is_held = is_locked(message);
    bool is_missing_part = was.has_current && strstr(message, "No such file");
    int code = fail(err, "open", message);
    if (is_held)
        return err_set(err, ERR_CONFLICT,
                       "another agent is running on this data directory (%s is locked)",
                       path);
    if (is_missing_part && err)
        err->code = ERR_DAMAGED;
    return is_missing_part ? ERR_DAMAGED : code;
}

int store_rocks_open(const char *path, struct store **ret_store, bool *ret_was_damaged,
                     struct err *err)
{
    int result = open_once(path, false, ret_store, err);
    bool was_damaged = result == ERR_DAMAGED;
    if (was_damaged) {
        result = store_files_set_aside(path, err);
        if (result == 0)
            result = open_once(path, false, ret_store, err);
    }
    if (result == 0)
        *ret_was_damaged = was_damaged;
    return result;
}

int store_rocks_open_to_read(const char *path, struct store **ret_store, struct err *err)
{
    return open_once(path, true, ret_store, err);
}
