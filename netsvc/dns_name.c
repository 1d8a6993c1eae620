/* Domain names, bounded and checked.  See dns_name.h. */
#include "netsvc/dns_name.h"

#include <string.h>

#include "core/err.h"

static void add_label(struct dns_name *name, struct bytes label, struct reader *r)
{
    if (name->len + 1 + label.len > DNS_NAME_MAX - 1 ||
        name->n_labels == DNS_LABELS_MAX) {
        reader_fail(r, ERR_MALFORMED);
        return;
    }
    name->wire[name->len] = (uint8_t)label.len;
    memcpy(name->wire + name->len + 1, label.at, label.len);
    name->starts[name->n_labels++] = (uint8_t)name->len;
    for (size_t i = 0; i < label.len; i++) {
        uint8_t c = label.at[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + 32);
        if (c == '\0')
            c = 0xff; /* must not end the text early: such a label equals none of ours */
        name->lower[name->len + i] = (char)c;
    }
    name->lower[name->len + label.len] = '\0';
    name->len += 1 + label.len;
}

void dns_name_read(struct bytes message, struct reader *r, struct dns_name *ret_name)
{
    ret_name->len = ret_name->n_labels = 0;
    struct reader jumped;
    struct reader *at = r;
    size_t earliest = message.len - r->left; /* pointers must go before this */
    for (;;) {
        uint8_t len = reader_u8(at);
        if ((len & 0xc0) == 0xc0) {
            size_t target = (size_t)(len & 0x3f) << 8 | reader_u8(at);
            if (at->error || target >= earliest)
                break;
            earliest = target;
            jumped = reader_of((struct bytes){message.at + target, message.len - target});
            at = &jumped;
            continue;
        }
        if (len > DNS_LABEL_MAX)
            break;
        struct bytes label = reader_take(at, len);
        if (at->error)
            break;
        if (len == 0) {
            ret_name->wire[ret_name->len++] = 0;
            return;
        }
        add_label(ret_name, label, at);
        if (at->error)
            break;
    }
    reader_fail(r, ERR_MALFORMED);
}

void dns_name_skip(struct reader *r)
{
    for (uint8_t len = reader_u8(r); len != 0; len = reader_u8(r)) {
        if ((len & 0xc0) == 0xc0) {
            (void)reader_u8(r);
            return;
        }
        if (len > DNS_LABEL_MAX)
            reader_fail(r, ERR_MALFORMED);
        (void)reader_take(r, len);
    }
}

int dns_name_of_text(const char *text, struct dns_name *ret_name)
{
    struct reader r = {0};
    ret_name->len = ret_name->n_labels = 0;
    while (*text && !r.error) {
        size_t len = strcspn(text, ".");
        if (len == 0 || len > DNS_LABEL_MAX)
            return ERR_MALFORMED;
        add_label(ret_name, (struct bytes){(const uint8_t *)text, len}, &r);
        text += len + (text[len] == '.');
    }
    if (r.error)
        return r.error;
    ret_name->wire[ret_name->len++] = 0;
    return 0;
}

const char *dns_name_label(const struct dns_name *name, size_t from_right)
{
    return from_right < name->n_labels
               ? name->lower + name->starts[name->n_labels - 1 - from_right]
               : "";
}
