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
    };
    facts.arch = strcmp(uts.machine, "x86_64") == 0    ? "amd64"
                 : strcmp(uts.machine, "aarch64") == 0 ? "arm64"
                                                       : arena_text(arena, uts.machine);
    label_of(uts.nodename, facts.hostname, sizeof(facts.hostname));
    *ret_facts = facts;
    return 0;
}

void facts_routable_address(struct endpoint *ret_endpoint)
{
    struct ifaddrs *list;
    *ret_endpoint = (struct endpoint){.family = 4, .address = {127, 0, 0, 1}};
    if (getifaddrs(&list) < 0)
        return;
    for (int pass = 0; pass < 2;
         pass++) { /* IPv4 first, then IPv6 that is not link-local */
        for (struct ifaddrs *at = list; at; at = at->ifa_next) {
            if (!at->ifa_addr || !(at->ifa_flags & IFF_UP) ||
                (at->ifa_flags & IFF_LOOPBACK))
                continue;
            if (pass == 0 && at->ifa_addr->sa_family == AF_INET) {
                struct sockaddr_in sin;
                memcpy(&sin, at->ifa_addr, sizeof(sin));
                ret_endpoint->family = 4;
                memcpy(ret_endpoint->address, &sin.sin_addr, 4);
                goto out;
            }
            if (pass == 1 && at->ifa_addr->sa_family == AF_INET6) {
                struct sockaddr_in6 sin6;
                memcpy(&sin6, at->ifa_addr, sizeof(sin6));
                if (IN6_IS_ADDR_LINKLOCAL(&sin6.sin6_addr))
                    continue;
                ret_endpoint->family = 6;
                memcpy(ret_endpoint->address, &sin6.sin6_addr, 16);
                goto out;
            }
        }
    }
out:
    freeifaddrs(list);
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
    enum { OWN = 4 };
    struct pair *list = arena_array(arena, n_attrs + OWN, sizeof(*list));
    size_t n = 0;
    if (!list)
        return err_set(err, -ENOMEM, "out of memory");
    pair_set(list, &n, "hostname", arena_text(arena, node_name));
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
