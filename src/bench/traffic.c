#include "bench/traffic.h"

#include "base/rng.h"
#include "bench/packet.h"
#include "bench/stream.h"
#include "bench/udp.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

enum {
    EVENTS = 64,
    SENDS_PER_TURN = 8,     /* bursts before replies are looked at again */
    LAG_MAX_NS = 50000000,  /* later bursts are skipped: a stalled generator must not flood */
    SLEEP_OVER_NS = 300000, /* wait in the kernel only when nothing is due for that long */
    UPKEEP_NS = 100000000,
    PROGRESS_NS = 250000000,
    STEP_SHIFT = 16, /* fixed point of the time between bursts */
};

struct traffic {
    struct fleet *fleet;
    const struct traffic_plan *plan;
    struct traffic_result *result;
    uint32_t run;
    uint32_t senders; /* flows times ways */
    uint64_t ways;    /* bit mask of enum bench_direction */
    size_t burst;
    bool gso;
    uint64_t start_ns, from_ns, to_ns; /* of sending; of the measured window */
    uint64_t step;                     /* ns between bursts, fixed point */
    uint64_t next_burst;
    uint64_t now_ns; /* when the batch being read was received */
    uint64_t upkeep_ns, progress_ns;
    uint8_t *buffer; /* one burst as it is sent */
};

static uint64_t now_ns(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

double traffic_loss(const struct traffic_result *r) {
    uint64_t sent = traffic_sent(r), got = traffic_received(r);
    return sent > got ? (double)(sent - got) / (double)sent : 0.0;
}

double traffic_rate(const struct traffic_result *r) {
    return r->window_ns ? (double)traffic_received(r) * 1e9 / (double)r->window_ns : 0.0;
}

bool traffic_behind(const struct traffic_result *r) {
    double asked = (double)r->asked_rate * (double)r->window_ns / 1e9;
    return (double)traffic_sent(r) < 0.99 * asked;
}

void traffic_result_deinit(struct traffic_result *r) {
    free(r->latency);
    r->latency = NULL;
}

/* ------------------------------------------------------------------ sending */

/* Writes a burst into the buffer; returns the bytes of one packet. */
static size_t write_burst(struct traffic *t, struct flow *f, uint32_t way, uint64_t sent_ns) {
    size_t size = t->fleet->options->size;
    size_t head = way == FLOW_UP ? f->head_len : 0;
    /* The data of a Send indication is padded, in any transport. */
    size_t whole = head + (head > 4 ? (size + 3) & ~(size_t)3 : size);
    struct packet p = {.run = t->run, .flow_way = f->index << 1 | way, .sent_ns = sent_ns};
    for (size_t i = 0; i < t->burst; i++) {
        uint8_t *out = t->buffer + i * whole;
        memcpy(out, f->head, head);
        p.seq = f->ways[way].next_seq + (uint32_t)i;
        packet_write(out + head, &p);
    }
    return whole;
}

/* A Binding request whose transaction id holds time and number. */
static size_t write_requests(struct traffic *t, struct flow *f, uint64_t sent_ns) {
    for (size_t i = 0; i < t->burst; i++) {
        uint8_t txid[STUN_TXID_BYTES];
        store_be64(txid, sent_ns);
        store_be32(txid + 8, f->ways[FLOW_UP].next_seq + (uint32_t)i);
        struct writer w;
        writer_init(&w, t->buffer + i * STUN_HEADER_BYTES, STUN_HEADER_BYTES);
        stun_write_header(&w, STUN_REQUEST, STUN_BINDING, txid);
    }
    return STUN_HEADER_BYTES;
}

static size_t send_stream(struct traffic *t, struct flow *f, size_t each) {
    size_t n = 0;
    while (n < t->burst && flow_send(t->fleet, f, t->buffer + n * each, each) == 0) {
        n++;
    }
    return n;
}

static uint32_t sender_way(const struct traffic *t) {
    if (t->ways == BENCH_BOTH) {
        return t->next_burst & 1 ? FLOW_DOWN : FLOW_UP;
    }
    return t->ways == BENCH_DOWN ? FLOW_DOWN : FLOW_UP;
}

static struct flow *sender_flow(const struct traffic *t) {
    uint64_t sender = t->next_burst % t->senders;
    return &t->fleet->flows[t->ways == BENCH_BOTH ? sender / 2 : sender];
}

static bool in_window(const struct traffic *t, uint64_t ns) { return ns >= t->from_ns && ns < t->to_ns; }

static void send_burst(struct traffic *t, uint64_t due_ns, uint64_t sent_ns) {
    uint32_t way = sender_way(t);
    struct flow *f = sender_flow(t);
    bool skip = sent_ns - due_ns > LAG_MAX_NS;
    size_t sent = 0;
    if (!skip) {
        size_t each = t->fleet->kind == FLOW_STUN ? write_requests(t, f, sent_ns) : write_burst(t, f, way, sent_ns);
        sent = way == FLOW_UP && f->stream
                   ? send_stream(t, f, each)
                   : bench_udp_send(way == FLOW_UP ? f->client_fd : f->peer_fd, t->buffer, each, t->burst, t->gso);
        f->ways[way].next_seq += (uint32_t)sent;
    }
    if (in_window(t, sent_ns)) {
        t->result->sent[way] += sent;
        t->result->unsent += t->burst - sent;
        uint64_t lag = sent_ns - due_ns;
        t->result->worst_lag_ns = lag > t->result->worst_lag_ns ? lag : t->result->worst_lag_ns;
    }
}

static uint64_t due_ns(const struct traffic *t) { return t->start_ns + (t->next_burst * t->step >> STEP_SHIFT); }

/* Sends what is due, some bursts at most. Returns how many. */
static unsigned send_due(struct traffic *t) {
    unsigned n = 0;
    for (; n < SENDS_PER_TURN; n++) {
        uint64_t due = due_ns(t), now = now_ns(CLOCK_MONOTONIC);
        if (due > now || due >= t->to_ns) {
            break;
        }
        send_burst(t, due, now);
        t->next_burst++;
    }
    return n;
}

/* ------------------------------------------------------------------ receiving */

static void count(struct traffic *t, struct flow *f, uint32_t way, const struct packet *p) {
    struct flow_way *w = &f->ways[way];
    bool late = (int32_t)(p->seq - w->seen_seq) < 0;
    if (!late) {
        w->seen_seq = p->seq + 1;
    }
    if (!in_window(t, p->sent_ns)) {
        return;
    }
    t->result->reordered += late;
    t->result->received[way]++;
    histogram_add(t->result->latency, t->now_ns > p->sent_ns ? t->now_ns - p->sent_ns : 0, 1);
}

static void receive_payload(struct traffic *t, struct flow *f, uint32_t way, const uint8_t *data, size_t len) {
    struct packet p;
    if (!packet_read(&p, data, len) || len != t->fleet->options->size || p.flow_way != (f->index << 1 | way)) {
        t->result->misdelivered++;
    } else if (p.run == t->run) {
        count(t, f, way, &p);
    }
}

static void receive_stun(struct traffic *t, struct flow *f, const uint8_t *data, size_t len) {
    struct stun_msg msg;
    if (t->fleet->kind == FLOW_STUN) {
        if (stun_msg_parse(&msg, data, len) < 0 || msg.method != STUN_BINDING || msg.class != STUN_SUCCESS ||
            !stun_msg_has(&msg, STUN_ATTR_XOR_MAPPED_ADDRESS)) {
            t->result->misdelivered++;
            return;
        }
        struct packet p = {.sent_ns = load_be64(msg.txid), .seq = load_be32(msg.txid + 8)};
        count(t, f, FLOW_UP, &p);
        return;
    }
    const uint8_t *payload;
    size_t n;
    if (stun_msg_parse(&msg, data, len) == 0 && msg.class == STUN_INDICATION && msg.method == STUN_DATA) {
        if (stun_msg_bytes(&msg, STUN_ATTR_DATA, &payload, &n) == 0) {
            receive_payload(t, f, FLOW_DOWN, payload, n);
        }
        return;
    }
    flow_input(f, data, len);
    flow_pump(t->fleet, f, false);
}

/* One datagram or frame at the client's side. */
static void receive_client(struct traffic *t, struct flow *f, const uint8_t *data, size_t len) {
    if (t->fleet->kind == FLOW_ECHO) {
        receive_payload(t, f, FLOW_UP, data, len);
    } else if (len >= 4 && load_be16(data) == FLOW_CHANNEL && load_be16(data + 2) <= len - 4) {
        receive_payload(t, f, FLOW_DOWN, data + 4, load_be16(data + 2));
    } else {
        receive_stun(t, f, data, len);
    }
}

struct input {
    struct traffic *traffic;
    struct flow *flow;
};

static void on_message(void *ctx, const uint8_t *data, size_t len) {
    struct input *in = ctx;
    receive_client(in->traffic, in->flow, data, len);
}

static void receive_stream(struct traffic *t, struct flow *f) {
    struct input in = {t, f};
    if (stream_flush(f->stream) < 0 || stream_receive(f->stream, on_message, &in) < 0) {
        epoll_ctl(t->fleet->epoll_fd, EPOLL_CTL_DEL, f->client_fd, NULL); /* its packets count as lost */
    }
}

static void receive_ready(struct traffic *t, uint64_t event) {
    struct flow *f = &t->fleet->flows[event >> 1];
    bool peer = event & 1;
    if (f->stream && !peer) {
        receive_stream(t, f);
        return;
    }
    bench_udp_receive(t->fleet->reader, peer ? f->peer_fd : f->client_fd);
    t->now_ns = now_ns(CLOCK_MONOTONIC);
    size_t len;
    const uint8_t *data;
    while ((data = bench_udp_next(t->fleet->reader, &len))) {
        if (peer) {
            receive_payload(t, f, FLOW_UP, data, len);
        } else {
            receive_client(t, f, data, len);
        }
    }
}

/* Reads every socket that has something; waits at most wait_ns. Returns how many sockets. */
static int receive_all(struct traffic *t, uint64_t wait_ns) {
    struct epoll_event events[EVENTS];
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_PER_S), .tv_nsec = (long)(wait_ns % NS_PER_S)};
    int n = epoll_pwait2(t->fleet->epoll_fd, events, EVENTS, &wait, NULL);
    t->now_ns = now_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < n; i++) {
        receive_ready(t, events[i].data.u64);
    }
    return n;
}

/* ------------------------------------------------------------------ the run */

static void upkeep(struct traffic *t, uint64_t now) {
    if (now >= t->upkeep_ns) {
        t->upkeep_ns = now + UPKEEP_NS;
        for (uint32_t i = 0; i < t->fleet->count; i++) {
            flow_tick(t->fleet, &t->fleet->flows[i], now / 1000);
        }
    }
    if (t->plan->label && now >= t->progress_ns) {
        t->progress_ns = now + PROGRESS_NS;
        fprintf(stderr, "\r\033[K%s: %.1f s of %.1f, sent %llu, lost %.3f %%", t->plan->label,
                (double)(now - t->start_ns) / 1e9, (double)(t->to_ns - t->start_ns) / 1e9,
                (unsigned long long)traffic_sent(t->result), 100.0 * traffic_loss(t->result));
    }
}

/* Runs until the given time. */
static void run_until(struct traffic *t, uint64_t end_ns) {
    for (;;) {
        uint64_t now = now_ns(CLOCK_MONOTONIC);
        if (now >= end_ns) {
            return;
        }
        upkeep(t, now);
        unsigned sent = send_due(t);
        uint64_t due = due_ns(t) < t->to_ns && due_ns(t) < end_ns ? due_ns(t) : end_ns;
        uint64_t idle = due > now ? due - now : 0;
        /* Sleeping is too coarse for small gaps, and would let one side's batches grow. */
        receive_all(t, sent == 0 && idle > SLEEP_OVER_NS ? idle - SLEEP_OVER_NS / 2 : 0);
    }
}

/* Reads on until all has come out. */
static void drain(struct traffic *t) {
    uint64_t end_ns = now_ns(CLOCK_MONOTONIC) + t->plan->drain_ns;
    for (uint64_t now;
         traffic_received(t->result) < traffic_sent(t->result) && (now = now_ns(CLOCK_MONOTONIC)) < end_ns;) {
        receive_all(t, end_ns - now);
        upkeep(t, now);
    }
}

static int prepare(struct traffic *t, struct fleet *fleet, const struct traffic_plan *plan,
                   struct traffic_result *out) {
    const struct bench_options *o = fleet->options;
    *t = (struct traffic){.fleet = fleet, .plan = plan, .result = out, .burst = o->burst, .gso = !o->no_gso};
    t->run = rng_u32();
    t->ways = fleet->kind == FLOW_TURN ? o->direction : BENCH_UP;
    t->senders = fleet->count * (t->ways == BENCH_BOTH ? 2 : 1);
    t->step = (o->burst * NS_PER_S << STEP_SHIFT) / plan->rate;
    t->buffer = calloc(o->burst, BENCH_SIZE_MAX + FLOW_HEAD_MAX);
    out->latency = malloc(sizeof *out->latency);
    if (!t->buffer || !out->latency) {
        free(t->buffer);
        traffic_result_deinit(out);
        return -ENOMEM;
    }
    histogram_init(out->latency);
    t->start_ns = now_ns(CLOCK_MONOTONIC) + 1000000;
    t->from_ns = t->start_ns + plan->warmup_ns;
    t->to_ns = t->from_ns + plan->duration_ns;
    return 0;
}

static int measure(struct traffic *t) {
    pid_t pid = (pid_t)t->fleet->options->pid;
    struct procstat_cpu before = {0}, after = {0};
    run_until(t, t->from_ns);
    int rc = pid && t->fleet->kind != FLOW_ECHO ? procstat_read_cpu(&before, pid) : 0;
    uint64_t own = now_ns(CLOCK_THREAD_CPUTIME_ID);
    run_until(t, t->to_ns);
    t->result->generator_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - own;
    drain(t);
    if (rc == 0 && pid && t->fleet->kind != FLOW_ECHO) {
        rc = procstat_read_cpu(&after, pid);
    }
    t->result->server_cpu =
        (struct procstat_cpu){after.run_ns - before.run_ns, after.wait_ns - before.wait_ns, after.threads};
    return rc;
}

int traffic_run(struct fleet *fleet, const struct traffic_plan *plan, struct traffic_result *out) {
    *out = (struct traffic_result){.asked_rate = plan->rate, .window_ns = plan->duration_ns};
    struct traffic t;
    int rc = prepare(&t, fleet, plan, out);
    if (rc < 0) {
        return rc;
    }
    rc = measure(&t);
    if (plan->label) {
        fputs("\r\033[K", stderr);
    }
    free(t.buffer);
    if (rc < 0) {
        traffic_result_deinit(out);
    }
    return rc;
}
