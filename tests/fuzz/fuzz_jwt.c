/* Tokens. An input that starts with T is a token as it stands; any other is a header, a line feed and a payload, which are
 * encoded and signed with the right key, so that what lies behind the signature is reached. What verifies is signed
 * anew and has to say the same.
 * covers: src/proto/jwt/jwt.c src/proto/jwt/claims.c src/proto/json/json.c */
#include "proto/jwt/jwt.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000, PART_MAX = 8192 };

static const char secret[] = "0123456789abcdef";

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static int lookup(void *ctx, const char *issuer, struct jwt_secret *out) {
    (void)ctx;
    if (strcmp(issuer, "none") == 0) {
        return -ERR_UNKNOWN_KEY;
    }
    out->len = sizeof secret - 1;
    memcpy(out->bytes, secret, out->len);
    return 0;
}

static const struct jwt_keys keys = {.lookup = lookup};

static bool same(const struct jwt_claims *a, const struct jwt_claims *b) {
    return strcmp(a->issuer, b->issuer) == 0 && strcmp(a->subject, b->subject) == 0 && strcmp(a->room, b->room) == 0 &&
           strcmp(a->name, b->name) == 0 && strcmp(a->metadata, b->metadata) == 0 &&
           strcmp(a->sha256, b->sha256) == 0 && a->expires_s == b->expires_s && a->not_before_s == b->not_before_s &&
           a->grants == b->grants && a->sources == b->sources && memcmp(&a->caps, &b->caps, sizeof a->caps) == 0 &&
           a->attributes.count == b->attributes.count;
}

static void check_attributes(const struct jwt_claims *a, const struct jwt_claims *b) {
    const char *key;
    const char *value;
    for (size_t cursor = 0; pairs_next(&a->attributes, &cursor, &key, &value);) {
        const char *other = pairs_get(&b->attributes, key);
        check(other && strcmp(other, value) == 0);
    }
}

static void verify(const char *token, size_t len) {
    static char again[JWT_TOKEN_SIZE];
    struct jwt_claims claims;
    struct jwt_claims back;
    int rc = jwt_verify(&claims, token, len, &keys, NOW);
    check(rc == 0 || rc == -EMSGSIZE || rc == -EBADMSG || rc == -ERR_UNKNOWN_KEY || rc == -ERR_INTEGRITY ||
          rc == -ERR_EXPIRED || rc == -EAGAIN);
    if (rc < 0) {
        return;
    }
    check(claims.issuer[0] && claims.expires_s + JWT_LEEWAY_S > NOW);
    check(text_is_printable(claims.subject, strlen(claims.subject)));
    long n = jwt_sign(again, sizeof again, &claims, secret, sizeof secret - 1);
    if (n == -ENOBUFS) {
        return; /* escapes made it too long */
    }
    for (long cap = n; cap > 0; cap /= 3) { /* never a cut token */
        check(jwt_sign(again, (size_t)cap, &claims, secret, sizeof secret - 1) == -ENOBUFS);
    }
    n = jwt_sign(again, sizeof again, &claims, secret, sizeof secret - 1);
    check(n > 0 && jwt_verify(&back, again, (size_t)n, &keys, NOW) == 0);
    check(same(&claims, &back));
    check_attributes(&claims, &back);
    for (uint32_t bit = 1; bit & JWT_SOURCES_ALL; bit <<= 1) {
        check(jwt_source_parse(jwt_source_name(bit)) == bit);
    }
    back.issuer[0] = '\0';
    check(jwt_sign(again, sizeof again, &back, secret, sizeof secret - 1) == -EINVAL);
}

static void sign_and_verify(const uint8_t *data, size_t size) {
    static char token[2 * BASE64_SIZE(PART_MAX) + 64];
    const uint8_t *feed = memchr(data, '\n', size);
    size_t header = feed ? (size_t)(feed - data) : size;
    size_t rest = feed ? size - header - 1 : 0;
    uint8_t mac[32];
    unsigned mac_len;
    if (header > PART_MAX || rest > PART_MAX) {
        return;
    }
    size_t n = base64url_encode(token, data, header);
    token[n++] = '.';
    n += base64url_encode(token + n, feed ? feed + 1 : data, rest);
    HMAC(EVP_sha256(), secret, sizeof secret - 1, (const uint8_t *)token, n, mac, &mac_len);
    token[n++] = '.';
    n += base64url_encode(token + n, mac, sizeof mac);
    verify(token, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] == 'T') {
        verify((const char *)data + 1, size - 1);
    } else {
        sign_and_verify(data, size);
    }
    return 0;
}
