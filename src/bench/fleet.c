#include "bench/flow.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/text.h"
#include "bench/stream.h"
#include "bench/udp.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS = 128, TICK_MS = 10, RELEASE_WAIT_US = 3000000, CREDENTIAL_LIFETIME_S = 86400 };

/* Two sockets per flow and some more. */
static int raise_file_limit(uint32_t flows) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)flows * 2 + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted) {
        return 0;
    }
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted) {
        fprintf(stderr, "turnout-bench: %u flows need %lu open files; raise the limit (ulimit -n)\n", flows,
                (unsigned long)wanted);
        return -EMFILE;
    }
    return 0;
}

static int make_credentials(struct fleet *fleet, const struct bench_options *o) {
    if (!o->secret[0]) {
        snprintf(fleet->user, sizeof fleet->user, "%s", o->user);
        snprintf(fleet->password, sizeof fleet->password, "%s", o->password);
        return 0;
    }
    int n = snprintf(fleet->user, sizeof fleet->user, "%llu:%s",
                     (unsigned long long)clock_wall_s() + CREDENTIAL_LIFETIME_S, o->user);
    return stun_derive_password(fleet->crypto, o->secret, fleet->user, (size_t)n, fleet->password);
}

static void set_turn_config(struct fleet *fleet, const struct bench_options *o) {
    fleet->turn_config = (struct turn_client_config){
        .crypto = fleet->crypto,
        .user = fleet->user,
        .password = fleet->password,
        .realm = o->realm,
        .lifetime_s = (uint32_t)o->lifetime_s,
        .relay_family = o->relay_family ? (uint8_t)o->relay_family : fleet->server.family,
        .reliable = o->transport != TRANSPORT_UDP,
        .indications = o->indications,
        .random = rng_bytes,
    };
}

int fleet_init(struct fleet *fleet, const struct bench_options *o, enum flow_kind kind, const struct addr *server,
               uint32_t count) {
    *fleet = (struct fleet){.options = o, .kind = kind, .server = *server, .epoll_fd = -1, .count = count};
    int rc = raise_file_limit(count);
    if (rc < 0) {
        return rc;
    }
    fleet->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    fleet->flows = calloc(count, sizeof *fleet->flows);
    fleet->reader = bench_udp_reader_new();
    fleet->crypto = stun_crypto_new();
    fleet->tls = o->transport == TRANSPORT_TLS ? stream_tls_new() : NULL;
    for (uint32_t i = 0; fleet->flows && i < count; i++) {
        fleet->flows[i] = (struct flow){.index = i, .client_fd = -1, .peer_fd = -1};
    }
    if (fleet->epoll_fd < 0 || !fleet->flows || !fleet->reader || !fleet->crypto ||
        (o->transport == TRANSPORT_TLS && !fleet->tls)) {
        fprintf(stderr, "turnout-bench: out of memory or descriptors\n");
        fleet_deinit(fleet);
        return -ENOMEM;
    }
    rc = make_credentials(fleet, o);
    set_turn_config(fleet, o);
    if (rc < 0) {
        fprintf(stderr, "turnout-bench: cannot make credentials\n");
        fleet_deinit(fleet);
    }
    return rc;
}

void fleet_deinit(struct fleet *fleet) {
    for (uint32_t i = 0; fleet->flows && i < fleet->count; i++) {
        flow_close(&fleet->flows[i]);
    }
    free(fleet->flows);
    bench_udp_reader_free(fleet->reader);
    stun_crypto_free(fleet->crypto);
    stream_tls_free(fleet->tls);
    if (fleet->epoll_fd >= 0) {
        close(fleet->epoll_fd);
    }
    *fleet = (struct fleet){.epoll_fd = -1};
}

/* Notes once how a flow's set-up or release ended. */
static void account(struct fleet *fleet, struct flow *f, enum turn_client_state goal, int rc) {
    if (f->counted) {
        return;
    }
    if (rc < 0 || !f->turn || turn_client_state(f->turn) == TURN_CLIENT_FAILED) {
        fleet->last_error = rc < 0 ? rc : turn_client_error(f->turn);
        fleet->failed++;
        f->counted = true;
    } else if (turn_client_state(f->turn) == goal) {
        fleet->ready++;
        f->counted = true;
    }
}

static void serve_events(struct fleet *fleet, enum turn_client_state goal) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(fleet->epoll_fd, events, EVENTS, TICK_MS);
    for (int i = 0; i < n; i++) {
        struct flow *f = &fleet->flows[events[i].data.u64 >> 1];
        if (events[i].data.u64 & 1) {
            bench_udp_receive(fleet->reader, f->peer_fd); /* nothing is expected yet */
            continue;
        }
        int rc = flow_receive(fleet, f);
        rc = flow_advance(fleet, f, goal == TURN_CLIENT_READY, rc);
        account(fleet, f, goal, rc);
        if (rc < 0) {
            epoll_ctl(fleet->epoll_fd, EPOLL_CTL_DEL, f->client_fd, NULL);
        }
    }
}

static void tick_all(struct fleet *fleet, uint32_t from, uint32_t to, enum turn_client_state goal) {
    uint64_t now_us = clock_now_us();
    for (uint32_t i = from; i < to; i++) {
        struct flow *f = &fleet->flows[i];
        if (f->turn && !f->counted) {
            flow_tick(fleet, f, now_us);
            account(fleet, f, goal, 0);
        }
    }
}

int fleet_establish(struct fleet *fleet) {
    uint32_t opened = 0, first = 0;
    fleet->ready = fleet->failed = 0;
    uint64_t next_tick_us = 0;
    while (fleet->ready + fleet->failed < fleet->count) {
        while (opened < fleet->count && opened - fleet->ready - fleet->failed < fleet->options->window) {
            struct flow *f = &fleet->flows[opened++];
            int rc = flow_open(fleet, f);
            if (fleet->kind == FLOW_TURN) {
                account(fleet, f, TURN_CLIENT_READY, rc);
            } else {
                f->counted = true;
                fleet->ready += rc == 0;
                fleet->failed += rc < 0;
                fleet->last_error = rc < 0 ? rc : fleet->last_error;
            }
        }
        if (fleet->kind != FLOW_TURN) {
            continue;
        }
        serve_events(fleet, TURN_CLIENT_READY);
        if (clock_now_us() >= next_tick_us) {
            next_tick_us = clock_now_us() + TICK_MS * 1000;
            for (; first < opened && fleet->flows[first].counted; first++) {
            }
            tick_all(fleet, first, opened, TURN_CLIENT_READY);
        }
    }
    return fleet->failed ? -EIO : 0;
}

void fleet_release(struct fleet *fleet) {
    uint64_t now_us = clock_now_us();
    uint32_t held = 0;
    fleet->ready = fleet->failed = 0;
    for (uint32_t i = 0; fleet->kind == FLOW_TURN && i < fleet->count; i++) {
        struct flow *f = &fleet->flows[i];
        bool holds = f->turn && (turn_client_state(f->turn) == TURN_CLIENT_ALLOCATED ||
                                 turn_client_state(f->turn) == TURN_CLIENT_READY);
        f->counted = !holds;
        if (holds) {
            held++;
            turn_client_release(f->turn, now_us);
            account(fleet, f, TURN_CLIENT_RELEASED, flow_pump(fleet, f, false));
        }
        if (held - fleet->ready - fleet->failed >= fleet->options->window) {
            serve_events(fleet, TURN_CLIENT_RELEASED);
        }
    }
    while (fleet->ready + fleet->failed < held && clock_now_us() - now_us < RELEASE_WAIT_US) {
        serve_events(fleet, TURN_CLIENT_RELEASED);
        tick_all(fleet, 0, fleet->count, TURN_CLIENT_RELEASED);
    }
}

void fleet_complain(const struct fleet *fleet) {
    const char *what = "the reply made no sense, or named another realm";
    char text[128];
    int e = fleet->last_error;
    if (e == 0) {
        what = "no answer";
    } else if (e > 0) {
        snprintf(text, sizeof text, "error %d %s", e, stun_error_reason(e));
        what = text;
    } else if (e == -EPIPE) {
        what = "the server closed the connection";
    } else if (e < -1) {
        what = error_text(e);
    }
    fprintf(stderr, "turnout-bench: %u of %u flows failed: %s\n", fleet->failed, fleet->count, what);
}
