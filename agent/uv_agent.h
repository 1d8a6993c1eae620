/* The composition root's inside: the one structure that knows all drivers.  The agent's own drivers
 * (uv_*), its settings and the API's files see it; nothing that decides does. */
#ifndef AGENT_UV_AGENT_H
#define AGENT_UV_AGENT_H

#include <uv.h>

#include "agent/agent.h"
#include "agent/backlog.h"
#include "agent/facts.h"
#include "agent/feed.h"
#include "agent/home.h"
#include "agent/node.h"
#include "agent/strangers.h"
#include "agent/uv_address.h"
#include "agent/uv_listen.h"
#include "gossip/uv_discovery.h"
#include "gossip/uv_gossip.h"
#include "isolate/cgroup_mode.h"
#include "isolate/uv_probe.h"
#include "isolate/uv_runner.h"
#include "netsvc/uv_dns.h"
#include "netsvc/uv_http.h"

struct settings;
struct uv_disk;
struct uv_seeds;
struct watcher;    /* an open event stream; see api_stream.c */
struct view_wait;  /* a read that waits for a view; see api_after.c */
struct logs;       /* somebody who reads logs; see api_logs.h */
struct submission; /* a job file that is being read; see api_submit.c */

enum { OWN_DIGESTS = 64 };

/* What a driver calls of the files that lie above it; uv_agent.c hands it in before any is open. */
struct agent_above {
    void (*perform)(struct agent *a); /* agent_perform */
    void (*moved)(struct agent *a);   /* uv_network_moved */
    /* the API's, below */
    void (*settled)(struct agent *a);
    void (*done)(struct agent *a, uint64_t token, const struct node_result *result);
    void (*event)(struct agent *a, uint64_t id);
    void (*changed)(struct agent *a);
};

struct agent {
    const struct agent_options *options;
    const struct agent_above *above;
    uv_loop_t loop;
    uv_timer_t timer;         /* the node's deadline */
    uv_timer_t catalog_timer; /* coalesces catalog changes */
    uv_timer_t exit_timer;    /* a last moment for what was sent before the end */
    uv_timer_t tidy_timer;    /* gives back memory that was needed for a moment */
    uv_signal_t sigterm, sigint;
    struct arena arena; /* what lives as long as the agent */
    char name[NAME_LEN_MAX + 1];
    struct endpoint wanted; /* of --bind; else no more than its port */
    struct endpoint bind, http,
        dns; /* bind: where gossip listens; family 0: nowhere now */
    struct uv_address address;
    struct metrics metrics;
    struct home home;
    struct uv_disk *disk;
    const struct settings *settings; /* of the start */
    struct keyring keys;             /* of the start, until the node has them */
    /* for room on the disk or a disk that answers: `node` is none of the cluster yet */
    bool is_waiting;
    struct backlog backlog;
    uint64_t backlog_retry_ms;
    struct node *node;
    struct node_effects fx;
    struct recorder *recorder; /* NULL: nothing is recorded */
    size_t n_persisted;        /* of fx, looked at for the store already */
    bool is_performing;
    struct uv_gossip *gossip;
    struct uv_seeds *seeds;
    struct strangers strangers, formers;
    struct uv_discovery *discovery; /* NULL: switched off, or not possible here */
    struct endpoint advertise;      /* where peers reach our gossip; family 0: nowhere */
    struct endpoint second;         /* and by the other family; family 0: not by that */
    struct uv_runner *runner;
    struct uv_prober *prober;   /* of health checks */
    struct cgroup_host cgroups; /* looked at before anything else */
    bool has_cgroups;           /* they were */
    char tasks_cause[160]; /* why this host cannot run tasks; "": it can */
    char tasks_lack[160];  /* what tasks cannot be kept from; "": nothing */
    struct uv_dns *dns_driver; /* NULL: switched off, or listen.dns waits */
    struct uv_http *http_driver;
    struct uv_listen listen; /* what could not be bound yet */
    struct catalog *catalog;
    uint32_t catalog_serial;
    uint64_t catalog_cost_ms, dashboard_cost_ms; /* what the last one took */
    struct feed feed;
    struct watcher *watchers;
    struct exchange_wait *waits; /* HTTP exchanges waiting for NODE_DONE */
    uint64_t next_token;
    struct submission *submissions; /* the first is being read */
    struct logs *logs;              /* that are being read */
    struct view_wait *view_waits;
    uint64_t digests[OWN_DIGESTS]; /* the table's last ones, as a ring */
    size_t n_digests;
    bool has_joined; /* what --join says was handed to the node */
    bool is_ending;
    int exit_code;
};

/* ---- uv_base.c ---- */
struct moment agent_now(struct agent *a);
/* The node is told; what it asks for then stands in a->fx, for agent_perform. */
void agent_step(struct agent *a, const struct node_input *in);
/* The loop ends in a moment, when what was sent has left. */
void agent_end(struct agent *a);
/* ---- uv_agent.c ---- */
struct own_ports agent_own_ports(const struct agent *a);
/* ---- uv_perform.c ---- */
/* Perform and clear a->fx, then re-arm the timer: every entry into the node ends with this. */
void agent_perform(struct agent *a);
/* Give an order to the node, its writes to the store, and the effects of both to the world. */
void agent_order(struct agent *a, const struct order *command);

/* ---- api.c ---- */
bool api_gate(void *ctx, struct uv_http_exchange *x); /* ctx: struct agent */
void api_handle(void *ctx, struct uv_http_exchange *x);
/* ---- api_order.c ---- */
void api_done(struct agent *a, uint64_t token, const struct node_result *result);
void api_close(struct agent *a); /* forget who still waits; their connections are gone */
/* ---- api_after.c ---- */
void api_settled(struct agent *a); /* the node has stepped: its table may be another */
void api_waits_close(struct agent *a);
/* ---- api_stream.c ---- */
void api_event(struct agent *a, uint64_t id); /* an event was added to the feed */
void api_changed(struct agent *a);            /* dashboards should hear of it soon */
void api_watchers_close(struct agent *a);

#endif
