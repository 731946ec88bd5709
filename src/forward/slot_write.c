#include "forward/slot.h"
#include "forward/slot_internal.h"

#include "proto/rtp/red.h"

#include <errno.h>

enum { FOLLOWS = 0x80 };

/* What is written of a packet, before its header. */
struct draft {
    const struct media_packet *packet;
    const struct slot_era *era;
    const struct history_entry *entry;
    const uint8_t *payload; /* of what is sent, without unwanted redundancy */
    size_t len;
    size_t copied; /* bytes of payload that are rewritten, and so written */
    struct rtp_header header;
    bool red;
};

/* Payload and payload type that this receiver takes. */
static int choose_payload(const struct slot *s, struct draft *d) {
    const struct media_packet *p = d->packet;
    struct rtp_red red;
    d->payload = p->rtp.payload;
    d->len = p->rtp.payload_len;
    d->header.payload_type = s->payloads.of[p->codec];
    if (p->codec == MEDIA_VP8 || p->codec == MEDIA_VP9) {
        d->copied = p->codec == MEDIA_VP8 ? p->frame.vp8.size : p->frame.vp9.size;
    }
    if (p->red) {
        if (rtp_red_parse(&red, d->payload, d->len) < 0) {
            return -EBADMSG;
        }
        const struct rtp_red_block *primary = &red.blocks[red.count - 1];
        d->red = s->payloads.red != 0;
        if (d->red) {
            d->header.payload_type = s->payloads.red;
            d->copied = (size_t)(red.blocks[0].data - d->payload);
        } else {
            d->payload = primary->data;
            d->len = primary->len;
        }
    }
    return 0;
}

/* The rewritten start of the payload. */
static void write_payload(const struct slot *s, const struct draft *d, struct writer *w) {
    uint8_t *at = writer_reserve(w, d->copied);
    const struct media_packet *p = d->packet;
    if (!at || d->copied == 0) {
        return;
    }
    memcpy(at, d->payload, d->copied);
    struct rtp_picture_offsets by = {d->entry->id_offset, d->era->tl0_offset, d->era->keyidx_offset};
    if (d->red) {
        for (size_t i = 0; i < d->copied; i += at[i] & FOLLOWS ? 4 : d->copied) {
            at[i] = (uint8_t)((at[i] & FOLLOWS) | s->payloads.of[MEDIA_OPUS]);
        }
    } else if (p->codec == MEDIA_VP8) {
        rtp_picture_move_vp8(&by, &p->frame.vp8, at);
    } else if (p->codec == MEDIA_VP9) {
        rtp_picture_move_vp9(&by, &p->frame.vp9, at);
    }
}

/* The numbers that each sending makes anew. */
struct fresh {
    uint8_t transport_seq[2], send_time[3];
};

static void fill_extensions(struct slot *s, const struct media_packet *p, struct rtp_ext_values *v, struct fresh *f,
                            uint64_t now_us) {
    static const uint8_t passed[] = {RTP_EXT_AUDIO_LEVEL, RTP_EXT_VIDEO_ORIENTATION, RTP_EXT_PLAYOUT_DELAY,
                                     RTP_EXT_CONTENT_TYPE, RTP_EXT_ABS_CAPTURE_TIME};
    *v = (struct rtp_ext_values){0};
    for (size_t i = 0; i < sizeof passed; i++) {
        v->of[passed[i]] = p->ext.of[passed[i]];
    }
    if (!s->reported) {
        v->of[RTP_EXT_MID] = (struct rtp_ext_value){(const uint8_t *)s->mid, (uint8_t)strlen(s->mid)};
    }
    v->of[RTP_EXT_TRANSPORT_SEQ] = (struct rtp_ext_value){
        f->transport_seq, rtp_transport_seq_write(f->transport_seq, s->transport->transport_seq)};
    v->of[RTP_EXT_ABS_SEND_TIME] =
        (struct rtp_ext_value){f->send_time, rtp_send_time_write(f->send_time, rtp_send_time_of(now_us))};
}

/* original: NULL, or the number that an RTX packet repeats. */
static int write_packet(struct slot *s, struct draft *d, const uint16_t *original, const struct slot_room *room,
                        struct slot_packet *out) {
    const struct rtp_ext_profile *profile = &s->transport->ext;
    struct rtp_ext_values values;
    struct fresh fresh;
    struct writer w;
    fill_extensions(s, d->packet, &values, &fresh, room->now_us);
    writer_init(&w, room->buf, room->cap);
    d->header.timestamp = d->packet->rtp.timestamp + d->era->timestamp_offset;
    d->header.marker = d->packet->rtp.marker || d->entry->marker;
    d->header.csrc_count = 1;
    d->header.csrcs = &s->publication->number;
    d->header.extension = rtp_ext_bytes(profile, &values) > 0;
    rtp_header_write(&w, &d->header);
    rtp_ext_write(&w, profile, &values);
    *out = (struct slot_packet){.repeated = original, .transport_seq = s->transport->transport_seq};
    out->srtp = (struct srtp_slot){.packet = room->buf, .cap = room->cap, .header_len = w.len};
    if (original) {
        writer_u16(&w, *original);
    }
    write_payload(s, d, &w);
    out->srtp.written_len = w.len;
    out->srtp.rest = d->len > d->copied ? d->payload + d->copied : NULL;
    out->srtp.rest_len = d->len - d->copied;
    if (w.failed || w.len + out->srtp.rest_len + SRTP_OVERHEAD_MAX > room->cap) {
        return -ENOBUFS;
    }
    out->has_transport_seq = profile->id_of[RTP_EXT_TRANSPORT_SEQ] != 0;
    s->transport->transport_seq = (uint16_t)(s->transport->transport_seq + out->has_transport_seq);
    return 0;
}

/* What is known of a number that was sent. NULL: too old, or of another publication. */
static struct history_entry *find(struct slot *s, uint16_t seq) {
    if (!s->publication || !history_has(s->history, seq)) {
        return NULL;
    }
    struct history_entry *e = history_at(s->history, seq);
    return e->state == HISTORY_SENT && slot_era_is_kept(s, e->era) && slot_era_of(s, e->era)->encoding ? e : NULL;
}

int slot_write(struct slot *s, uint16_t seq, const struct media_packet *p, const struct slot_room *room,
               struct slot_packet *out) {
    struct history_entry *e = find(s, seq);
    if (!e || e->source_seq != p->rtp.seq) {
        return -ENOENT;
    }
    struct draft d = {.packet = p, .entry = e, .era = slot_era_of(s, e->era)};
    d.header.ssrc = s->ssrc;
    d.header.seq = seq;
    int rc = choose_payload(s, &d);
    rc = rc < 0 ? rc : write_packet(s, &d, NULL, room, out);
    if (rc == 0) {
        s->packets++;
        s->bytes += (uint32_t)d.len;
    }
    return rc;
}

int slot_lookup(struct slot *s, uint16_t seq, struct media_packet *out, uint64_t now_us) {
    struct history_entry *e = find(s, seq);
    struct cache_packet cached;
    if (!e) {
        return -ENOENT;
    }
    *out = (struct media_packet){.encoding = slot_era_of(s, e->era)->encoding};
    if (cache_get(out->encoding->cache, e->source_seq, now_us, &cached) < 0 ||
        rtp_packet_parse(&out->rtp, cached.data, cached.len) < 0 ||
        rtp_ext_collect(&out->ext, s->publication->ext, &out->rtp) < 0) {
        return -ENOENT;
    }
    const struct publication_payload *payload = &s->publication->payloads[out->rtp.payload_type];
    out->data = cached.data;
    out->len = cached.len;
    out->codec = payload->codec;
    out->red = payload->red;
    if (!out->encoding->opaque && (out->codec == MEDIA_VP8 || out->codec == MEDIA_VP9)) {
        static const struct rtp_ext_value none;
        return media_frame_read(&out->frame, out->codec, &out->rtp, &(struct media_dependency){.value = &none});
    }
    return 0;
}

int slot_repeat(struct slot *s, uint16_t seq, const struct slot_room *room, struct slot_packet *out) {
    enum { BETWEEN_MS_MIN = 10 };
    struct media_packet p;
    if (s->rtx_ssrc == 0 || slot_lookup(s, seq, &p, room->now_us) < 0 || s->payloads.rtx[p.codec] == 0) {
        return -ENOENT;
    }
    struct history_entry *e = history_at(s->history, seq);
    uint16_t now_ms = (uint16_t)(room->now_us / 1000);
    uint64_t between_ms = s->rtt_us / 1000 > BETWEEN_MS_MIN ? s->rtt_us / 1000 : BETWEEN_MS_MIN;
    if (e->resent && (uint16_t)(now_ms - e->resent_ms) < between_ms) {
        return -EALREADY;
    }
    struct draft d = {.packet = &p, .entry = e, .era = slot_era_of(s, e->era)};
    int rc = choose_payload(s, &d);
    d.header.ssrc = s->rtx_ssrc;
    d.header.seq = s->rtx_seq;
    d.header.payload_type = s->payloads.rtx[p.codec];
    rc = rc < 0 ? rc : write_packet(s, &d, &seq, room, out);
    if (rc == 0) {
        s->rtx_seq++;
        e->resent_ms = now_ms;
        e->resent = 1;
    }
    return rc;
}
