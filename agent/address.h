/* Which of its host's addresses a node is reached at: facts in, choice out.  And what people are told
 * while it has none, or is seen at another. */
#ifndef AGENT_ADDRESS_H
#define AGENT_ADDRESS_H

#include "agent/effects.h"
#include "core/err.h"

enum { OWN_ADDRESSES_MAX = 256 }; /* those beyond are not looked at */

/* As the kernel lists it. */
struct host_address {
    struct endpoint at;  /* port 0 */
    bool is_up;          /* its interface is up, and has a carrier */
    bool is_on_loopback; /* of an interface that leads nowhere */
};

struct address_facts {
    struct endpoint bind; /* of --bind, or only its port */
    bool is_given;        /* by --bind */
    bool is_given_there;  /* given, and not "any": the kernel lets us bind it */
    const struct host_address *list; /* in the kernel's order */
    size_t n;
};

/* The address that peers are told, with the port of `bind`; family 0: wait for one.  `present`: what they
 * were told last, which stays while it is there; family 0: nothing yet.  `seeks_others`: some peer is
 * known at an address that is not loopback, so that loopback would be wrong for sure. */
struct endpoint address_choose(const struct address_facts *facts, struct endpoint present,
                               bool seeks_others);
/* One of the other family than `choice`, with its port, at which the host is reached as well; family 0: none.
 * Only where --bind leaves the choice to us.  `present` stays while it is there. */
struct endpoint address_second(const struct address_facts *facts,
                               const struct endpoint *choice,
                               const struct endpoint *present);
/* Is `at` one of the host's own, whatever the port? */
bool address_is_own(const struct address_facts *facts, const struct endpoint *at);
/* "0.0.0.0" or "::": all addresses are listened on, one is told. */
bool address_is_any(const struct endpoint *at);
/* Does a word of --join lead off this host?  Names do, but for localhost. */
bool address_is_elsewhere(const char *join);

/* ---- what a node knows of its own ---- */

struct address {
    struct endpoint last; /* the latest it had; family 0: none in this life */
    /* where peers see it, which is none of its host's; family 0: they do not */
    struct endpoint nat;
    struct endpoint observed; /* that the host was last asked to look for */
    bool is_told;             /* that it has none yet */
    char text[ADDRESS_TEXT_MAX], nat_text[ADDRESS_TEXT_MAX]; /* of our row */
};

/* ERR_NOT_READY: this node has no address, so it takes no order. */
int address_refuse(const struct address *a, struct err *err);
/* The event of a change; family 0: none any more. */
void address_tell(const char *node, const struct address_facts *facts,
                  const struct endpoint *was, const struct endpoint *is,
                  struct node_effects *out);
void address_tell_nat(const char *node, const struct endpoint *nat,
                      struct node_effects *out);

#endif
