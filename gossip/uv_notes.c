/* A netlink socket that is only read to be empty.  See uv_notes.h. */
#include "gossip/uv_notes.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOTES_AT_ONCE = 256 }; /* kernel messages read in one turn of the loop */

struct uv_notes {
    uv_poll_t poll;
    int fd;
    void (*changed)(void *ctx);
    void *ctx;
};

/* What the kernel says does not matter, that it speaks does. */
static void on_note(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct uv_notes *n = poll->data;
    char note[4096];
    for (int i = 0; i < NOTES_AT_ONCE; i++) {
        if (recv(n->fd, note, sizeof(note), MSG_DONTWAIT) < 0 && errno != ENOBUFS)
            break;
    }
    n->changed(n->ctx);
}

static int netlink_socket(void)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                                 .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
                                              RTMGRP_IPV6_IFADDR};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&groups, sizeof(groups)) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

struct uv_notes *uv_notes_open(uv_loop_t *loop, void (*changed)(void *ctx), void *ctx)
{
    struct uv_notes *n = calloc(1, sizeof(*n));
    int fd = netlink_socket();
    if (!n || fd < 0 || uv_poll_init(loop, &n->poll, fd) < 0) {
        (void)(fd >= 0 && close(fd));
        free(n);
        return NULL;
    }
    n->fd = fd;
    n->changed = changed;
    n->ctx = ctx;
    n->poll.data = n;
    (void)uv_poll_start(&n->poll, UV_READABLE, on_note);
    return n;
}

static void on_closed(uv_handle_t *handle)
{
    struct uv_notes *n = handle->data;
    (void)close(n->fd); /* uv_poll does not own what it watches */
    free(n);
}

void uv_notes_close(struct uv_notes *n)
{
    if (n)
        uv_close((uv_handle_t *)&n->poll, on_closed);
}
