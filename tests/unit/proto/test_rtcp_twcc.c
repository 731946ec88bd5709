/* Transport-wide feedback: written and read back, published forms, hostile counts. */
#include "proto/rtcp/twcc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ARRIVALS_MAX = 4096 };

static uint64_t seed = 0x7477636300000001;

static uint32_t below(uint32_t bound) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16) % bound;
}

static int parse_bytes(struct rtcp_twcc *out, const uint8_t *items, size_t len) {
    struct rtcp_feedback f = {.items = items, .len = len};
    return rtcp_twcc_parse(out, &f);
}

/* The feedback that was written, and nothing behind it. */
static void read_back(struct rtcp_twcc *out, const struct writer *w) {
    struct rtcp_packet p;
    struct rtcp_feedback f;
    struct reader r;
    assert_false(w->failed);
    reader_init(&r, w->buf, w->len);
    assert_int_equal(rtcp_next(&p, &r), 0);
    assert_int_equal(reader_left(&r), 0);
    assert_true(p.type == RTCP_RTPFB && p.count == RTCP_RTPFB_TWCC);
    assert_int_equal(rtcp_feedback_parse(&f, &p), 0);
    assert_true(f.sender == 11 && f.media == 22);
    assert_int_equal(rtcp_twcc_parse(out, &f), 0);
}

/* Is the feedback just these arrivals, with everything between them lost? */
static void compare(const struct rtcp_twcc *feedback, const struct rtcp_twcc_arrival *arrivals, size_t count) {
    struct rtcp_twcc_iter it;
    struct rtcp_twcc_step step;
    size_t i = 0;
    uint16_t expected = arrivals[0].seq;
    rtcp_twcc_begin(&it, feedback);
    while (rtcp_twcc_next(&it, &step)) {
        assert_int_equal(step.seq, expected);
        expected = (uint16_t)(expected + step.count);
        if (step.received) {
            assert_true(i < count);
            assert_int_equal(step.count, 1);
            assert_int_equal(step.seq, arrivals[i].seq);
            assert_true(step.arrival_us == arrivals[i].arrival_us / RTCP_TWCC_TICK_US * RTCP_TWCC_TICK_US);
            i++;
        } else {
            assert_true(step.count > 0);
        }
    }
    assert_int_equal(i, count);
    assert_int_equal(expected, (uint16_t)(arrivals[count - 1].seq + 1));
}

static void written_feedback_reads_the_same(void **state) {
    (void)state;
    static struct rtcp_twcc_arrival arrivals[ARRIVALS_MAX];
    static uint8_t buf[70000];
    for (int round = 0; round < 3000; round++) {
        size_t count = 1 + below(round % 10 == 0 ? ARRIVALS_MAX : 200), done = 0;
        uint32_t loss = below(4), jitter = below(3);
        uint16_t seq = (uint16_t)below(65536);
        int64_t now = (int64_t)below(1000000) * 1000;
        for (size_t i = 0; i < count; i++) {
            arrivals[i] = (struct rtcp_twcc_arrival){seq, now};
            uint32_t gap = loss == 0   ? 1
                           : loss == 1 ? 1 + below(2)
                           : loss == 2 ? 1 + below(40)
                                       : 1 + below(5) / 4 * below(9000);
            seq = (uint16_t)(seq + gap);
            now += jitter == 0 ? 1000 : jitter == 1 ? below(120000) : (int64_t)below(20000) - 9000;
            now = now < 0 ? 0 : now;
        }
        while (done < count) {
            struct rtcp_twcc_out out = {.sender = 11, .media = 22, .feedback_count = (uint8_t)done};
            struct rtcp_twcc feedback;
            struct writer w;
            size_t bytes_max = 40 + below(1200);
            out.arrivals = arrivals + done;
            out.count = count - done;
            writer_init(&w, buf, sizeof buf);
            size_t n = rtcp_twcc_write(&w, &out, bytes_max);
            assert_true(n > 0 && n <= count - done && w.len <= bytes_max && w.len % 4 == 0);
            read_back(&feedback, &w);
            assert_int_equal(feedback.feedback_count, (uint8_t)done);
            compare(&feedback, arrivals + done, n);
            done += n;
        }
    }
}

static void steady_packets_cost_little(void **state) {
    (void)state;
    struct rtcp_twcc_arrival arrivals[1000];
    uint8_t buf[1400];
    struct writer w;
    for (uint16_t i = 0; i < 1000; i++) {
        arrivals[i] = (struct rtcp_twcc_arrival){i, i * 1000};
    }
    writer_init(&w, buf, sizeof buf);
    struct rtcp_twcc_out out = {.sender = 11, .media = 22, .arrivals = arrivals, .count = 1000};
    assert_int_equal(rtcp_twcc_write(&w, &out, sizeof buf), 1000);
    assert_int_equal(w.len, 20 + 2 + 1000 + 2); /* header, one run, deltas, zeros to a whole word */
}

static void far_apart_arrivals_need_another_packet(void **state) {
    (void)state;
    const struct rtcp_twcc_arrival late[] = {{1, 1000000}, {2, 1000000 + 8191750}, {3, 1000000 + 2 * 8191750 + 250}};
    const struct rtcp_twcc_arrival gap[] = {{1, 1000}, {32768, 2000}, {0, 3000}};
    const struct rtcp_twcc_arrival half[] = {{1, 1000}, {32769, 2000}};
    uint8_t buf[1200];
    struct writer w;
    writer_init(&w, buf, sizeof buf);
    assert_int_equal(rtcp_twcc_write(&w, &(struct rtcp_twcc_out){.arrivals = late, .count = 3}, sizeof buf), 2);
    writer_init(&w, buf, sizeof buf);
    assert_int_equal(rtcp_twcc_write(&w, &(struct rtcp_twcc_out){.arrivals = gap, .count = 3}, sizeof buf), 2);
    writer_init(&w, buf, sizeof buf);
    assert_int_equal(rtcp_twcc_write(&w, &(struct rtcp_twcc_out){.arrivals = half, .count = 2}, sizeof buf), 1);
    writer_init(&w, buf, sizeof buf);
    assert_int_equal(rtcp_twcc_write(&w, &(struct rtcp_twcc_out){.arrivals = late, .count = 3}, 20), 0);
    assert_int_equal(rtcp_twcc_write(&w, &(struct rtcp_twcc_out){.arrivals = late, .count = 0}, sizeof buf), 0);
    assert_int_equal(w.len, 0);
}

/* Base 5, reference -1 (64 ms before zero). The draft's examples of chunks: 221 lost; 0 11111 000 111 00 in one bit;
 * lost, large, three small, two lost in two bits. */
static void drafts_chunks_are_read(void **state) {
    (void)state;
    static const uint8_t items[] = {0, 5, 0, 242, 0xff, 0xff, 0xff, 9, 0x00, 0xdd, 0x9f, 0x1c, 0xc9, 0x50,
                                    4, 4, 4, 4,   4,    4,    4,    4, 0xff, 0xfe, 8,    8,    8,    0};
    enum { USED = 27 };
    struct rtcp_twcc t;
    struct rtcp_twcc_iter it;
    struct rtcp_twcc_step step;
    assert_int_equal(parse_bytes(&t, items, sizeof items), 0);
    assert_true(t.base_seq == 5 && t.status_count == 242 && t.reference == -1 && t.feedback_count == 9);
    rtcp_twcc_begin(&it, &t);
    assert_true(rtcp_twcc_next(&it, &step));
    assert_true(!step.received && step.seq == 5 && step.count == 221);
    assert_true(rtcp_twcc_next(&it, &step)); /* 0x9f1c: 01 1111 0001 1100 */
    assert_true(!step.received && step.seq == 226 && step.count == 1);
    assert_true(rtcp_twcc_next(&it, &step));
    assert_true(step.received && step.seq == 227 && step.arrival_us == -64000 + 1000);
    unsigned received = 1, lost = 0;
    while (rtcp_twcc_next(&it, &step)) {
        received += step.received;
        lost += step.received ? 0U : step.count;
    }
    assert_int_equal(step.seq + step.count, 5 + 242);
    assert_true(it.ticks == -256 + 8 * 4 - 2 + 3 * 8);
    assert_int_equal(received, 12);
    assert_int_equal(received + lost + 1 + 221, 242);
    for (size_t len = 0; len < USED; len++) {
        uint8_t *exact = malloc(len + 1);
        memcpy(exact + 1, items, len);
        assert_int_equal(parse_bytes(&t, exact + 1, len), -EBADMSG);
        free(exact);
    }
}

static void claims_beyond_the_bytes_are_refused_at_once(void **state) {
    (void)state;
    static const uint8_t run_of_received[] = {0, 0, 0xff, 0xff, 0, 0, 0, 0, 0x3f, 0xff, 0, 0};
    static const uint8_t chunks_missing[] = {0, 0, 0xff, 0xff, 0, 0, 0, 0, 0x1f, 0xff, 0x1f, 0xff};
    static const uint8_t undefined_run[] = {0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x01, 0, 0, 0, 0, 0, 0};
    static const uint8_t undefined_symbol[] = {0, 0, 0, 7, 0, 0, 0, 0, 0xf0, 0x00, 0, 0, 0, 0, 0, 0};
    static const uint8_t nothing[] = {0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x01, 0, 0};
    uint8_t empty_runs[1408] = {0, 0, 0xff, 0xff};
    struct rtcp_twcc t;
    assert_int_equal(parse_bytes(&t, run_of_received, sizeof run_of_received), -EBADMSG);
    assert_int_equal(parse_bytes(&t, chunks_missing, sizeof chunks_missing), -EBADMSG);
    assert_int_equal(parse_bytes(&t, undefined_run, sizeof undefined_run), -EBADMSG);
    assert_int_equal(parse_bytes(&t, undefined_symbol, sizeof undefined_symbol), -EBADMSG);
    assert_int_equal(parse_bytes(&t, nothing, sizeof nothing), -EBADMSG);
    assert_int_equal(parse_bytes(&t, empty_runs, sizeof empty_runs), -EBADMSG);
}

static void sixty_five_thousand_lost_packets_are_nine_steps(void **state) {
    (void)state;
    uint8_t items[8 + 18] = {0, 0, 0xff, 0xff};
    struct rtcp_twcc t;
    struct rtcp_twcc_iter it;
    struct rtcp_twcc_step step;
    unsigned steps = 0, packets = 0;
    for (size_t i = 8; i < sizeof items; i += 2) {
        store_be16(items + i, 0x1fff);
    }
    assert_int_equal(parse_bytes(&t, items, sizeof items), 0);
    rtcp_twcc_begin(&it, &t);
    while (rtcp_twcc_next(&it, &step)) {
        steps++;
        packets += step.count;
    }
    assert_int_equal(steps, 9);
    assert_int_equal(packets, 65535);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_feedback_reads_the_same),
        cmocka_unit_test(steady_packets_cost_little),
        cmocka_unit_test(far_apart_arrivals_need_another_packet),
        cmocka_unit_test(drafts_chunks_are_read),
        cmocka_unit_test(claims_beyond_the_bytes_are_refused_at_once),
        cmocka_unit_test(sixty_five_thousand_lost_packets_are_nine_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
