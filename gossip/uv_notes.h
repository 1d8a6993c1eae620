/* The kernel's notes that interfaces or their addresses have changed (rtnetlink(7)).  They may get lost:
 * whoever listens also looks now and then by itself. */
#ifndef GOSSIP_UV_NOTES_H
#define GOSSIP_UV_NOTES_H

#include <uv.h>

struct uv_notes;

/* `changed` is called for each burst of notes; what they say is to be looked up.  NULL: this kernel gives
 * none. */
struct uv_notes *uv_notes_open(uv_loop_t *loop, void (*changed)(void *ctx), void *ctx);
/* Frees itself in the close callback; no call comes after this one.  NULL is fine. */
void uv_notes_close(struct uv_notes *n);

#endif
