/* The filters of system calls of every task and of every shim, compiled while Stratos is built: libseccomp
 * takes ten milliseconds for them, and they are the same for each start.  What is printed is a header with
 * classic BPF programs, which isolate/privilege.c loads.  Sources: seccomp(2), seccomp_export_bpf(3). */
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of linux/in.h and linux/smc.h, newer than some headers. */
enum {
    PROTOCOL_MPTCP = 262,
    PROTOCOL_SMC = 256,
    FAMILY_SMC = 43,
    OPTION_PORT_RANGE = 51, /* IP_LOCAL_PORT_RANGE, Linux 6.3 */
};

/* What no ordinary program calls, and what reaches past the sandbox if a kernel bug lets
 * it. */
static const int denied[] = {
    /* the kernel itself */
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(create_module),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(syslog),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    /* mounts and namespaces */
    SCMP_SYS(mount),
    SCMP_SYS(umount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(open_tree),
    SCMP_SYS(move_mount),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsconfig),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(quotactl),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(nfsservctl),
    /* keys and other processes' memory */
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(kcmp),
    /* the host's clock, names and hardware */
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(stime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(ioperm),
    SCMP_SYS(iopl),
    SCMP_SYS(vhangup),
    SCMP_SYS(move_pages),
    SCMP_SYS(mbind),
    SCMP_SYS(migrate_pages),
    SCMP_SYS(set_mempolicy),
};

/* All that a shim does once its task has been made ready: files below its directory, its sockets, signals,
 * waiting, memory, and what a C library needs for them on any architecture. */
static const int of_shims[] = {
    /* files */
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(flock),
    SCMP_SYS(fcntl),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(umask),
    /* sockets */
    SCMP_SYS(socket),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept4),
    SCMP_SYS(getsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    /* processes and time */
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(kill),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(wait4),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid),
    SCMP_SYS(geteuid),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* itself */
    SCMP_SYS(brk),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mprotect),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(gettid),
    SCMP_SYS(tkill),
    SCMP_SYS(tgkill),
};

static int add_of_shims(scmp_filter_ctx filter)
{
    int code = 0;
    for (size_t i = 0; i < sizeof(of_shims) / sizeof(of_shims[0]) && code == 0; i++) {
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, of_shims[i], 0);
        if (code == -EDOM || code == -EINVAL)
            code = 0; /* this architecture never had it */
    }
    return code;
}

static int add_rules(scmp_filter_ctx filter)
{
    int code = 0;
    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]) && code == 0; i++) {
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
        if (code == -EDOM || code == -EINVAL)
            code = 0; /* this architecture never had it */
    }
    if (code == 0) /* a user namespace would hand out capabilities again */
        code =
            seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
    if (code == 0) /* its flags are behind a pointer; the C library falls back to clone */
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (code == 0) /* typing into a terminal that others read */
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI));
    return code;
}

/* 32-bit programs are filtered alike. */
static int add_denied(scmp_filter_ctx filter)
{
#ifdef __x86_64__
    int code = seccomp_arch_add(filter, SCMP_ARCH_X86);
    if (code)
        return code;
#endif
    return add_rules(filter);
}

/* Sockets that listen where TCP does and that Landlock takes for something else, and the option
 * that narrows down which port "any free one" is: by them a task would choose its port.  The
 * errors are those of a kernel without them, which programs know how to live with (Go's servers
 * ask for MPTCP first).  The kernel cuts these arguments to 32 bits, so the rules do. */
static int add_sockets(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp kinds[] = {
        SCMP_A2(SCMP_CMP_MASKED_EQ, UINT32_MAX, PROTOCOL_MPTCP),
        SCMP_A2(SCMP_CMP_MASKED_EQ, UINT32_MAX, PROTOCOL_SMC),
        SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, FAMILY_SMC),
    };
    /* 32-bit programs make sockets by socketcall(2), whose arguments no filter sees. */
    int code = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && code == 0; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPROTONOSUPPORT), SCMP_SYS(socket),
                                1, kinds[i]);
    if (code == 0)
        code =
            seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOPROTOOPT), SCMP_SYS(setsockopt), 2,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, IPPROTO_IP),
                             SCMP_A2(SCMP_CMP_MASKED_EQ, UINT32_MAX, OPTION_PORT_RANGE));
    return code;
}

/* One line for each instruction. */
static int print(scmp_filter_ctx filter, const char *name)
{
    struct sock_filter one;
    int fd = memfd_create(name, MFD_CLOEXEC);
    int code = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
    if (code == 0 && lseek(fd, 0, SEEK_SET) < 0)
        code = -errno;
    (void)printf("static const struct sock_filter %s[] = {\n", name);
    while (code == 0 && read(fd, &one, sizeof(one)) == (ssize_t)sizeof(one))
        (void)printf("    {0x%x, %u, %u, 0x%x},\n", one.code, one.jt, one.jf, one.k);
    (void)printf("};\n");
    if (fd >= 0)
        (void)close(fd);
    return code;
}

static int compile(const char *name, uint32_t otherwise,
                   int (*add)(scmp_filter_ctx filter))
{
    scmp_filter_ctx filter = seccomp_init(otherwise);
    if (!filter)
        return -ENOMEM;
    int code = add(filter);
    if (code == 0)
        code = print(filter, name);
    seccomp_release(filter);
    return code;
}

int main(void)
{
    int code = compile("filter_sockets", SCMP_ACT_ALLOW, add_sockets);
    if (code == 0)
        code = compile("filter_denied", SCMP_ACT_ALLOW, add_denied);
    if (code == 0)
        code = compile("filter_shim", SCMP_ACT_ERRNO(EPERM), add_of_shims);
    if (code)
        (void)fprintf(stderr, "the system call filters: %s\n", strerror(-code));
    return code || fflush(stdout) != 0;
}
