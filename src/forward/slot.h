/* The way out: one recvonly media section of a receiver. Whatever is shown in it, what is sent is one continuous stream:
 * fixed SSRCs, sequence numbers without gaps of our making, timestamps that go on as time does, picture ids that count up.
 *
 * A packet of a publication goes through slot_accept of each of its slots, which decides and gives it a number, and
 * slot_write, which writes its header where it will be sent from. In between it may wait (a pacer): slot_lookup finds it
 * again. Nothing here allocates but slot_bind. A slot without binding holds no memory beyond itself. */
#pragma once

#include "forward/history.h"
#include "forward/publication.h"
#include "proto/rtcp/packet.h"
#include "proto/rtcp/report.h"
#include "proto/rtp/continuity.h"
#include "proto/srtp/srtp.h"

enum {
    SLOT_MID_MAX = 16,
    SLOT_ERAS = 4,               /* sources and layers whose packets can still be repeated */
    SLOT_HEADER_BYTES_MAX = 256, /* what slot_write writes, at most */
};

/* What a media section negotiated. */
struct slot_payloads {
    uint8_t of[MEDIA_CODECS];  /* payload type; 0: not negotiated */
    uint8_t rtx[MEDIA_CODECS]; /* RTX of each; 0: none */
    uint8_t red;               /* RED of Opus; 0: it is unwrapped */
};

/* Shared by the slots of one transport. */
struct slot_transport {
    struct rtp_ext_profile ext;
    const char *cname;      /* borrowed */
    uint64_t unix_us;       /* to be added to now_us for microseconds since 1970; never changes */
    uint32_t ssrc;          /* of our RTCP */
    uint16_t transport_seq; /* of the next packet */
};

struct slot_options {
    struct slot_transport *transport; /* outlives the slot */
    const char *mid;
    const struct slot_payloads *payloads; /* copied */
    uint32_t ssrc, rtx_ssrc;              /* rtx_ssrc 0: no RTX */
    uint16_t first_seq, first_rtx_seq;    /* random, below 32768 (RFC 3711) */
    uint32_t first_timestamp;             /* random */
};

/* A stretch of one encoding in a slot: how its numbers are moved. */
struct slot_era {
    struct encoding *encoding;
    uint32_t timestamp_offset;
    uint8_t tl0_offset, keyidx_offset;
};

/* What is wanted; -1: nothing. */
struct slot_target {
    int8_t spatial;  /* index of the encoding; of the layer when there is one with several */
    int8_t temporal; /* highest temporal layer */
};

struct slot {
    struct list in_publication;
    struct slot_transport *transport;
    struct publication *publication; /* NULL: unbound */
    struct encoding *current;        /* that is sent; NULL: none yet */
    struct encoding *next;           /* that is wanted; NULL: none */
    struct history *history;         /* NULL: unbound */
    struct slot_target target;
    char mid[SLOT_MID_MAX + 1];
    struct slot_payloads payloads;
    uint32_t ssrc, rtx_ssrc;
    bool reported; /* a receiver report came: mid is no longer sent */

    struct slot_era eras[SLOT_ERAS];
    uint8_t era;       /* the current one is eras[era % SLOT_ERAS] */
    uint8_t era_first; /* the oldest that may be repeated */
    uint8_t sid, tid;  /* highest layers that are sent now */
    struct rtp_continuity continuity;
    uint16_t source_seq;       /* highest seen of the current era */
    uint32_t source_timestamp; /* of the picture that is going on */
    bool picture_sent;         /* something of it was */
    bool picture_skipped;

    uint16_t last_seq, rtx_seq;
    uint32_t last_timestamp; /* sent */
    uint64_t last_capture_us, last_sent_us;
    bool started;

    uint32_t packets, bytes; /* sent, of payload, as sender reports count */
    uint64_t report_us;      /* of the next sender report */
    uint64_t rtt_us;         /* 0: not known */
    uint8_t fraction_lost;   /* of the last report, of 256 */
};

void slot_init(struct slot *s, const struct slot_options *options);
/* Shows another publication, or none (NULL); what is sent of it slot_set_target says: nothing at first. -ENOTSUP: its
 * codec was not negotiated; -ENOMEM; then the slot is as it was. */
int slot_bind(struct slot *s, struct publication *p, uint64_t now_us);
static inline void slot_unbind(struct slot *s, uint64_t now_us) { slot_bind(s, NULL, now_us); }
/* Up: what is sent stays until the key frame (of a temporal layer: its first frame). Down: at once. */
void slot_set_target(struct slot *s, struct slot_target target, uint64_t now_us);

/* Is this packet sent, and with which number? -EAGAIN: not now (another encoding, a higher layer, no key frame yet).
 * -ENOENT: nothing is bound. */
int slot_accept(struct slot *s, const struct media_packet *p, uint64_t now_us, uint16_t *seq);

struct slot_room {
    uint8_t *buf;
    size_t cap;      /* SLOT_HEADER_BYTES_MAX, the packet's length and SRTP_OVERHEAD_MAX */
    uint64_t now_us; /* when it is sent */
};

struct slot_packet {
    struct srtp_slot srtp;  /* for srtp_session_protect_slot; rest is borrowed from the packet */
    uint16_t transport_seq; /* for the estimator, when has_transport_seq */
    bool has_transport_seq;
    bool repeated;
};

/* Writes what goes out for an accepted packet. -ENOENT: the number is too old, or the slot shows something else;
 * -ENOBUFS. */
int slot_write(struct slot *s, uint16_t seq, const struct media_packet *p, const struct slot_room *room,
               struct slot_packet *out);
/* The packet of a number again, out of the cache, as long as it is there: for slot_write after a wait. -ENOENT. */
int slot_lookup(struct slot *s, uint16_t seq, struct media_packet *out, uint64_t now_us);
/* Repeats a number by RTX. -ENOENT: not there any more, or no RTX; -EALREADY: was repeated within the round trip. */
int slot_repeat(struct slot *s, uint16_t seq, const struct slot_room *room, struct slot_packet *out);

/* A block of a report about this slot. */
void slot_note_report(struct slot *s, const struct rtcp_block *block, uint64_t now_us);
/* PLI or FIR. */
void slot_want_key(struct slot *s);
/* Writes a sender report and the CNAME when one is due: once a second, while something is sent. */
void slot_write_report(struct slot *s, struct writer *w, uint64_t now_us);
