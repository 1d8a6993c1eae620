/* Counters of one agent: plain integers owned by whoever is stepped, read by /metrics.
 * A drop or a bound reached is always one of these. */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <stdint.h>

/* name, help: the Prometheus name gets the prefix stratos_ and the suffix _total. */
#define METRICS(X)                                                                       \
    X(datagrams_in, "sealed datagrams received and opened")                              \
    X(datagrams_out, "sealed datagrams sent")                                            \
    X(bytes_in, "bytes received from peers")                                             \
    X(bytes_out, "bytes sent to peers")                                                  \
    X(drop_forged, "datagrams or streams whose seal did not open")                       \
    X(drop_replayed, "datagrams seen before or too old")                                 \
    X(drop_malformed, "opened messages that did not parse")                              \
    X(drop_bound, "messages or events dropped at a limit")                               \
    X(beacons_in, "discovery beacons of others with our secret")                         \
    X(beacons_out, "discovery beacons sent")                                             \
    X(drop_beacons, "discovery beacons with another secret, or malformed")               \
    X(streams_in, "peer streams accepted")                                               \
    X(streams_refused, "peer streams refused at a limit or in the handshake")            \
    X(probes, "membership probes sent")                                                  \
    X(probe_failures, "membership probes without an answer")                             \
    X(entries_merged, "table entries that were news")                                    \
    X(entries_stale, "table entries that were known already")                            \
    X(entries_superseded, "table entries that were deleted or replaced long ago")         \
    X(tombstones_dropped, "deletions that everyone has, forgotten")                      \
    X(syncs, "table comparisons with a peer")                                            \
    X(writes, "table entries written by this node")                                      \
    X(store_errors, "failed store operations")                                           \
    X(effects_lost, "effects of a step that found no memory")                            \
    X(plans, "plans computed")                                                           \
    X(tasks_started, "tasks started")                                                    \
    X(tasks_exited, "tasks that ended")                                                  \
    X(health_failures, "failed health probes")                                           \
    X(dns_queries, "DNS queries answered")                                               \
    X(dns_malformed, "DNS messages dropped")                                             \
    X(http_requests, "HTTP requests answered")                                           \
    X(http_refused, "HTTP requests or connections refused")                              \
    X(http_held_back, "HTTP clients that had to wait, their share of time being used up") \
    X(connections_evicted, "idle connections of HTTP or DNS closed to make room")

struct metrics {
#define METRICS_FIELD(name, help) uint64_t name;
    METRICS(METRICS_FIELD)
#undef METRICS_FIELD
};

#endif
