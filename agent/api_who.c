/* Who gives an order, as a word for people that is written beside it: by the user of the socket's other
 * end, or by what else let them in.  It decides nothing: see door.h for rights. */
#include <stdio.h>

#include "agent/api.h"
#include "isolate/files.h"
#include "isolate/peer.h"
#include "isolate/users.h"

enum { PASSWD_MAX = 256 << 10 }; /* read on the loop: of a longer one users are numbers */

static void user_of_peer(struct uv_http_exchange *x, char out[static USER_NAME_MAX + 1])
{
    struct peer peer;
    struct err err = {0};
    struct arena arena;
    struct bytes passwd = {0};
    (void)snprintf(out, USER_NAME_MAX + 1, "socket"); /* it has gone since it asked */
    if (peer_look(uv_http_fd(x), &peer, &err) < 0)
        return;
    arena_init(&arena, 2 * PASSWD_MAX);
    (void)file_read("/etc/passwd", PASSWD_MAX, &arena, &passwd);
    if (users_name(passwd, (uint32_t)peer.uid, out) < 0)
        (void)snprintf(out, USER_NAME_MAX + 1, "uid-%u", (unsigned)peer.uid);
    arena_fini(&arena);
}

const char *api_who(const struct agent *a, const struct api_call *call,
                    char out[static API_WHO_MAX])
{
    char user[USER_NAME_MAX + 1] = "anybody"; /* --http-open */
    if (call->who.has_token)
        (void)snprintf(user, sizeof(user), "token");
    else if (uv_http_kind(call->x) == UV_HTTP_UNIX)
        user_of_peer(call->x, user);
    else if (call->who.has_secret)
        (void)snprintf(user, sizeof(user), "secret");
    (void)snprintf(out, API_WHO_MAX, "%s@%s", user, a->name);
    return out;
}
