#include "forward/slot.h"

#include "forward/feedback.h"
#include "proto/rtcp/ntp.h"

#include <errno.h>

enum { REPORT_US = 1000000, IDLE_US = 2000000 };

void slot_note_report(struct slot *s, const struct rtcp_block *block, uint64_t now_us) {
    s->reported = true;
    s->fraction_lost = block->fraction_lost;
    if (block->last_sr != 0) {
        uint32_t now = rtcp_ntp_middle(rtcp_ntp_of_unix_us(now_us + s->transport->unix_us));
        s->rtt_us = rtcp_round_trip_us(now, block->last_sr, block->delay_since_sr);
    }
}

void slot_write_report(struct slot *s, struct writer *w, uint64_t now_us) {
    if (!s->current || !s->started || now_us < s->report_us || now_us - s->last_sent_us > IDLE_US) {
        return;
    }
    s->report_us = now_us + REPORT_US;
    int64_t since_us = (int64_t)(now_us - s->last_capture_us);
    int64_t ahead = since_us * (int64_t)s->current->receipt.clock_hz / 1000000;
    struct rtcp_report report = {.ssrc = s->ssrc,
                                 .is_sender = true,
                                 .sender = {.ntp = rtcp_ntp_of_unix_us(now_us + s->transport->unix_us),
                                            .rtp_timestamp = s->last_timestamp + (uint32_t)ahead,
                                            .packets = s->packets,
                                            .bytes = s->bytes}};
    rtcp_report_write(w, &report, NULL);
    struct rtcp_cname cname = {s->ssrc, s->transport->cname, (uint8_t)strlen(s->transport->cname)};
    rtcp_sdes_write(w, &cname);
}

static struct slot *find_slot(const struct feedback *f, uint32_t ssrc) {
    for (unsigned i = 0; i < f->slot_count; i++) {
        if (f->slots[i]->ssrc == ssrc) {
            return f->slots[i];
        }
    }
    return NULL;
}

static void input_report(const struct feedback *f, const struct rtcp_packet *p, uint64_t now_us) {
    struct rtcp_report report;
    if (rtcp_report_parse(&report, p) < 0) {
        return;
    }
    for (size_t i = 0; i < report.block_count; i++) {
        struct rtcp_block block = rtcp_report_block(&report, i);
        struct slot *s = find_slot(f, block.ssrc);
        if (s) {
            slot_note_report(s, &block, now_us);
        }
    }
}

static void input_nack(const struct feedback *f, const struct rtcp_feedback *message) {
    uint16_t seqs[FEEDBACK_REPEATS_MAX];
    struct slot *s = find_slot(f, message->media);
    long count = s ? rtcp_nack_sequences(message, seqs, FEEDBACK_REPEATS_MAX) : 0;
    for (long i = 0; i < count; i++) {
        f->repeat(f->ctx, s, seqs[i]);
    }
}

static void input_fir(const struct feedback *f, const struct rtcp_feedback *message) {
    struct rtcp_fir entries[RTCP_COUNT_MAX];
    long count = rtcp_fir_entries(message, entries, RTCP_COUNT_MAX);
    for (long i = 0; i < count; i++) {
        struct slot *s = find_slot(f, entries[i].ssrc);
        if (s) {
            slot_want_key(s);
        }
    }
}

static void input_payload_feedback(const struct feedback *f, unsigned format, const struct rtcp_feedback *message) {
    struct rtcp_remb remb;
    struct slot *s = find_slot(f, message->media);
    if (format == RTCP_PSFB_PLI && s) {
        slot_want_key(s);
    } else if (format == RTCP_PSFB_FIR) {
        input_fir(f, message);
    } else if (format == RTCP_PSFB_AFB && rtcp_remb_parse(&remb, message) == 0) {
        f->remb(f->ctx, remb.bitrate_bps);
    }
}

int feedback_input(const struct feedback *f, const uint8_t *data, size_t len, uint64_t now_us) {
    struct reader r;
    struct rtcp_packet p;
    struct rtcp_feedback message;
    int rc;
    reader_init(&r, data, len);
    while ((rc = rtcp_next(&p, &r)) == 0) {
        if (p.type == RTCP_SR || p.type == RTCP_RR) {
            input_report(f, &p, now_us);
        } else if (rtcp_feedback_parse(&message, &p) < 0) {
            continue;
        } else if (p.type == RTCP_PSFB) {
            input_payload_feedback(f, p.count, &message);
        } else if (p.count == RTCP_RTPFB_NACK) {
            input_nack(f, &message);
        } else if (p.count == RTCP_RTPFB_TWCC) {
            f->transport(f->ctx, &message);
        }
    }
    return rc == -ENOENT ? 0 : rc;
}
