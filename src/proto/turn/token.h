/* Self-contained access tokens of third-party authorization (RFC 7635 section 6.2):
 *
 *     uint16 nonce length | nonce | AEAD( uint16 key length | key | uint64 timestamp | uint32 lifetime ) | tag
 *
 * An authorization server makes them under a key that it shares with us; the STUN server's name is authenticated
 * with them. Whoever has a token signs his requests with the key inside. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    TURN_OAUTH_KEYS_MAX = 16,
    TURN_OAUTH_KID_MAX = 64, /* bytes of a key's name */
    TURN_OAUTH_KEY_MAX = 32, /* 16 bytes: AES-128-GCM, 32: AES-256-GCM */
    TURN_TOKEN_KEY_MAX = 32, /* of the client's key; at least 16 */
    TURN_TOKEN_KEY_MIN = 16,
    TURN_TOKEN_LEEWAY_S = 5, /* RFC 7635 section 7: clocks differ */
};

/* A long-term key shared with an authorization server. */
struct turn_oauth_key {
    const char *kid;
    uint8_t key[TURN_OAUTH_KEY_MAX];
    size_t key_len;
};

struct turn_token {
    uint8_t mac_key[TURN_TOKEN_KEY_MAX];
    size_t mac_key_len;
    uint64_t issued_s; /* wall clock; fractions of a second are dropped */
    uint32_t lifetime_s;
};

/* Reads a token. -EBADMSG: not of that form, or lengths that cannot be; -ERR_INTEGRITY: of another key or server, or changed;
 * -EIO: OpenSSL. out holds nothing secret after a failure. */
int turn_token_open(struct turn_token *out, const struct turn_oauth_key *key, const char *server_name,
                    const uint8_t *data, size_t len);
/* Until when it may be used (wall clock), or 0 when that time is over or has not come. */
uint64_t turn_token_expiry(const struct turn_token *token, uint64_t now_s);
