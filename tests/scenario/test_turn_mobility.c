/* Tickets of allocations that may move (RFC 8016): who gets one, and what is no ticket. */
#include "mobile_world.h"

static void without_being_asked_there_is_no_ticket(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&d), 0);
    assert_false(stun_msg_has(&d.reply, STUN_ATTR_MOBILITY_TICKET));
    assert_null(client_allocation(&d)->mobility);
}

static void forbidden_mobility_gets_405(void **state) {
    (void)state;
    w.settings.mobility = false;
    world_configure(&w);
    assert_int_equal(allocate(&d, "", 0), 405);
    assert_int_equal(refresh(&d, &first), 405);
    assert_int_equal(refresh(&c, &first), 405);
    assert_int_equal(w.total, 1);
    assert_int_equal(client_refresh(&c, 600), 0); /* the allocation stays */
}

static void ticket_that_is_not_empty_in_allocate_gets_400(void **state) {
    (void)state;
    assert_int_equal(allocate(&d, first.bytes, first.len), 400);
    w.settings.mobility = false;
    world_configure(&w);
    assert_int_equal(allocate(&d, "x", 1), 400);
}

static void repeated_allocate_gets_the_same_ticket(void **state) {
    (void)state;
    assert_int_equal(client_resend(&c), 0);
    struct ticket again = ticket_of(&c);
    assert_true(same(&first, &again));
}

static void tickets_have_nothing_in_common_but_the_worker(void **state) {
    (void)state;
    unsigned equal = 0;
    challenge(&d);
    assert_int_equal(allocate(&d, "", 0), 0);
    struct ticket second = ticket_of(&d);
    assert_int_equal(second.len, first.len);
    for (size_t i = 2; i < first.len; i++) {
        assert_true(first.bytes[i] > ' '); /* some clients copy it like a string */
        equal += first.bytes[i] == second.bytes[i];
    }
    assert_in_range(equal, 0, 6); /* by chance */
}

static void unknown_ticket_gets_437(void **state) {
    (void)state;
    for (size_t i = 0; i < first.len; i++) {
        struct ticket changed = first;
        changed.bytes[i] = changed.bytes[i] == 'A' ? 'B' : 'A';
        assert_int_equal(refresh(&d, &changed), 437);
    }
    assert_int_equal(client_refresh(&c, 0), 0);
    assert_int_equal(refresh(&d, &first), 437); /* of an allocation that has ended */
    assert_int_equal(refresh_for(&d, &first, 0), 437);
}

static void ticket_of_a_wrong_length_gets_400(void **state) {
    (void)state;
    struct ticket t = first;
    t.len = 0;
    assert_int_equal(refresh(&d, &t), 400);
    t.len = first.len - 1;
    assert_int_equal(refresh(&d, &t), 400);
    t.len = first.len + 4;
    assert_int_equal(refresh(&d, &t), 400);
    assert_true(is_at(&c));
}

static void another_users_ticket_gets_441(void **state) {
    (void)state;
    snprintf(d.user, sizeof d.user, "bob");
    snprintf(d.password, sizeof d.password, "builder");
    assert_int_equal(refresh(&d, &first), 441);
    assert_int_equal(refresh_for(&d, &first, 0), 441);
    assert_true(is_at(&c));
    assert_int_equal(w.total, 1);
    assert_false(stun_msg_has(&d.reply, STUN_ATTR_MOBILITY_TICKET));
}

static void ticket_without_the_password_gets_401(void **state) {
    (void)state;
    snprintf(d.password, sizeof d.password, "guess");
    assert_int_equal(refresh(&d, &first), 401);
    assert_true(is_at(&c));
    d.nonce[0] = '\0';
    assert_int_equal(refresh(&d, &first), 401);
    assert_null(client_allocation(&d));
}

static void ticket_from_where_the_allocation_is_gets_400(void **state) {
    (void)state;
    assert_int_equal(refresh(&c, &first), 400);
    struct ticket second = move(&d, &first);
    assert_int_equal(refresh(&d, &second), 400); /* there already, as good as */
    talk(&d);
    assert_int_equal(refresh(&d, &second), 400);
}

static void ticket_from_a_five_tuple_with_another_allocation_gets_437(void **state) {
    (void)state;
    assert_int_equal(client_allocate(&d), 0);
    assert_int_equal(refresh(&d, &first), 437);
    assert_true(is_at(&c));
    assert_true(is_at(&d));
}

static void ticket_of_another_worker_is_forwarded_when_it_is_genuine(void **state) {
    (void)state;
    struct ticket forged = first;
    w.settings.worker = 2; /* what was worker 0 is now another one's */
    world_configure(&w);
    assert_int_equal(refresh(&d, &first), 0); /* it is here all the same: the table says so first */
    assert_int_equal(client_refresh(&c, 0), 0);
    assert_int_equal(refresh(&d, &first), -1);
    assert_int_equal(w.forwarded_to, 0);
    forged.bytes[0] = 'B'; /* worker 4 is none, and the MAC is wrong */
    forged.bytes[1] = 'A';
    assert_int_equal(refresh(&d, &forged), 437);
    assert_int_equal(w.forwarded_to, -1);
    d.nonce[0] = '\0'; /* a stranger gets no further */
    assert_int_equal(refresh(&d, &first), 401);
    assert_int_equal(w.forwarded_to, -1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(without_being_asked_there_is_no_ticket),
        T(forbidden_mobility_gets_405),
        T(ticket_that_is_not_empty_in_allocate_gets_400),
        T(repeated_allocate_gets_the_same_ticket),
        T(tickets_have_nothing_in_common_but_the_worker),
        T(unknown_ticket_gets_437),
        T(ticket_of_a_wrong_length_gets_400),
        T(another_users_ticket_gets_441),
        T(ticket_without_the_password_gets_401),
        T(ticket_from_where_the_allocation_is_gets_400),
        T(ticket_from_a_five_tuple_with_another_allocation_gets_437),
        T(ticket_of_another_worker_is_forwarded_when_it_is_genuine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
