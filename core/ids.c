/* Ids and addresses as values and as text.  See ids.h. */
#include "core/ids.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"

int node_id_compare(struct node_id a, struct node_id b)
{
    return memcmp(a.at, b.at, sizeof(a.at));
}

bool node_id_equal(struct node_id a, struct node_id b)
{
    return node_id_compare(a, b) == 0;
}

bool node_id_is_zero(struct node_id a)
{
    return node_id_equal(a, (struct node_id){0});
}

const char *node_id_text(struct node_id a, char out[static NODE_ID_TEXT])
{
    hex_encode(a.at, sizeof(a.at), out);
    return out;
}

int node_id_parse(struct bytes text, struct node_id *ret_id)
{
    return hex_decode((const char *)text.at, text.len, ret_id->at, sizeof(ret_id->at));
}

int spec_hash_compare(struct spec_hash a, struct spec_hash b)
{
    return memcmp(a.at, b.at, sizeof(a.at));
}

bool spec_hash_equal(struct spec_hash a, struct spec_hash b)
{
    return spec_hash_compare(a, b) == 0;
}

const char *spec_hash_text(struct spec_hash a, char out[static SPEC_HASH_TEXT])
{
    hex_encode(a.at, sizeof(a.at), out);
    return out;
}

int spec_hash_parse(struct bytes text, struct spec_hash *ret_hash)
{
    return hex_decode((const char *)text.at, text.len, ret_hash->at,
                      sizeof(ret_hash->at));
}

int endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    int order = memcmp(a->address, b->address, a->family == 4 ? 4 : 16);
    if (order != 0)
        return order;
    return (a->port > b->port) - (a->port < b->port);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return endpoint_compare(a, b) == 0;
}

const char *endpoint_host_text(const struct endpoint *e,
                               char out[static ADDRESS_TEXT_MAX])
{
    if (e->family == 0 || !inet_ntop(e->family == 4 ? AF_INET : AF_INET6, e->address, out,
                                     ADDRESS_TEXT_MAX))
        (void)snprintf(out, ADDRESS_TEXT_MAX, "-");
    return out;
}

const char *endpoint_text(const struct endpoint *e, char out[static ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    (void)endpoint_host_text(e, host);
    if (e->family == 6)
        (void)snprintf(out, ADDRESS_TEXT_MAX, "[%.45s]:%u", host, e->port);
    else
        (void)snprintf(out, ADDRESS_TEXT_MAX, "%.45s:%u", host, e->port);
    return out;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return ERR_MALFORMED;
    unsigned long port = strtoul(text, &end, 10);
    if (*end || port > UINT16_MAX)
        return ERR_MALFORMED;
    *ret_port = (uint16_t)port;
    return 0;
}

int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret_endpoint)
{
    struct endpoint e = {.port = default_port};
    char host[ADDRESS_TEXT_MAX] = "";
    const char *colon = strrchr(text, ':');
    const char *port = NULL;
    size_t len = strlen(text);
    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (!close || (close[1] != ':' && close[1] != '\0'))
            return ERR_MALFORMED;
        port = close[1] == ':' ? close + 2 : NULL;
        len = (size_t)(close - text) - 1;
        text++;
        e.family = 6;
    } else if (colon && strchr(text, ':') == colon) {
        port = colon + 1;
        len = (size_t)(colon - text);
        e.family = 4;
    } else {
        e.family = colon ? 6 : 4;
    }
    if (len >= sizeof(host))
        return ERR_MALFORMED;
    memcpy(host, text, len);
    if (port && parse_port(port, &e.port) < 0)
        return ERR_MALFORMED;
    bool is_any = len == 0 && e.family == 4 && port;
    if (!is_any && inet_pton(e.family == 4 ? AF_INET : AF_INET6, host, e.address) != 1)
        return ERR_MALFORMED;
    *ret_endpoint = e;
    return 0;
}

bool endpoint_is_loopback(const struct endpoint *e)
{
    static const uint8_t v6[16] = {[15] = 1};
    return e->family == 4 ? e->address[0] == 127
                          : e->family == 6 && memcmp(e->address, v6, 16) == 0;
}

bool endpoint_is_same_host(const struct endpoint *a, const struct endpoint *b)
{
    return a->family == b->family &&
           memcmp(a->address, b->address, a->family == 4 ? 4 : 16) == 0;
}

struct endpoint endpoint_loopback(uint8_t family, uint16_t port)
{
    struct endpoint e = {.family = family, .port = port};
    if (family == 4)
        memcpy(e.address, (const uint8_t[]){127, 0, 0, 1}, 4);
    else
        e.address[15] = 1;
    return e;
}

bool name_is_localhost(struct bytes name)
{
    static const char word[] = "localhost";
    const size_t len = sizeof(word) - 1;
    if (name.len > 0 && name.at[name.len - 1] == '.')
        name.len--; /* the root's dot */
    if (name.len < len || (name.len > len && name.at[name.len - len - 1] != '.'))
        return false;
    return strncasecmp((const char *)name.at + name.len - len, word, len) == 0;
}

bool name_is_valid(struct bytes name)
{
    if (name.len == 0 || name.len > NAME_LEN_MAX)
        return false;
    if (name.at[0] == '-' || name.at[name.len - 1] == '-')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

int index_parse(struct bytes text, uint32_t *ret_index)
{
    uint64_t index = 0;
    if (text.len == 0)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return ERR_MALFORMED;
        index = index * 10 + (uint64_t)(text.at[i] - '0');
        if (index > UINT32_MAX)
            return ERR_MALFORMED;
    }
    *ret_index = (uint32_t)index;
    return text.at[0] == '0' && text.len > 1 ? ERR_INVALID : 0;
}
