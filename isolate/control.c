/* See control.h.  The usual path: connect, one packet, close.  What can fail: a shim of
 * 0.1.0 has no socket; one that hangs has its queue full. */
#include "isolate/control.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "isolate/shim_tlv.h"

static const uint32_t control_magic = 0x53545243u; /* "STRC" */

enum control_tag { CONTROL_SIGNAL = 1, CONTROL_LIVE_UNTIL = 2, CONTROL_TO_MAIN = 3 };

enum {
    CONTROL_LEN_MAX = 512,
    CONTROL_WAITING_MAX = 16,
    CONTROL_WAIT_MS = 200, /* for a packet of somebody who has connected */
    SIGNALS_MAX = 64,
};

static int last_error(void)
{
    return errno ? -errno : -EIO;
}

uint64_t control_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A socket's address holds 107 bytes, a task's directory may be longer: by way of its
 * descriptor. */
static int address_in(const char *dir, struct sockaddr_un *ret_address)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return last_error();
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
                   "/proc/self/fd/%d/" CONTROL_NAME, fd);
    return fd;
}

/* ---- the shim's side ---- */

int control_listen(const char *dir)
{
    struct sockaddr_un address;
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof(path), "%s/" CONTROL_NAME, dir) >= sizeof(path))
        return -ENAMETOOLONG;
    int dir_fd = address_in(dir, &address);
    if (dir_fd < 0)
        return dir_fd;
    (void)unlink(path); /* of an earlier run */
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code = fd < 0 ? last_error() : 0;
    mode_t mask = umask(0177);
    if (code == 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        code = last_error();
    (void)umask(mask);
    if (code == 0 && listen(fd, CONTROL_WAITING_MAX) < 0)
        code = last_error();
    (void)close(dir_fd);
    if (code && fd >= 0)
        (void)close(fd);
    return code ? code : fd;
}

static bool is_agent(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           peer.uid == geteuid();
}

static bool read_request(struct bytes in, struct control_request *ret_request)
{
    struct control_request request = {0};
    struct tlv_reader t;
    uint16_t tag;
    struct bytes value;
    if (tlv_read(in, control_magic, &t))
        return false;
    while (tlv_next(&t, &tag, &value)) {
        if (tag == CONTROL_SIGNAL) {
            request.signal = (int)tlv_as_u32(value);
        } else if (tag == CONTROL_TO_MAIN) {
            request.to_main = true;
        } else if (tag == CONTROL_LIVE_UNTIL) {
            request.has_live_until = true;
            request.live_until_ms = tlv_as_u64(value);
        } else if (tag & TLV_MUST) {
            return false;
        }
    }
    *ret_request = request;
    return tlv_error(&t) == 0 && request.signal >= 0 && request.signal <= SIGNALS_MAX;
}

bool control_take(int listener, struct control_request *ret_request)
{
    uint8_t buf[CONTROL_LEN_MAX];
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        struct pollfd one = {.fd = fd, .events = POLLIN};
        ssize_t len = -1;
        if (is_agent(fd) && poll(&one, 1, CONTROL_WAIT_MS) == 1)
            len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
        (void)close(fd);
        if (len > 0 && read_request((struct bytes){buf, (size_t)len}, ret_request))
            return true;
    }
    return false;
}

/* ---- the agent's side ---- */

static int connect_to(const char *dir)
{
    struct sockaddr_un address;
    int dir_fd = address_in(dir, &address);
    if (dir_fd < 0)
        return dir_fd;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code = fd < 0 ? last_error() : 0;
    if (code == 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        code = last_error();
    (void)close(dir_fd);
    if (code && fd >= 0)
        (void)close(fd);
    return code ? code : fd;
}

int control_send(const char *dir, const struct control_request *request)
{
    uint8_t buf[CONTROL_LEN_MAX];
    struct writer w = writer_of(buf, sizeof(buf));
    tlv_begin(&w, control_magic);
    if (request->signal)
        tlv_u32(&w, CONTROL_SIGNAL, (uint32_t)request->signal);
    if (request->to_main)
        tlv_u32(&w, CONTROL_TO_MAIN, 1);
    if (request->has_live_until)
        tlv_u64(&w, CONTROL_LIVE_UNTIL, request->live_until_ms);
    tlv_end(&w, 0);
    int fd = connect_to(dir);
    if (fd < 0)
        return fd;
    int code = send(fd, buf, w.len, MSG_NOSIGNAL) == (ssize_t)w.len ? 0 : last_error();
    (void)close(fd); /* what was sent is read all the same */
    return code;
}

pid_t control_peer(const char *dir)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    int fd = connect_to(dir);
    if (fd < 0)
        return 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
        peer.pid = 0;
    (void)close(fd);
    return peer.pid;
}
