#include "proto/turn/token.h"

#include "base/bytes.h"
#include "base/error.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

enum {
    NONCE_BYTES = 12, /* of GCM; other lengths are not used */
    TAG_BYTES = 16,
    FIXED_BYTES = 2 + 8 + 4, /* what stands around the client's key */
    PLAIN_BYTES_MAX = FIXED_BYTES + TURN_TOKEN_KEY_MAX,
};

/* A token's parts, borrowed. */
struct sealed {
    const uint8_t *nonce, *text, *tag;
    size_t text_len;
};

/* Nothing is copied before all lengths are known to fit. */
static int split(struct sealed *out, const uint8_t *data, size_t len) {
    if (len < 2 || load_be16(data) != NONCE_BYTES || len < 2 + NONCE_BYTES + FIXED_BYTES + TAG_BYTES ||
        len > 2 + NONCE_BYTES + PLAIN_BYTES_MAX + TAG_BYTES) {
        return -EBADMSG;
    }
    out->nonce = data + 2;
    out->text = out->nonce + NONCE_BYTES;
    out->text_len = len - 2 - NONCE_BYTES - TAG_BYTES;
    out->tag = out->text + out->text_len;
    return 0;
}

static int start(EVP_CIPHER_CTX *ctx, const struct turn_oauth_key *key, const uint8_t *nonce) {
    const EVP_CIPHER *cipher = key->key_len == 32 ? EVP_aes_256_gcm() : key->key_len == 16 ? EVP_aes_128_gcm() : NULL;
    return cipher && EVP_DecryptInit_ex(ctx, cipher, NULL, key->key, nonce) == 1 ? 0 : -EIO;
}

/* The plain text into out. */
static int decrypt(EVP_CIPHER_CTX *ctx, const struct sealed *in, const char *server_name, uint8_t *out) {
    uint8_t tag[TAG_BYTES];
    int n = 0;
    memcpy(tag, in->tag, sizeof tag);
    if (EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)server_name, (int)strlen(server_name)) != 1 ||
        EVP_DecryptUpdate(ctx, out, &n, in->text, (int)in->text_len) != 1 || n != (int)in->text_len ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) != 1) {
        return -EIO;
    }
    return EVP_DecryptFinal_ex(ctx, out + n, &n) == 1 ? 0 : -ERR_INTEGRITY;
}

static int read_plain(struct turn_token *out, const uint8_t *plain, size_t len) {
    struct reader r;
    reader_init(&r, plain, len);
    size_t key_len = reader_u16(&r);
    const uint8_t *key = reader_bytes(&r, key_len);
    uint64_t timestamp = reader_u64(&r);
    uint32_t lifetime = reader_u32(&r);
    if (r.failed || reader_left(&r) > 0 || key_len < TURN_TOKEN_KEY_MIN || key_len > TURN_TOKEN_KEY_MAX) {
        return -EBADMSG;
    }
    memcpy(out->mac_key, key, key_len);
    out->mac_key_len = key_len;
    out->issued_s = timestamp >> 16; /* 48 bits of seconds, 16 of 1/64000 s */
    out->lifetime_s = lifetime;
    return 0;
}

int turn_token_open(struct turn_token *out, const struct turn_oauth_key *key, const char *server_name,
                    const uint8_t *data, size_t len) {
    uint8_t plain[PLAIN_BYTES_MAX + TAG_BYTES];
    struct sealed sealed;
    memset(out, 0, sizeof *out);
    int rc = split(&sealed, data, len);
    if (rc < 0) {
        return rc;
    }
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    rc = ctx ? start(ctx, key, sealed.nonce) : -EIO;
    rc = rc < 0 ? rc : decrypt(ctx, &sealed, server_name, plain);
    rc = rc < 0 ? rc : read_plain(out, plain, sealed.text_len);
    EVP_CIPHER_CTX_free(ctx);
    explicit_bzero(plain, sizeof plain);
    return rc;
}

/* RFC 7635 section 7: lifetime + leeway > abs(now - timestamp). */
uint64_t turn_token_expiry(const struct turn_token *token, uint64_t now_s) {
    uint64_t reach = (uint64_t)token->lifetime_s + TURN_TOKEN_LEEWAY_S;
    uint64_t distance = now_s > token->issued_s ? now_s - token->issued_s : token->issued_s - now_s;
    if (token->lifetime_s == 0 || distance >= reach) {
        return 0;
    }
    /* One that is dated ahead is good for its lifetime from now on, not for longer. */
    uint64_t from = token->issued_s < now_s ? token->issued_s : now_s;
    return from + reach;
}
