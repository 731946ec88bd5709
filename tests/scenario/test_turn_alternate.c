/* Clients that are sent to another server (300 Try Alternate, RFC 8489 section 10). */
#include "lib/turn_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct world w;
static struct client c;
static bool always, when_full;

static bool pick(void *ctx, const struct five_tuple *client, bool full, struct addr *out) {
    assert_ptr_equal(ctx, &w);
    assert_true(five_tuple_equal(client, &c.tuple));
    *out = test_addr(full ? "192.0.2.201:3478" : "192.0.2.202:5000");
    return full ? when_full : always;
}

static int setup(void **state) {
    (void)state;
    world_init(&w);
    client_init(&c, &w, 1);
    always = when_full = true;
    w.settings.alternates = (struct turn_alternates){pick, &w};
    world_configure(&w);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static void expect_alternate(const char *text) {
    struct addr wanted = test_addr(text), found;
    assert_int_equal(stun_msg_addr(&c.reply, STUN_ATTR_ALTERNATE_SERVER, &found), 0);
    assert_true(addr_equal(&wanted, &found));
}

static void new_client_is_sent_away_with_integrity(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 300);
    expect_alternate("192.0.2.202:5000");
    assert_true(stun_msg_has(&c.reply, STUN_ATTR_MESSAGE_INTEGRITY)); /* which the client has verified */
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_REDIRECTED));
    assert_int_equal(w.total, 0);
    assert_int_equal(w.questions_relay, 0);
}

static void stranger_is_not_told_of_an_alternate(void **state) {
    (void)state;
    client_begin(&c, STUN_ALLOCATE);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    assert_int_equal(client_send(&c), 401);
    assert_false(stun_msg_has(&c.reply, STUN_ATTR_ALTERNATE_SERVER));
    client_learn(&c);
    snprintf(c.password, sizeof c.password, "guess");
    assert_int_equal(client_allocate(&c), 401);
    client_begin(&c, STUN_BINDING);
    assert_int_equal(client_send(&c), 0);
}

static void wrong_request_is_told_what_is_wrong(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 300);
    client_begin(&c, STUN_ALLOCATE);
    assert_int_equal(client_send(&c), 400);
    client_begin(&c, STUN_ALLOCATE);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, 99);
    assert_int_equal(client_send(&c), 442);
}

static void allocations_that_are_there_stay(void **state) {
    (void)state;
    always = false;
    assert_int_equal(client_allocate(&c), 0);
    always = true;
    assert_int_equal(client_resend(&c), 0); /* the answer was lost */
    assert_int_equal(client_refresh(&c, 600), 0);
    assert_int_equal(client_permit(&c, "203.0.113.9:5000"), 0);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    assert_int_equal(client_allocate(&c), 437);
    assert_int_equal(client_refresh(&c, 0), 0);
    assert_int_equal(client_allocate(&c), 300);
}

static void with_the_list_emptied_clients_are_served_again(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&c), 300);
    w.settings.alternates.pick = NULL;
    world_configure(&w);
    assert_int_equal(client_allocate(&c), 0);
}

static void who_has_a_reservation_here_stays(void **state) {
    (void)state;
    const uint8_t *value;
    uint8_t token[8], even = 0x80;
    size_t len;
    always = false;
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(client_refresh(&c, 0), 0);
    client_begin(&c, STUN_ALLOCATE);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_write_bytes(&c.w, STUN_ATTR_EVEN_PORT, &even, 1);
    assert_int_equal(client_send(&c), 0);
    assert_int_equal(stun_msg_bytes(&c.reply, STUN_ATTR_RESERVATION_TOKEN, &value, &len), 0);
    memcpy(token, value, sizeof token);
    always = true;
    client_init(&c, &w, 2);
    assert_int_equal(client_allocate(&c), 300);
    client_begin(&c, STUN_ALLOCATE);
    stun_write_u8(&c.w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_write_bytes(&c.w, STUN_ATTR_RESERVATION_TOKEN, token, sizeof token);
    assert_int_equal(client_send(&c), 0);
}

static void full_server_sends_away_whom_it_cannot_serve(void **state) {
    (void)state;
    always = false;
    w.total_quota = 1;
    assert_int_equal(client_allocate(&c), 0);
    client_init(&c, &w, 2);
    assert_int_equal(client_allocate(&c), 300);
    expect_alternate("192.0.2.201:3478");
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_REDIRECTED));
    when_full = false;
    assert_int_equal(client_allocate(&c), 508);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_QUOTA));
}

static void users_quota_is_no_reason_to_go_elsewhere(void **state) {
    (void)state;
    always = false;
    w.user_quota = 1;
    assert_int_equal(client_allocate(&c), 0);
    client_init(&c, &w, 2);
    assert_int_equal(client_allocate(&c), 486);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(new_client_is_sent_away_with_integrity),
        T(stranger_is_not_told_of_an_alternate),
        T(wrong_request_is_told_what_is_wrong),
        T(allocations_that_are_there_stay),
        T(with_the_list_emptied_clients_are_served_again),
        T(who_has_a_reservation_here_stays),
        T(full_server_sends_away_whom_it_cannot_serve),
        T(users_quota_is_no_reason_to_go_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
