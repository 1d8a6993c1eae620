/* Tokens as text.  See token.h. */
#include "proto/token.h"

#include <string.h>

#include <sodium.h>

#include "proto/secret.h"

enum {
    MAC_LEN = 32,
    PAYLOAD_MAX = 19 + TOKEN_NAMESPACES_MAX * (1 + NAME_LEN_MAX),
    VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

static const char prefix[] = "st1.";
enum { PREFIX_LEN = sizeof(prefix) - 1 };

_Static_assert(TOKEN_TEXT >= PREFIX_LEN + (PAYLOAD_MAX + MAC_LEN) * 4 / 3 + 8,
               "the longest token fits");

static void mac_of(const struct secret *secret, const char *text, size_t len,
                   uint8_t out[static MAC_LEN])
{
    uint8_t key[SUBKEY_LEN];
    secret_subkey(secret, SECRET_TOKENS, key);
    crypto_generichash(out, MAC_LEN, (const uint8_t *)text, len, key, sizeof(key));
    sodium_memzero(key, sizeof(key));
}

static void write_payload(const struct token *t, struct writer *w)
{
    writer_u8(w, t->key_epoch);
    writer_u8(w, (uint8_t)t->scope);
    writer_put(w, t->id, sizeof(t->id));
    writer_u64(w, t->expires_unix_s);
    writer_u8(w, (uint8_t)t->n_namespaces);
    for (size_t i = 0; i < t->n_namespaces; i++) {
        size_t len = strnlen(t->namespaces[i], NAME_LEN_MAX);
        writer_u8(w, (uint8_t)len);
        writer_put(w, t->namespaces[i], len);
    }
}

int token_make(const struct keyring *keys, struct token *token,
               char out[static TOKEN_TEXT])
{
    uint8_t payload[PAYLOAD_MAX], mac[MAC_LEN];
    struct writer w = writer_of(payload, sizeof(payload));
    const struct secret *secret = &keys->secrets[0];
    if (keys->n == 0)
        return ERR_EPOCH;
    if (token->n_namespaces > TOKEN_NAMESPACES_MAX)
        return ERR_BOUND;
    token->key_epoch = secret_epoch(secret);
    write_payload(token, &w);
    if (writer_error(&w) < 0)
        return writer_error(&w);
    memcpy(out, prefix, PREFIX_LEN);
    sodium_bin2base64(out + PREFIX_LEN, TOKEN_TEXT - PREFIX_LEN, payload, w.len, VARIANT);
    size_t len = strlen(out);
    mac_of(secret, out, len, mac);
    out[len++] = '.';
    sodium_bin2base64(out + len, TOKEN_TEXT - len, mac, sizeof(mac), VARIANT);
    return 0;
}

static int read_payload(struct bytes in, struct token *ret_token)
{
    struct reader r = reader_of(in);
    struct token t = {0};
    t.key_epoch = reader_u8(&r);
    uint8_t scope = reader_u8(&r);
    reader_copy(&r, t.id, sizeof(t.id));
    t.expires_unix_s = reader_u64(&r);
    t.n_namespaces = reader_u8(&r);
    if ((scope != TOKEN_READ && scope != TOKEN_WRITE) ||
        t.n_namespaces > TOKEN_NAMESPACES_MAX)
        return ERR_MALFORMED;
    t.scope = (enum token_scope)scope;
    for (size_t i = 0; i < t.n_namespaces; i++) {
        struct bytes name = reader_take(&r, reader_u8(&r));
        if (!name_is_valid(name)) /* never longer than NAME_LEN_MAX */
            return ERR_MALFORMED;
        memcpy(t.namespaces[i], name.at, name.len);
    }
    if (reader_end(&r) < 0)
        return ERR_MALFORMED;
    *ret_token = t;
    return 0;
}

static int decode(const char *text, size_t len, void *out, size_t cap, size_t *ret_len)
{
    const char *end = NULL;
    int status = sodium_base642bin(out, cap, text, len, NULL, ret_len, &end, VARIANT);
    return status == 0 && end == text + len ? 0 : ERR_MALFORMED;
}

int token_open(const struct keyring *keys, const char *text, uint64_t now_unix_s,
               struct token *ret_token)
{
    uint8_t payload[PAYLOAD_MAX], mac[MAC_LEN], wanted[MAC_LEN];
    size_t len = 0, mac_len = 0;
    struct token token;
    const char *dot = strrchr(text, '.');
    if (strnlen(text, TOKEN_TEXT) == TOKEN_TEXT ||
        strncmp(text, prefix, PREFIX_LEN) != 0 || dot < text + PREFIX_LEN)
        return ERR_MALFORMED;
    const char *body = text + PREFIX_LEN;
    if (decode(body, (size_t)(dot - body), payload, sizeof(payload), &len) < 0 ||
        decode(dot + 1, strlen(dot + 1), mac, sizeof(mac), &mac_len) < 0 ||
        mac_len != sizeof(mac) || read_payload((struct bytes){payload, len}, &token) < 0)
        return ERR_MALFORMED;
    const struct secret *secret = keyring_find(keys, token.key_epoch);
    if (!secret)
        return ERR_EPOCH;
    mac_of(secret, text, (size_t)(dot - text), wanted);
    if (sodium_memcmp(mac, wanted, sizeof(mac)) != 0)
        return ERR_FORGED;
    *ret_token = token;
    return now_unix_s >= token.expires_unix_s ? ERR_EXPIRED : 0;
}

bool token_reaches(const struct token *token, const char *ns)
{
    if (token->n_namespaces == 0)
        return true;
    for (size_t i = 0; ns && i < token->n_namespaces; i++)
        if (strcmp(token->namespaces[i], ns) == 0)
            return true;
    return false;
}
