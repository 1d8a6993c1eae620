/* Host facts from the kernel: sysconf, uname, interfaces.  See facts.h. */
#include "agent/facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "isolate/landlock.h"

/* Only the host's own part of a qualified name is a label. */
static void label_of(const char *name, char *out, size_t cap)
{
    size_t n = 0;
    for (; *name && *name != '.' && n + 1 < cap; name++) {
        char c = *name;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        bool is_fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (is_fine || n > 0)
            out[n++] = is_fine ? c : '-';
    }
    while (n > 0 && out[n - 1] == '-')
        n--;
    out[n] = '\0';
    if (n == 0)
        memcpy(out, "node", 5);
}

int facts_read(struct arena *arena, struct facts *ret_facts, struct err *err)
{
    struct utsname uts;
    if (uname(&uts) < 0)
        return err_set(err, -errno, "cannot read the host's name: %s", strerror(errno));
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    struct facts facts = {
        .cpu_milli = cpus > 0 ? (uint32_t)cpus * 1000 : 1000,
        .memory_bytes =
            pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 1u << 30,
        .kernel = arena_text(arena, uts.release),
        .os = "linux",
        .landlock = landlock_abi(),
    };
    facts.arch = strcmp(uts.machine, "x86_64") == 0    ? "amd64"
                 : strcmp(uts.machine, "aarch64") == 0 ? "arm64"
                                                       : arena_text(arena, uts.machine);
    label_of(uts.nodename, facts.hostname, sizeof(facts.hostname));
    *ret_facts = facts;
    return 0;
}

static bool endpoint_of(const struct sockaddr *address, struct endpoint *ret_endpoint)
{
    struct endpoint e = {0};
    if (address->sa_family == AF_INET) {
        struct sockaddr_in sin;
        memcpy(&sin, address, sizeof(sin));
        e.family = 4;
        memcpy(e.address, &sin.sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 sin6;
        memcpy(&sin6, address, sizeof(sin6));
        e.family = 6;
        memcpy(e.address, &sin6.sin6_addr, 16);
    } else {
        return false;
    }
    *ret_endpoint = e;
    return true;
}

size_t facts_addresses(struct host_address *out, size_t cap)
{
    struct ifaddrs *list;
    size_t n = 0;
    if (getifaddrs(&list) < 0)
        return 0;
    for (const struct ifaddrs *at = list; at && n < cap; at = at->ifa_next) {
        unsigned up = IFF_UP | IFF_RUNNING;
        if (!at->ifa_addr || !endpoint_of(at->ifa_addr, &out[n].at))
            continue;
        out[n].is_up = (at->ifa_flags & up) == up;
        out[n].is_on_loopback = (at->ifa_flags & IFF_LOOPBACK) != 0;
        n++;
    }
    freeifaddrs(list);
    return n;
}

static int compare_pairs(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static void pair_set(struct pair *list, size_t *n, const char *key, const char *value)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(list[i].key, key) == 0) {
            list[i].value = value;
            return;
        }
    }
    list[(*n)++] = (struct pair){key, value};
}

int facts_attributes(const struct facts *facts, const char *node_name,
                     const char *const *attrs, size_t n_attrs, struct arena *arena,
                     const struct pair **ret_pairs, size_t *ret_n, struct err *err)
{
    enum { OWN = 9 };
    struct pair *list = arena_array(arena, n_attrs + OWN, sizeof(*list));
    size_t n = 0;
    if (!list)
        return err_set(err, -ENOMEM, "out of memory");
    if (facts->cgroup)
        pair_set(list, &n, "cgroup", facts->cgroup);
    if (facts->swap)
        pair_set(list, &n, "swap", facts->swap);
    if (facts->tasks)
        pair_set(list, &n, ATTRIBUTE_TASKS, facts->tasks);
    if (facts->tasks_cause)
        pair_set(list, &n, ATTRIBUTE_TASKS_CAUSE, facts->tasks_cause);
    pair_set(list, &n, "hostname", arena_text(arena, node_name));
    pair_set(list, &n, "landlock", arena_printf(arena, "%u", facts->landlock));
    pair_set(list, &n, "os.arch", facts->arch);
    pair_set(list, &n, "os.kernel", facts->kernel);
    pair_set(list, &n, "os.name", facts->os);
    for (size_t i = 0; i < n_attrs; i++) {
        const char *equals = strchr(attrs[i], '=');
        if (!equals || equals == attrs[i])
            return err_set(err, ERR_INVALID, "--attr '%s': write it as name=value",
                           attrs[i]);
        struct bytes key = {(const uint8_t *)attrs[i], (size_t)(equals - attrs[i])};
        pair_set(list, &n, arena_text_of(arena, key), arena_text(arena, equals + 1));
    }
    qsort(list, n, sizeof(*list), compare_pairs);
    *ret_pairs = list;
    *ret_n = n;
    return 0;
}
