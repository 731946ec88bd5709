/* Finding the public address, in virtual time: one transaction's timers, and rounds over servers that agree, disagree,
 * fall silent and lie. */
#include "proto/stun/survey.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { SECOND = 1000000, SERVERS = 3, EVENTS_MAX = 64 };

static struct addr ip(const char *text) {
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

/* A server's answer; type may be any attribute that holds an address. */
static size_t answer(uint8_t *out, size_t cap, const uint8_t *request, enum stun_class class, const struct addr *seen) {
    struct writer w;
    writer_init(&w, out, cap);
    stun_write_header(&w, class, STUN_BINDING, request + 8);
    if (class == STUN_ERROR) {
        stun_write_error(&w, 400);
    } else {
        stun_write_xor_addr(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, seen);
    }
    return (size_t)stun_write_end(&w);
}

/* ---- one transaction */

static void a_request_is_sent_seven_times_and_given_up_after_39_5_seconds(void **state) {
    static const uint64_t wanted_ms[] = {0, 500, 1500, 3500, 7500, 15500, 31500};
    struct stun_transaction t;
    unsigned sent = 0;
    uint64_t now = 5 * SECOND;
    (void)state;
    stun_transaction_begin(&t, now);
    while (t.state == STUN_TRANSACTION_ASKING) {
        now = stun_transaction_deadline(&t);
        if (stun_transaction_timeout(&t, now)) {
            assert_true(sent < 7 && now == 5 * SECOND + wanted_ms[sent] * 1000);
            sent++;
        }
    }
    assert_int_equal(sent, 7);
    assert_int_equal(now, 5 * SECOND + 39500 * 1000);
    assert_int_equal(t.mapped.family, AF_UNSPEC);
    assert_true(stun_transaction_deadline(&t) == UINT64_MAX);
}

static void every_transmission_is_the_same_request(void **state) {
    struct stun_transaction t;
    uint8_t first[STUN_HEADER_BYTES], again[STUN_HEADER_BYTES];
    (void)state;
    stun_transaction_begin(&t, 0);
    assert_true(stun_transaction_timeout(&t, 0));
    assert_int_equal(stun_transaction_request(&t, first), 20);
    assert_false(stun_transaction_timeout(&t, 499999));
    assert_true(stun_transaction_timeout(&t, 500000));
    stun_transaction_request(&t, again);
    assert_memory_equal(first, again, sizeof first);
}

static void only_the_answer_to_this_request_ends_it(void **state) {
    struct stun_transaction t;
    uint8_t request[STUN_HEADER_BYTES], reply[64];
    struct addr seen = ip("203.0.113.5:4000");
    (void)state;
    stun_transaction_begin(&t, 0);
    stun_transaction_request(&t, request);
    size_t len = answer(reply, sizeof reply, request, STUN_SUCCESS, &seen);
    assert_int_equal(stun_transaction_input(&t, reply, len), -ENOENT); /* nothing was sent yet */
    stun_transaction_timeout(&t, 0);
    reply[19] ^= 1;
    assert_int_equal(stun_transaction_input(&t, reply, len), -ENOENT);
    reply[19] ^= 1;
    assert_int_equal(stun_transaction_input(&t, reply, len - 1), -ENOENT);
    assert_int_equal(stun_transaction_input(&t, request, sizeof request), -ENOENT); /* an echo is no answer */
    assert_int_equal(stun_transaction_input(&t, reply, len), 0);
    assert_true(addr_equal(&t.mapped, &seen));
    assert_int_equal(stun_transaction_input(&t, reply, len), -ENOENT);
}

static void an_error_ends_it_without_an_address(void **state) {
    struct stun_transaction t;
    uint8_t request[STUN_HEADER_BYTES], reply[64];
    (void)state;
    stun_transaction_begin(&t, 0);
    stun_transaction_timeout(&t, 0);
    stun_transaction_request(&t, request);
    assert_int_equal(stun_transaction_input(&t, reply, answer(reply, sizeof reply, request, STUN_ERROR, NULL)), 0);
    assert_int_equal(t.state, STUN_TRANSACTION_DONE);
    assert_int_equal(t.mapped.family, AF_UNSPEC);
}

static void mapped_address_of_an_old_server_is_taken(void **state) {
    struct stun_transaction t;
    uint8_t request[STUN_HEADER_BYTES], reply[64];
    struct addr seen = ip("203.0.113.5:4000");
    struct writer w;
    (void)state;
    stun_transaction_begin(&t, 0);
    stun_transaction_timeout(&t, 0);
    stun_transaction_request(&t, request);
    writer_init(&w, reply, sizeof reply);
    stun_write_header(&w, STUN_SUCCESS, STUN_BINDING, request + 8);
    stun_write_addr(&w, STUN_ATTR_MAPPED_ADDRESS, &seen);
    assert_int_equal(stun_transaction_input(&t, reply, (size_t)stun_write_end(&w)), 0);
    assert_true(addr_equal(&t.mapped, &seen));
}

/* ---- rounds */

/* Servers at 198.51.100.N:3478 and [2001:db8::N]:3478. says: the public address, NULL: no answer; lies: from elsewhere. */
struct net {
    struct stun_survey s;
    uint64_t now;
    const char *says[SERVERS][2]; /* [server][IPv6] */
    bool unresolved[SERVERS], errors[SERVERS], lies[SERVERS];
    unsigned delay_ms[SERVERS], sends, rounds;
    struct {
        uint64_t at;
        unsigned server;
        struct stun_finding finding;
        uint8_t request[STUN_HEADER_BYTES];
        struct addr to;
    } flight[256];
    size_t flight_count;
    struct stun_survey_output events[EVENTS_MAX];
    struct stun_finding event_findings[EVENTS_MAX];
    size_t event_count;
};

static struct addr server_addr(unsigned server, bool ipv6) {
    char text[64];
    snprintf(text, sizeof text, ipv6 ? "[2001:db8::%u]:3478" : "198.51.100.%u:3478", server + 1);
    return ip(text);
}

static void drain(struct net *n);

static void carry_out(struct net *n, const struct stun_survey_output *out) {
    if (out->type == STUN_SURVEY_RESOLVE) {
        struct addr addrs[2] = {server_addr(out->server, false), server_addr(out->server, true)};
        n->rounds += out->server == 0;
        if (n->unresolved[out->server]) {
            memset(addrs, 0, sizeof addrs);
        }
        stun_survey_resolved(&n->s, out->server, addrs, n->now);
    } else if (out->type == STUN_SURVEY_SEND) {
        bool ipv6 = out->to.family == AF_INET6;
        unsigned server = out->to.ip[ipv6 ? 15 : 3] - 1U;
        n->sends++;
        if (n->says[server][ipv6] || n->errors[server]) {
            assert_true(n->flight_count < 256);
            n->flight[n->flight_count].at = n->now + n->delay_ms[server] * 1000ULL;
            n->flight[n->flight_count].server = server;
            n->flight[n->flight_count].finding = *out->finding;
            n->flight[n->flight_count].to = out->to;
            memcpy(n->flight[n->flight_count++].request, out->bytes, out->len);
        }
    } else {
        assert_true(n->event_count < EVENTS_MAX);
        n->event_findings[n->event_count] = *out->finding;
        n->events[n->event_count++] = *out;
    }
}

static void drain(struct net *n) {
    struct stun_survey_output out;
    while (stun_survey_poll(&n->s, &out, n->now)) {
        carry_out(n, &out);
    }
}

static void deliver(struct net *n, size_t i) {
    uint8_t reply[64];
    unsigned server = n->flight[i].server;
    bool ipv6 = n->flight[i].to.family == AF_INET6;
    struct addr seen = n->errors[server] ? (struct addr){0} : ip(n->says[server][ipv6]);
    seen.port = 40000;
    size_t len =
        answer(reply, sizeof reply, n->flight[i].request, n->errors[server] ? STUN_ERROR : STUN_SUCCESS, &seen);
    struct addr from = n->flight[i].to, local = n->flight[i].finding.local;
    from.port = (uint16_t)(from.port + n->lies[server]);
    n->flight[i] = n->flight[--n->flight_count];
    stun_survey_input(&n->s, &local, &from, reply, len, n->now);
    drain(n);
}

static void run(struct net *n, unsigned seconds) {
    uint64_t end = n->now + (uint64_t)seconds * SECOND;
    n->event_count = 0;
    drain(n);
    for (;;) {
        uint64_t next = stun_survey_deadline(&n->s);
        size_t arriving = n->flight_count;
        for (size_t i = 0; i < n->flight_count; i++) {
            if (n->flight[i].at <= next) {
                next = n->flight[i].at;
                arriving = i;
            }
        }
        if (next > end) {
            break;
        }
        n->now = next;
        if (arriving < n->flight_count) {
            deliver(n, arriving);
        } else {
            stun_survey_timeout(&n->s, n->now);
            drain(n);
        }
    }
    n->now = end;
}

static void open_net(struct net *n, size_t servers, const char *const *locals) {
    struct addr list[4];
    size_t count = 0;
    memset(n, 0, sizeof *n);
    n->now = 77 * SECOND;
    stun_survey_init(&n->s, 60 * SECOND);
    stun_survey_configure(&n->s, 60 * SECOND, servers, n->now);
    for (; locals[count]; count++) {
        list[count] = ip(locals[count]);
    }
    for (unsigned i = 0; i < SERVERS; i++) {
        n->delay_ms[i] = 20 * (i + 1);
        n->says[i][0] = "203.0.113.5";
        n->says[i][1] = "2001:db8:ffff::5";
    }
    stun_survey_set_locals(&n->s, list, count, n->now);
}

static const char *const one[] = {"10.0.0.1", NULL};

static void assert_seen(const struct net *n, size_t local, const char *expected) {
    struct addr wanted = ip(expected);
    assert_true(addr_equal(&n->s.findings[local].seen, &wanted));
}

static void assert_events(const struct net *n, const enum stun_survey_output_type *wanted, size_t count) {
    assert_int_equal(n->event_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(n->events[i].type, wanted[i]);
    }
}
#define EVENTS(n, ...)                                                    \
    assert_events(n, (const enum stun_survey_output_type[]){__VA_ARGS__}, \
                  sizeof((const enum stun_survey_output_type[]){__VA_ARGS__}) / sizeof(enum stun_survey_output_type))

static void the_first_answer_counts_at_once(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 3, one);
    n.says[1][0] = n.says[2][0] = NULL;
    run(&n, 1);
    assert_seen(&n, 0, "203.0.113.5");
    EVENTS(&n, STUN_SURVEY_CHANGED);
    assert_int_equal(n.events[0].before.family, AF_UNSPEC);
}

static void each_local_address_of_each_family_has_its_own(void **state) {
    static struct net n;
    static const char *const locals[] = {"10.0.0.1", "10.0.0.2", "fd00::1", NULL};
    (void)state;
    open_net(&n, 1, locals);
    run(&n, 1);
    assert_seen(&n, 0, "203.0.113.5");
    assert_seen(&n, 1, "203.0.113.5");
    assert_seen(&n, 2, "2001:db8:ffff::5");
    assert_int_equal(n.sends, 3);
}

static void rounds_come_every_minute_give_or_take_a_tenth(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 3, one);
    run(&n, 6000);
    assert_in_range(n.rounds, 95, 106);
    assert_int_equal(n.sends, 3 * n.rounds);
    assert_int_equal(n.event_count, 1); /* nothing new is told of only once */
}

static void a_change_is_told_once_with_the_old_address(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 3, one);
    run(&n, 100);
    n.says[0][0] = n.says[1][0] = n.says[2][0] = "203.0.113.99";
    run(&n, 70);
    EVENTS(&n, STUN_SURVEY_CHANGED);
    struct addr old = ip("203.0.113.5");
    assert_true(addr_equal(&n.events[0].before, &old));
    assert_seen(&n, 0, "203.0.113.99");
    run(&n, 600);
    assert_int_equal(n.event_count, 0);
}

static void one_server_of_three_changes_nothing_and_is_told(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 3, one);
    run(&n, 100);
    n.says[0][0] = "203.0.113.99";
    run(&n, 600);
    EVENTS(&n, STUN_SURVEY_DISAGREE);
    assert_seen(&n, 0, "203.0.113.5");
    assert_true(n.s.findings[0].agreeing == 2 && n.s.findings[0].answers == 3);
}

/* The quickest server is wrong at the start: what it said is corrected by the others. */
static void a_majority_corrects_the_first_answer(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 3, one);
    n.says[0][0] = "203.0.113.99";
    run(&n, 1);
    EVENTS(&n, STUN_SURVEY_CHANGED, STUN_SURVEY_CHANGED, STUN_SURVEY_DISAGREE);
    assert_seen(&n, 0, "203.0.113.5");
}

static void of_a_tie_the_known_address_stays(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 2, one);
    run(&n, 100);
    n.says[0][0] = "203.0.113.99";
    run(&n, 200);
    EVENTS(&n, STUN_SURVEY_DISAGREE);
    assert_seen(&n, 0, "203.0.113.5");
}

static void of_several_new_ones_the_first_server_decides(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 3, one);
    run(&n, 100);
    n.says[0][0] = "203.0.113.97";
    n.says[1][0] = "203.0.113.98";
    n.says[2][0] = "203.0.113.99";
    run(&n, 70);
    assert_seen(&n, 0, "203.0.113.97");
}

static void servers_that_do_not_answer_delay_a_change_but_do_not_stop_it(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 3, one);
    run(&n, 100);
    n.says[0][0] = n.says[1][0] = NULL;
    n.says[2][0] = "203.0.113.99";
    run(&n, 120);
    EVENTS(&n, STUN_SURVEY_CHANGED);
    assert_seen(&n, 0, "203.0.113.99");
}

static void silence_changes_nothing_and_is_told_once(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 2, one);
    run(&n, 100);
    n.says[0][0] = n.says[1][0] = NULL;
    run(&n, 1000);
    EVENTS(&n, STUN_SURVEY_SILENT);
    assert_seen(&n, 0, "203.0.113.5");
    assert_true(n.s.findings[0].silent);
    n.says[0][0] = "203.0.113.5";
    run(&n, 100);
    assert_int_equal(n.event_count, 0);
    assert_false(n.s.findings[0].silent);
}

static void silence_from_the_start_is_told_and_nothing_is_known(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 2, one);
    n.unresolved[0] = true;
    n.says[1][0] = NULL;
    run(&n, 300);
    EVENTS(&n, STUN_SURVEY_SILENT);
    assert_int_equal(n.s.findings[0].seen.family, AF_UNSPEC);
}

static void errors_and_answers_from_elsewhere_do_not_count(void **state) {
    static struct net n;
    (void)state;
    open_net(&n, 3, one);
    n.errors[0] = true;
    n.lies[1] = true;
    n.says[1][0] = "203.0.113.66";
    n.says[2][0] = NULL;
    run(&n, 100);
    EVENTS(&n, STUN_SURVEY_SILENT);
}

static void addresses_of_no_use_do_not_count(void **state) {
    static const char *const useless[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "2001:db8::7"};
    static struct net n;
    (void)state;
    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) {
        open_net(&n, 1, one);
        n.says[0][0] = useless[i];
        run(&n, 30);
        assert_int_equal(n.s.findings[0].seen.family, AF_UNSPEC);
    }
}

static void what_is_known_survives_other_servers_and_other_addresses(void **state) {
    static struct net n;
    struct addr locals[] = {ip("10.0.0.7"), ip("10.0.0.1")};
    (void)state;
    open_net(&n, 2, one);
    run(&n, 100);
    n.says[0][0] = n.says[1][0] = n.says[2][0] = NULL;
    stun_survey_configure(&n.s, 30 * SECOND, 3, n.now);
    stun_survey_set_locals(&n.s, locals, 2, n.now);
    run(&n, 10);
    assert_int_equal(n.s.findings[0].seen.family, AF_UNSPEC);
    assert_seen(&n, 1, "203.0.113.5");
}

static void without_servers_or_addresses_nothing_is_asked(void **state) {
    static struct net n;
    static const char *const nobody[] = {NULL};
    (void)state;
    open_net(&n, 0, one);
    run(&n, 1000);
    assert_int_equal(n.sends, 0);
    open_net(&n, 3, nobody);
    run(&n, 1000);
    assert_int_equal(n.sends, 0);
    assert_true(stun_survey_deadline(&n.s) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_sent_seven_times_and_given_up_after_39_5_seconds),
        cmocka_unit_test(every_transmission_is_the_same_request),
        cmocka_unit_test(only_the_answer_to_this_request_ends_it),
        cmocka_unit_test(an_error_ends_it_without_an_address),
        cmocka_unit_test(mapped_address_of_an_old_server_is_taken),
        cmocka_unit_test(the_first_answer_counts_at_once),
        cmocka_unit_test(each_local_address_of_each_family_has_its_own),
        cmocka_unit_test(rounds_come_every_minute_give_or_take_a_tenth),
        cmocka_unit_test(a_change_is_told_once_with_the_old_address),
        cmocka_unit_test(one_server_of_three_changes_nothing_and_is_told),
        cmocka_unit_test(a_majority_corrects_the_first_answer),
        cmocka_unit_test(of_a_tie_the_known_address_stays),
        cmocka_unit_test(of_several_new_ones_the_first_server_decides),
        cmocka_unit_test(servers_that_do_not_answer_delay_a_change_but_do_not_stop_it),
        cmocka_unit_test(silence_changes_nothing_and_is_told_once),
        cmocka_unit_test(silence_from_the_start_is_told_and_nothing_is_known),
        cmocka_unit_test(errors_and_answers_from_elsewhere_do_not_count),
        cmocka_unit_test(addresses_of_no_use_do_not_count),
        cmocka_unit_test(what_is_known_survives_other_servers_and_other_addresses),
        cmocka_unit_test(without_servers_or_addresses_nothing_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
