/* Hellos: nothing is kept for a stranger but the pieces of a hello that did not fit one datagram, and those in a bounded
 * set. The answer is a cookie, and it is shorter than any hello. */
#include "base/metrics.h"
#include "net/dtls_internal.h"
#include "net/handshakes.h"
#include "proto/dtls/record.h"

#include <errno.h>
#include <string.h>

/* One hello on its way to an answer. */
struct arrival {
    struct dtls_server *server;
    struct udp_socket *socket;
    struct five_tuple tuple;
    struct dtls_peer *peer; /* the session that is there already */
    uint64_t now_us;
};

static void ask_for_cookie(const struct arrival *a, const struct dtls_hello *hello) {
    uint8_t cookie[DTLS_COOKIE_BYTES], answer[DTLS_VERIFY_REQUEST_BYTES];
    dtls_cookie_make(cookie, a->server->cookie_key, &a->tuple, hello, a->now_us);
    dtls_verify_request_write(answer, hello, cookie);
    udp_io_send_copy(a->server->options.io, a->socket, answer, sizeof answer, &a->tuple.remote, &a->tuple.local);
    metrics_inc(METRIC_DTLS_COOKIES);
}

/* Stateless, and shorter than any hello. */
static void refuse_version(const struct arrival *a, uint64_t sequence) {
    uint8_t alert[DTLS_ALERT_BYTES];
    dtls_version_alert_write(alert, sequence);
    udp_io_send_copy(a->server->options.io, a->socket, alert, sizeof alert, &a->tuple.remote, &a->tuple.local);
}

/* A session ends for a new one only when the client has proven its address again (RFC 6347 section 4.2.8). */
static void take_hello(const struct arrival *a, const struct dtls_hello *hello) {
    if (a->peer && memcmp(a->peer->random, hello->random, DTLS_RANDOM_BYTES) == 0) {
        metrics_inc(METRIC_DTLS_DROPPED_DUPLICATE);
        return;
    }
    if (!dtls_cookie_valid(a->server->cookie_key, &a->tuple, hello, a->now_us)) {
        ask_for_cookie(a, hello);
        return;
    }
    if (hello->message_seq != 1) { /* it answers one request for a cookie */
        metrics_inc(METRIC_DTLS_DROPPED_MALFORMED);
        return;
    }
    struct handshakes *cap = a->server->options.handshakes;
    if (cap && !source_rate_take(&cap->rate, &a->tuple.remote, cap->per_second, a->now_us)) {
        metrics_inc(METRIC_DTLS_DROPPED_HANDSHAKE_RATE); /* the client sends it again in a second */
        return;
    }
    if (a->peer) {
        dtls_peer_end(a->peer);
    }
    dtls_peer_begin(a->server, a->socket, &a->tuple, hello);
}

static enum metric_id reason_of(long rc) {
    return rc == -EDQUOT                     ? METRIC_DTLS_DROPPED_SOURCE
           : rc == -ENOBUFS || rc == -ENOMEM ? METRIC_DTLS_DROPPED_FULL
                                             : METRIC_DTLS_DROPPED_MALFORMED;
}

static void watch_waiting(struct dtls_server *server) {
    if (dtls_fragments_count(server->fragments) > 0 && !server->fragments_watched) {
        server->fragments_watched = true;
        loop_timer_set(server->options.loop, &server->fragments_timer, DTLS_FRAGMENTS_WAIT_US);
    }
}

void dtls_server_forget_waiting(void *ctx) {
    struct dtls_server *server = ctx;
    int before = (int)dtls_fragments_count(server->fragments);
    server->fragments_watched = false;
    dtls_fragments_expire(server->fragments, loop_refresh_now(server->options.loop));
    metrics_add(METRIC_DTLS_HELLOS_WAITING, (int)dtls_fragments_count(server->fragments) - before);
    watch_waiting(server);
}

/* True when the hello is whole: message and len say where it lies. */
static bool whole_hello(const struct arrival *a, const struct dtls_fragment *fragment, const uint8_t **message,
                        size_t *len) {
    struct dtls_fragments *set = a->server->fragments;
    *message = fragment->data;
    *len = fragment->len;
    if (fragment->len == fragment->message_len && fragment->len <= DTLS_HELLO_BYTES_MAX) {
        return true;
    }
    int before = (int)dtls_fragments_count(set);
    long rc = dtls_fragments_add(set, &a->tuple, fragment, a->now_us, a->server->hello);
    metrics_add(METRIC_DTLS_HELLOS_WAITING, (int)dtls_fragments_count(set) - before);
    watch_waiting(a->server);
    if (rc < 0) {
        metrics_inc(reason_of(rc));
    }
    *message = a->server->hello;
    *len = rc > 0 ? (size_t)rc : 0;
    return rc > 0;
}

/* The records of a datagram, one piece each, up to the one that makes a hello whole. */
void dtls_server_hello(struct dtls_server *server, struct udp_socket *socket, const struct udp_packet *packet,
                       struct dtls_peer *peer) {
    struct arrival a = {.server = server,
                        .socket = socket,
                        .tuple = {.remote = packet->remote, .local = packet->local, .transport = TRANSPORT_DTLS},
                        .peer = peer,
                        .now_us = loop_now_us(server->options.loop)};
    struct reader r;
    reader_init(&r, packet->data, packet->len);
    if (!dtls_datagram_sound(packet->data, packet->len)) {
        metrics_inc(METRIC_DTLS_DROPPED_MALFORMED);
        return;
    }
    while (!server->draining && reader_left(&r) > 0) {
        struct dtls_record record;
        struct dtls_fragment fragment;
        struct dtls_hello hello;
        struct reader body;
        const uint8_t *message;
        size_t len;
        if (dtls_record_next(&record, &r) < 0) {
            return;
        }
        reader_init(&body, record.body, record.len);
        if (record.epoch != 0 || record.type != DTLS_HANDSHAKE || dtls_fragment_next(&fragment, &body) < 0 ||
            fragment.type != DTLS_CLIENT_HELLO) {
            return;
        }
        if (!whole_hello(&a, &fragment, &message, &len)) {
            continue;
        }
        int rc = dtls_hello_parse(&hello, message, len);
        if (rc < 0) {
            metrics_inc(rc == -EPROTO ? METRIC_DTLS_DROPPED_VERSION : METRIC_DTLS_DROPPED_MALFORMED);
            if (rc == -EPROTO && !peer) {
                refuse_version(&a, record.sequence);
            }
            return;
        }
        hello.sequence = record.sequence;
        hello.message_seq = fragment.message_seq;
        take_hello(&a, &hello);
        return;
    }
}
