/* Data channels on a stack of the test's own: what is opened, refused, closed and dropped. */
#include "forward/channels.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct {
    struct forward_link_events up; /* into the channels */
    uint64_t resets;
    unsigned sent, closes, inputs;
    uint32_t ppid;
    bool unordered;
    enum dcep_reliability reliability;
    uint32_t limit;
    size_t waits;
    int send_error;
} fake;

static struct {
    unsigned opened, messages, closed, gone;
    enum forward_channel_end why;
    bool close_at_once;
} told;

static struct forward_data *d;

/* ---- the stack */

static int fake_open(struct forward_data_stack *s, const struct forward_link_options *options, uint32_t *link) {
    (void)s;
    assert_false(options->active);
    fake.up = options->events;
    *link = 7;
    return 0;
}

static void fake_close(struct forward_data_stack *s, uint32_t link) {
    (void)s;
    fake.closes += link == 7;
}

static void fake_input(struct forward_data_stack *s, uint32_t link, const uint8_t *data, size_t len) {
    (void)s;
    (void)link;
    (void)data;
    (void)len;
    fake.inputs++;
}

static int fake_send(struct forward_data_stack *s, uint32_t link, const struct forward_sctp_message *m) {
    (void)s;
    (void)link;
    if (fake.send_error) {
        return fake.send_error;
    }
    fake.sent++;
    fake.ppid = m->ppid;
    fake.unordered = m->unordered;
    fake.reliability = m->reliability;
    fake.limit = m->limit;
    return 0;
}

static void fake_reset(struct forward_data_stack *s, uint32_t link, uint64_t streams) {
    (void)s;
    (void)link;
    fake.resets |= streams;
}

static size_t fake_buffered(const struct forward_data_stack *s, uint32_t link) {
    (void)s;
    (void)link;
    return fake.waits;
}

static struct forward_data_stack stack = {.open = fake_open,
                                          .close = fake_close,
                                          .input = fake_input,
                                          .send = fake_send,
                                          .reset = fake_reset,
                                          .buffered = fake_buffered};

/* ---- the owner */

static void on_packet(void *ctx, const uint8_t *data, size_t len) {
    (void)ctx;
    (void)data;
    (void)len;
}

static void on_opened(void *ctx, const struct forward_channel *channel) {
    (void)ctx;
    told.opened++;
    if (told.close_at_once) {
        forward_data_close(d, channel->id);
    }
}

static void on_message(void *ctx, uint16_t channel, const struct dcep_payload *payload) {
    (void)ctx;
    (void)channel;
    (void)payload;
    told.messages++;
}

static void on_closed(void *ctx, uint16_t channel, enum forward_channel_end why) {
    (void)ctx;
    (void)channel;
    told.closed++;
    told.why = why;
}

static void on_gone(void *ctx) {
    (void)ctx;
    told.gone++;
}

static int setup(void **state) {
    static const struct forward_data_events events = {
        .packet = on_packet, .opened = on_opened, .message = on_message, .closed = on_closed, .gone = on_gone};
    (void)state;
    memset(&fake, 0, sizeof fake);
    memset(&told, 0, sizeof told);
    return forward_data_new(&d, &stack, &events, 0);
}

static int teardown(void **state) {
    (void)state;
    forward_data_free(d);
    assert_int_equal(fake.closes, 1);
    return 0;
}

static void receive(uint16_t stream, uint32_t ppid, const void *data, size_t len) {
    const struct forward_sctp_message m = {.stream = stream, .ppid = ppid, .data = data, .len = len};
    fake.up.message(d, &m);
}

static void open_channel(uint16_t stream, enum dcep_reliability reliability, bool unordered) {
    uint8_t bytes[DCEP_OPEN_BYTES_MAX];
    const struct dcep_open open = {.reliability = reliability, .unordered = unordered, .limit = 5};
    receive(stream, DCEP_PPID_CONTROL, bytes, (size_t)dcep_open_write(&open, bytes, sizeof bytes));
}

static int send_bytes(uint16_t channel, size_t len) {
    static uint8_t bytes[FORWARD_MESSAGE_BYTES_MAX + 1];
    const struct dcep_payload p = {.data = bytes, .len = len};
    return forward_data_send(d, channel, &p);
}

/* ---- tests */

static void channel_is_acknowledged_and_sends_as_it_was_opened(void **state) {
    (void)state;
    open_channel(62, DCEP_LIFETIME, true);
    assert_int_equal(told.opened, 1);
    assert_int_equal(fake.ppid, DCEP_PPID_CONTROL);
    assert_false(fake.unordered); /* the ACK comes before what follows it */
    assert_int_equal(send_bytes(62, 3), 0);
    assert_int_equal(fake.ppid, DCEP_PPID_BINARY);
    assert_true(fake.unordered);
    assert_int_equal(fake.reliability, DCEP_LIFETIME);
    assert_int_equal(fake.limit, 5);
}

static void odd_streams_are_not_the_clients(void **state) {
    (void)state;
    open_channel(3, DCEP_RELIABLE, false);
    assert_int_equal(told.opened, 0);
    assert_int_equal(fake.sent, 0);
    assert_int_equal(fake.resets, 1 << 3);
    assert_int_equal(forward_data_counts(d)->refused, 1);
}

static void streams_beyond_the_last_are_ignored(void **state) {
    (void)state;
    open_channel(64, DCEP_RELIABLE, false);
    open_channel(UINT16_MAX - 1, DCEP_RELIABLE, false);
    assert_int_equal(told.opened + fake.sent, 0);
    assert_int_equal(send_bytes(64, 1), -ENOENT);
    assert_int_equal(forward_data_close(d, 64), -ENOENT);
}

static void second_opening_closes_the_channel(void **state) {
    (void)state;
    open_channel(0, DCEP_RELIABLE, false);
    open_channel(0, DCEP_RELIABLE, false);
    assert_int_equal(told.opened, 1);
    assert_int_equal(told.closed, 1);
    assert_int_equal(told.why, FORWARD_CHANNEL_ILLEGAL);
    assert_int_equal(fake.resets, 1);
}

static void malformed_opening_is_reset_unanswered(void **state) {
    (void)state;
    receive(2, DCEP_PPID_CONTROL, "\3\7", 2);
    assert_int_equal(fake.sent, 0);
    assert_int_equal(fake.resets, 1 << 2);
}

static void message_without_channel_is_dropped(void **state) {
    (void)state;
    receive(2, DCEP_PPID_STRING, "x", 1);
    receive(2, DCEP_PPID_CONTROL, "\2", 1); /* an ACK of nothing */
    assert_int_equal(told.messages, 0);
    assert_int_equal(forward_data_counts(d)->dropped_strange, 1);
}

static void message_with_a_strange_identifier_is_dropped_and_the_channel_stays(void **state) {
    (void)state;
    open_channel(2, DCEP_RELIABLE, false);
    receive(2, 52, "x", 1);
    assert_int_equal(told.messages, 0);
    receive(2, DCEP_PPID_STRING, "x", 1);
    assert_int_equal(told.messages, 1);
}

static void stream_is_free_again_when_both_sides_were_reset(void **state) {
    (void)state;
    open_channel(2, DCEP_RELIABLE, false);
    assert_int_equal(forward_data_close(d, 2), 0);
    open_channel(2, DCEP_RELIABLE, false); /* before the client has reset its side */
    assert_int_equal(told.opened, 1);
    fake.up.reset(d, 1 << 2, false);
    fake.up.reset(d, 1 << 2, true);
    open_channel(2, DCEP_RELIABLE, false);
    assert_int_equal(told.opened, 2);
    assert_int_equal(told.closed, 0); /* who closes is not told */
}

static void reset_of_the_client_closes_and_is_answered(void **state) {
    (void)state;
    open_channel(2, DCEP_RELIABLE, false);
    open_channel(4, DCEP_RELIABLE, false);
    fake.up.reset(d, 1 << 2, true);
    assert_int_equal(told.closed, 1);
    assert_int_equal(fake.resets, 1 << 2);
    assert_int_equal(forward_data_channel_count(d), 1);
    receive(2, DCEP_PPID_STRING, "late", 4);
    assert_int_equal(told.messages, 0);
}

static void channel_may_be_closed_while_its_opening_is_told(void **state) {
    (void)state;
    told.close_at_once = true;
    open_channel(2, DCEP_RELIABLE, false);
    assert_int_equal(fake.sent, 0);
    assert_int_equal(fake.resets, 1 << 2);
}

static void what_is_too_long_is_refused_both_ways(void **state) {
    (void)state;
    open_channel(2, DCEP_RELIABLE, false);
    assert_int_equal(send_bytes(2, FORWARD_MESSAGE_BYTES_MAX), 0);
    assert_int_equal(send_bytes(2, FORWARD_MESSAGE_BYTES_MAX + 1), -EMSGSIZE);
    receive(2, DCEP_PPID_BINARY, NULL, FORWARD_MESSAGE_BYTES_MAX + 1);
    assert_int_equal(told.why, FORWARD_CHANNEL_TOO_BIG);
}

static void too_much_that_waits_is_told_or_dropped_by_kind(void **state) {
    (void)state;
    open_channel(2, DCEP_RELIABLE, false);
    open_channel(4, DCEP_RETRANSMITS, false);
    fake.waits = FORWARD_LOSSY_BUFFERED_MAX;
    unsigned before = fake.sent;
    assert_int_equal(send_bytes(4, 1), 0);
    assert_int_equal(fake.sent, before);
    assert_int_equal(forward_data_counts(d)->dropped_lossy, 1);
    assert_int_equal(send_bytes(2, 1), 0);
    fake.waits = FORWARD_BUFFERED_MAX;
    assert_int_equal(send_bytes(2, 1), -ENOBUFS);
    fake.waits = 0;
    fake.send_error = -EAGAIN; /* the stack's own bound, of pieces */
    assert_int_equal(send_bytes(2, 1), -ENOBUFS);
    assert_int_equal(send_bytes(4, 1), 0);
    fake.send_error = -EIO;
    assert_int_equal(send_bytes(2, 1), -EIO);
}

static void association_begun_anew_has_no_channels(void **state) {
    (void)state;
    open_channel(2, DCEP_RELIABLE, false);
    fake.up.up(d);
    assert_int_equal(told.closed, 1);
    assert_int_equal(told.gone, 0);
    open_channel(2, DCEP_RELIABLE, false);
    assert_int_equal(told.opened, 2);
}

static void nothing_comes_after_the_end(void **state) {
    static const uint8_t packet[] = {0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 4};
    (void)state;
    open_channel(2, DCEP_RELIABLE, false);
    forward_data_input(d, packet, sizeof packet);
    assert_int_equal(fake.inputs, 1);
    fake.up.gone(d);
    assert_int_equal(told.closed, 1);
    assert_int_equal(told.gone, 1);
    forward_data_input(d, packet, sizeof packet);
    open_channel(4, DCEP_RELIABLE, false);
    assert_int_equal(fake.inputs, 1);
    assert_int_equal(told.opened, 1);
}

/* A common header and these bytes. */
static bool sound(const char *chunks, size_t len) {
    uint8_t packet[64] = {0x13, 0x88, 0x13, 0x88};
    memcpy(packet + 12, chunks, len);
    return forward_sctp_sound(packet, 12 + len);
}

static void packets_that_are_none_never_reach_the_stack(void **state) {
    static const uint8_t ports[] = {0x13, 0x88, 0x13, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 4};
    (void)state;
    assert_false(forward_sctp_sound(ports, sizeof ports));
    assert_true(sound("\13\0\0\4", 4));
    assert_false(sound("", 0));
    assert_false(sound("\13\0\0", 3));
    assert_false(sound("\13\0\0\3", 4)); /* shorter than its header */
    assert_false(sound("\13\0\0\5", 4)); /* cut */
    assert_true(sound("\13\0\0\5x", 5)); /* the last need not be padded */
    assert_true(sound("\13\0\0\5x\0\0\0\13\0\0\4", 12));
    assert_false(sound("\13\0\0\5x\0\0\0\13\0\0", 11));
    assert_false(sound("\x0f\0\0\4", 4));          /* AUTH */
    assert_false(sound("\xc1\0\0\4", 4));          /* ASCONF */
    assert_false(sound("\x40\0\0\4", 4));          /* I-DATA, which we do not offer */
    assert_false(sound("\13\0\0\4\x81\0\0\4", 8)); /* behind a good one */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(channel_is_acknowledged_and_sends_as_it_was_opened),
        T(odd_streams_are_not_the_clients),
        T(streams_beyond_the_last_are_ignored),
        T(second_opening_closes_the_channel),
        T(malformed_opening_is_reset_unanswered),
        T(message_without_channel_is_dropped),
        T(message_with_a_strange_identifier_is_dropped_and_the_channel_stays),
        T(stream_is_free_again_when_both_sides_were_reset),
        T(reset_of_the_client_closes_and_is_answered),
        T(channel_may_be_closed_while_its_opening_is_told),
        T(what_is_too_long_is_refused_both_ways),
        T(too_much_that_waits_is_told_or_dropped_by_kind),
        T(association_begun_anew_has_no_channels),
        T(nothing_comes_after_the_end),
        cmocka_unit_test(packets_that_are_none_never_reach_the_stack),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
