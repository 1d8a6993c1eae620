/* Who may do what over the API: from what is known of a caller to yes, or no with its reason.
 * Pure; docs/SECURITY.md says the same to people.
 *
 * The unix socket and sealed streams give all rights: whoever reaches them was given the host or
 * the secret.  Tasks were not, though they run on the host: they are refused there.  Over TCP a
 * caller has what its token says, and without one only the routes that need nothing. */
#ifndef AGENT_DOOR_H
#define AGENT_DOOR_H

#include "agent/routes.h"
#include "proto/token.h"

enum door_side { DOOR_SOCKET, DOOR_SEALED, DOOR_TCP };

/* What is known of who asks. */
struct door_facts {
    enum door_side side;
    const char *not_served; /* SOCKET: why its peer has no part in this; NULL: it has */
    bool is_http_open;      /* TCP: nobody needs a token here (--http-open) */
    const char *authorization; /* TCP: the header; NULL: none */
};

struct caller {
    bool has_secret; /* it came through the socket or a sealed stream */
    bool has_all;    /* every right that a token can give */
    bool has_token;  /* else: what `token` says */
    struct token token;
};

/* Answers that the door gives, and their HTTP status. */
enum { DOOR_OPEN = 0, DOOR_WHO = 401, DOOR_NO = 403 };

/* Who is it?  Returns DOOR_OPEN with *ret_caller, or why not, with a sentence in `err`.  A token that
 * is not good is told so only where one is needed: see door_allows. */
int door_caller(const struct door_facts *facts, const struct keyring *keys,
                uint64_t now_unix_s, struct caller *ret_caller, struct err *err);
/* May the caller use a route with this need, about namespace `ns` (NULL: the route names none)? */
int door_allows(const struct caller *caller, enum route_need need, const char *ns,
                struct err *err);
/* May the caller read what belongs to namespace `ns`?  NULL: it belongs to none, and whoever may
 * read anything reads it. */
bool door_shows(const struct caller *caller, const char *ns);
/* Of an answer that goes on, a stream: may it still?  A token ends with its time, or its secret. */
bool door_stays_open(const struct caller *caller, const struct keyring *keys,
                     uint64_t now_unix_s);

#endif
