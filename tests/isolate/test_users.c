/* passwd and group as bytes. */
#include "isolate/users.h"

#include <criterion/criterion.h>
#include <string.h>

static const char passwd[] =
    "root:x:0:0:root:/root:/bin/bash\n# odd\nbroken:x:a:b\n"
    "www-data:x:33:33::/var/www:/usr/sbin/nologin\nlast:x:1000:100:::";
static const char group[] =
    "root:x:0:\nwww-data:x:33:last\nusers:x:100:\nssl:x:44:a,www-data,b\n";

Test(users, are_found_by_name_and_number_with_their_groups)
{
    static const struct {
        const char *user;
        int code;
        uint32_t uid, gid;
        size_t n_groups;
        uint32_t first_group;
    } rows[] = {
        {"root", 0, 0, 0, 0, 0},
        {"www-data", 0, 33, 33, 1, 44},
        {"33", 0, 33, 33, 1, 44},
        {"www-data:users", 0, 33, 100, 1, 44},
        {"www-data:7", 0, 33, 7, 1, 44},
        {"last", 0, 1000, 100, 1, 33},
        {"4242", 0, 4242, 4242, 0, 0},
        {"nobody", ERR_NOT_FOUND, 0, 0, 0, 0},
        {"broken", ERR_NOT_FOUND, 0, 0, 0, 0},
        {"root:nogroup", ERR_NOT_FOUND, 0, 0, 0, 0},
        {"4294967295", ERR_NOT_FOUND, 0, 0, 0, 0},
        {"", ERR_NOT_FOUND, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct user_ids ids = {0};
        struct err err = {0};
        int code = users_find(bytes_of_text(passwd), bytes_of_text(group), rows[i].user,
                              &ids, &err);
        cr_assert(code == rows[i].code, "%s: %d %s", rows[i].user, code, err.text);
        if (code)
            continue;
        cr_assert(ids.uid == rows[i].uid && ids.gid == rows[i].gid, "%s", rows[i].user);
        cr_assert(ids.n_groups == rows[i].n_groups, "%s: %zu groups", rows[i].user,
                  ids.n_groups);
        cr_assert(ids.n_groups == 0 || ids.groups[0] == rows[i].first_group, "%s",
                  rows[i].user);
    }
}

Test(users, have_names_where_people_can_read_them)
{
    char name[USER_NAME_MAX + 1];
    static const char odd[] = "a b:x:7:7::/:\n:x:8:8::/:\nr\xc3\xbct:x:9:9::/:\n"
                              "abcdefghijklmnopqrstuvwxyz0123456:x:10:10::/:\n"
                              "_apt.x-1:x:11:11::/:\nsecond:x:11:11::/:\ncut:x";
    cr_assert_eq(users_name(bytes_of_text(passwd), 0, name), 0);
    cr_assert_str_eq(name, "root");
    cr_assert_eq(users_name(bytes_of_text(passwd), 33, name), 0);
    cr_assert_str_eq(name, "www-data");
    cr_assert_eq(users_name(bytes_of_text(passwd), 34, name), ERR_NOT_FOUND);
    for (uint32_t uid = 7; uid <= 10; uid++)
        cr_assert_eq(users_name(bytes_of_text(odd), uid, name), ERR_NOT_FOUND);
    cr_assert_eq(users_name(bytes_of_text(odd), 11, name), 0);
    cr_assert_str_eq(name, "_apt.x-1");
    cr_assert_eq(users_name((struct bytes){0}, 0, name), ERR_NOT_FOUND);
}
