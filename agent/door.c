/* Rights.  See door.h. */
#include "agent/door.h"

#include <string.h>
#include <strings.h>

/* "Bearer TOKEN" (RFC 6750, 2.1), the scheme in any case; NULL for anything else. */
static const char *bearer(const char *authorization)
{
    static const char scheme[] = "bearer";
    size_t len = sizeof(scheme) - 1;
    if (strncasecmp(authorization, scheme, len) != 0 || authorization[len] != ' ')
        return NULL;
    authorization += len;
    return authorization + strspn(authorization, " ");
}

static int not_good(int status, struct err *err)
{
    switch (status) {
    case ERR_EXPIRED:
        return err_set(err, DOOR_WHO,
                       "this token has expired: `stratos token` makes a new one");
    case ERR_EPOCH:
        return err_set(err, DOOR_WHO,
                       "this token was made with another secret, perhaps before `secret "
                       "rotate`: `stratos token` makes a new one");
    case ERR_FORGED:
        return err_set(err, DOOR_WHO, "this token was changed after it was made");
    default:
        return err_set(err, DOOR_WHO,
                       "this is no token of Stratos: want `Authorization: Bearer st1.…`, "
                       "as `stratos token --header` prints it");
    }
}

int door_caller(const struct door_facts *facts, const struct keyring *keys,
                uint64_t now_unix_s, struct caller *ret_caller, struct err *err)
{
    *ret_caller = (struct caller){0};
    if (facts->side == DOOR_SOCKET && facts->not_served)
        return err_set(err, DOOR_NO, "%s", facts->not_served);
    if (facts->side != DOOR_TCP || facts->is_http_open) {
        ret_caller->has_secret = facts->side != DOOR_TCP;
        ret_caller->has_all = true;
        return DOOR_OPEN;
    }
    if (!facts->authorization)
        return DOOR_OPEN; /* nobody in particular */
    const char *text = bearer(facts->authorization);
    int status =
        text ? token_open(keys, text, now_unix_s, &ret_caller->token) : ERR_MALFORMED;
    if (status < 0)
        return not_good(status, err);
    ret_caller->has_token = true;
    return DOOR_OPEN;
}

int door_allows(const struct caller *caller, enum route_need need, const char *ns,
                struct err *err)
{
    if (need == NEED_NOTHING || caller->has_secret ||
        (caller->has_all && need != NEED_SECRET))
        return DOOR_OPEN;
    if (!caller->has_token && !caller->has_all)
        return err_set(
            err, DOOR_WHO,
            "this needs a token: `stratos token` prints one, `stratos ui` opens "
            "the page with one");
    if (need == NEED_SECRET)
        return err_set(
            err, DOOR_NO,
            "a token is not enough for this: use the agent's socket, or --host "
            "with the secret");
    if (need != NEED_READ && caller->token.scope != TOKEN_WRITE)
        return err_set(err, DOOR_NO, "this token may only read");
    if (need == NEED_CLUSTER && !token_reaches(&caller->token, NULL))
        return err_set(err, DOOR_NO,
                       "this is the whole cluster's, and this token is for single "
                       "namespaces");
    if (ns && !token_reaches(&caller->token, ns))
        return err_set(err, DOOR_NO, "this token is not for namespace '%.63s'", ns);
    return DOOR_OPEN;
}

bool door_shows(const struct caller *caller, const char *ns)
{
    if (caller->has_all)
        return true;
    return caller->has_token && (!ns || token_reaches(&caller->token, ns));
}

bool door_stays_open(const struct caller *caller, const struct keyring *keys,
                     uint64_t now_unix_s)
{
    if (caller->has_all)
        return true;
    return caller->has_token && now_unix_s < caller->token.expires_unix_s &&
           keyring_find(keys, caller->token.key_epoch) != NULL;
}
