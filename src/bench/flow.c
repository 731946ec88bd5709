#include "bench/flow.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/rng.h"
#include "bench/stream.h"
#include "bench/udp.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MISMATCHES_MAX = 20 };

static int watch(const struct fleet *fleet, const struct flow *f, bool peer) {
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = flow_event(f->index, peer)};
    if (f->stream && !peer) {
        e.events |= EPOLLOUT;
    }
    return epoll_ctl(fleet->epoll_fd, EPOLL_CTL_ADD, peer ? f->peer_fd : f->client_fd, &e) < 0 ? -errno : 0;
}

/* Watches the stream for writability only while it has something to write. */
static void rewatch(const struct fleet *fleet, struct flow *f) {
    bool wants = f->stream && stream_wants_write(f->stream);
    if (f->stream && wants != f->watches_write) {
        struct epoll_event e = {.events = EPOLLIN | (wants ? EPOLLOUT : 0U), .data.u64 = flow_event(f->index, false)};
        epoll_ctl(fleet->epoll_fd, EPOLL_CTL_MOD, f->client_fd, &e);
        f->watches_write = wants;
    }
}

/* Many clients on one machine: servers treat requests from one address with suspicion. */
static struct addr client_address(struct fleet *fleet) {
    struct addr local = {0};
    if (fleet->options->spread > 1 && fleet->server.family == AF_INET) {
        uint8_t ip[4];
        store_be32(ip, 0x7f010000U + (uint32_t)(fleet->opened++ % fleet->options->spread));
        addr_from_bytes(&local, ip, sizeof ip, 0);
    }
    return local;
}

static int open_client(struct fleet *fleet, struct flow *f) {
    struct addr local = client_address(fleet);
    if (fleet->options->transport == TRANSPORT_UDP || fleet->kind == FLOW_ECHO) {
        f->client_fd = bench_udp_open(&local, &fleet->server, !fleet->options->no_gro);
        return f->client_fd < 0 ? f->client_fd : 0;
    }
    int rc = stream_open(&f->stream, &local, &fleet->server, fleet->tls);
    f->client_fd = rc < 0 ? -1 : stream_fd(f->stream);
    f->watches_write = true;
    return rc;
}

static int start_allocation(struct fleet *fleet, struct flow *f) {
    f->started_us = clock_now_us();
    f->turn = turn_client_new(&fleet->turn_config);
    if (!f->turn) {
        return -ENOMEM;
    }
    turn_client_allocate(f->turn, f->started_us);
    return flow_pump(fleet, f, false);
}

int flow_open(struct fleet *fleet, struct flow *f) {
    int rc = open_client(fleet, f);
    if (rc == 0) {
        rc = watch(fleet, f, false);
    }
    if (rc == 0 && fleet->kind == FLOW_TURN) {
        rc = start_allocation(fleet, f);
    }
    if (rc < 0) {
        flow_close(f);
    }
    return rc;
}

void flow_close(struct flow *f) {
    if (f->stream) {
        stream_free(f->stream);
    } else if (f->client_fd >= 0) {
        close(f->client_fd);
    }
    if (f->peer_fd >= 0) {
        close(f->peer_fd);
    }
    turn_client_free(f->turn);
    *f = (struct flow){.index = f->index, .client_fd = -1, .peer_fd = -1};
}

int flow_send(struct fleet *fleet, struct flow *f, const void *data, size_t len) {
    if (!f->stream) {
        return bench_udp_send(f->client_fd, data, len, 1, false) == 1 ? 0 : -EAGAIN;
    }
    int rc = stream_send(f->stream, data, len);
    rewatch(fleet, f);
    return rc;
}

/* What precedes the payload: a ChannelData header, or a Send indication up to the value of DATA. */
static void write_head(struct fleet *fleet, struct flow *f, const struct addr *peer) {
    size_t size = fleet->options->size;
    struct writer w;
    writer_init(&w, f->head, sizeof f->head);
    if (!fleet->options->indications) {
        writer_u16(&w, FLOW_CHANNEL);
        writer_u16(&w, (uint16_t)size);
    } else {
        uint8_t txid[STUN_TXID_BYTES];
        rng_bytes(txid, sizeof txid);
        stun_write_header(&w, STUN_INDICATION, STUN_SEND, txid);
        stun_write_xor_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, peer);
        writer_u16(&w, STUN_ATTR_DATA);
        writer_u16(&w, (uint16_t)size);
        store_be16(f->head + 2, (uint16_t)(w.len - STUN_HEADER_BYTES + ((size + 3) & ~(size_t)3)));
    }
    f->head_len = (uint8_t)w.len;
}

/* The peer's own address: as asked, or that of the client's side if the family fits, or loopback. */
static int choose_peer(const struct fleet *fleet, const struct flow *f, struct addr *out) {
    const struct addr *relayed = turn_client_relayed(f->turn);
    *out = fleet->options->peer_address;
    int rc = out->family ? 0 : bench_udp_local(f->client_fd, out);
    if (rc == 0 && out->family != relayed->family) {
        rc = addr_parse_ip(out, relayed->family == AF_INET ? "127.0.0.1" : "::1");
    }
    out->port = 0;
    return rc;
}

static int open_peer(struct fleet *fleet, struct flow *f) {
    struct addr local;
    int rc = choose_peer(fleet, f, &local);
    if (rc < 0) {
        return rc;
    }
    f->peer_fd = bench_udp_open(&local, turn_client_relayed(f->turn), !fleet->options->no_gro);
    rc = f->peer_fd < 0 ? f->peer_fd : bench_udp_local(f->peer_fd, &local);
    if (rc == 0) {
        rc = watch(fleet, f, true);
    }
    if (rc == 0) {
        write_head(fleet, f, &local);
        turn_client_bind(f->turn, &local, FLOW_CHANNEL, clock_now_us());
    }
    return rc;
}

int flow_pump(struct fleet *fleet, struct flow *f, bool bind) {
    if (bind && turn_client_state(f->turn) == TURN_CLIENT_ALLOCATED) {
        int rc = open_peer(fleet, f);
        if (rc < 0) {
            return rc;
        }
    }
    size_t len;
    const uint8_t *message;
    while ((message = turn_client_poll(f->turn, &len))) {
        int rc = flow_send(fleet, f, message, len);
        if (rc < 0 && f->stream) {
            return rc;
        }
    }
    return 0;
}

int flow_advance(struct fleet *fleet, struct flow *f, bool bind, int rc) {
    rc = rc < 0 ? rc : flow_pump(fleet, f, bind);
    if (rc < 0 || turn_client_state(f->turn) != TURN_CLIENT_FAILED || turn_client_error(f->turn) != 437 ||
        turn_client_relayed(f->turn)->family != AF_UNSPEC || f->mismatches >= MISMATCHES_MAX) {
        return rc;
    }
    uint8_t mismatches = (uint8_t)(f->mismatches + 1);
    fleet->mismatches++;
    flow_close(f);
    rc = flow_open(fleet, f);
    f->mismatches = mismatches;
    return rc;
}

void flow_input(struct flow *f, const uint8_t *data, size_t len) {
    if (f->turn) {
        turn_client_input(f->turn, data, len, clock_now_us());
    }
}

void flow_tick(struct fleet *fleet, struct flow *f, uint64_t now_us) {
    if (f->turn && now_us >= turn_client_deadline(f->turn)) {
        turn_client_timeout(f->turn, now_us);
        flow_pump(fleet, f, false);
    }
}

static void on_message(void *ctx, const uint8_t *data, size_t len) { flow_input(ctx, data, len); }

int flow_receive(struct fleet *fleet, struct flow *f) {
    if (f->stream) {
        int rc = stream_flush(f->stream);
        return rc < 0 ? rc : stream_receive(f->stream, on_message, f);
    }
    size_t len;
    const uint8_t *data;
    int rc = bench_udp_receive(fleet->reader, f->client_fd);
    while ((data = bench_udp_next(fleet->reader, &len))) {
        on_message(f, data, len);
    }
    return rc < 0 ? rc : 0;
}
