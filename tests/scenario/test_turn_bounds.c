/* What strangers and hostile users can make the server spend. */
#include "lib/turn_world.h"

#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct world w;

static int setup(void **state) {
    (void)state;
    world_init(&w);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

static void begin(struct client *c) {
    client_begin(c, STUN_ALLOCATE);
    stun_write_u8(&c->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
}

static void challenge(struct client *c) {
    begin(c);
    assert_int_equal(client_send(c), 401);
    client_learn(c);
}

static void flood_of_spoofed_allocates_leaves_nothing(void **state) {
    (void)state;
    struct client c;
    client_init(&c, &w, 1);
    challenge(&c);
    c.nonce[0] = '-';
    begin(&c); /* signed once before, so that the client's own crypto has its memory */
    assert_int_equal(client_send(&c), 438);
    size_t before = mallinfo2().uordblks;
    for (unsigned i = 0; i < 50000; i++) {
        client_init(&c, &w, i);
        begin(&c);
        assert_int_equal(client_send(&c), 401);
        assert_true(w.reply_len <= 4 * c.w.len);
        if (i % 10 == 0) { /* and with credentials made up */
            client_learn(&c);
            c.nonce[0] = c.nonce[0] == 'A' ? 'B' : 'A';
            begin(&c);
            assert_int_equal(client_send(&c), 438);
        }
    }
    assert_int_equal(mallinfo2().uordblks, before);
    assert_int_equal(turn_server_count(w.server), 0);
    assert_int_equal(w.questions_key + w.questions_relay, 0);
    assert_true(turn_server_deadline(w.server) == UINT64_MAX);
}

static unsigned answers_in_a_row(struct client *c, unsigned requests) {
    unsigned answered = 0;
    for (unsigned i = 0; i < requests; i++) {
        begin(c);
        answered += client_send(c) == 401;
    }
    return answered;
}

static void challenges_are_capped_per_source_then_silence(void **state) {
    (void)state;
    struct client c, other;
    w.settings.challenge_rate = 5;
    assert_int_equal(world_configure(&w), 0);
    client_init(&c, &w, 1);
    client_init(&other, &w, 2);
    assert_int_equal(answers_in_a_row(&c, 20), 5);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_CHALLENGE)); /* counted all the same */
    c.tuple.remote.port++;                                                /* another port is the same source */
    assert_int_equal(answers_in_a_row(&c, 20), 0);
    assert_int_equal(answers_in_a_row(&other, 3), 3);
    world_sleep(&w, 1);
    assert_int_equal(answers_in_a_row(&c, 20), 5);
    c.tuple.transport = TRANSPORT_TCP; /* its address is not forged */
    assert_int_equal(answers_in_a_row(&c, 20), 20);
    c.tuple.transport = TRANSPORT_UDP;
    c.tuple.remote = test_addr("[2001:db8:7:7::1]:40000");
    assert_int_equal(answers_in_a_row(&c, 20), 5);
    c.tuple.remote = test_addr("[2001:db8:7:7:ffff::1]:40000"); /* the same /64 */
    assert_int_equal(answers_in_a_row(&c, 20), 0);
}

static void refusals_other_than_challenges_count_too(void **state) {
    (void)state;
    struct client c;
    unsigned answered = 0;
    w.settings.challenge_rate = 5;
    assert_int_equal(world_configure(&w), 0);
    client_init(&c, &w, 1);
    for (int i = 0; i < 20; i++) { /* credentials without a realm: 400 */
        begin(&c);
        stun_write_text(&c.w, STUN_ATTR_USERNAME, "alice");
        stun_write_integrity(&c.w, w.crypto, STUN_HASH_SHA1, (struct stun_span){"0123456789abcdef", 16});
        stun_write_end(&c.w);
        int rc = world_input(&w, &c.tuple, c.request, c.w.len);
        assert_int_equal(rc, w.reply_len > 0 ? 0 : -EDQUOT);
        answered += w.reply_len > 0;
    }
    assert_int_equal(answered, 5);
}

static unsigned bindings_in_a_row(struct client *c, unsigned requests) {
    unsigned answered = 0;
    for (unsigned i = 0; i < requests; i++) {
        client_begin(c, STUN_BINDING);
        answered += client_send(c) == 0;
    }
    return answered;
}

static void bindings_are_capped_when_configured_and_apart(void **state) {
    (void)state;
    struct client c;
    client_init(&c, &w, 1);
    assert_int_equal(bindings_in_a_row(&c, 1000), 1000);
    w.settings.binding_rate = 3;
    w.settings.challenge_rate = 5;
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(bindings_in_a_row(&c, 20), 3);
    assert_int_equal(answers_in_a_row(&c, 20), 5);
    c.tuple.transport = TRANSPORT_TLS;
    assert_int_equal(bindings_in_a_row(&c, 20), 20);
    c.tuple.transport = TRANSPORT_UDP;
    world_sleep(&w, 1);
    assert_int_equal(bindings_in_a_row(&c, 20), 3);
}

static void users_are_not_capped(void **state) {
    (void)state;
    struct client c;
    w.settings.challenge_rate = 1;
    assert_int_equal(world_configure(&w), 0);
    client_init(&c, &w, 1);
    assert_int_equal(client_allocate(&c), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(client_refresh(&c, 600), 0);
    }
}

static void pending_requests_are_capped_and_all_end(void **state) {
    (void)state;
    w.hold_keys = true;
    for (unsigned i = 0; i < TURN_PENDING_MAX + 10; i++) {
        struct client c;
        client_init(&c, &w, i);
        challenge(&c);
        begin(&c);
        assert_int_equal(client_send(&c), i < TURN_PENDING_MAX ? -1 : 508);
    }
    assert_int_equal(w.questions_key, TURN_PENDING_MAX);
    assert_int_equal(world_answer_key(&w), 0); /* the last one that was taken */
    assert_int_equal(w.replies, 1);
    world_sleep(&w, 11);
    w.hold_keys = false;
    struct client c;
    client_init(&c, &w, 5000);
    assert_int_equal(client_allocate(&c), 0);
}

static void request_too_long_to_wait_gets_400(void **state) {
    (void)state;
    static const char filler[1500];
    struct client c;
    client_init(&c, &w, 1);
    challenge(&c);
    begin(&c);
    stun_write_bytes(&c.w, 0xff00, filler, sizeof filler);
    assert_int_equal(client_send(&c), 400);
    assert_int_equal(w.questions_key, 0);
}

static void user_name_beyond_the_rfc_bound_gets_400(void **state) {
    (void)state;
    struct client c;
    client_init(&c, &w, 1);
    challenge(&c);
    begin(&c);
    char name[600];
    memset(name, 'n', sizeof name);
    stun_write_bytes(&c.w, STUN_ATTR_USERNAME, name, 514);
    assert_int_equal(client_send(&c), 400);
    for (size_t n = 511; n <= 513; n++) { /* as long as may be: looked up, cut in the event */
        client_init(&c, &w, (unsigned)n);
        challenge(&c);
        memset(c.user, 'n', n);
        c.user[n] = '\0';
        begin(&c);
        assert_int_equal(client_send(&c), 401);
        assert_int_equal(strlen(w.held_user), n);
        assert_int_equal(strlen(w.log[0].user), TURN_USER_TEXT_MAX);
    }
}

static void reservations_are_capped(void **state) {
    (void)state;
    unsigned refused = 0;
    for (unsigned i = 0; i < TURN_RESERVATIONS_MAX + 5; i++) {
        struct client c;
        client_init(&c, &w, i);
        challenge(&c);
        begin(&c);
        stun_write_bytes(&c.w, STUN_ATTR_EVEN_PORT, "\x80", 1);
        int code = client_send(&c);
        assert_true(code == 0 || code == 508);
        refused += code == 508;
        if (code == 0) {
            assert_int_equal(client_refresh(&c, 0), 0); /* only the reserved port stays */
        }
    }
    assert_int_equal(refused, 5);
    assert_int_equal(w.open_relays, TURN_RESERVATIONS_MAX);
    world_sleep(&w, 31);
    assert_int_equal(w.open_relays, 0);
    assert_int_equal(w.total, 0);
}

/* Nonces, session ids and tokens of 50 clients tell nothing about the next. */
static void nonces_ids_and_tokens_do_not_repeat(void **state) {
    (void)state;
    enum { COUNT = 50 };
    static char nonces[COUNT][128], ids[COUNT][TURN_SESSION_ID_CHARS + 1];
    static uint8_t tokens[COUNT][8];
    for (unsigned i = 0; i < COUNT; i++) {
        struct client c;
        client_init(&c, &w, i);
        challenge(&c);
        snprintf(nonces[i], sizeof nonces[i], "%s", c.nonce);
        begin(&c);
        stun_write_bytes(&c.w, STUN_ATTR_EVEN_PORT, "\x80", 1);
        assert_int_equal(client_send(&c), 0);
        snprintf(ids[i], sizeof ids[i], "%s", client_allocation(&c)->id);
        memcpy(tokens[i], client_allocation(&c)->reservation_token, 8);
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(nonces[i] + 8, nonces[k] + 8); /* beyond the time */
            assert_string_not_equal(ids[i], ids[k]);
            assert_memory_not_equal(tokens[i] + 1, tokens[k] + 1, 7);
        }
    }
    struct world again; /* the same clients at the same time, another key */
    world_init(&again);
    again.settings.nonce_key[31] = 1;
    assert_int_equal(world_configure(&again), 0);
    struct client c;
    client_init(&c, &again, 0);
    challenge(&c);
    assert_string_not_equal(c.nonce + 8, nonces[0] + 8);
    world_deinit(&again);
}

static void idle_allocation_takes_less_than_2_kilobytes(void **state) {
    (void)state;
    enum { COUNT = 400 };
    struct client c;
    client_init(&c, &w, 9999);
    assert_int_equal(client_allocate(&c), 0);
    size_t before = mallinfo2().uordblks;
    for (unsigned i = 0; i < COUNT; i++) {
        client_init(&c, &w, i);
        client_set_ephemeral(&c, "north", w.now.wall_s + 100, "somebody-with-a-name");
        assert_int_equal(client_allocate(&c), 0);
        assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    }
    size_t each = (mallinfo2().uordblks - before) / COUNT;
    print_message("# %zu bytes for an allocation with one permission and one channel\n", each);
    assert_true(each < 2048);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(flood_of_spoofed_allocates_leaves_nothing),
        T(challenges_are_capped_per_source_then_silence),
        T(refusals_other_than_challenges_count_too),
        T(bindings_are_capped_when_configured_and_apart),
        T(users_are_not_capped),
        T(pending_requests_are_capped_and_all_end),
        T(request_too_long_to_wait_gets_400),
        T(user_name_beyond_the_rfc_bound_gets_400),
        T(reservations_are_capped),
        T(nonces_ids_and_tokens_do_not_repeat),
        T(idle_allocation_takes_less_than_2_kilobytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
