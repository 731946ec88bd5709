#include "proto/jwt/jwt.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "proto/json/json.h"
#include "proto/jwt/claims.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAC_BYTES = 32, HEADER_MAX = 512 /* encoded */, DEPTH_MAX = 6 };

/* The parts between the dots, encoded. */
struct parts {
    const char *header;
    size_t header_len;
    const char *payload;
    size_t payload_len;
    const char *signature;
    size_t signature_len;
};

static int split(struct parts *out, const char *token, size_t len) {
    const char *end = token + len;
    const char *dot1 = memchr(token, '.', len);
    const char *dot2 = dot1 ? memchr(dot1 + 1, '.', (size_t)(end - dot1 - 1)) : NULL;
    if (!dot2) {
        return -EBADMSG;
    }
    out->header = token;
    out->header_len = (size_t)(dot1 - token);
    out->payload = dot1 + 1;
    out->payload_len = (size_t)(dot2 - dot1 - 1);
    out->signature = dot2 + 1;
    out->signature_len = (size_t)(end - dot2 - 1);
    return 0;
}

/* Decodes one part into a JSON object; NULL when it is none. buf has cap bytes. */
static json_t *parse_part(const char *text, size_t len, uint8_t *buf, size_t cap) {
    long n = base64url_decode(buf, cap, text, len);
    return n < 0 ? NULL : json_parse_object((const char *)buf, (size_t)n, DEPTH_MAX);
}

/* RFC 7515 section 4.1: alg must be ours, and a critical extension is one that we do not know. */
static int check_header(const struct parts *parts) {
    uint8_t buf[HEADER_MAX];
    json_t *header =
        parts->header_len > HEADER_MAX ? NULL : parse_part(parts->header, parts->header_len, buf, sizeof buf);
    const char *alg = "";
    const char *type = "JWT";
    int bad = !header || json_take_text(header, "alg", 16, &alg) < 0 || json_take_text(header, "typ", 16, &type) < 0 ||
              strcmp(alg, "HS256") != 0 || strcasecmp(type, "JWT") != 0 || json_object_get(header, "crit");
    json_decref(header);
    return bad ? -EBADMSG : 0;
}

static int read_payload(struct jwt_claims *out, const struct parts *parts) {
    uint8_t *buf = malloc(parts->payload_len + 1);
    if (!buf) {
        return -ENOMEM;
    }
    json_t *payload = parse_part(parts->payload, parts->payload_len, buf, parts->payload_len + 1);
    int rc = payload ? jwt_claims_read(out, payload) : -EBADMSG;
    json_decref(payload);
    free(buf);
    return rc;
}

static int sign_bytes(uint8_t mac[MAC_BYTES], const void *secret, size_t secret_len, const char *text, size_t len) {
    unsigned n = 0;
    if (!HMAC(EVP_sha256(), secret, (int)secret_len, (const uint8_t *)text, len, mac, &n) || n != MAC_BYTES) {
        return -ENOMEM;
    }
    return 0;
}

static int check_signature(const struct parts *parts, const struct jwt_secret *secret) {
    uint8_t given[MAC_BYTES];
    uint8_t wanted[MAC_BYTES];
    size_t signed_len = (size_t)(parts->signature - 1 - parts->header);
    if (base64url_decode(given, sizeof given, parts->signature, parts->signature_len) != MAC_BYTES) {
        return -EBADMSG;
    }
    int rc = sign_bytes(wanted, secret->bytes, secret->len, parts->header, signed_len);
    if (rc < 0) {
        return rc;
    }
    return bytes_equal_ct(given, wanted, MAC_BYTES) ? 0 : -ERR_INTEGRITY;
}

/* Times wrap nowhere: claims are below 2^53. */
static int check_time(const struct jwt_claims *claims, uint64_t now_wall_s) {
    if (now_wall_s >= claims->expires_s + JWT_LEEWAY_S) {
        return -ERR_EXPIRED;
    }
    return now_wall_s + JWT_LEEWAY_S < claims->not_before_s ? -EAGAIN : 0;
}

int jwt_verify(struct jwt_claims *out, const char *token, size_t len, const struct jwt_keys *keys,
               uint64_t now_wall_s) {
    struct parts parts;
    struct jwt_secret secret;
    if (len > JWT_TOKEN_MAX) {
        return -EMSGSIZE;
    }
    int rc = split(&parts, token, len);
    rc = rc < 0 ? rc : check_header(&parts);
    rc = rc < 0 ? rc : read_payload(out, &parts); /* its issuer names the key; nothing else is believed yet */
    if (rc < 0) {
        return rc;
    }
    rc = keys->lookup(keys->ctx, out->issuer, &secret);
    rc = rc < 0 ? rc : check_signature(&parts, &secret);
    explicit_bzero(&secret, sizeof secret);
    return rc < 0 ? rc : check_time(out, now_wall_s);
}

/* Appends "text" as base64url. */
static void append_encoded(struct writer *w, const void *data, size_t n) {
    uint8_t *at = writer_reserve(w, BASE64_SIZE(n));
    if (at) {
        w->len -= BASE64_SIZE(n) - base64url_encode((char *)at, data, n);
    }
}

static int append_payload(struct writer *w, const struct jwt_claims *claims) {
    json_t *payload = jwt_claims_write(claims);
    char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    json_decref(payload);
    if (!text) {
        return -ENOMEM;
    }
    append_encoded(w, text, strlen(text));
    free(text);
    return 0;
}

long jwt_sign(char *out, size_t cap, const struct jwt_claims *claims, const void *secret, size_t secret_len) {
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    uint8_t mac[MAC_BYTES];
    struct writer w;
    if (claims->issuer[0] == '\0' || claims->expires_s == 0 || !jwt_claims_valid(claims)) {
        return -EINVAL;
    }
    writer_init(&w, out, cap);
    append_encoded(&w, header, sizeof header - 1);
    writer_u8(&w, '.');
    int rc = append_payload(&w, claims);
    if (rc < 0 || w.failed) {
        return rc < 0 ? rc : -ENOBUFS;
    }
    rc = sign_bytes(mac, secret, secret_len, out, w.len);
    writer_u8(&w, '.');
    append_encoded(&w, mac, MAC_BYTES);
    if (rc < 0 || w.failed || w.len > JWT_TOKEN_MAX) {
        return rc < 0 ? rc : -ENOBUFS;
    }
    return (long)w.len;
}
