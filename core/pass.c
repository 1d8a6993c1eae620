/* Passing fields.  See pass.h. */
#include "core/pass.h"

#include <errno.h>
#include <string.h>

#include "core/err.h"

struct pass pass_to(struct writer *to)
{
    return (struct pass){.to = to};
}

struct pass pass_from(struct reader *from, struct arena *arena)
{
    return (struct pass){.from = from, .arena = arena};
}

bool pass_is_reading(const struct pass *p)
{
    return p->from != NULL;
}

void pass_fail(struct pass *p, int error)
{
    if (p->error == 0)
        p->error = error;
}

/* True: the caller goes on. */
static bool look(struct pass *p)
{
    int error = p->from ? reader_error(p->from) : writer_error(p->to);
    if (error < 0)
        pass_fail(p, error);
    return p->error == 0;
}

int pass_end(struct pass *p)
{
    if (look(p) && p->from && p->from->left > 0)
        pass_fail(p, ERR_MALFORMED);
    return p->error;
}

void pass_u8(struct pass *p, uint8_t *v)
{
    if (p->from)
        *v = reader_u8(p->from);
    else
        writer_u8(p->to, *v);
    (void)look(p);
}

void pass_u16(struct pass *p, uint16_t *v)
{
    if (p->from)
        *v = reader_u16(p->from);
    else
        writer_u16(p->to, *v);
    (void)look(p);
}

void pass_u32(struct pass *p, uint32_t *v)
{
    if (p->from)
        *v = reader_u32(p->from);
    else
        writer_u32(p->to, *v);
    (void)look(p);
}

void pass_u64(struct pass *p, uint64_t *v)
{
    if (p->from)
        *v = reader_u64(p->from);
    else
        writer_u64(p->to, *v);
    (void)look(p);
}

void pass_i32(struct pass *p, int32_t *v)
{
    uint32_t bits = (uint32_t)*v;
    pass_u32(p, &bits);
    *v = (int32_t)bits;
}

void pass_i64(struct pass *p, int64_t *v)
{
    uint64_t bits = (uint64_t)*v;
    pass_u64(p, &bits);
    *v = (int64_t)bits;
}

void pass_size(struct pass *p, size_t *v)
{
    uint64_t n = *v;
    pass_u64(p, &n);
    *v = n;
}

void pass_double(struct pass *p, double *v)
{
    uint64_t bits;
    memcpy(&bits, v, sizeof(bits));
    pass_u64(p, &bits);
    memcpy(v, &bits, sizeof(bits));
}

void pass_bool(struct pass *p, bool *v)
{
    uint8_t byte = *v;
    pass_u8(p, &byte);
    if (byte > 1)
        pass_fail(p, ERR_MALFORMED);
    *v = byte == 1;
}

void pass_raw(struct pass *p, void *at, size_t len)
{
    if (p->from)
        reader_copy(p->from, at, len);
    else
        writer_put(p->to, at, len);
    (void)look(p);
}

void pass_bytes(struct pass *p, struct bytes *v)
{
    bool is_there = v->at != NULL;
    pass_bool(p, &is_there);
    uint32_t len = is_there ? (uint32_t)v->len : 0;
    if (is_there)
        pass_u32(p, &len);
    if (!p->from) {
        if (is_there)
            writer_put(p->to, v->at, len);
        (void)look(p);
        return;
    }
    *v = (struct bytes){0};
    struct bytes in = reader_take(p->from, len);
    if (!look(p) || !is_there)
        return;
    uint8_t *copy =
        arena_alloc(p->arena, in.len + 1); /* an empty value is no missing one */
    if (!copy) {
        pass_fail(p, -ENOMEM);
        return;
    }
    memcpy(copy, in.at, in.len);
    *v = (struct bytes){copy, in.len};
}

void pass_text(struct pass *p, const char **v)
{
    struct bytes text = {0};
    if (!p->from && *v)
        text = (struct bytes){(const uint8_t *)*v, strlen(*v)};
    pass_bytes(p, &text);
    if (!p->from)
        return;
    if (text.at && memchr(text.at, 0, text.len))
        pass_fail(p, ERR_MALFORMED);
    *v = p->error == 0 ? (const char *)text.at
                       : NULL; /* pass_bytes has left a NUL behind it */
}

void pass_id(struct pass *p, struct node_id *v)
{
    pass_raw(p, v->at, sizeof(v->at));
}

void pass_endpoint(struct pass *p, struct endpoint *v)
{
    pass_u8(p, &v->family);
    pass_raw(p, v->address, sizeof(v->address));
    pass_u16(p, &v->port);
    if (v->family != 0 && v->family != 4 && v->family != 6)
        pass_fail(p, ERR_MALFORMED);
}

int pass_enum(struct pass *p, int v, int last)
{
    uint8_t byte = (uint8_t)v;
    pass_u8(p, &byte);
    if (byte > last)
        pass_fail(p, ERR_MALFORMED);
    return p->error == 0 ? byte : 0;
}

void *pass_list(struct pass *p, const void *list, size_t *n, size_t max, size_t size)
{
    uint32_t count = (uint32_t)*n;
    pass_u32(p, &count);
    if (count > max ||
        (p->from && count > p->from->left)) /* an element takes a byte at least */
        pass_fail(p, ERR_BOUND);
    *n = p->error == 0 ? count : 0;
    if (*n == 0)
        return NULL;
    if (!p->from)
        return (void *)(uintptr_t)list;
    void *made = arena_array(p->arena, *n, size);
    if (!made) {
        pass_fail(p, -ENOMEM);
        *n = 0;
    }
    return made;
}
