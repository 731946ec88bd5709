/* One client's media transport: ICE (lite), DTLS (server) and SRTP over any number of paths, without I/O and clock. One
 * transport carries everything of a client (BUNDLE, rtcp-mux).
 *
 *   STUN   -> ICE: answered; an authentic check makes the five-tuple a path
 *   DTLS   -> only from a path; a handshake with the certificate of the description gives the keys
 *   (S)RTP -> only from a path and with keys; decrypted, then handed on
 *
 * Anything else is dropped. What comes out is told by callbacks, which must not free the transport. */
#pragma once

#include "base/addr.h"
#include "proto/dtls/media.h"
#include "proto/ice/ice.h"
#include "proto/srtp/srtp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forward_transport;
struct ssl_ctx_st;
struct stun_crypto;
struct stun_msg;

enum forward_transport_state {
    FORWARD_WAITING,   /* for checks and the handshake */
    FORWARD_CONNECTED, /* media flows */
    FORWARD_CLOSED,    /* for good; see forward_transport_reason */
};

enum forward_transport_reason {
    FORWARD_OPEN,
    FORWARD_NO_CONSENT,      /* no check for 30 s (RFC 7675) */
    FORWARD_BAD_CERTIFICATE, /* not that of the description: no key of it was used */
    FORWARD_HANDSHAKE_FAILED,
    FORWARD_PEER_CLOSED, /* close_notify */
};

struct forward_transport_events {
    void *ctx;
    /* A datagram for a path. Borrowed until return. */
    void (*send)(void *ctx, const struct five_tuple *path, const uint8_t *data, size_t len);
    /* The five-tuple belongs to this transport from now on, or no longer. */
    void (*path)(void *ctx, const struct five_tuple *path, bool added);
    void (*state)(void *ctx, enum forward_transport_state state);
    /* Decrypted, in place; borrowed until return. */
    void (*rtp)(void *ctx, uint8_t *packet, size_t len, uint64_t now_us);
    void (*rtcp)(void *ctx, uint8_t *packet, size_t len, uint64_t now_us);
    /* A message of SCTP (RFC 8261). */
    void (*sctp)(void *ctx, const uint8_t *packet, size_t len, uint64_t now_us);
};

/* What transports of a worker share; borrowed. */
struct forward_crypto {
    struct ssl_ctx_st *dtls; /* dtls_media_context_new */
    struct stun_crypto *stun;
    struct srtp_ciphers *srtp;
};

enum { FORWARD_FINGERPRINTS_MAX = 4 };

struct forward_transport_options {
    const struct forward_crypto *crypto;
    struct forward_transport_events events;
    unsigned owner; /* the worker's number, for the ufrag */
    const char *remote_ufrag;
    const struct dtls_fingerprint *fingerprints; /* copied, at most FORWARD_FINGERPRINTS_MAX */
    size_t fingerprint_count;
    uint64_t now_us;
};

/* -EINVAL: a ufrag that is none, or no fingerprint; -ENOMEM. */
int forward_transport_new(struct forward_transport **out, const struct forward_transport_options *options);
/* Says close_notify when it can, and takes its paths back. NULL is ignored. */
void forward_transport_free(struct forward_transport *t);

/* Ours, for the description. */
const struct ice_credentials *forward_transport_credentials(const struct forward_transport *t);
/* The peer restarts ICE: new credentials of ours; media goes on. -EINVAL. */
int forward_transport_restart(struct forward_transport *t, const char *remote_ufrag);
bool forward_transport_has_ufrag(const struct forward_transport *t, const char *ufrag, size_t len);

/* A datagram from that five-tuple: one of its paths, or a Binding request that names its ufrag. data is changed. */
struct forward_datagram {
    const struct five_tuple *from;
    uint8_t *data;
    size_t len;
    uint64_t now_us;
};
void forward_transport_input(struct forward_transport *t, const struct forward_datagram *in);
/* The path's TCP connection has ended. Without any path the transport waits for another as long as for consent. */
void forward_transport_path_gone(struct forward_transport *t, const struct five_tuple *path, uint64_t now_us);

enum forward_transport_state forward_transport_state(const struct forward_transport *t);
enum forward_transport_reason forward_transport_reason(const struct forward_transport *t);
/* Where media goes, or NULL. */
const struct five_tuple *forward_transport_path(const struct forward_transport *t);
/* To encrypt what goes there, or NULL before it is connected. */
struct srtp_session *forward_transport_srtp(struct forward_transport *t);
/* An SCTP packet. -EPROTO: not connected; -EMSGSIZE. */
int forward_transport_send_sctp(struct forward_transport *t, const void *data, size_t len);

/* When forward_transport_timeout is due, as of now_us; UINT64_MAX: never. */
uint64_t forward_transport_deadline(const struct forward_transport *t, uint64_t now_us);
void forward_transport_timeout(struct forward_transport *t, uint64_t now_us);
