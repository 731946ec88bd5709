#include "forward/transport.h"

#include "base/error.h"
#include "proto/demux/demux.h"
#include "proto/dtls/record.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_NAME_MAX = 16, PLAINTEXT_MAX = 4096, RTCP_FIRST = 64, RTCP_LAST = 95 };

/* A handshake that has not ended by then does not end. */
#define HANDSHAKE_US 30000000ULL

struct fingerprint {
    char hash[HASH_NAME_MAX];
    uint8_t digest[DTLS_DIGEST_BYTES_MAX];
    size_t digest_len;
};

struct forward_transport {
    const struct forward_crypto *crypto;
    struct forward_transport_events events;
    struct ice_agent ice;
    struct dtls_session *dtls;   /* NULL: no hello yet */
    struct five_tuple dtls_path; /* where its last datagram came from */
    struct srtp_session *srtp;   /* NULL: no keys */
    enum forward_transport_state state;
    enum forward_transport_reason reason;
    uint64_t created_us;
    uint64_t lost_us; /* when the last path went */
    size_t fingerprint_count;
    struct fingerprint fingerprints[FORWARD_FINGERPRINTS_MAX];
};

/* ---- life ---- */

/* What does not fit is a hash that we do not know. */
static void copy_fingerprints(struct forward_transport *t, const struct forward_transport_options *options) {
    for (size_t i = 0; i < options->fingerprint_count && t->fingerprint_count < FORWARD_FINGERPRINTS_MAX; i++) {
        const struct dtls_fingerprint *f = &options->fingerprints[i];
        struct fingerprint *own = &t->fingerprints[t->fingerprint_count];
        if (f->hash_len < HASH_NAME_MAX && f->digest_len <= DTLS_DIGEST_BYTES_MAX) {
            memcpy(own->hash, f->hash, f->hash_len);
            memcpy(own->digest, f->digest, f->digest_len);
            own->digest_len = f->digest_len;
            t->fingerprint_count++;
        }
    }
}

int forward_transport_new(struct forward_transport **out, const struct forward_transport_options *options) {
    struct forward_transport *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) {
        return -ENOMEM;
    }
    copy_fingerprints(t, options);
    if (t->fingerprint_count == 0 || ice_agent_init(&t->ice, options->owner, options->remote_ufrag) < 0) {
        free(t);
        return -EINVAL;
    }
    t->crypto = options->crypto;
    t->events = options->events;
    t->created_us = options->now_us;
    *out = t;
    return 0;
}

static void drop_paths(struct forward_transport *t) {
    while (t->ice.path_count > 0) {
        struct five_tuple path = t->ice.paths[0].tuple;
        ice_agent_path_gone(&t->ice, &path);
        t->events.path(t->events.ctx, &path, false);
    }
}

static void end(struct forward_transport *t, enum forward_transport_reason reason) {
    if (t->state == FORWARD_CLOSED) {
        return;
    }
    t->state = FORWARD_CLOSED;
    t->reason = reason;
    srtp_session_free(t->srtp);
    t->srtp = NULL;
    drop_paths(t);
    t->events.state(t->events.ctx, FORWARD_CLOSED);
}

void forward_transport_free(struct forward_transport *t) {
    if (!t) {
        return;
    }
    if (t->dtls && t->state == FORWARD_CONNECTED) {
        dtls_session_close(t->dtls);
    }
    drop_paths(t);
    dtls_session_free(t->dtls);
    srtp_session_free(t->srtp);
    free(t);
}

/* ---- ICE ---- */

static void take_check(struct forward_transport *t, const struct forward_datagram *in) {
    uint8_t bytes[ICE_REPLY_BYTES_MAX];
    struct ice_outcome outcome;
    struct stun_msg msg;
    struct writer reply;
    if (stun_msg_parse(&msg, in->data, in->len) < 0 || msg.method != STUN_BINDING || msg.class != STUN_REQUEST) {
        return; /* indications keep bindings alive and ask for nothing */
    }
    writer_init(&reply, bytes, sizeof bytes);
    const struct ice_check check = {.msg = &msg, .tuple = in->from, .now_us = in->now_us, .crypto = t->crypto->stun};
    if (ice_agent_check(&t->ice, &check, &reply, &outcome) < 0) {
        return;
    }
    if (outcome.evicted) {
        t->events.path(t->events.ctx, &outcome.gone, false);
    }
    if (outcome.new_path) {
        t->events.path(t->events.ctx, in->from, true);
    }
    t->events.send(t->events.ctx, in->from, bytes, reply.len);
}

/* ---- DTLS ---- */

static void dtls_send(void *ctx, const uint8_t *data, size_t len) {
    struct forward_transport *t = ctx;
    const struct five_tuple *path = ice_agent_has_path(&t->ice, &t->dtls_path) ? &t->dtls_path : NULL;
    path = path ? path : ice_agent_selected(&t->ice);
    if (path) {
        t->events.send(t->events.ctx, path, data, len);
    }
}

static int start_dtls(struct forward_transport *t) {
    const struct dtls_sink sink = {.send = dtls_send, .ctx = t};
    SSL *ssl = SSL_new(t->crypto->dtls);
    t->dtls = ssl ? dtls_session_new(ssl, &sink) : NULL;
    return t->dtls ? 0 : -ENOMEM;
}

/* The certificate is compared before any key is taken. */
static void take_keys(struct forward_transport *t) {
    struct dtls_fingerprint list[FORWARD_FINGERPRINTS_MAX];
    struct dtls_srtp_keys keys;
    for (size_t i = 0; i < t->fingerprint_count; i++) {
        const struct fingerprint *f = &t->fingerprints[i];
        list[i] = (struct dtls_fingerprint){f->hash, strlen(f->hash), f->digest, f->digest_len};
    }
    int rc = dtls_media_keys(t->dtls, list, t->fingerprint_count, &keys);
    if (rc < 0) {
        end(t, rc == -ERR_INTEGRITY ? FORWARD_BAD_CERTIFICATE : FORWARD_HANDSHAKE_FAILED);
        return;
    }
    const struct srtp_keying keying = {
        .profile = (enum srtp_profile)keys.profile, .role = SRTP_DTLS_SERVER, .material = keys.material};
    t->srtp = srtp_session_new(t->crypto->srtp, &keying);
    explicit_bzero(&keys, sizeof keys);
    if (!t->srtp) {
        end(t, FORWARD_HANDSHAKE_FAILED);
        return;
    }
    t->state = FORWARD_CONNECTED;
    t->events.state(t->events.ctx, FORWARD_CONNECTED);
}

/* Data may come in the flight that ends the handshake: it waits until the certificate has been looked at. */
static void read_dtls(struct forward_transport *t, uint64_t now_us) {
    uint8_t plain[PLAINTEXT_MAX];
    while (t->state != FORWARD_CLOSED) {
        long n = dtls_session_read(t->dtls, plain, sizeof plain);
        if (t->state == FORWARD_WAITING && dtls_session_state(t->dtls) == DTLS_OPEN) {
            take_keys(t);
        }
        if (n == -ECONNRESET) {
            end(t, dtls_session_state(t->dtls) == DTLS_CLOSED ? FORWARD_PEER_CLOSED : FORWARD_HANDSHAKE_FAILED);
        }
        if (n <= 0) {
            return;
        }
        if (t->state == FORWARD_CONNECTED) {
            t->events.sctp(t->events.ctx, plain, (size_t)n, now_us);
        }
    }
}

static void take_dtls(struct forward_transport *t, const struct forward_datagram *in) {
    if ((!t->dtls && (!dtls_datagram_is_hello(in->data, in->len) || start_dtls(t) < 0)) ||
        dtls_session_input(t->dtls, in->data, in->len) < 0) {
        return;
    }
    t->dtls_path = *in->from;
    read_dtls(t, in->now_us);
}

/* ---- media ---- */

/* RFC 5761 section 4: the second byte tells RTCP's packet types from RTP's payload types. */
static bool is_rtcp(const uint8_t *data, size_t len) {
    return len >= 2 && (data[1] & 0x7f) >= RTCP_FIRST && (data[1] & 0x7f) <= RTCP_LAST;
}

static void take_media(struct forward_transport *t, const struct forward_datagram *in) {
    if (!t->srtp) {
        return;
    }
    if (is_rtcp(in->data, in->len)) {
        long n = srtp_session_unprotect_rtcp(t->srtp, in->data, in->len);
        if (n > 0) {
            t->events.rtcp(t->events.ctx, in->data, (size_t)n, in->now_us);
        }
        return;
    }
    long n = srtp_session_unprotect(t->srtp, in->data, in->len);
    if (n > 0) {
        t->events.rtp(t->events.ctx, in->data, (size_t)n, in->now_us);
    }
}

void forward_transport_input(struct forward_transport *t, const struct forward_datagram *in) {
    enum demux_class class = demux_classify(in->data, in->len);
    if (t->state == FORWARD_CLOSED) {
        return;
    }
    if (class == DEMUX_STUN) {
        take_check(t, in);
    } else if (!ice_agent_has_path(&t->ice, in->from)) {
        return; /* nobody who has not shown the password of the description */
    } else if (class == DEMUX_DTLS) {
        take_dtls(t, in);
    } else if (class == DEMUX_RTP) {
        take_media(t, in);
    }
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b) { return a < b ? a : b; }

uint64_t forward_transport_deadline(const struct forward_transport *t, uint64_t now_us) {
    if (t->state == FORWARD_CLOSED) {
        return UINT64_MAX;
    }
    uint64_t first = ice_agent_deadline(&t->ice);
    if (t->state == FORWARD_WAITING) {
        first = earlier(first, t->created_us + HANDSHAKE_US);
    } else if (t->ice.path_count == 0) {
        first = t->lost_us + ICE_CONSENT_US;
    }
    uint64_t delay = t->dtls ? dtls_session_delay_us(t->dtls) : UINT64_MAX;
    return delay == UINT64_MAX ? first : earlier(first, now_us + delay);
}

static void expire_paths(struct forward_transport *t, uint64_t now_us) {
    struct five_tuple gone;
    bool expired = false;
    while (ice_agent_expire(&t->ice, now_us, &gone)) {
        t->events.path(t->events.ctx, &gone, false);
        expired = true;
    }
    if (t->state == FORWARD_CONNECTED && t->ice.path_count == 0 && (expired || now_us >= t->lost_us + ICE_CONSENT_US)) {
        end(t, FORWARD_NO_CONSENT);
    }
}

void forward_transport_timeout(struct forward_transport *t, uint64_t now_us) {
    if (t->state == FORWARD_CLOSED) {
        return;
    }
    expire_paths(t, now_us);
    if (t->state != FORWARD_WAITING) {
        return;
    }
    if (now_us >= t->created_us + HANDSHAKE_US) {
        end(t, t->dtls ? FORWARD_HANDSHAKE_FAILED : FORWARD_NO_CONSENT);
    } else if (t->dtls && dtls_session_delay_us(t->dtls) == 0 && dtls_session_timeout(t->dtls) < 0) {
        end(t, FORWARD_HANDSHAKE_FAILED);
    }
}

/* ---- the rest ---- */

void forward_transport_path_gone(struct forward_transport *t, const struct five_tuple *path, uint64_t now_us) {
    if (ice_agent_has_path(&t->ice, path)) {
        ice_agent_path_gone(&t->ice, path);
        t->lost_us = now_us;
        t->events.path(t->events.ctx, path, false);
    }
}

const struct ice_credentials *forward_transport_credentials(const struct forward_transport *t) { return &t->ice.local; }

int forward_transport_restart(struct forward_transport *t, const char *remote_ufrag) {
    int owner = ice_ufrag_owner(t->ice.local.ufrag, ICE_UFRAG_CHARS);
    return ice_agent_restart(&t->ice, (unsigned)owner, remote_ufrag);
}

bool forward_transport_has_ufrag(const struct forward_transport *t, const char *ufrag, size_t len) {
    return ice_agent_has_ufrag(&t->ice, ufrag, len);
}

enum forward_transport_state forward_transport_state(const struct forward_transport *t) { return t->state; }

enum forward_transport_reason forward_transport_reason(const struct forward_transport *t) { return t->reason; }

const struct five_tuple *forward_transport_path(const struct forward_transport *t) {
    return t->state == FORWARD_CONNECTED ? ice_agent_selected(&t->ice) : NULL;
}

struct srtp_session *forward_transport_srtp(struct forward_transport *t) {
    return t->srtp;
}

int forward_transport_send_sctp(struct forward_transport *t, const void *data, size_t len) {
    return t->state == FORWARD_CONNECTED ? dtls_session_write(t->dtls, data, len) : -EPROTO;
}
