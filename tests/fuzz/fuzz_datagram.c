/* A hostile member that has the secret: opened datagrams and stream frames into a whole machine.
 *
 * The input is a list of events: u8 what, u16 length, bytes.  The machine lives through all of
 * them with time passing in between; the sanitizers and its own asserts judge. */
#include <stdlib.h>
#include <string.h>

#include "gossip/gossip.h"
#include "proto/codec.h"

enum { EVENTS_MAX = 64, INCOMING = 1u << 30 };

enum event {
    EVENT_DATAGRAM,
    EVENT_FRAME,
    EVENT_OWN_FRAME,
    EVENT_TICK,
    EVENT_LEAVE,
    EVENT_KINDS
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct machine {
    struct gossip *gossip;
    struct gossip_effects fx;
    uint64_t now_ms;
    uint32_t own_stream; /* the newest we opened */
};

/* Streams that the machine opens are opened at once, as a hostile peer would. */
static void perform(struct machine *m)
{
    uint32_t opened = 0;
    for (size_t i = 0; i < m->fx.n; i++) {
        if (m->fx.list[i].kind == GOSSIP_STREAM_OPEN)
            opened = m->fx.list[i].stream;
        if (m->fx.list[i].kind == GOSSIP_SEND &&
            m->fx.list[i].bytes.len > MESSAGE_DATAGRAM_MAX)
            abort();
        if (m->fx.list[i].kind == GOSSIP_STREAM_SEND &&
            m->fx.list[i].bytes.len > FRAME_MAX)
            abort();
    }
    gossip_effects_clear(&m->fx);
    if (opened) {
        m->own_stream = opened;
        gossip_stream_opened(m->gossip, m->now_ms, opened, (struct node_id){0}, &m->fx);
        gossip_effects_clear(&m->fx);
    }
}

static void step(struct machine *m, enum event event, struct bytes in)
{
    static const struct endpoint from = {4, {127, 0, 0, 9}, 7780};
    const uint32_t incoming = (uint32_t)INCOMING << 1;
    switch (event) {
    case EVENT_DATAGRAM:
        (void)gossip_receive(m->gossip, m->now_ms, m->now_ms, from, in, &m->fx);
        break;
    case EVENT_FRAME:
        gossip_stream_opened(m->gossip, m->now_ms, incoming, (struct node_id){0}, &m->fx);
        (void)gossip_stream_frame(m->gossip, m->now_ms, m->now_ms, incoming, in, &m->fx);
        break;
    case EVENT_OWN_FRAME:
        (void)gossip_stream_frame(m->gossip, m->now_ms, m->now_ms, m->own_stream, in,
                                  &m->fx);
        break;
    case EVENT_LEAVE:
        gossip_leave(m->gossip, m->now_ms, &m->fx);
        break;
    case EVENT_TICK:
    case EVENT_KINDS:
        break;
    }
    perform(m);
    m->now_ms += in.len % 2000;
    gossip_tick(m->gossip, m->now_ms, m->now_ms, &m->fx);
    perform(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct endpoint seed = {4, {127, 0, 0, 9}, 7780};
    struct gossip_options options = {
        .id = {{1, 1, 1, 1}},
        .name = "n1",
        .endpoint = {4, {127, 0, 0, 1}, 7780},
        .profile = &gossip_profile_lan,
        .epoch = 1,
        .seed = 1,
    };
    struct machine m = {.gossip = gossip_new(&options, 1000), .now_ms = 1000};
    if (!m.gossip)
        return 0;
    gossip_effects_init(&m.fx);
    gossip_join(m.gossip, m.now_ms, &seed, 1, &m.fx);
    perform(&m);
    (void)gossip_publish(m.gossip, m.now_ms, m.now_ms, bytes_of_text("var/a"),
                         bytes_of_text("1"), NULL, &m.fx);
    perform(&m);
    struct reader r = reader_of((struct bytes){data, size});
    for (int i = 0; i < EVENTS_MAX && reader_error(&r) == 0; i++) {
        enum event event = (enum event)(reader_u8(&r) % EVENT_KINDS);
        struct bytes in = reader_take(&r, reader_u16(&r));
        if (reader_error(&r) == 0)
            step(&m, event, in);
    }
    gossip_free(m.gossip);
    gossip_effects_fini(&m.fx);
    return 0;
}
