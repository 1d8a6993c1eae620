/* Who gets in: every need, from every side, with every kind of token. */
#include "agent/door.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { NOW = 1000 };

static struct keyring keys_of(uint8_t fill)
{
    struct secret secret;
    memset(secret.at, fill, sizeof(secret.at));
    return keyring_of(&secret);
}

static const char *header_of(const struct keyring *keys, struct token token,
                             char out[static TOKEN_TEXT + 8])
{
    char text[TOKEN_TEXT];
    cr_assert_eq(token_make(keys, &token, text), 0);
    (void)snprintf(out, TOKEN_TEXT + 8, "Bearer %s", text);
    return out;
}

/* What the door says to a request over TCP with this header. */
static int ask(const struct keyring *keys, const char *header, enum route_need need,
               const char *ns)
{
    const struct door_facts facts = {.side = DOOR_TCP, .authorization = header};
    struct caller who;
    struct err err = {0};
    int status = door_caller(&facts, keys, NOW, &who, &err);
    if (status == DOOR_OPEN)
        status = door_allows(&who, need, ns, &err);
    cr_assert_eq(status == DOOR_OPEN, err.text[0] == '\0', "a refusal says why: %s",
                 err.text);
    return status;
}

Test(door, each_need_is_met_by_the_rights_that_it_names)
{
    struct keyring keys = keys_of(7), other = keys_of(8);
    char h[7][TOKEN_TEXT + 8];
    const struct token read = {.scope = TOKEN_READ, .expires_unix_s = NOW + 1},
                       write = {.scope = TOKEN_WRITE, .expires_unix_s = NOW + 1},
                       shop = {.scope = TOKEN_WRITE,
                               .expires_unix_s = NOW + 1,
                               .n_namespaces = 1,
                               .namespaces = {"shop"}},
                       shop_read = {.scope = TOKEN_READ,
                                    .expires_unix_s = NOW + 1,
                                    .n_namespaces = 1,
                                    .namespaces = {"shop"}},
                       old = {.scope = TOKEN_WRITE, .expires_unix_s = NOW};
    const struct {
        const char *what, *header;
        /* READ of shop, READ of a list, WRITE of shop, WRITE of other, CLUSTER, SECRET */
        int read, list, write, write_other, cluster, secret;
    } rows[] = {
        {"nobody", NULL, 401, 401, 401, 401, 401, 401},
        {"read", header_of(&keys, read, h[0]), 0, 0, 403, 403, 403, 403},
        {"write", header_of(&keys, write, h[1]), 0, 0, 0, 0, 0, 403},
        {"shop", header_of(&keys, shop, h[2]), 0, 0, 0, 403, 403, 403},
        {"shop, read", header_of(&keys, shop_read, h[3]), 0, 0, 403, 403, 403, 403},
        {"expired", header_of(&keys, old, h[4]), 401, 401, 401, 401, 401, 401},
        {"another secret", header_of(&other, write, h[5]), 401, 401, 401, 401, 401, 401},
        {"no token", "Bearer hello", 401, 401, 401, 401, 401, 401},
        {"basic", "Basic dXNlcjpwYXNz", 401, 401, 401, 401, 401, 401},
        {"empty", "", 401, 401, 401, 401, 401, 401},
        {"bare", header_of(&keys, write, h[6]) + 7, 401, 401, 401, 401, 401, 401},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *header = rows[i].header, *what = rows[i].what;
        cr_expect_eq(ask(&keys, header, NEED_READ, "shop"), rows[i].read, "%s", what);
        cr_expect_eq(ask(&keys, header, NEED_READ, NULL), rows[i].list, "%s", what);
        cr_expect_eq(ask(&keys, header, NEED_WRITE, "shop"), rows[i].write, "%s", what);
        cr_expect_eq(ask(&keys, header, NEED_WRITE, "default"), rows[i].write_other, "%s",
                     what);
        cr_expect_eq(ask(&keys, header, NEED_CLUSTER, NULL), rows[i].cluster, "%s", what);
        cr_expect_eq(ask(&keys, header, NEED_SECRET, NULL), rows[i].secret, "%s", what);
    }
}

Test(door, the_scheme_is_read_in_any_case)
{
    struct keyring keys = keys_of(7);
    char header[TOKEN_TEXT + 8];
    header_of(&keys, (struct token){.scope = TOKEN_READ, .expires_unix_s = NOW + 1},
              header);
    memcpy(header, "bEARER", 6);
    cr_assert_eq(ask(&keys, header, NEED_READ, NULL), DOOR_OPEN);
}

Test(door, socket_and_sealed_streams_have_every_right_but_tasks_have_none)
{
    struct keyring keys = keys_of(7);
    struct caller who;
    struct err err = {0};
    const struct door_facts sealed = {.side = DOOR_SEALED}, root = {.side = DOOR_SOCKET},
                            task = {.side = DOOR_SOCKET, .not_served = "a task"};
    for (enum route_need need = NEED_NOTHING; need <= NEED_SECRET; need++) {
        cr_assert_eq(door_caller(&sealed, &keys, NOW, &who, &err), DOOR_OPEN);
        cr_assert_eq(door_allows(&who, need, "shop", &err), DOOR_OPEN);
        cr_assert_eq(door_caller(&root, &keys, NOW, &who, &err), DOOR_OPEN);
        cr_assert_eq(door_allows(&who, need, NULL, &err), DOOR_OPEN);
    }
    cr_assert_eq(door_caller(&task, &keys, NOW, &who, &err), DOOR_NO);
    cr_assert_str_eq(err.text, "a task");
    cr_assert_not(who.has_all || who.has_secret || who.has_token);
}

Test(door, what_is_open_asks_nobody_who_it_is)
{
    struct err err = {0};
    const struct caller nobody = {0};
    cr_assert_eq(door_allows(&nobody, NEED_NOTHING, NULL, &err), DOOR_OPEN);
}

Test(door, an_open_door_still_makes_no_tokens)
{
    struct keyring keys = keys_of(7);
    struct caller who;
    struct err err = {0};
    const struct door_facts open = {.side = DOOR_TCP, .is_http_open = true};
    cr_assert_eq(door_caller(&open, &keys, NOW, &who, &err), DOOR_OPEN);
    cr_assert_eq(door_allows(&who, NEED_CLUSTER, NULL, &err), DOOR_OPEN);
    cr_assert_eq(door_allows(&who, NEED_WRITE, "shop", &err), DOOR_OPEN);
    cr_assert_eq(door_allows(&who, NEED_SECRET, NULL, &err), DOOR_NO);
}

Test(door, lists_show_the_callers_part)
{
    const struct caller nobody = {0}, all = {.has_all = true},
                        shop = {.has_token = true,
                                .token = {.n_namespaces = 1, .namespaces = {"shop"}}},
                        any = {.has_token = true};
    cr_assert_not(door_shows(&nobody, NULL));
    cr_assert_not(door_shows(&nobody, "shop"));
    cr_assert(door_shows(&all, "shop") && door_shows(&all, NULL));
    cr_assert(door_shows(&any, "shop") && door_shows(&any, NULL));
    cr_assert(door_shows(&shop, "shop") && door_shows(&shop, NULL));
    cr_assert_not(door_shows(&shop, "default"));
}

Test(door, a_stream_ends_with_its_token)
{
    struct keyring keys = keys_of(7), other = keys_of(8);
    struct caller who = {.has_token = true, .token = {.expires_unix_s = NOW + 1}};
    who.token.key_epoch = secret_epoch(&keys.secrets[0]);
    cr_assert(door_stays_open(&who, &keys, NOW));
    cr_assert_not(door_stays_open(&who, &keys, NOW + 1), "it expired");
    cr_assert_not(door_stays_open(&who, &other, NOW), "the secret was rotated");
    cr_assert(door_stays_open(&(struct caller){.has_all = true}, &other, NOW + 1));
    cr_assert_not(door_stays_open(&(struct caller){0}, &keys, NOW));
}
