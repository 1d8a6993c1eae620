/* See privilege.h.  Sources: capabilities(7), seccomp(2), kernel no_new_privs.rst. */
#include "isolate/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failed(struct err *err, const char *what)
{
    int code = -errno;
    return err_set(err, code, "cannot %s: %s", what, err_text(code));
}

int privilege_bound(struct err *err)
{
    for (unsigned long cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        if (errno == EINVAL && cap > 0) /* past this kernel's last capability */
            break;
        return failed(err, "drop capabilities");
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
        return failed(err, "drop ambient capabilities");
    return 0;
}

static int set_ids(const struct user_ids *ids, struct err *err)
{
    gid_t groups[USER_GROUPS_MAX];
    for (size_t i = 0; i < ids->n_groups; i++)
        groups[i] = ids->groups[i];
    if (setgroups(ids->n_groups, groups) < 0)
        return failed(err, "set the supplementary groups");
    if (setresgid(ids->gid, ids->gid, ids->gid) < 0)
        return failed(err, "change the group");
    if (setresuid(ids->uid, ids->uid, ids->uid) < 0)
        return failed(err, "change the user");
    return 0;
}

int privilege_drop(const struct user_ids *ids, uint64_t keep_mask, struct err *err)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)keep_mask, .permitted = (uint32_t)keep_mask},
        {.effective = (uint32_t)(keep_mask >> 32),
         .permitted = (uint32_t)(keep_mask >> 32)},
    };
    int code = set_ids(ids, err);
    if (code)
        return code;
    if (syscall(SYS_capset, &head, data) < 0)
        return failed(err, "drop capabilities");
    return 0;
}

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

int privilege_filter(struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(err, "set no_new_privs");
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return err_set(err, -ENOMEM, "cannot make the system call filter");
#ifdef __x86_64__
    int code =
        seccomp_arch_add(filter, SCMP_ARCH_X86); /* 32-bit programs are filtered alike */
#else
    int code = 0;
#endif
    if (code == 0)
        code = add_rules(filter);
    if (code == 0)
        code = seccomp_load(filter);
    seccomp_release(filter);
    if (code)
        return err_set(err, code, "cannot load the system call filter: %s",
                       err_text(code));
    return 0;
}
