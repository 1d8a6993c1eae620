/* A recording is told to a node again, and what that one asks for is compared with what was asked then. */
#ifndef AGENT_REPLAY_H
#define AGENT_REPLAY_H

#include "agent/recording.h"

struct replay {
    char name[NAME_LEN_MAX + 1],
        version[64]; /* of the node and of the agent that recorded */
    uint64_t n_starts, n_entries, n_steps, n_effects;
    uint64_t begun_ms, at_ms;  /* monotonic, of the first and of the last input */
    enum node_input_kind last; /* the kind of the last input */
    char why[160]; /* END: why nothing more was recorded; "": the recording just ends */
    bool is_cut;   /* in the middle of a record, as a crash leaves it */
    bool differs;  /* at the last input */
    uint32_t n_recorded, n_asked; /* differs: how much was asked for, then and now */
};

/* 0: told to its end, or to where it `differs`.  ERR_MALFORMED, ERR_UNSUPPORTED: `err` says why and where. */
int replay_run(struct bytes recording, struct replay *ret_replay, struct err *err);

#endif
