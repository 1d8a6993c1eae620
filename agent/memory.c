/* Giving memory back.  See memory.h.
 *
 * The kernel maps a binary's pages sixteen at a time around each one that is touched, and keeps them
 * mapped: after its start an agent counts nearly the whole static binary as resident, of which it
 * goes on to use a quarter (docs/BENCHMARKS.md). */
#include "agent/memory.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_traced(void)
{
    static const char label[] = "\nTracerPid:\t";
    char status[2048];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);
    if (fd >= 0)
        (void)close(fd); /* it was only read */
    if (n < 0)
        return true; /* who cannot tell leaves things alone */
    status[n] = '\0';
    const char *tracer = strstr(status, label);
    return !tracer || tracer[sizeof(label) - 1] != '0';
}

/* Only what was mapped read-only from the file: a page that was ever written would lose it. */
static int drop_segments(struct dl_phdr_info *info, size_t size, void *ctx)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size, (void)ctx;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W))
            continue;
        uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        (void)madvise((void *)start, end - start, MADV_DONTNEED); /* refused: it stays */
    }
    return 1; /* the first is this program; libraries of a debug build do not matter */
}

void memory_give_back(void)
{
    if (is_traced())
        return;
    (void)malloc_trim(0); /* whether there was something to give does not matter */
    (void)dl_iterate_phdr(drop_segments, NULL);
}
