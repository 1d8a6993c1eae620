/* See users.h. */
#include "isolate/users.h"

#include <string.h>

/* The next line without its newline; false at the end. */
static bool next_line(struct bytes *rest, struct bytes *ret_line)
{
    if (rest->len == 0)
        return false;
    const uint8_t *end = memchr(rest->at, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    *ret_line = (struct bytes){rest->at, len};
    size_t taken = len + (end ? 1 : 0);
    *rest = (struct bytes){rest->at + taken, rest->len - taken};
    return true;
}

/* The part up to `separator`, which is dropped; `rest` is what follows. */
static struct bytes cut(struct bytes *rest, uint8_t separator)
{
    const uint8_t *end = rest->len ? memchr(rest->at, separator, rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    struct bytes part = {rest->at, len};
    size_t taken = len + (end ? 1 : 0);
    *rest = (struct bytes){rest->at + taken, rest->len - taken};
    return part;
}

static bool number_of(struct bytes text, uint32_t *ret_value)
{
    uint64_t value = 0;
    if (text.len == 0 || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.at[i] - '0');
    }
    if (value >= UINT32_MAX) /* (uid_t)-1 means "leave it" to the kernel */
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

struct passwd_entry {
    struct bytes name;
    uint32_t uid, gid;
};

static bool find_user(struct bytes passwd, struct bytes wanted,
                      struct passwd_entry *ret_entry)
{
    uint32_t number = 0;
    bool is_number = number_of(wanted, &number);
    struct bytes line;
    while (next_line(&passwd, &line)) {
        struct passwd_entry e = {.name = cut(&line, ':')};
        (void)cut(&line, ':'); /* the password's place */
        if (!number_of(cut(&line, ':'), &e.uid) || !number_of(cut(&line, ':'), &e.gid))
            continue;
        if (bytes_equal(e.name, wanted) || (is_number && e.uid == number)) {
            *ret_entry = e;
            return true;
        }
    }
    return false;
}

static bool find_group(struct bytes group, struct bytes wanted, uint32_t *ret_gid)
{
    struct bytes line;
    while (next_line(&group, &line)) {
        struct bytes name = cut(&line, ':');
        (void)cut(&line, ':');
        uint32_t gid = 0;
        if (number_of(cut(&line, ':'), &gid) && bytes_equal(name, wanted)) {
            *ret_gid = gid;
            return true;
        }
    }
    return number_of(wanted, ret_gid);
}

static void find_supplementary(struct bytes group, struct bytes name,
                               struct user_ids *ids)
{
    struct bytes line;
    while (next_line(&group, &line)) {
        (void)cut(&line, ':');
        (void)cut(&line, ':');
        uint32_t gid = 0;
        bool is_member = false;
        if (!number_of(cut(&line, ':'), &gid))
            continue;
        while (line.len && !is_member)
            is_member = bytes_equal(cut(&line, ','), name);
        if (is_member && gid != ids->gid && ids->n_groups < USER_GROUPS_MAX)
            ids->groups[ids->n_groups++] = gid;
    }
}

int users_find(struct bytes passwd, struct bytes group, const char *user,
               struct user_ids *ret_ids, struct err *err)
{
    struct bytes group_name = bytes_of_text(user);
    struct bytes user_name = cut(&group_name, ':');
    struct passwd_entry entry = {0};
    struct user_ids ids = {0};
    bool is_known = find_user(passwd, user_name, &entry);
    if (is_known) {
        ids.uid = entry.uid;
        ids.gid = entry.gid;
    } else if (number_of(user_name, &ids.uid)) {
        ids.gid = ids.uid;
    } else {
        return err_set(err, ERR_NOT_FOUND, "user '%.*s' does not exist on this host",
                       (int)user_name.len, (const char *)user_name.at);
    }
    if (group_name.len && !find_group(group, group_name, &ids.gid))
        return err_set(err, ERR_NOT_FOUND, "group '%.*s' does not exist on this host",
                       (int)group_name.len, (const char *)group_name.at);
    if (is_known)
        find_supplementary(group, entry.name, &ids);
    *ret_ids = ids;
    return 0;
}

static bool is_plain(struct bytes name)
{
    static const char odd[] = "._-";
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!is_letter && !(c >= '0' && c <= '9') && (c == '\0' || !strchr(odd, c)))
            return false;
    }
    return name.len > 0 && name.len <= USER_NAME_MAX;
}

int users_name(struct bytes passwd, uint32_t uid, char out[static USER_NAME_MAX + 1])
{
    struct bytes line;
    while (next_line(&passwd, &line)) {
        struct bytes name = cut(&line, ':');
        uint32_t number = 0;
        (void)cut(&line, ':'); /* the password's place */
        if (!number_of(cut(&line, ':'), &number) || number != uid || !is_plain(name))
            continue;
        memcpy(out, name.at, name.len);
        out[name.len] = '\0';
        return 0;
    }
    return ERR_NOT_FOUND;
}
