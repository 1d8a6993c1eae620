/* See landlock.h.  The usual path: one ruleset, one rule for each port, entered: 40 to 75 us.
 * What can fail: sixteen rulesets are nested already. */
#include "isolate/landlock.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12's linux/landlock.h is of ABI 2, so what came later is defined here, from the
 * kernel's include/uapi/linux/landlock.h. */
enum {
    CREATE_RULESET_VERSION = 1u << 0,
    RULE_NET_PORT = 2,
    ACCESS_NET_BIND_TCP = 1u << 0,
    SCOPE_ABSTRACT_UNIX_SOCKET = 1u << 0,
    SCOPE_SIGNAL = 1u << 1,
};

struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

struct net_port {
    uint64_t allowed_access, port; /* host order */
};

static int failed(struct err *err, const char *what)
{
    int code = -errno;
    return err_set(err, code, "cannot %s: %s", what, err_text(code));
}

unsigned landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    return abi > 0 ? (unsigned)abi : 0;
}

const char *landlock_missing(unsigned abi)
{
    if (abi >= LANDLOCK_ABI_SCOPE)
        return NULL;
    return abi >= LANDLOCK_ABI_TCP
               ? "tasks can reach abstract unix sockets of this host (Linux 6.12 and "
                 "Landlock keep them from it)"
               : "tasks can bind TCP ports that are not theirs, and reach abstract unix "
                 "sockets of this host (Linux 6.12 and Landlock keep them from it)";
}

/* Port 0 is a free port of the kernel's choice, as a client that binds its own side wants. */
static int allow_ports(int fd, const uint16_t *ports, size_t n_ports, struct err *err)
{
    for (size_t i = 0; i <= n_ports; i++) {
        const struct net_port rule = {ACCESS_NET_BIND_TCP, i < n_ports ? ports[i] : 0};
        if (syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &rule, 0) < 0)
            return failed(err, "allow the task its ports");
    }
    return 0;
}

int landlock_confine(const uint16_t *ports, size_t n_ports, struct err *err)
{
    unsigned abi = landlock_abi();
    if (abi < LANDLOCK_ABI_TCP)
        return 0;
    /* Nothing of files is handled: read-only mounts and hidden places are the sandbox's, and
     * with none handled, links and renames between directories stay allowed. */
    const struct ruleset ruleset = {
        .handled_access_net = ACCESS_NET_BIND_TCP,
        .scoped =
            abi >= LANDLOCK_ABI_SCOPE ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0,
    };
    int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return failed(err, "make a Landlock ruleset");
    int code = allow_ports(fd, ports, n_ports, err);
    if (code == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        code = failed(err, "set no_new_privs");
    if (code == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        code = failed(err, "enter the Landlock ruleset");
    (void)close(fd);
    return code;
}
