/* What an agent says to a shim, and what strangers say. */
#include "isolate/control.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/rng.h"
#include "isolate/files.h"
#include "isolate/shim_tlv.h"

enum { DEEP = 5 }; /* longer than a socket's address may be */

struct place {
    char root[64], dir[400];
    int listener;
};

static struct place place(void)
{
    struct place p = {.root = "/tmp/stratos-control-XXXXXX"};
    cr_assert(mkdtemp(p.root));
    (void)strcpy(p.dir, p.root);
    for (int i = 0; i < DEEP; i++)
        (void)strcat(p.dir, "/a-directory-with-a-name-of-fifty-letters-or-so-to-be");
    cr_assert_eq(dir_make(p.dir, 0700), 0);
    return p;
}

static void leave(struct place *p)
{
    (void)close(p->listener);
    cr_assert_eq(dir_empty(p->root), 0);
    (void)rmdir(p->root);
}

/* As a stranger would: any bytes. */
static void say(const struct place *p, const void *bytes, size_t len)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = CONTROL_NAME};
    char was[400];
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    cr_assert(getcwd(was, sizeof(was)) && chdir(p->dir) == 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    cr_assert_eq(chdir(was), 0);
    cr_assert(len == 0 || send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len);
    (void)close(fd);
}

Test(control, a_request_arrives_also_when_its_sender_is_gone)
{
    struct place p = place();
    struct control_request got, wanted = {.signal = 15,
                                          .to_main = true,
                                          .has_live_until = true,
                                          .live_until_ms = 1ull << 40};
    struct stat info;
    char path[420];
    cr_assert_eq(control_send(p.dir, &wanted), -ENOENT);
    p.listener = control_listen(p.dir);
    cr_assert_geq(p.listener, 0);
    (void)snprintf(path, sizeof(path), "%s/" CONTROL_NAME, p.dir);
    cr_assert(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
    cr_assert_not(control_take(p.listener, &got));
    cr_assert_eq(control_peer(p.dir), getpid());
    cr_assert_eq(control_send(p.dir, &wanted), 0);
    cr_assert(control_take(p.listener, &got));
    cr_assert(got.signal == 15 && got.to_main && got.has_live_until &&
              got.live_until_ms == 1ull << 40);
    cr_assert_not(control_take(p.listener, &got));
    (void)close(p.listener);
    cr_assert_eq(control_send(p.dir, &wanted), -ECONNREFUSED);
    p.listener = control_listen(p.dir); /* of the next run */
    cr_assert_geq(p.listener, 0);
    leave(&p);
}

Test(control, what_is_no_request_is_dropped)
{
    struct place p = place();
    struct control_request got;
    struct rng rng;
    uint8_t buf[600], good[64];
    struct writer w = writer_of(good, sizeof(good));
    rng_init(&rng, 7);
    p.listener = control_listen(p.dir);
    for (int i = 0; i < 300; i++) {
        size_t len = rng_below(&rng, sizeof(buf));
        for (size_t k = 0; k < len; k++)
            buf[k] = (uint8_t)rng_below(&rng, 256);
        say(&p, buf, len);
        cr_assert_not(control_take(p.listener, &got));
    }
    tlv_begin(&w, 0x53545243);
    tlv_u32(&w, 1, 9);
    tlv_u32(&w, 77, 1);
    tlv_end(&w, 0);
    for (size_t len = 0; len < w.len; len++) {
        say(&p, good, len);
        cr_assert_not(control_take(p.listener, &got), "%zu bytes", len);
    }
    say(&p, good, w.len);
    cr_assert(control_take(p.listener, &got) && got.signal == 9, "77 is skipped");
    w.len = 0;
    tlv_begin(&w, 0x53545243);
    tlv_u32(&w, 1, 900);
    tlv_end(&w, 0);
    say(&p, good, w.len);
    cr_assert_not(control_take(p.listener, &got), "no such signal");
    w.len = 0;
    tlv_begin(&w, 0x53545243);
    tlv_u32(&w, TLV_MUST | 77, 1);
    tlv_end(&w, 0);
    say(&p, good, w.len);
    cr_assert_not(control_take(p.listener, &got), "must be understood");
    leave(&p);
}
