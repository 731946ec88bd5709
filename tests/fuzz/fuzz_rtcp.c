/* RTCP datagrams: every part inside the input, every list within its room; transport-wide feedback costs no more steps
 * than its bytes allow, and written anew it reads the same.
 * covers: src/proto/rtcp/packet.c src/proto/rtcp/report.c src/proto/rtcp/feedback.c src/proto/rtcp/twcc.c
 * covers: src/proto/rtcp/twcc_write.c */
#include "proto/rtcp/report.h"
#include "proto/rtcp/twcc.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIST = 64, ARRIVALS_MAX = 2048, OUT_BYTES = 16384 };

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void read_reports(const struct rtcp_packet *p) {
    static uint8_t out[OUT_BYTES];
    struct rtcp_block blocks[RTCP_COUNT_MAX];
    struct rtcp_report report, again;
    struct rtcp_packet q;
    struct rtcp_cname names[LIST];
    uint32_t ssrcs[LIST];
    struct reader r;
    struct writer w;
    check(rtcp_sdes_cnames(p, names, LIST) <= RTCP_COUNT_MAX && rtcp_bye_sources(p, ssrcs, LIST) <= RTCP_COUNT_MAX);
    if (rtcp_report_parse(&report, p) < 0) {
        return;
    }
    for (size_t i = 0; i < report.block_count; i++) {
        blocks[i] = rtcp_report_block(&report, i);
    }
    writer_init(&w, out, sizeof out);
    rtcp_report_write(&w, &report, blocks);
    reader_init(&r, out, w.len);
    check(!w.failed && rtcp_next(&q, &r) == 0 && rtcp_report_parse(&again, &q) == 0);
    check(q.len <= p->len && memcmp(q.body, p->body, q.len) == 0);
}

static void write_twcc(const struct rtcp_twcc_arrival *arrivals, size_t count) {
    static uint8_t out[OUT_BYTES];
    struct rtcp_twcc_out feedback = {.arrivals = arrivals, .count = count};
    struct rtcp_packet p;
    struct rtcp_feedback f;
    struct rtcp_twcc t;
    struct rtcp_twcc_iter it;
    struct rtcp_twcc_step step;
    struct reader r;
    struct writer w;
    writer_init(&w, out, sizeof out);
    size_t told = rtcp_twcc_write(&w, &feedback, sizeof out), i = 0;
    check(told > 0 && told <= count && !w.failed);
    reader_init(&r, out, w.len);
    check(rtcp_next(&p, &r) == 0 && rtcp_feedback_parse(&f, &p) == 0 && rtcp_twcc_parse(&t, &f) == 0);
    rtcp_twcc_begin(&it, &t);
    while (rtcp_twcc_next(&it, &step)) {
        if (step.received) {
            check(i < told && step.seq == arrivals[i].seq && step.arrival_us == arrivals[i].arrival_us);
            i++;
        }
    }
    check(i == told);
}

static void read_twcc(const struct rtcp_feedback *f) {
    static struct rtcp_twcc_arrival arrivals[ARRIVALS_MAX];
    struct rtcp_twcc t;
    struct rtcp_twcc_iter it;
    struct rtcp_twcc_step step;
    size_t steps = 0, packets = 0, received = 0;
    bool sound = true;
    if (rtcp_twcc_parse(&t, f) < 0) {
        return;
    }
    rtcp_twcc_begin(&it, &t);
    while (rtcp_twcc_next(&it, &step)) {
        steps++;
        packets += step.count;
        check(step.count > 0 && (!step.received || step.count == 1));
        if (step.received && received < ARRIVALS_MAX) {
            sound = sound && step.arrival_us >= 0;
            arrivals[received++] = (struct rtcp_twcc_arrival){step.seq, step.arrival_us};
        }
    }
    check(packets == t.status_count && steps <= 14 * f->len && it.delta <= t.end);
    if (received > 0 && sound) {
        write_twcc(arrivals, received);
    }
}

static void read_feedback(const struct rtcp_packet *p) {
    struct rtcp_feedback f;
    struct rtcp_fir fir[LIST];
    struct rtcp_remb remb;
    uint16_t seqs[LIST];
    if (rtcp_feedback_parse(&f, p) < 0) {
        return;
    }
    check(rtcp_nack_sequences(&f, seqs, LIST) <= LIST && rtcp_fir_entries(&f, fir, LIST) <= LIST);
    if (rtcp_remb_parse(&remb, &f) == 0 && remb.ssrc_count > 0) {
        check(remb.ssrcs + (size_t)4 * remb.ssrc_count <= f.items + f.len);
    }
    read_twcc(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rtcp_packet p;
    struct reader r;
    reader_init(&r, data, size);
    while (rtcp_next(&p, &r) == 0) {
        check(p.body >= data && p.body + p.len <= data + size);
        read_reports(&p);
        read_feedback(&p);
    }
    return 0;
}
