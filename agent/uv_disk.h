/* The driver of our disk: looks at it, tells the node, and does what that advises.
 *
 * The usual path: every five seconds a statvfs.  What can fail is the disk: then it is looked at each
 * second, and the store is closed and opened anew on another thread, where it may take as long as a
 * failing disk takes. */
#ifndef AGENT_UV_DISK_H
#define AGENT_UV_DISK_H

#include "agent/uv_agent.h"

struct uv_disk;

/* Called when the store is open for the first time, and this node may join. */
typedef void uv_disk_ready_fn(struct agent *a);

/* Looks for the first time before it returns.  NULL when out of memory. */
struct uv_disk *uv_disk_open(struct agent *a, uv_disk_ready_fn *ready);
void uv_disk_close(struct uv_disk *d); /* NULL is fine; freed once the loop has run */

/* Look now, before an order: there may be room again.  Costs something only while the disk is full. */
void uv_disk_look(struct uv_disk *d);

/* The store has refused a write: said in the log, once for each cause, and looked at soon.  Before
 * anything of that step leaves the node. */
void uv_disk_failed(struct uv_disk *d, const struct err *err);
/* What fails in the store's background is noticed at the next write, or now. */
void uv_disk_check(struct uv_disk *d);
/* The store has all that it was given. */
void uv_disk_written(struct uv_disk *d);

#endif
