/* One stream of a publication: the only one, one of simulcast, or one with several layers in it (SVC). Made and freed by
 * its publication. */
#pragma once

#include "forward/cache.h"
#include "forward/media.h"
#include "forward/missing.h"
#include "forward/rate.h"
#include "forward/receipt.h"

enum { ENCODING_RID_MAX = 16 };

/* The sender's clock as its reports show it: NTP time to the server's. */
struct encoding_clock {
    int64_t offset_us; /* to be added to NTP time, in microseconds since 1970 */
    bool known;
};

struct encoding {
    struct publication *publication;
    struct cache *cache;
    uint32_t ssrc, rtx_ssrc; /* 0: not known yet */
    char rid[ENCODING_RID_MAX + 1];
    uint8_t index;                           /* in the publication, small to large */
    bool opaque;                             /* end-to-end encrypted */
    bool want_key;                           /* a key frame is waited for */
    bool has_report;                         /* an SR came; the two below */
    uint8_t spatial_layers, temporal_layers; /* seen */
    uint16_t width, height;                  /* of the highest layer; 0: not known */
    uint16_t wanted;                         /* slots that want it */
    uint64_t unwanted_us;                    /* since when nobody does */
    uint64_t last_us;                        /* when a packet came */
    uint32_t report_timestamp;
    uint64_t report_us; /* NTP time, in microseconds since 1970 */
    struct receipt receipt;
    struct missing missing;
    struct rate rates[MEDIA_SPATIAL_MAX][MEDIA_TEMPORAL_MAX];
    struct dependency_structure dependency;
};

/* Another SSRC: the stream begins anew. */
void encoding_begin(struct encoding *e, uint32_t ssrc);
/* The clock of the codec is set by the first packet. A packet that was parsed, without rewriting: fills the rest of out.
 * -EALREADY: a duplicate; -EBADMSG: its payload is none of the codec's. */
int encoding_input(struct encoding *e, struct media_packet *out, bool repeated, uint64_t now_us);
/* A sender report of its. */
void encoding_note_report(struct encoding *e, uint64_t ntp, uint32_t timestamp, uint64_t now_us);
/* When the moment of a timestamp was, on the server's clock; fallback_us when no report tells. */
uint64_t encoding_time_of(const struct encoding *e, uint32_t timestamp, const struct encoding_clock *clock,
                          uint64_t fallback_us);
