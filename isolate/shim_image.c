/* See shim_image.h.  The Makefile builds the program first and rebuilds this object with it. */
#include "isolate/shim_image.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

__asm__(".pushsection .rodata.shim_image, \"a\"\n"
        ".global shim_image_start\n"
        ".global shim_image_end\n"
        "shim_image_start: .incbin \"" SHIM_IMAGE "\"\n"
        "shim_image_end: .byte 0\n"
        ".popsection\n");

extern const uint8_t shim_image_start[], shim_image_end[];

/* Of linux/memfd.h, newer than some headers. */
enum { EXECUTABLE = 0x10 }; /* MFD_EXEC, Linux 6.3: before, all of them are */

static int make_file(void)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("stratos-shim", flags | EXECUTABLE);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("stratos-shim", flags);
    return fd < 0 ? -errno : fd;
}

static int fill(int fd)
{
    const uint8_t *at = shim_image_start;
    while (at < shim_image_end) {
        ssize_t done = write(fd, at, (size_t)(shim_image_end - at));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        at += done;
    }
    int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int shim_image_open(void)
{
    int fd = make_file();
    int code = fd < 0 ? fd : fill(fd);
    if (code < 0 && fd >= 0)
        (void)close(fd);
    return code < 0 ? code : fd;
}
