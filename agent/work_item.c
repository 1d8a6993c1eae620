/* What a piece of work says of itself: to everybody by its claim, to the next agent by its task's note,
 * to its task by the environment.  See work.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/work.h"
#include "isolate/shim.h"
#include "proto/record.h"

struct claim_doc work_claim(const struct work_item *item)
{
    const struct lifecycle *life = &item->life;
    return (struct claim_doc){
        .generation = item->generation,
        .spec = item->hash,
        .version = item->version,
        .restart_at = item->restart_at,
        .state = life->state,
        .health = life->health,
        .is_proven = life->is_proven,
        .claimed_unix_ms = item->claimed_unix_ms,
        .started_unix_ms = life->started_unix_ms,
        .pid = life->pid,
        .restarts = life->restarts,
        .has_exit = life->has_exit,
        .last_exit = life->last_exit,
        .reason = life->reason,
        .ports = item->ports,
        .n_ports = item->is_drawing ? 0 : item->spec->n_ports,
        .check = checks_doc(&life->checks),
        .born = item->born,
    };
}

struct bytes work_note(const struct work_item *item, struct arena *arena)
{
    enum { CLAIM_MAX = 8192 };
    uint8_t claim_buf[CLAIM_MAX];
    struct claim_doc claim = work_claim(item);
    struct writer claim_bytes = writer_of(claim_buf, sizeof(claim_buf));
    size_t cap = sizeof(uint16_t) + CLAIM_MAX + item->body.len;
    void *buf = arena_alloc(arena, cap);
    struct writer w = writer_of(buf, buf ? cap : 0);
    if (record_encode_claim(&claim, &claim_bytes) < 0)
        return (struct bytes){0};
    writer_u16(&w, (uint16_t)claim_bytes.len);
    writer_bytes(&w, writer_done(&claim_bytes));
    writer_bytes(&w, item->body);
    return writer_error(&w) ? (struct bytes){0} : writer_done(&w);
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

const struct pair *work_env(const struct work *w, const struct work_item *item,
                            struct arena *arena, size_t *ret_n)
{
    struct env env = {.arena = arena};
    char address[ADDRESS_TEXT_MAX];
    (void)endpoint_host_text(&w->options.told, address);
    put(&env, "STRATOS_JOB", item->spec->name);
    put(&env, "STRATOS_NAMESPACE", item->spec->ns);
    put(&env, "STRATOS_INSTANCE", arena_printf(arena, "%u", item->index));
    put(&env, "STRATOS_NODE", w->options.node);
    put(&env, "STRATOS_VERSION", arena_printf(arena, "v%u", item->version));
    put(&env, "STRATOS_ADDRESS", arena_text(arena, address));
    put(&env, "STRATOS_BIN", w->options.binary);
    if (item->spec->task.api != API_NONE) {
        put(&env, "STRATOS_TOKEN_FILE", SHIM_TOKEN_PATH);
        put(&env, "STRATOS_API", w->options.api);
    }
    put_ports(&env, item, arena_text(arena, address));
    *ret_n = env.n;
    return env.list;
}
