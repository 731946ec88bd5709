/* The sessions: table, timers, data both ways. */
#include "net/dtls.h"

#include "base/log.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "net/dtls_internal.h"
#include "net/tls.h"
#include "proto/dtls/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    HANDSHAKE_US = 10 * 1000000,
    HOUSEKEEPING_US = 15 * 1000000,
    IDLE_US = 300 * 1000000, /* without a use for it */
};
/* Nobody is silent for longer than the longest lifetime of an allocation. */
static const uint64_t silence_us = 3900ULL * 1000000;

static bool same_tuple(const void *item, const void *wanted) {
    return five_tuple_equal(&((const struct dtls_peer *)item)->tuple, wanted);
}

static void send_datagram(void *ctx, const uint8_t *data, size_t len) {
    struct dtls_peer *peer = ctx;
    udp_io_send_copy(peer->server->options.io, peer->socket, data, len, &peer->tuple.remote, &peer->tuple.local);
}

/* ---- the end */

static void report_failure(const struct dtls_peer *peer, const char *reason) {
    static struct log_limit limit = {.burst = 5};
    log_limited(&limit, LOG_LEVEL_INFO, "dtls", "handshake failed", LF_TEXT("reason", reason),
                LF_ADDR("client", &peer->tuple.remote));
}

void dtls_peer_end(struct dtls_peer *peer) {
    struct dtls_server *server = peer->server;
    hash_table_remove(&server->peers, peer->hash, peer);
    loop_timer_cancel(server->options.loop, &peer->timer);
    metrics_add(METRIC_DTLS_SESSIONS, -1);
    dtls_session_close(peer->session);
    if (peer->user) {
        server->options.handlers.closed(peer->user);
    }
    dtls_session_free(peer->session);
    free(peer);
}

static void fail(struct dtls_peer *peer, enum metric_id result, const char *reason) {
    metrics_inc(result);
    report_failure(peer, reason);
    dtls_peer_end(peer);
}

void dtls_peer_close(struct dtls_peer *peer) {
    peer->closing = true;
    loop_timer_set(peer->server->options.loop, &peer->timer, 0);
}

/* ---- time */

static void schedule(struct dtls_peer *peer) {
    uint64_t now = loop_now_us(peer->server->options.loop);
    uint64_t idle = now > peer->used_us ? now - peer->used_us : 0;
    uint64_t delay = idle < HOUSEKEEPING_US ? HOUSEKEEPING_US - idle : HOUSEKEEPING_US;
    if (!peer->open) {
        uint64_t deadline = peer->started_us + HANDSHAKE_US;
        uint64_t again = dtls_session_delay_us(peer->session);
        delay = deadline > now ? deadline - now : 0;
        delay = again < delay ? again : delay;
    }
    loop_timer_set(peer->server->options.loop, &peer->timer, delay);
}

static void keep_house(struct dtls_peer *peer, uint64_t now) {
    uint64_t idle = now > peer->used_us ? now - peer->used_us : 0;
    if (idle > silence_us || (idle > IDLE_US && !peer->server->options.handlers.needed(peer->user))) {
        dtls_peer_end(peer);
        return;
    }
    if (idle >= HOUSEKEEPING_US && !peer->trimmed) {
        dtls_session_trim(peer->session);
        peer->trimmed = true;
    }
    schedule(peer);
}

static void timer_fired(void *ctx) {
    struct dtls_peer *peer = ctx;
    uint64_t now = loop_refresh_now(peer->server->options.loop);
    if (peer->closing) {
        dtls_peer_end(peer);
    } else if (peer->open) {
        keep_house(peer, now);
    } else if (now >= peer->started_us + HANDSHAKE_US || dtls_session_timeout(peer->session) < 0) {
        fail(peer, METRIC_DTLS_HANDSHAKES_TIMEOUT, "timeout");
    } else {
        schedule(peer);
    }
}

/* ---- data */

static void opened(struct dtls_peer *peer) {
    const struct dtls_handlers *handlers = &peer->server->options.handlers;
    peer->open = true;
    metrics_inc(METRIC_DTLS_HANDSHAKES_OK);
    log_debug("dtls", "session opened", LF_ADDR("client", &peer->tuple.remote));
    peer->user = handlers->opened(handlers->ctx, peer, &peer->tuple);
    if (peer->user) {
        schedule(peer);
    } else {
        dtls_peer_close(peer);
    }
}

/* Everything the datagram just put in leads to. The peer may be gone afterwards. */
static void pump(struct dtls_peer *peer) {
    struct dtls_server *server = peer->server;
    long n;
    do {
        n = dtls_session_read(peer->session, server->plain, sizeof server->plain);
        if (!peer->open && dtls_session_state(peer->session) == DTLS_OPEN) {
            opened(peer);
        }
        if (n > 0 && !peer->closing) {
            server->options.handlers.datagram(peer->user, server->plain, (size_t)n);
        }
    } while (n > 0 && !peer->closing);
    if (n == -ECONNRESET && !peer->open) {
        char text[256];
        fail(peer, METRIC_DTLS_HANDSHAKES_FAILED, tls_error_text(text, sizeof text));
    } else if (n == -ECONNRESET) {
        dtls_peer_end(peer);
    } else if (!peer->open) {
        schedule(peer);
    }
}

static void touch(struct dtls_peer *peer) {
    peer->used_us = loop_now_us(peer->server->options.loop);
    peer->trimmed = false;
}

static void peer_input(struct dtls_peer *peer, const struct udp_packet *packet) {
    if (peer->closing) {
        return;
    }
    if (dtls_session_input(peer->session, packet->data, packet->len) < 0) {
        metrics_inc(METRIC_DTLS_DROPPED_MALFORMED);
        return;
    }
    touch(peer);
    pump(peer);
}

int dtls_peer_send(struct dtls_peer *peer, const void *data, size_t len) {
    if (peer->closing) {
        return -EPIPE;
    }
    touch(peer);
    return dtls_session_write(peer->session, data, len);
}

static struct dtls_peer *find_peer(const struct dtls_server *server, const struct five_tuple *tuple) {
    return hash_table_find(&server->peers, hash_bytes(&server->key, tuple, sizeof *tuple), same_tuple, tuple);
}

bool dtls_server_has(const struct dtls_server *server, const struct addr *remote, const struct addr *local) {
    const struct five_tuple tuple = {.remote = *remote, .local = *local, .transport = TRANSPORT_DTLS};
    return find_peer(server, &tuple) != NULL;
}

void dtls_server_input(struct dtls_server *server, struct udp_socket *socket, const struct udp_packet *packet) {
    struct five_tuple tuple = {.remote = packet->remote, .local = packet->local, .transport = TRANSPORT_DTLS};
    struct dtls_peer *peer = find_peer(server, &tuple);
    if (dtls_datagram_is_hello(packet->data, packet->len)) {
        dtls_server_hello(server, socket, packet, peer);
    } else if (peer) {
        peer_input(peer, packet);
    } else {
        metrics_inc(METRIC_DTLS_DROPPED_STRANGER);
    }
}

/* ---- the beginning */

static struct dtls_peer *peer_new(struct dtls_server *server, struct udp_socket *socket,
                                  const struct five_tuple *tuple) {
    struct dtls_peer *peer = calloc(1, sizeof *peer);
    struct ssl_st *ssl = peer ? tls_datagram_session_new(server->options.tls) : NULL;
    const struct dtls_sink sink = {.send = send_datagram, .ctx = peer};
    peer = ssl ? peer : (free(peer), NULL);
    if (!peer) {
        return NULL;
    }
    peer->server = server;
    peer->socket = socket;
    peer->tuple = *tuple;
    peer->hash = hash_bytes(&server->key, tuple, sizeof *tuple);
    peer->started_us = peer->used_us = loop_now_us(server->options.loop);
    loop_timer_init(&peer->timer, timer_fired, peer);
    peer->session = dtls_session_new(ssl, &sink);
    if (!peer->session || hash_table_insert(&server->peers, peer->hash, peer) < 0) {
        dtls_session_free(peer->session);
        free(peer);
        return NULL;
    }
    metrics_inc(METRIC_DTLS_SESSIONS);
    return peer;
}

void dtls_peer_begin(struct dtls_server *server, struct udp_socket *socket, const struct five_tuple *tuple,
                     const struct dtls_hello *hello) {
    uint8_t record[DTLS_RECORD_HEADER_BYTES + DTLS_FRAGMENT_HEADER_BYTES + DTLS_HELLO_BYTES_MAX];
    long len = dtls_hello_record_write(record, sizeof record, hello);
    struct dtls_peer *peer = server->peers.count < DTLS_PEERS_MAX && len > 0 ? peer_new(server, socket, tuple) : NULL;
    if (!peer) {
        metrics_inc(METRIC_DTLS_DROPPED_FULL);
        return;
    }
    memcpy(peer->random, hello->random, sizeof peer->random);
    if (dtls_session_begin(peer->session, record, (size_t)len) < 0) {
        char text[256];
        fail(peer, METRIC_DTLS_HANDSHAKES_FAILED, tls_error_text(text, sizeof text));
        return;
    }
    pump(peer);
}

/* ---- the server */

struct dtls_server *dtls_server_new(const struct dtls_options *options) {
    struct dtls_server *server = calloc(1, sizeof *server);
    struct dtls_fragments *fragments = dtls_fragments_new();
    if (!server || !fragments) {
        dtls_fragments_free(fragments);
        free(server);
        return NULL;
    }
    server->options = *options;
    server->fragments = fragments;
    hash_table_init(&server->peers);
    hash_key_random(&server->key);
    loop_timer_init(&server->fragments_timer, dtls_server_forget_waiting, server);
    rng_bytes(server->cookie_key, sizeof server->cookie_key);
    return server;
}

void dtls_server_free(struct dtls_server *server) {
    if (!server) {
        return;
    }
    for (;;) {
        uint32_t cursor = 0;
        struct dtls_peer *peer = hash_table_next(&server->peers, &cursor);
        if (!peer) {
            break;
        }
        dtls_peer_end(peer);
    }
    udp_io_flush(server->options.io);
    loop_timer_cancel(server->options.loop, &server->fragments_timer);
    hash_table_deinit(&server->peers);
    dtls_fragments_free(server->fragments);
    free(server);
}

void dtls_server_stop_accepting(struct dtls_server *server) { server->draining = true; }

const char *dtls_peer_server_name(const struct dtls_peer *peer) { return dtls_session_server_name(peer->session); }
