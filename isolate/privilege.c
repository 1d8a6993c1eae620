/* See privilege.h.  Sources: capabilities(7), seccomp(2), kernel no_new_privs.rst. */
#include "isolate/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/dump.h"
#include "isolate/syscall_filter.h" /* made by isolate/seccomp_compile.c */

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
    struct __user_cap_data_struct has[2], data[2] = {0};
    int code = set_ids(ids, err);
    if (code)
        return code;
    if (syscall(SYS_capget, &head, has) < 0)
        return failed(err, "read capabilities");
    for (unsigned i = 0; i < 2;
         i++) { /* what an agent in a container lacks is not kept */
        data[i].permitted = has[i].permitted & (uint32_t)(keep_mask >> (32 * i));
        data[i].effective = data[i].permitted;
    }
    if (syscall(SYS_capset, &head, data) < 0)
        return failed(err, "drop capabilities");
    return 0;
}

static int load(const struct sock_filter *filter, size_t n)
{
    union {
        const struct sock_filter *in;
        struct sock_filter *out;
    } program = {.in = filter}; /* the kernel only reads it */
    struct sock_fprog all = {.len = (unsigned short)n, .filter = program.out};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &all) < 0 ? -errno : 0;
}

#define LENGTH(filter) (sizeof(filter) / sizeof((filter)[0]))
_Static_assert(LENGTH(filter_sockets) > 4 && LENGTH(filter_sockets) <= BPF_MAXINSNS,
               "what the kernel takes");
_Static_assert(LENGTH(filter_denied) > 4 && LENGTH(filter_denied) <= BPF_MAXINSNS,
               "what the kernel takes");

_Static_assert(LENGTH(filter_shim) > 4 && LENGTH(filter_shim) <= BPF_MAXINSNS,
               "what the kernel takes");

static int ended(int code, struct err *err)
{
    return code ? err_set(err, code, "cannot load the system call filter: %s",
                          err_text(code))
                : 0;
}

int privilege_filter(struct err *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(err, "set no_new_privs");
    int code = load(filter_sockets, LENGTH(filter_sockets));
    if (code == 0)
        code = load(filter_denied, LENGTH(filter_denied));
    return ended(code, err);
}

int privilege_filter_shim(struct err *err)
{
    if (DUMP_HAS_SANITIZER) /* which calls what it likes */
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(err, "set no_new_privs");
    return ended(load(filter_shim, LENGTH(filter_shim)), err);
}
