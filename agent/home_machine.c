/* See home_machine.h. */
#include "agent/home_machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/home_file.h"
#include "core/ids.h"
#include "proto/seal.h"

enum { MACHINE_PATH = 4096, ID_LEN = 32, HASH_LEN = SPEC_HASH_TEXT - 1 };

static size_t read_start(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap);
    if (fd >= 0)
        (void)close(fd);
    return n < 0 ? 0 : (size_t)n;
}

/* The id is not to be told (machine-id(5)), so what is kept is a hash under a name of ours.  False: this host
 * has none, or not yet ("uninitialized"). */
static bool own_hash(const char *id_file, char out[static SPEC_HASH_TEXT])
{
    char text[8 + ID_LEN + 1] = "stratos ";
    uint8_t bytes[ID_LEN / 2];
    size_t n = read_start(id_file, text + 8, ID_LEN);
    if (n != ID_LEN || hex_decode(text + 8, ID_LEN, bytes, sizeof(bytes)) < 0)
        return false;
    (void)spec_hash_text(spec_hash_of((struct bytes){(const uint8_t *)text, 8 + ID_LEN}),
                         out);
    return true;
}

static bool kept_hash(const char *data_dir, char out[static SPEC_HASH_TEXT])
{
    char path[MACHINE_PATH];
    struct spec_hash hash;
    (void)snprintf(path, sizeof(path), "%s/machine", data_dir);
    size_t n = read_start(path, out, HASH_LEN);
    out[n] = '\0';
    return n == HASH_LEN && spec_hash_parse(bytes_of_text(out), &hash) == 0;
}

int machine_check(const char *data_dir, const char *id_file, enum machine_policy policy,
                  bool *ret_is_new, struct err *err)
{
    char own[SPEC_HASH_TEXT], kept[SPEC_HASH_TEXT];
    *ret_is_new = false;
    if (!own_hash(id_file, own) || !kept_hash(data_dir, kept) || strcmp(own, kept) == 0)
        return 0;
    *ret_is_new = policy == MACHINE_NEW;
    if (policy != MACHINE_SAME)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "%s was made on another host: --adopt if this host replaces it, "
                   "--new-identity to join as a new node",
                   data_dir);
}

void machine_write(const char *data_dir, const char *id_file)
{
    char own[SPEC_HASH_TEXT], kept[SPEC_HASH_TEXT], path[MACHINE_PATH];
    if (!own_hash(id_file, own) || (kept_hash(data_dir, kept) && strcmp(own, kept) == 0))
        return;
    (void)snprintf(path, sizeof(path), "%s/machine", data_dir);
    own[HASH_LEN] = '\n';
    if (home_write_file(path, own, HASH_LEN + 1, NULL) < 0)
        (void)unlink(path); /* of another host, and this one was let in */
}
