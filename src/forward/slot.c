#include "forward/slot.h"

#include "base/text.h"
#include "forward/slot_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void slot_init(struct slot *s, const struct slot_options *options) {
    *s = (struct slot){
        .transport = options->transport,
        .payloads = *options->payloads,
        .ssrc = options->ssrc,
        .rtx_ssrc = options->rtx_ssrc,
        .last_seq = (uint16_t)(options->first_seq - 1),
        .rtx_seq = options->first_rtx_seq,
        .last_timestamp = options->first_timestamp,
        .target = {-1, -1},
    };
    list_init(&s->in_publication);
    text_copy(s->mid, sizeof s->mid, options->mid, strlen(options->mid));
}

/* The codec is known once a packet came; until then every binding is taken. */
static bool speaks(const struct slot *s, const struct publication *p) {
    return !p->started || s->payloads.of[p->codec] != 0;
}

static void set_next(struct slot *s, struct encoding *next, uint64_t now_us) {
    if (s->next == next) {
        return;
    }
    if (next) {
        publication_want(next->publication, next->index);
    }
    if (s->next) {
        publication_unwant(s->next->publication, s->next->index, now_us);
    }
    s->next = next;
}

int slot_bind(struct slot *s, struct publication *p, uint64_t now_us) {
    if (p == s->publication) {
        return 0;
    }
    if (p && !speaks(s, p)) {
        return -ENOTSUP;
    }
    if (p && !s->history && !(s->history = calloc(1, sizeof *s->history))) {
        return -ENOMEM;
    }
    set_next(s, NULL, now_us);
    list_remove(&s->in_publication);
    s->publication = p;
    s->current = NULL;
    s->target = (struct slot_target){-1, -1};
    s->era_first = ++s->era; /* the source before may end: its packets are not repeated any more */
    *slot_era_of(s, s->era) = (struct slot_era){0};
    if (p) {
        list_push_back(&p->slots, &s->in_publication);
    } else {
        s->last_seq = s->history->started ? s->history->last : s->last_seq; /* late ones may have used those above it */
        free(s->history);
        s->history = NULL;
    }
    return 0;
}

void slot_want_key(struct slot *s) {
    struct encoding *e = s->next ? s->next : s->current;
    if (e) {
        publication_want_key(e->publication, e->index);
    }
}

void slot_set_target(struct slot *s, struct slot_target target, uint64_t now_us) {
    struct publication *p = s->publication;
    bool svc = p && p->encoding_count == 1;
    struct encoding *next = NULL;
    if (p && target.spatial >= 0 && target.temporal >= 0) {
        unsigned top = p->encoding_count - 1;
        unsigned wanted = (unsigned)target.spatial < top ? (unsigned)target.spatial : top;
        next = &p->encodings[svc ? 0 : wanted];
    }
    bool higher_layer = svc && target.spatial > s->target.spatial && target.spatial > s->sid;
    s->target = target;
    set_next(s, next, now_us);
    if (s->current && (!next || next->index < s->current->index)) {
        s->current = NULL; /* down: at once */
    }
    if (next && (next != s->current || higher_layer)) {
        slot_want_key(s);
    }
}

/* ------------------------------------------------------------------ accept */

/* How far the timestamp goes on from the last packet sent: as far as the moments they show lie apart. */
static uint32_t timestamp_step(const struct slot *s, const struct media_packet *p, uint64_t now_us) {
    enum { AHEAD_US_MAX = 1000000, STEP_US_MIN = 1000 };
    int64_t apart = (int64_t)(p->capture_us - s->last_capture_us);
    int64_t most = (int64_t)(now_us - s->last_sent_us) + AHEAD_US_MAX;
    apart = apart < STEP_US_MIN ? STEP_US_MIN : apart > most ? most : apart;
    return (uint32_t)(apart * media_clock_hz(p->codec) / 1000000);
}

static void begin_era(struct slot *s, const struct media_packet *p, uint64_t now_us) {
    uint32_t timestamp = s->started ? s->last_timestamp + timestamp_step(s, p, now_us) : s->last_timestamp;
    s->era++;
    s->era_first = (uint8_t)(s->era - s->era_first) >= SLOT_ERAS ? (uint8_t)(s->era - SLOT_ERAS + 1) : s->era_first;
    *slot_era_of(s, s->era) = (struct slot_era){p->encoding, .timestamp_offset = timestamp - p->rtp.timestamp};
    rtp_continuity_switch(&s->continuity);
    s->current = p->encoding;
    s->source_seq = (uint16_t)(p->rtp.seq - 1);
    s->source_timestamp = p->rtp.timestamp - 1;
    s->tid = (uint8_t)s->target.temporal;
    s->sid = (uint8_t)s->target.spatial;
}

/* The first packet of a picture: layers change here, or with the key frame. */
static void begin_picture(struct slot *s, const struct media_packet *p) {
    const struct media_frame *f = &p->frame;
    s->source_timestamp = p->rtp.timestamp;
    s->picture_sent = s->picture_skipped = false;
    s->tid = s->target.temporal < s->tid || f->keyframe ? (uint8_t)s->target.temporal : s->tid;
    s->sid = s->target.spatial < s->sid || f->keyframe ? (uint8_t)s->target.spatial : s->sid;
    if (f->switch_up && f->tid > s->tid && f->tid <= s->target.temporal) {
        s->tid = f->tid;
    }
}

/* Spatial targets mean layers of the only encoding. */
static bool is_layered(const struct slot *s) { return s->publication->encoding_count == 1; }

static bool has_layer(const struct slot *s, const struct media_packet *p) {
    return p->rtp.payload_len > 0 && p->frame.tid <= s->tid && (!is_layered(s) || p->frame.sid <= s->sid);
}

/* A whole picture is left out: the ids of those after it close up. */
static void leave_out(struct slot *s, const struct media_packet *p) {
    if (!s->picture_sent && !s->picture_skipped && p->rtp.payload_len > 0) {
        rtp_continuity_skip(&s->continuity);
        s->picture_skipped = true;
    }
}

static struct history_entry entry_of(const struct slot *s, const struct media_packet *p) {
    bool top = is_layered(s) && p->frame.layer_end && p->frame.sid == s->sid;
    return (struct history_entry){.source_seq = p->rtp.seq,
                                  .id_offset = s->continuity.id_offset,
                                  .era = s->era,
                                  .state = HISTORY_SENT,
                                  .marker = top && !p->rtp.marker};
}

/* Numbers for what was jumped over: it may come late. What is lost in such numbers is for good. */
static void reserve(struct slot *s, const struct media_packet *p) {
    uint16_t gap = (uint16_t)(p->rtp.seq - s->source_seq - 1);
    struct history_entry first = {
        .source_seq = (uint16_t)(s->source_seq + 1), .id_offset = s->continuity.id_offset, .era = s->era};
    history_reserve(s->history, &first, gap);
}

static int accept_late(struct slot *s, const struct media_packet *p, uint16_t *seq) {
    if (history_find_reserved(s->history, p->rtp.seq, s->era, seq) < 0) {
        return -EAGAIN;
    }
    struct history_entry *at = history_at(s->history, *seq);
    if (!has_layer(s, p)) {
        at->state = HISTORY_NONE;
        return -EAGAIN;
    }
    uint16_t id_offset = at->id_offset;
    *at = entry_of(s, p);
    at->id_offset = id_offset;
    return 0;
}

/* Notes what was sent, as the next source begins from there. */
static void note_sent(struct slot *s, const struct media_packet *p, uint16_t seq, uint64_t now_us) {
    uint32_t timestamp = p->rtp.timestamp + slot_era_of(s, s->era)->timestamp_offset;
    s->last_seq = seq;
    if (!s->started || (int32_t)(timestamp - s->last_timestamp) > 0) {
        s->last_timestamp = timestamp;
        s->last_capture_us = p->capture_us;
    }
    s->last_sent_us = now_us;
    s->started = s->picture_sent = true;
}

/* Picture ids are moved when they are written; what they are moved by is settled here. */
static void settle_picture(struct slot *s, const struct media_packet *p) {
    if (p->codec == MEDIA_VP8) {
        rtp_continuity_note_vp8(&s->continuity, &p->frame.vp8);
    } else if (p->codec == MEDIA_VP9) {
        rtp_continuity_note_vp9(&s->continuity, &p->frame.vp9);
    }
    struct slot_era *era = slot_era_of(s, s->era);
    era->tl0_offset = s->continuity.tl0_offset;
    era->keyidx_offset = s->continuity.keyidx_offset;
}

static bool may_begin(const struct slot *s, const struct media_packet *p) {
    return p->encoding == s->next && p->frame.keyframe && !p->late && p->rtp.payload_len > 0 &&
           s->payloads.of[p->codec] != 0;
}

int slot_accept(struct slot *s, const struct media_packet *p, uint64_t now_us, uint16_t *seq) {
    if (s->publication != p->encoding->publication) {
        return -ENOENT;
    }
    bool other = p->encoding != s->current || p->restart;
    if (p->restart && p->encoding == s->current) {
        s->current = NULL;
    }
    if (other && !may_begin(s, p)) {
        if (p->encoding == s->next && !p->late) {
            slot_want_key(s);
        }
        return -EAGAIN;
    }
    if (other) {
        begin_era(s, p, now_us);
    } else if (p->late) {
        return accept_late(s, p, seq);
    }
    reserve(s, p);
    s->source_seq = p->rtp.seq;
    if (rtp_timestamp_newer(p->rtp.timestamp, s->source_timestamp) && p->rtp.payload_len > 0) {
        begin_picture(s, p);
    }
    if (!has_layer(s, p)) {
        leave_out(s, p);
        return -EAGAIN;
    }
    settle_picture(s, p);
    struct history_entry entry = entry_of(s, p);
    *seq = history_push(s->history, &entry, (uint16_t)(s->last_seq + 1));
    note_sent(s, p, *seq, now_us);
    return 0;
}
