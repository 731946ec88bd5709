#include "proto/turn/internal.h"

static void begin(struct request *r, enum stun_class class) {
    writer_init(&r->reply, r->server->reply, sizeof r->server->reply);
    stun_write_header(&r->reply, class, r->msg->method, r->msg->txid);
}

/* SOFTWARE, integrity and fingerprint, then out. A reply to a stranger carries no SOFTWARE: it would only
 * lengthen what a forged source gets. */
static void finish(struct request *r, int code) {
    struct turn_server *s = r->server;
    bool known = (r->authenticated || code == 0) && !r->bare;
    if (known && s->settings->software[0] != '\0') {
        stun_write_text(&r->reply, STUN_ATTR_SOFTWARE, s->settings->software);
    }
    if (r->authenticated) {
        /* With a password algorithm chosen SHA-256 signs, else SHA-1 (RFC 8489 section 9.2.4). */
        stun_write_integrity(&r->reply, s->crypto, r->hash, (struct stun_span){r->key, r->key_len});
    }
    if (stun_msg_has(r->msg, STUN_ATTR_FINGERPRINT)) {
        stun_write_fingerprint(&r->reply);
    }
    long len = stun_write_end(&r->reply);
    if (len < 0) {
        return; /* OpenSSL failed: an unsigned reply would be worse than none */
    }
    bool elsewhere = code == 0 && r->reply_path;
    struct turn_output *out = output_push(s, TURN_OUTPUT_REPLY, elsewhere ? r->reply_path : r->client);
    out->reply.bytes = s->reply;
    out->reply.len = (size_t)len;
    out->reply.method = r->msg->method;
    out->reply.code = code;
}

void reply_begin(struct request *r) { begin(r, STUN_SUCCESS); }

void reply_send_success(struct request *r) { finish(r, 0); }

/* A client that is told to send USERHASH must not send its name, and a shared-secret name cannot be found by its hash.
 * So a USERHASH that is refused gets a nonce without the bit, with which the client may send the name after all; known
 * and unknown users alike, so that nobody learns which exist. */
static bool offers_anonymity(const struct request *r, int code) {
    bool refused = code == 401 && r->userhash && r->in && r->in->secret_count > 0;
    return r->in && r->in->anonymity && !refused;
}

void reply_send_error(struct request *r, int code) {
    char nonce[NONCE_TEXT_MAX];
    bool challenge = code == 401 || code == 438;
    if (!r->authenticated && !limit_error(r->server, r->client)) {
        r->silenced = true;
        return;
    }
    begin(r, STUN_ERROR);
    stun_write_error(&r->reply, code);
    if (code == 420) {
        stun_write_unknown(&r->reply, r->unknown, r->unknown_count);
    }
    if (code == 300) {
        stun_write_addr(&r->reply, STUN_ATTR_ALTERNATE_SERVER, &r->alternate);
    }
    if (challenge) {
        nonce_make(r, offers_anonymity(r, code), nonce);
        stun_write_text(&r->reply, STUN_ATTR_REALM, r->realm);
        stun_write_text(&r->reply, STUN_ATTR_NONCE, nonce);
        third_party_write(r);
        if (r->server->settings->plain.sha256) {
            stun_write_bytes(&r->reply, STUN_ATTR_PASSWORD_ALGORITHMS, auth_password_algorithms,
                             sizeof auth_password_algorithms);
        }
    }
    finish(r, code);
}
