/* Turns on a loop: connections that have something to be read are served between one look
 * at the sockets and the next, a few milliseconds at a time, one request each.
 * Strangers' time is taken from the budget of their source. */
#ifndef NETSVC_UV_TURNS_H
#define NETSVC_UV_TURNS_H

#include <uv.h>

#include "netsvc/turns.h"

struct uv_turns {
    uv_loop_t *loop;
    struct turns queue;
    struct turn_group trusted; /* for those whose time is not counted */
    uv_check_t check;          /* runs after the sockets were looked at */
    uv_idle_t idle;            /* while there is something to do, nobody sleeps */
    uv_timer_t timer;          /* while all that there is has to wait */
    size_t n_open;             /* handles of ours that are not closed yet */
    bool is_closing;
    /* Serve one request.  False: the time that it took is not to be counted. */
    bool (*serve)(void *ctx, struct turn *t);
    void (*closed)(void *ctx);
    void *ctx;
};

/* `serve` as above; it may drop any turn and add any, this one too. */
void uv_turns_init(uv_loop_t *loop, struct uv_turns *q,
                   bool (*serve)(void *ctx, struct turn *t), void *ctx);
/* NULL group: trusted. */
void uv_turns_add(struct uv_turns *q, struct turn_group *g, struct turn *t);
void uv_turns_drop(struct uv_turns *q, struct turn *t);
/* `closed` is called when the memory may go. */
void uv_turns_close(struct uv_turns *q, void (*closed)(void *ctx));

#endif
