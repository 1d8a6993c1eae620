/* A task's ports and environment.  See launch.h. */
#include "agent/launch.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_port_taken(const struct work *w, uint16_t port)
{
    for (const struct work_item *item = w->items; item; item = item->next)
        for (size_t i = 0; i < item->spec->n_ports; i++)
            if (item->ports[i].port == port)
                return true;
    return false;
}

/* Random first, so that a port just given back is not at once somebody else's; in order when the
 * range is nearly full.  0 when it is full: the launch then fails and says so. */
static uint16_t dynamic_port(struct work *w)
{
    uint16_t low = w->options.port_min;
    uint32_t n = (uint32_t)w->options.port_max - low + 1;
    for (int tries = 0; tries < 32; tries++) {
        uint16_t port = (uint16_t)(low + rng_below(&w->rng, n));
        if (!is_port_taken(w, port))
            return port;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!is_port_taken(w, (uint16_t)(low + i)))
            return (uint16_t)(low + i);
    return 0;
}

void launch_ports(struct work *w, struct work_item *item)
{
    memset(item->ports, 0, sizeof(item->ports));
    for (size_t i = 0; i < item->spec->n_ports; i++)
        item->ports[i] = (struct claim_port){item->spec->ports[i].name,
                                             item->spec->ports[i].host_port};
    for (size_t i = 0; i < item->spec->n_ports; i++) /* the fixed ones are taken by now */
        if (item->ports[i].port == 0)
            item->ports[i].port = dynamic_port(w);
}

struct env {
    struct arena *arena;
    struct pair *list;
    size_t n, cap;
};

static void put(struct env *env, const char *key, const char *value)
{
    if (!key || !value ||
        arena_grow(env->arena, (void **)&env->list, env->n, &env->cap,
                   sizeof(*env->list)) < 0)
        return;
    env->list[env->n++] = (struct pair){key, value};
}

/* "http-admin" -> "PORT_HTTP_ADMIN" */
static const char *port_variable(struct env *env, const char *prefix, const char *name)
{
    char *out = arena_printf(env->arena, "%s%s", prefix, name);
    for (char *c = out; c && *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return out;
}

static void put_ports(struct env *env, const struct work_item *item, const char *address)
{
    for (size_t i = 0; i < item->spec->n_ports; i++) {
        const char *number = arena_printf(env->arena, "%u", item->ports[i].port);
        if (i == 0)
            put(env, "PORT", number);
        put(env, arena_printf(env->arena, "PORT%zu", i), number);
        put(env, port_variable(env, "PORT_", item->ports[i].name), number);
        put(env, port_variable(env, "ADDR_", item->ports[i].name),
            arena_printf(env->arena, "%s:%s", address, number ? number : ""));
    }
}

const struct pair *launch_env(const struct work *w, const struct work_item *item,
                              struct arena *arena, size_t *ret_n)
{
    struct env env = {.arena = arena};
    char address[ADDRESS_TEXT_MAX];
    (void)endpoint_host_text(&w->options.address, address);
    put(&env, "STRATOS_JOB", item->spec->name);
    put(&env, "STRATOS_NAMESPACE", item->spec->ns);
    put(&env, "STRATOS_INSTANCE", arena_printf(arena, "%u", item->index));
    put(&env, "STRATOS_NODE", w->options.node);
    put(&env, "STRATOS_VERSION", arena_printf(arena, "v%u", item->version));
    put(&env, "STRATOS_ADDRESS", arena_text(arena, address));
    put(&env, "STRATOS_BIN", w->options.binary);
    put_ports(&env, item, arena_text(arena, address));
    *ret_n = env.n;
    return env.list;
}
