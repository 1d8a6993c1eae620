/* Names of users to numbers, from the bytes of /etc/passwd and /etc/group (passwd(5),
 * group(5)). Not the C library's lookup: a static program cannot load NSS modules. */
#ifndef ISOLATE_USERS_H
#define ISOLATE_USERS_H

#include "core/bytes.h"
#include "core/err.h"

enum { USER_GROUPS_MAX = 64, USER_NAME_MAX = 32 };

struct user_ids {
    uint32_t uid, gid;
    uint32_t groups[USER_GROUPS_MAX]; /* supplementary */
    size_t n_groups;
};

/* `user`: "name", "name:group", or numbers in either place; a number without an entry
 * gets itself as its group.  Groups past USER_GROUPS_MAX are left out.  ERR_NOT_FOUND. */
int users_find(struct bytes passwd, struct bytes group, const char *user,
               struct user_ids *ret_ids, struct err *err);

/* The name of a number, for people.  ERR_NOT_FOUND when it has none, or one that is longer than
 * USER_NAME_MAX or has other characters than names have. */
int users_name(struct bytes passwd, uint32_t uid, char out[static USER_NAME_MAX + 1]);

#endif
