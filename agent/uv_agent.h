/* The composition root's inside: the one structure that knows all drivers.  The API's files see it
 * too; nobody else does. */
#ifndef AGENT_UV_AGENT_H
#define AGENT_UV_AGENT_H

#include <uv.h>

#include "agent/agent.h"
#include "agent/backlog.h"
#include "agent/facts.h"
#include "agent/feed.h"
#include "agent/home.h"
#include "agent/node.h"
#include "gossip/uv_discovery.h"
#include "gossip/uv_gossip.h"
#include "isolate/uv_runner.h"
#include "netsvc/uv_dns.h"
#include "netsvc/uv_http.h"

struct uv_seeds;
struct watcher; /* an open event stream; see api_stream.c */

struct agent {
    const struct agent_options *options;
    uv_loop_t loop;
    uv_timer_t timer;         /* the node's deadline */
    uv_timer_t catalog_timer; /* coalesces catalog changes */
    uv_timer_t exit_timer;    /* a last moment for what was sent before the end */
    uv_timer_t join_timer;    /* then --join should have been answered */
    uv_timer_t tidy_timer;    /* gives back memory that was needed for a moment */
    uv_signal_t sigterm, sigint;
    struct arena arena; /* what lives as long as the agent */
    char name[NAME_LEN_MAX + 1];
    struct endpoint bind, http, dns;
    struct metrics metrics;
    struct home home;
    struct backlog backlog;
    uint64_t backlog_retry_ms;
    struct node *node;
    struct node_effects fx;
    bool is_performing;
    struct uv_gossip *gossip;
    struct uv_seeds *seeds;
    struct uv_discovery *discovery; /* NULL: switched off, or not possible here */
    struct endpoint advertise;      /* where peers reach our gossip */
    struct uv_runner *runner;
    struct uv_dns *dns_driver;
    struct uv_http *http_driver;
    struct catalog *catalog;
    uint32_t catalog_serial;
    uint64_t catalog_cost_ms, dashboard_cost_ms; /* what the last one took */
    struct feed feed;
    struct watcher *watchers;
    struct exchange_wait *waits; /* HTTP exchanges waiting for NODE_DONE */
    uint64_t next_token;
    bool has_joined; /* what --join says was handed to the node */
    bool is_ending;
    int exit_code;
};

struct moment agent_now(struct agent *a);
/* Perform and clear a->fx, then re-arm the timer: every entry into the node ends with this. */
void agent_perform(struct agent *a);

/* ---- api.c ---- */
void api_handle(void *ctx, struct uv_http_exchange *x); /* ctx: struct agent */
void api_done(struct agent *a, uint64_t token, const struct node_result *result);
void api_close(struct agent *a); /* forget who still waits; their connections are gone */
/* ---- api_stream.c ---- */
void api_event(struct agent *a, uint64_t id); /* an event was added to the feed */
void api_changed(struct agent *a);            /* dashboards should hear of it soon */
void api_watchers_close(struct agent *a);

#endif
