/* Allocations that move to another five-tuple (RFC 8016 section 3.2.2). */
#include "mobile_world.h"

static void moves_when_data_comes_from_the_new_five_tuple(void **state) {
    (void)state;
    struct turn_allocation *a = client_allocation(&c);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    struct ticket second = move(&d, &first);
    assert_false(same(&first, &second));
    assert_true(is_at(&c)); /* peers' packets still go to the old one */
    assert_ptr_equal(client_allocation(&d), a);
    talk(&c); /* and what comes from there is still taken */
    assert_true(is_at(&c));
    talk(&d);
    assert_true(world_saw(&w, TURN_EVENT_MOVED, TURN_REASON_NONE));
    assert_true(is_at(&d));
    assert_null(client_allocation(&c));
    assert_non_null(turn_channel_to_peer(a, 0x4000));
    assert_int_equal(client_refresh(&d, 600), 0);
    assert_int_equal(client_bind(&d, 0x4001, "203.0.113.9:5001"), 0);
    assert_int_equal(client_refresh(&c, 600), 437);
    assert_int_equal(w.open_relays, 1);
    assert_int_equal(w.total, 1);
}

static void requests_work_on_both_five_tuples_until_then(void **state) {
    (void)state;
    move(&d, &first);
    assert_int_equal(client_permit(&d, "203.0.113.9:1"), 0);
    assert_int_equal(client_permit(&c, "203.0.113.9:1"), 0);
    assert_int_equal(client_refresh(&d, 600), 0);
    assert_true(is_at(&c));
    assert_int_equal(client_refresh(&d, 0), 0); /* and so does the end */
    assert_int_equal(w.total, 0);
    assert_int_equal(w.open_relays, 0);
}

static void lost_answer_is_given_again(void **state) {
    (void)state;
    struct ticket second = move(&d, &first);
    assert_int_equal(client_resend(&d), 0);
    struct ticket again = ticket_of(&d);
    assert_true(same(&second, &again));
    world_sleep(&w, 30);
    assert_int_equal(client_resend(&d), 0);
    again = ticket_of(&d);
    assert_true(same(&second, &again));
    world_sleep(&w, 11);
    assert_int_equal(client_resend(&d), 400);
}

static void lost_answer_is_given_again_where_the_move_has_ended(void **state) {
    (void)state;
    struct client e;
    struct ticket t;
    struct ticket second = move(&d, &first);
    talk(&d);
    assert_int_equal(client_resend(&d), 0);
    t = ticket_of(&d);
    assert_true(same(&second, &t));
    t = begin_over_tcp(&e);
    gone(&e);
    client_init(&e, &w, 4);
    challenge(&e);
    second = move(&e, &t); /* from a lost connection it goes at once */
    assert_int_equal(client_resend(&e), 0);
    t = ticket_of(&e);
    assert_true(same(&second, &t));
}

static void old_ticket_moves_nothing(void **state) {
    (void)state;
    struct client e;
    client_init(&e, &w, 3);
    challenge(&e);
    struct ticket second = move(&d, &first);
    assert_int_equal(refresh(&e, &first), 437);
    talk(&d);
    assert_int_equal(refresh(&e, &first), 437);
    assert_int_equal(refresh(&c, &first), 437);
    assert_true(is_at(&d));
    struct ticket third = move(&e, &second);
    talk(&e);
    assert_true(is_at(&e));
    struct ticket fourth = move(&c, &third); /* and home again */
    talk(&c);
    assert_true(is_at(&c));
    assert_false(same(&fourth, &first));
}

static void of_several_moves_under_way_the_last_counts(void **state) {
    (void)state;
    struct client e;
    client_init(&e, &w, 3);
    challenge(&e);
    struct ticket t = move(&d, &first);
    t = move(&e, &t);
    assert_null(client_allocation(&d));
    assert_int_equal(client_refresh(&d, 600), 437);
    assert_true(is_at(&c));
    talk(&e);
    assert_true(is_at(&e));
}

static void client_may_change_its_mind(void **state) {
    (void)state;
    struct ticket t = move(&d, &first);
    struct ticket back = move(&c, &t);
    assert_false(same(&back, &t));
    assert_true(is_at(&c));
    assert_null(client_allocation(&d));
    t = move(&d, &back);
    talk(&d);
    assert_true(is_at(&d));
}

static void loops_of_moves_hold_the_quota_and_one_move(void **state) {
    (void)state;
    struct ticket t = first;
    w.user_quota = 1;
    for (unsigned i = 0; i < 500; i++) {
        struct client e;
        client_init(&e, &w, 10 + i);
        challenge(&e);
        t = move(&e, &t);
        assert_int_equal(client_allocate(&e), 437);
        if (i % 3 == 0) {
            talk(&e);
        }
        assert_int_equal(w.total, 1);
        assert_int_equal(w.open_relays, 1);
        assert_int_equal(turn_server_count(w.server), 1);
    }
    assert_int_equal(client_allocate(&d), 486);
    world_sleep(&w, 700);
    assert_int_equal(w.total, 0);
    assert_int_equal(w.open_relays, 0);
}

static void refresh_with_a_ticket_sets_the_lifetime(void **state) {
    (void)state;
    uint32_t lifetime;
    world_sleep(&w, 500);
    challenge(&d);
    assert_int_equal(refresh_for(&d, &first, 1800), 0);
    assert_int_equal(stun_msg_u32(&d.reply, STUN_ATTR_LIFETIME, &lifetime), 0);
    assert_int_equal(lifetime, 1800);
    world_sleep(&w, 1700);
    assert_non_null(client_allocation(&d));
    world_sleep(&w, 110);
    assert_int_equal(turn_server_count(w.server), 0);
}

static void lifetime_0_with_a_ticket_ends_the_allocation(void **state) {
    (void)state;
    assert_int_equal(refresh_for(&d, &first, 0), 0);
    assert_false(stun_msg_has(&d.reply, STUN_ATTR_MOBILITY_TICKET));
    assert_int_equal(turn_server_count(w.server), 0);
    assert_int_equal(w.total, 0);
    assert_int_equal(w.open_relays, 0);
}

static void ends_while_it_moves(void **state) {
    (void)state;
    move(&d, &first);
    turn_server_kill(w.server, client_allocation(&d));
    world_drain(&w);
    assert_null(client_allocation(&c));
    assert_null(client_allocation(&d));
    assert_int_equal(client_allocate(&c), 0);
    assert_int_equal(client_allocate(&d), 0);
}

static void waits_for_the_key_of_a_mover(void **state) {
    (void)state;
    w.hold_keys = true;
    d.sha256 = true; /* the allocation has the MD5 key only */
    w.settings.sha256 = true;
    world_configure(&w);
    challenge(&d);
    assert_int_equal(refresh(&d, &first), -1);
    assert_int_equal(w.questions_key, 2);
    w.held_key.client = d.tuple;
    assert_int_equal(world_answer_key(&w), 0);
    assert_int_equal(w.reply_code, 0);
    assert_non_null(client_allocation(&d));
}

/* ---- connections */

static void closing_the_old_connection_ends_the_move(void **state) {
    (void)state;
    struct client e;
    struct ticket t = begin_over_tcp(&e);
    move(&d, &t);
    gone(&e);
    assert_true(world_saw(&w, TURN_EVENT_MOVED, TURN_REASON_NONE));
    assert_true(is_at(&d));
}

static void closing_the_new_connection_leaves_the_old(void **state) {
    (void)state;
    struct ticket t;
    over_tcp(&d);
    challenge(&d);
    t = move(&d, &first);
    gone(&d);
    assert_true(is_at(&c));
    assert_null(client_allocation(&d));
    t = move(&d, &t); /* and it may come back */
    talk(&d);
    assert_true(is_at(&d));
}

static void lost_connection_may_be_taken_up_again(void **state) {
    (void)state;
    struct client e;
    struct ticket t = begin_over_tcp(&e);
    const struct turn_allocation *a = client_allocation(&e);
    gone(&e);
    assert_true(world_saw(&w, TURN_EVENT_ADRIFT, TURN_REASON_NONE));
    assert_int_equal(w.total, 2); /* it holds its quota */
    assert_null(client_allocation(&e));
    world_sleep(&w, 200);
    challenge(&d);
    move(&d, &t);
    assert_true(world_saw(&w, TURN_EVENT_MOVED, TURN_REASON_NONE)); /* nothing to wait for */
    assert_true(is_at(&d));
    assert_ptr_equal(client_allocation(&d), a);
}

static void another_client_on_a_lost_connections_address_is_another(void **state) {
    (void)state;
    struct client e;
    struct ticket t = begin_over_tcp(&e);
    gone(&e);
    assert_int_equal(client_refresh(&e, 600), 437);
    assert_int_equal(client_allocate(&e), 0);
    gone(&e); /* without a ticket that is the end */
    assert_int_equal(w.total, 2);
    assert_int_equal(client_allocate(&e), 0);
    assert_int_equal(refresh(&e, &t), 437); /* there is one here already */
    move(&d, &t);
    assert_true(is_at(&d));
}

static void nobody_comes_back_to_a_lost_connection_for_five_minutes(void **state) {
    (void)state;
    struct client e;
    begin_over_tcp(&e);
    assert_int_equal(client_refresh(&e, 3600), 0);
    gone(&e);
    world_sleep(&w, 299);
    assert_int_equal(w.total, 2);
    world_sleep(&w, 2);
    assert_int_equal(w.total, 1);
    assert_int_equal(w.open_relays, 1);
}

static void with_mobility_taken_back_a_lost_connection_is_the_end(void **state) {
    (void)state;
    struct client e;
    begin_over_tcp(&e);
    w.settings.mobility = false;
    world_configure(&w);
    gone(&e);
    assert_int_equal(w.total, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(moves_when_data_comes_from_the_new_five_tuple),
        T(requests_work_on_both_five_tuples_until_then),
        T(lost_answer_is_given_again),
        T(lost_answer_is_given_again_where_the_move_has_ended),
        T(old_ticket_moves_nothing),
        T(of_several_moves_under_way_the_last_counts),
        T(client_may_change_its_mind),
        T(loops_of_moves_hold_the_quota_and_one_move),
        T(refresh_with_a_ticket_sets_the_lifetime),
        T(lifetime_0_with_a_ticket_ends_the_allocation),
        T(ends_while_it_moves),
        T(waits_for_the_key_of_a_mover),
        T(closing_the_old_connection_ends_the_move),
        T(closing_the_new_connection_leaves_the_old),
        T(lost_connection_may_be_taken_up_again),
        T(another_client_on_a_lost_connections_address_is_another),
        T(nobody_comes_back_to_a_lost_connection_for_five_minutes),
        T(with_mobility_taken_back_a_lost_connection_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
