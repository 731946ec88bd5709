/* Nonces without state: time and a MAC over time, the client's address and the realm. Nothing is kept for a
 * client that has not authenticated, and a nonce works for the address that it was sent to only; on streams, whose
 * source is no forgery, for all connections of that IP address, so that a data connection needs no challenge. With
 * PASSWORD-ALGORITHMS or USERHASH it begins with the nonce cookie and the security feature bits of RFC 8489 section
 * 9.2; the MAC covers them, so whoever changes a bit on the way spoils the nonce. */
#include "proto/turn/internal.h"

#include "base/text.h"

enum { TIME_BYTES = 4, MAC_BYTES = 12, BODY_BYTES = TIME_BYTES + MAC_BYTES, BODY_CHARS = 22 };

/* The cookie and 24 bits in base64, the first bit first: password algorithms, user name anonymity. */
static const char *prefix_of(const struct request *r, bool anonymity) {
    static const char *const prefixes[2][2] = {{"", "obMatJos2QAAA"}, {"obMatJos2gAAA", "obMatJos2wAAA"}};
    return prefixes[r->server->settings->plain.sha256][anonymity];
}

/* The client, as far as a nonce is bound to it. */
static struct addr bound_to(const struct request *r) {
    struct addr client = r->client->remote;
    bool stream = r->client->transport == TRANSPORT_TCP || r->client->transport == TRANSPORT_TLS;
    client.port = stream ? 0 : client.port;
    return client;
}

/* False when OpenSSL fails; such a nonce is never valid. */
static bool nonce_mac(const struct request *r, const char *prefix, const uint8_t time[TIME_BYTES],
                      uint8_t out[STUN_SHA1_BYTES]) {
    struct turn_server *s = r->server;
    const uint8_t *key = s->settings->plain.nonce_key;
    struct addr client = bound_to(r);
    stun_hmac_begin(s->crypto, STUN_HASH_SHA1, (struct stun_span){key, sizeof s->settings->plain.nonce_key});
    stun_hmac_add(s->crypto, (struct stun_span){time, TIME_BYTES});
    stun_hmac_add(s->crypto, (struct stun_span){&client, sizeof client});
    stun_hmac_add(s->crypto, (struct stun_span){prefix, strlen(prefix) + 1});
    stun_hmac_add(s->crypto, (struct stun_span){r->realm, strlen(r->realm)});
    return stun_hmac_end(s->crypto, out) == 0;
}

/* Under the same key, yet no nonce's MAC: that is over more bytes. */
bool token_mac(struct turn_server *s, const char *purpose, struct stun_span body, uint8_t out[STUN_SHA1_BYTES]) {
    const uint8_t *key = s->settings->plain.nonce_key;
    stun_hmac_begin(s->crypto, STUN_HASH_SHA1, (struct stun_span){key, sizeof s->settings->plain.nonce_key});
    stun_hmac_add(s->crypto, (struct stun_span){purpose, strlen(purpose)});
    stun_hmac_add(s->crypto, body);
    return stun_hmac_end(s->crypto, out) == 0;
}

static uint32_t seconds(const struct request *r) { return (uint32_t)(r->now.now_us / US_PER_S); }

void nonce_make(const struct request *r, bool anonymity, char out[NONCE_TEXT_MAX]) {
    uint8_t body[TIME_BYTES + STUN_SHA1_BYTES] = {0};
    const char *prefix = prefix_of(r, anonymity);
    size_t n = strlen(prefix);
    store_be32(body, seconds(r));
    nonce_mac(r, prefix, body, body + TIME_BYTES);
    memcpy(out, prefix, n);
    base64url_encode(out + n, body, BODY_BYTES);
}

static enum nonce_state check_as(const struct request *r, const char *prefix, const uint8_t *nonce, size_t len) {
    uint8_t body[BODY_BYTES];
    uint8_t mac[STUN_SHA1_BYTES];
    size_t n = strlen(prefix);
    if (len != n + BODY_CHARS || memcmp(nonce, prefix, n) != 0 ||
        base64url_decode(body, sizeof body, (const char *)nonce + n, BODY_CHARS) != BODY_BYTES) {
        return NONCE_FOREIGN;
    }
    if (!nonce_mac(r, prefix, body, mac) || !bytes_equal_ct(mac, body + TIME_BYTES, MAC_BYTES)) {
        return NONCE_FOREIGN;
    }
    uint32_t age = seconds(r) - load_be32(body); /* a future one wraps to a great age */
    if (age > UINT32_MAX / 2) {
        return NONCE_FOREIGN;
    }
    return age < r->server->settings->plain.nonce_lifetime_s ? NONCE_VALID : NONCE_EXPIRED;
}

/* Both forms are ours: whether anonymity is offered changes with the users there are. */
enum nonce_state nonce_check(const struct request *r, const uint8_t *nonce, size_t len) {
    enum nonce_state state = check_as(r, prefix_of(r, true), nonce, len);
    return state == NONCE_FOREIGN ? check_as(r, prefix_of(r, false), nonce, len) : state;
}
