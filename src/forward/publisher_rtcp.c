#include "forward/publisher.h"

#include "proto/rtcp/feedback.h"
#include "proto/rtcp/ntp.h"
#include "proto/rtcp/report.h"

#include <errno.h>

enum { NACKS_AT_ONCE = 16 };

static struct encoding *find_encoding(struct publisher *p, uint32_t ssrc) {
    for (unsigned i = 0; i < p->source_count; i++) {
        if (p->sources[i].ssrc == ssrc && !p->sources[i].rtx) {
            return p->sources[i].encoding;
        }
    }
    return NULL;
}

/* The report that was least delayed tells the clocks' difference; what is later moves it slowly, for clocks drift. */
static void note_clock(struct encoding_clock *c, uint64_t ntp_us, uint64_t now_us) {
    int64_t offset = (int64_t)(now_us - ntp_us);
    if (!c->known || offset < c->offset_us || offset - c->offset_us > 1000000) {
        c->offset_us = offset;
    } else {
        c->offset_us += (offset - c->offset_us) / 64;
    }
    c->known = true;
}

int publisher_input_rtcp(struct publisher *p, const uint8_t *data, size_t len, uint64_t now_us) {
    struct reader r;
    struct rtcp_packet packet;
    struct rtcp_report report;
    int rc;
    reader_init(&r, data, len);
    while ((rc = rtcp_next(&packet, &r)) == 0) {
        if (packet.type != RTCP_SR || rtcp_report_parse(&report, &packet) < 0) {
            continue;
        }
        struct encoding *e = find_encoding(p, report.ssrc);
        if (e && report.sender.ntp != 0) {
            note_clock(&p->clock, rtcp_ntp_to_unix_us(report.sender.ntp), now_us);
            encoding_note_report(e, report.sender.ntp, report.sender.rtp_timestamp, now_us);
        }
    }
    return rc == -ENOENT ? 0 : rc;
}

static unsigned collect_blocks(struct publisher *p, struct rtcp_block *blocks, uint64_t now_us) {
    unsigned count = 0;
    for (unsigned i = 0; i < p->source_count && count < RTCP_COUNT_MAX; i++) {
        struct encoding *e = p->sources[i].encoding;
        if (!p->sources[i].rtx && e->receipt.unwrap.started) {
            blocks[count++] = receipt_report(&e->receipt, e->ssrc, now_us);
        }
    }
    return count;
}

/* Every compound packet begins with a report (RFC 3550 section 6.1), an empty one between those that are due. */
static void begin_compound(struct publisher *p, struct writer *w, bool due, uint64_t now_us) {
    struct rtcp_block blocks[RTCP_COUNT_MAX];
    struct rtcp_report report = {.ssrc = p->ssrc};
    if (w->len > 0) {
        return;
    }
    if (due) {
        report.block_count = (uint8_t)collect_blocks(p, blocks, now_us);
        p->report_us = now_us + PUBLISHER_REPORT_US;
    }
    rtcp_report_write(w, &report, blocks);
}

static void write_requests(struct publisher *p, struct publication *publication, struct writer *w, uint64_t now_us) {
    unsigned keys = publication_keys_due(publication, now_us);
    for (unsigned i = 0; i < publication->encoding_count; i++) {
        struct encoding *e = &publication->encodings[i];
        uint16_t seqs[NACKS_AT_ONCE];
        size_t count = missing_due(&e->missing, now_us, p->rtt_us, seqs, NACKS_AT_ONCE);
        if (count > 0 && e->wanted > 0) {
            begin_compound(p, w, false, now_us);
            rtcp_nack_write(w, &(struct rtcp_nack){p->ssrc, e->ssrc, seqs, count});
        }
        if (keys & 1U << i) {
            begin_compound(p, w, false, now_us);
            rtcp_pli_write(w, p->ssrc, e->ssrc);
        }
    }
}

void publisher_write_rtcp(struct publisher *p, struct writer *w, uint64_t now_us) {
    enum { ROOM_BYTES = 400 }; /* for the requests of one publication */
    if (now_us >= p->report_us) {
        begin_compound(p, w, true, now_us);
    }
    LIST_FOREACH(node, &p->publications) {
        if (w->cap - w->len < ROOM_BYTES) {
            break;
        }
        write_requests(p, LIST_ENTRY(node, struct publication, in_publisher), w, now_us);
    }
}
