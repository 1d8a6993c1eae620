/* Reading addresses backwards.  See dns_reverse.h. */
#include "netsvc/dns_reverse.h"

#include <string.h>

enum { TREE_LABELS = 2, V4_LABELS = 4, V6_LABELS = 32 }; /* "in-addr.arpa", "ip6.arpa" */

/* Digits without a leading zero, at most 255. */
static bool read_byte(const char *label, uint8_t *ret_byte)
{
    unsigned value = 0;
    size_t len = strlen(label);
    if (len == 0 || len > 3 || strspn(label, "0123456789") != len ||
        (label[0] == '0' && len > 1))
        return false;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (unsigned)(label[i] - '0');
    *ret_byte = (uint8_t)value;
    return value <= UINT8_MAX;
}

static bool read_nibble(const char *label, uint8_t *ret_nibble)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit = label[0] ? strchr(digits, label[0]) : NULL;
    if (!digit || label[1])
        return false;
    *ret_nibble = (uint8_t)(digit - digits);
    return true;
}

bool dns_reverse_read(const struct dns_name *name, struct endpoint *ret_address)
{
    struct endpoint e = {0};
    const char *tree = dns_name_label(name, 1);
    bool is_v4 = strcmp(tree, "in-addr") == 0, is_v6 = strcmp(tree, "ip6") == 0;
    size_t n = is_v4 ? V4_LABELS : V6_LABELS;
    if ((!is_v4 && !is_v6) || strcmp(dns_name_label(name, 0), "arpa") != 0 ||
        name->n_labels != TREE_LABELS + n)
        return false;
    for (size_t i = 0; i < n; i++) { /* from the right: the first byte first */
        const char *label = dns_name_label(name, TREE_LABELS + i);
        uint8_t part;
        if (is_v4 ? !read_byte(label, &part) : !read_nibble(label, &part))
            return false;
        if (is_v4)
            e.address[i] = part;
        else
            e.address[i / 2] = (uint8_t)(e.address[i / 2] << 4 | part);
    }
    e.family = is_v4 ? 4 : 6;
    *ret_address = e;
    return true;
}

const struct catalog_node *dns_reverse_next(const struct catalog *c,
                                            const struct endpoint *address, size_t *at)
{
    size_t len = address->family == 4 ? 4 : 16;
    while (*at < c->n_nodes) {
        const struct catalog_node *node = &c->nodes[(*at)++];
        if (node->is_live && node->at.family == address->family &&
            memcmp(node->at.address, address->address, len) == 0)
            return node;
    }
    return NULL;
}
