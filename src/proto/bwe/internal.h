/* Shared by the files of this folder. */
#pragma once

#include "proto/bwe/bwe.h"
#include "proto/bwe/trend.h"

enum {
    MEASURE_BUCKETS = 20, /* of MEASURE_BUCKET_US, by arrival */
    MEASURE_BUCKET_US = 25000,
    PROBES_MAX = 2, /* whose feedback is awaited */
};

enum packet_state { PACKET_FREE, PACKET_FLYING, PACKET_LOST, PACKET_LANDED };

struct sent_packet {
    uint64_t send_us;
    uint16_t seq;
    uint16_t bytes;
    uint8_t probe;
    uint8_t state;
};

/* What has come, by time of arrival. */
struct measure {
    int64_t newest; /* number of the newest bucket */
    int64_t oldest; /* of the first ever */
    uint32_t bytes[MEASURE_BUCKETS];
    bool used;
};

/* The standing queue. */
struct queue_watch {
    int64_t base_us[2];     /* least delay of this and the last ten seconds; clocks differ: of no meaning alone */
    uint64_t base_since_us; /* when this ten seconds began */
    int64_t least_us;       /* of the feedback being read, */
    int64_t sum_us;         /* above its first packet's delay, */
    int64_t first_us;
    unsigned packets; /* in it */
    bool used;
    double standing_ms;
    double usual_ms, deviation_ms; /* of the standing queue, lately: what the path's jitter looks like */
    double spread_ms;              /* mean delay above the least: jitter */
    double limit_ms;               /* above: overuse */
};

struct loss_watch {
    uint32_t lost, total; /* since the last look */
    uint64_t looked_us;
    double loss, own;
    bool used;
};

struct probe_run {
    uint8_t number; /* 0: free */
    uint8_t packets, landed, lost;
    uint32_t sent_bytes, landed_bytes;
    uint32_t last_sent_bytes, first_landed_bytes;
    uint64_t begun_us, first_send_us, last_send_us;
    int64_t first_arrival_us, last_arrival_us;
    uint64_t rate_bps;
    uint32_t bytes; /* to be sent */
};

struct probing {
    struct probe_run runs[PROBES_MAX];
    uint64_t next_us;
    uint64_t pause_us; /* after a probe that found nothing */
    uint8_t number;    /* of the last one */
};

struct bwe {
    struct bwe_options options;
    double estimate_bps;
    double link_bps, link_deviation; /* where it was full lately; 0: unknown */
    uint64_t wanted_bps;
    uint64_t rtt_us;
    uint64_t changed_us;   /* the estimate was looked at */
    uint64_t decreased_us; /* it was lowered */
    uint64_t overused_us;  /* overuse was seen last */
    uint64_t heard_us;     /* last feedback */
    uint64_t sent_us;      /* last packet */
    bool draining;         /* lowered, and the queue is not gone yet */
    enum bwe_usage usage;
    struct bwe_trend trend;
    struct measure measure;
    struct queue_watch queue;
    struct loss_watch loss;
    struct probing probing;
    struct sent_packet packets[BWE_PACKETS_MAX];
};

/* measure.c */
void measure_add(struct measure *m, int64_t arrival_us, uint32_t bytes);
double measure_bps(const struct measure *m); /* 0: not enough yet */
void queue_init(struct queue_watch *q);
void queue_begin(struct queue_watch *q);
void queue_add(struct queue_watch *q, int64_t send_us, int64_t arrival_us);
void queue_end(struct queue_watch *q, uint64_t now_us, uint64_t elapsed_us);
/* More than the path's own jitter: a trend upwards counts. */
bool queue_unusual(const struct queue_watch *q);
bool queue_too_long(const struct queue_watch *q);
void loss_end(struct loss_watch *l, uint64_t now_us, double queue_ms);

/* probe.c */
void probe_sent(struct bwe *b, const struct bwe_sending *packet);
void probe_landed(struct bwe *b, const struct sent_packet *packet, int64_t arrival_us);
void probe_lost(struct bwe *b, const struct sent_packet *packet);
/* Evaluates runs that are over. Returns the best rate they found, or 0. */
double probe_result(struct bwe *b, uint64_t now_us);
void probe_after_decrease(struct bwe *b, uint64_t now_us);

/* rate.c: the next estimate, after a feedback. */
void rate_update(struct bwe *b, uint64_t now_us);
void rate_limit(struct bwe *b);
