/* Records and their fields: one function for both directions (core/pass.h).  See recording.h. */
#include "agent/recording_inner.h"

#include <string.h>

#include "core/err.h"

enum {
    FORMAT = 1,
    HEAD_LEN = 5, /* of a record: kind and length */
};

static const char magic[8] = "STRATREC";

void recording_begin(struct writer *to)
{
    writer_put(to, magic, sizeof(magic));
    writer_u16(to, FORMAT);
}

int recording_open(struct reader *from)
{
    struct bytes begin = reader_take(from, sizeof(magic));
    if (reader_error(from) < 0 || memcmp(begin.at, magic, sizeof(magic)) != 0)
        return ERR_MALFORMED;
    uint16_t format = reader_u16(from);
    return reader_error(from) < 0 ? ERR_TRUNCATED
           : format == FORMAT     ? 0
                                  : ERR_UNSUPPORTED;
}

static void pass_moment(struct pass *p, struct moment *at)
{
    pass_u64(p, &at->now_ms);
    pass_u64(p, &at->at_unix_ms);
    pass_u64(p, &at->now_us);
}

static void pass_record(struct pass *p, struct recorded *r)
{
    if (r->kind == RECORDED_BEGIN || r->kind == RECORDED_TASK || r->kind == RECORDED_STEP)
        pass_moment(p, &r->at);
    switch (r->kind) {
    case RECORDED_BEGIN:
        recording_pass_begin(p, r);
        break;
    case RECORDED_ENTRY:
        r->entry.space =
            (enum store_space)pass_enum(p, (int)r->entry.space, STORE_SPACES - 1);
        pass_bytes(p, &r->entry.key);
        pass_bytes(p, &r->entry.value);
        break;
    case RECORDED_TASK:
        pass_text(p, &r->task.key);
        pass_text(p, &r->task.doubt);
        pass_u32(p, &r->task.pid);
        pass_u64(p, &r->task.started_unix_ms);
        pass_bytes(p, &r->task.note);
        if (!r->task.key)
            pass_fail(p, ERR_MALFORMED);
        break;
    case RECORDED_STEP:
        recording_pass_input(p, r);
        break;
    case RECORDED_EFFECTS:
        pass_u32(p, &r->effects.n);
        pass_u64(p, &r->effects.hash);
        break;
    case RECORDED_END:
        pass_text(p, &r->why);
        if (!r->why)
            pass_fail(p, ERR_MALFORMED);
        break;
    case RECORDED_LEAP:
    case RECORDED_CLEARED:
    case RECORDED_KINDS:
        break;
    }
}

int recorded_write(struct recorded *r, struct writer *to)
{
    size_t begin = to->len;
    struct pass p = pass_to(to);
    writer_u8(to, (uint8_t)r->kind);
    writer_u32(to, 0);
    pass_record(&p, r);
    if (pass_end(&p) < 0)
        return p.error;
    struct writer length = writer_of(to->at + begin + 1, 4);
    writer_u32(&length, (uint32_t)(to->len - begin - HEAD_LEN));
    return 0;
}

int recorded_read(struct reader *from, struct arena *arena, struct recorded *ret_r)
{
    if (from->left == 0)
        return 0;
    *ret_r = (struct recorded){0};
    uint8_t kind = reader_u8(from);
    uint32_t len = reader_u32(from);
    struct reader fields = reader_of(reader_take(from, len));
    if (reader_error(from) < 0)
        return ERR_TRUNCATED;
    if (kind >= RECORDED_KINDS || len > RECORDED_MAX)
        return ERR_MALFORMED;
    struct pass p = pass_from(&fields, arena);
    ret_r->kind = (enum recorded_kind)kind;
    pass_record(&p, ret_r);
    int error = pass_end(&p);
    return error == ERR_TRUNCATED ? ERR_MALFORMED : error < 0 ? error : 1;
}

const char *input_name(enum node_input_kind kind)
{
    static const char *const names[] = {
        [INPUT_JOIN] = "addresses to join by",
        [INPUT_MEET] = "an address that was discovered",
        [INPUT_TICK] = "a tick",
        [INPUT_DATAGRAM] = "a datagram",
        [INPUT_FORMER] = "a datagram of 0.1",
        [INPUT_FORMER_BEACON] = "a beacon of 0.1",
        [INPUT_REFUSED] = "a refused datagram",
        [INPUT_STREAM_OPENED] = "a stream that was opened",
        [INPUT_STREAM_FRAME] = "a frame of a stream",
        [INPUT_STREAM_CLOSED] = "a stream that was closed",
        [INPUT_STREAM_FAILED] = "a stream that failed",
        [INPUT_PORTS] = "which ports are free",
        [INPUT_TASK_STARTED] = "a task that was started",
        [INPUT_TASK_FAILED] = "a task that could not be started",
        [INPUT_TASK_REFUSED] = "a task that was not tried",
        [INPUT_TASK_EXITED] = "a task that ended",
        [INPUT_PROBED] = "the result of a health check",
        [INPUT_STORE_FAILED] = "a store that refuses writes",
        [INPUT_STORE_MENDED] = "a store that takes writes",
        [INPUT_RESTOCK] = "a store to be filled again",
        [INPUT_DISK] = "a look at the disk",
        [INPUT_ADDRESSED] = "a look at the addresses",
        [INPUT_ADDRESSED_SECOND] = "a second address",
        [INPUT_ORDER] = "an order",
        [INPUT_COMMITTED] = "an order that the store has answered",
        [INPUT_AWAY] = "the end of the agent",
    };
    return names[kind];
}
