/* Commands: orders of people become table writes, and are answered once enough members have them
 * (DESIGN 6, "Durability"). */
#ifndef AGENT_COMMANDS_H
#define AGENT_COMMANDS_H

#include "agent/node.h"

enum { COMMANDS_PENDING_MAX = 1024, ACK_TIMEOUT_MS = 10000, ACK_LINGER_MS = 500 };

struct commands {
    struct pending {
        uint64_t token, number; /* own number of the newest write */
        uint64_t since_ms,
            enough_ms; /* enough_ms: when the wanted members had it; 0 = not yet */
        int ack;
    } pending[COMMANDS_PENDING_MAX];
    size_t n;
};

/* What commands work on; the node's own. */
struct command_scope {
    struct gossip *gossip;
    const char *node; /* our name, for `by` */
    const struct keyring *keys;
    struct metrics *metrics;
};

/* Write what the command orders.  Answers at once on error or when nothing was to be written;
 * otherwise it is pending until commands_check finds that enough members have it.  LEAVE and JOIN
 * are the node's own matter and not accepted here. */
void commands_apply(struct commands *c, const struct command_scope *scope,
                    struct moment at, const struct command *command,
                    struct node_effects *out);
void commands_check(struct commands *c, const struct gossip *gossip, struct moment at,
                    struct node_effects *out);
/* Answer all that wait with an error; answers of success that are still in `out` become one too. */
void commands_fail(struct commands *c, const struct gossip *gossip, int code,
                   const char *text, struct moment at, struct node_effects *out);
uint64_t commands_deadline_ms(const struct commands *c);

/* One NODE_DONE. */
void command_done(uint64_t token, int code, const char *text, const struct gossip *gossip,
                  uint64_t took_ms, struct node_effects *out);

#endif
