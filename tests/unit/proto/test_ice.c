/* The ICE-lite agent against a full one's checks, in virtual time. */
#include "proto/ice/ice.h"

#include "proto/stun/stun.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { OWNER = 0x2a };
#define SECOND 1000000ULL

/* The peer, a full agent, and ours. */
struct world {
    struct ice_agent agent;
    struct stun_crypto *crypto;
    uint64_t now_us;
    struct ice_outcome outcome;
    uint8_t reply[ICE_REPLY_BYTES_MAX];
    size_t reply_len;
};

/* What the next check says; "" leaves an attribute out. */
struct wish {
    uint16_t port;
    uint32_t priority;
    bool nominate;
    bool controlled;
    bool no_priority;
    bool no_integrity;
    uint16_t odd_attribute;
    const char *username; /* NULL: the right one */
    const char *password; /* NULL: the right one */
};

static int setup(void **state) {
    static struct world w;
    memset(&w, 0, sizeof w);
    w.crypto = stun_crypto_new();
    w.now_us = 1000 * SECOND;
    assert_int_equal(ice_agent_init(&w.agent, OWNER, "peer"), 0);
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    stun_crypto_free(w->crypto);
    return 0;
}

static struct five_tuple tuple_of(uint16_t port) {
    struct five_tuple t = {.transport = TRANSPORT_UDP};
    addr_parse(&t.remote, "192.0.2.1:1");
    addr_parse(&t.local, "198.51.100.1:3480");
    t.remote.port = port;
    return t;
}

static size_t write_check(struct world *w, const struct wish *wish, uint8_t *out, size_t cap) {
    char username[300];
    struct writer m;
    const char *password = wish->password ? wish->password : w->agent.local.pwd;
    snprintf(username, sizeof username, "%s:%s", w->agent.local.ufrag, w->agent.remote_ufrag);
    writer_init(&m, out, cap);
    stun_write_header(&m, STUN_REQUEST, STUN_BINDING, (const uint8_t *)"transaction.");
    stun_write_text(&m, STUN_ATTR_USERNAME, wish->username ? wish->username : username);
    stun_write_u64(&m, wish->controlled ? STUN_ATTR_ICE_CONTROLLED : STUN_ATTR_ICE_CONTROLLING, 7);
    if (!wish->no_priority) {
        stun_write_u32(&m, STUN_ATTR_PRIORITY, wish->priority);
    }
    if (wish->nominate) {
        stun_write_bytes(&m, STUN_ATTR_USE_CANDIDATE, NULL, 0);
    }
    if (wish->odd_attribute) {
        stun_write_u32(&m, wish->odd_attribute, 0);
    }
    if (!wish->no_integrity) {
        stun_write_integrity(&m, w->crypto, STUN_HASH_SHA1, (struct stun_span){password, strlen(password)});
    }
    stun_write_fingerprint(&m);
    long len = stun_write_end(&m);
    assert_true(len > 0);
    return (size_t)len;
}

static int check(struct world *w, struct wish wish) {
    uint8_t bytes[512];
    struct stun_msg msg;
    struct writer reply;
    size_t len = write_check(w, &wish, bytes, sizeof bytes);
    struct five_tuple tuple = tuple_of(wish.port);
    assert_int_equal(stun_msg_parse(&msg, bytes, len), 0);
    writer_init(&reply, w->reply, sizeof w->reply);
    int code = ice_agent_check(
        &w->agent, &(struct ice_check){.msg = &msg, .tuple = &tuple, .now_us = w->now_us, .crypto = w->crypto}, &reply,
        &w->outcome);
    w->reply_len = reply.len;
    assert_true(reply.len <= len); /* no reflection */
    return code;
}

static void expect_selected(const struct world *w, uint16_t port) {
    const struct five_tuple *selected = ice_agent_selected(&w->agent);
    if (port == 0) {
        assert_null(selected);
    } else {
        assert_non_null(selected);
        assert_int_equal(selected->remote.port, port);
    }
}

/* The answer as the peer reads it: signed with our password. */
static void expect_reply(struct world *w, enum stun_class class, int code) {
    struct stun_msg msg;
    int got = 0;
    assert_int_equal(stun_msg_parse(&msg, w->reply, w->reply_len), 0);
    assert_int_equal(msg.class, class);
    assert_memory_equal(msg.txid, "transaction.", 12);
    assert_true(stun_msg_has(&msg, STUN_ATTR_FINGERPRINT));
    if (class == STUN_ERROR) {
        assert_int_equal(stun_msg_error(&msg, &got, NULL, NULL), 0);
        assert_int_equal(got, code);
    }
}

static void expect_signed(struct world *w) {
    struct stun_msg msg;
    stun_msg_parse(&msg, w->reply, w->reply_len);
    assert_int_equal(
        stun_verify_integrity(&msg, w->crypto, STUN_HASH_SHA1, (struct stun_span){w->agent.local.pwd, ICE_PWD_CHARS}),
        0);
}

/* ---- credentials */

static void our_ufrag_tells_its_owner(void **state) {
    struct world *w = *state;
    assert_int_equal(strlen(w->agent.local.ufrag), ICE_UFRAG_CHARS);
    assert_int_equal(ice_ufrag_owner(w->agent.local.ufrag, ICE_UFRAG_CHARS), OWNER);
    assert_int_equal(ice_ufrag_owner("2ashort", 7), -EBADMSG);
    assert_int_equal(ice_ufrag_owner("zz12345678", 10), -EBADMSG);
}

static void credentials_differ_between_agents(void **state) {
    struct world *w = *state;
    struct ice_agent other;
    assert_int_equal(ice_agent_init(&other, OWNER, "peer"), 0);
    assert_string_not_equal(other.local.ufrag, w->agent.local.ufrag);
    assert_string_not_equal(other.local.pwd, w->agent.local.pwd);
}

static void remote_ufrags_out_of_bounds_are_refused(void **state) {
    struct ice_agent a;
    char longest[ICE_REMOTE_UFRAG_MAX + 2];
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[ICE_REMOTE_UFRAG_MAX + 1] = '\0';
    assert_int_equal(ice_agent_init(&a, OWNER, longest), -EINVAL);
    assert_int_equal(ice_agent_init(&a, OWNER, "abc"), -EINVAL);
    assert_int_equal(ice_agent_init(&a, OWNER, "ab:d"), -EINVAL);
    assert_int_equal(ice_agent_init(&a, ICE_OWNERS_MAX, "peer"), -EINVAL);
    longest[ICE_REMOTE_UFRAG_MAX] = '\0';
    assert_int_equal(ice_agent_init(&a, OWNER, longest), 0);
}

/* ---- checks */

static void valid_check_makes_a_path_and_is_answered_with_the_mapped_address(void **state) {
    struct world *w = *state;
    struct stun_msg msg;
    struct addr mapped;
    assert_int_equal(check(w, (struct wish){.port = 5000, .priority = 9}), 0);
    assert_true(w->outcome.new_path);
    assert_false(w->outcome.selected);
    expect_selected(w, 0);
    expect_reply(w, STUN_SUCCESS, 0);
    expect_signed(w);
    stun_msg_parse(&msg, w->reply, w->reply_len);
    assert_int_equal(stun_msg_xor_addr(&msg, STUN_ATTR_XOR_MAPPED_ADDRESS, &mapped), 0);
    assert_int_equal(mapped.port, 5000);
}

static void check_with_a_wrong_password_gets_401_and_leaves_no_path(void **state) {
    struct world *w = *state;
    assert_int_equal(check(w, (struct wish){.port = 5000, .password = "wrong"}), 401);
    expect_reply(w, STUN_ERROR, 401);
    assert_int_equal(w->agent.path_count, 0);
    assert_false(w->outcome.new_path);
}

static void check_for_other_ufrags_gets_401(void **state) {
    struct world *w = *state;
    assert_int_equal(check(w, (struct wish){.port = 5000, .username = "aabbbbbbbb:peer"}), 401);
    char name[64];
    snprintf(name, sizeof name, "%s:other", w->agent.local.ufrag);
    assert_int_equal(check(w, (struct wish){.port = 5000, .username = name}), 401);
    assert_int_equal(check(w, (struct wish){.port = 5000, .username = "nocolon"}), 401);
}

static void check_without_integrity_gets_400(void **state) {
    struct world *w = *state;
    assert_int_equal(check(w, (struct wish){.port = 5000, .no_integrity = true}), 400);
    expect_reply(w, STUN_ERROR, 400);
    assert_int_equal(w->agent.path_count, 0);
}

static void check_without_priority_gets_400(void **state) {
    struct world *w = *state;
    assert_int_equal(check(w, (struct wish){.port = 5000, .no_priority = true}), 400);
    assert_int_equal(w->agent.path_count, 0);
}

static void unknown_required_attribute_gets_420_that_names_it(void **state) {
    struct world *w = *state;
    struct stun_msg msg;
    const uint8_t *types;
    size_t len;
    assert_int_equal(check(w, (struct wish){.port = 5000, .odd_attribute = 0x0030}), 420);
    expect_reply(w, STUN_ERROR, 420);
    expect_signed(w);
    stun_msg_parse(&msg, w->reply, w->reply_len);
    assert_int_equal(stun_msg_bytes(&msg, STUN_ATTR_UNKNOWN_ATTRIBUTES, &types, &len), 0);
    assert_int_equal(load_be16(types), 0x0030);
    assert_int_equal(w->agent.path_count, 0);
}

static void peer_that_believes_to_be_controlled_gets_487(void **state) {
    struct world *w = *state;
    assert_int_equal(check(w, (struct wish){.port = 5000, .controlled = true}), 487);
    expect_reply(w, STUN_ERROR, 487);
    expect_signed(w);
    assert_int_equal(w->agent.path_count, 0);
}

/* ---- nomination */

static void nominated_path_is_selected(void **state) {
    struct world *w = *state;
    check(w, (struct wish){.port = 5000, .priority = 9});
    assert_int_equal(check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true}), 0);
    assert_true(w->outcome.selected);
    assert_false(w->outcome.new_path);
    expect_selected(w, 5000);
}

static void better_path_takes_over_at_its_first_nomination(void **state) {
    struct world *w = *state;
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    check(w, (struct wish){.port = 5001, .priority = 10, .nominate = true});
    assert_true(w->outcome.selected);
    expect_selected(w, 5001);
}

static void worse_path_of_an_aggressive_peer_does_not_take_over(void **state) {
    struct world *w = *state;
    for (int round = 0; round < 5; round++) {
        check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
        check(w, (struct wish){.port = 5001, .priority = 8, .nominate = true});
        assert_false(w->outcome.selected);
        expect_selected(w, 5000);
    }
}

static void worse_path_takes_over_when_the_peer_insists(void **state) {
    struct world *w = *state;
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    check(w, (struct wish){.port = 5001, .priority = 8, .nominate = true});
    check(w, (struct wish){.port = 5000, .priority = 9}); /* kept warm, no longer nominated */
    check(w, (struct wish){.port = 5001, .priority = 8, .nominate = true});
    assert_true(w->outcome.selected);
    expect_selected(w, 5001);
}

static void any_path_takes_over_from_a_quiet_one(void **state) {
    struct world *w = *state;
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    w->now_us += 9 * SECOND;
    check(w, (struct wish){.port = 5001, .priority = 1, .nominate = true});
    expect_selected(w, 5001);
}

/* ---- paths come and go */

static void ninth_path_evicts_the_one_heard_longest_ago_but_not_the_selected(void **state) {
    struct world *w = *state;
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    for (uint16_t i = 1; i < ICE_PATHS_MAX; i++) {
        w->now_us += SECOND / 100;
        check(w, (struct wish){.port = (uint16_t)(5000 + i), .priority = 1});
        assert_false(w->outcome.evicted);
    }
    check(w, (struct wish){.port = 6000, .priority = 1});
    assert_true(w->outcome.evicted);
    assert_int_equal(w->outcome.gone.remote.port, 5001);
    assert_int_equal(w->agent.path_count, ICE_PATHS_MAX);
    expect_selected(w, 5000);
}

static void path_without_checks_for_thirty_seconds_ends_and_sending_stops(void **state) {
    struct world *w = *state;
    struct five_tuple gone;
    assert_true(ice_agent_deadline(&w->agent) == UINT64_MAX);
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    uint64_t due = ice_agent_deadline(&w->agent);
    assert_true(due == w->now_us + ICE_CONSENT_US);
    assert_false(ice_agent_expire(&w->agent, due - 1, &gone));
    expect_selected(w, 5000);
    assert_true(ice_agent_expire(&w->agent, due, &gone));
    assert_int_equal(gone.remote.port, 5000);
    assert_false(ice_agent_expire(&w->agent, due, &gone));
    expect_selected(w, 0);
}

static void checks_keep_a_path_alive(void **state) {
    struct world *w = *state;
    struct five_tuple gone;
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    for (int i = 0; i < 20; i++) {
        w->now_us += 6 * SECOND;
        check(w, (struct wish){.port = 5000, .priority = 9});
        assert_false(ice_agent_expire(&w->agent, w->now_us, &gone));
    }
    expect_selected(w, 5000);
    assert_true(ice_agent_heard_us(&w->agent) == w->now_us);
}

static void failed_check_is_no_consent(void **state) {
    struct world *w = *state;
    struct five_tuple gone;
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    w->now_us += ICE_CONSENT_US;
    check(w, (struct wish){.port = 5000, .priority = 9, .password = "wrong"});
    assert_true(ice_agent_expire(&w->agent, w->now_us, &gone));
}

static void other_nominated_path_takes_over_when_a_connection_ends(void **state) {
    struct world *w = *state;
    struct five_tuple first = tuple_of(5000);
    check(w, (struct wish){.port = 5001, .priority = 5, .nominate = true});
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    expect_selected(w, 5000);
    assert_true(ice_agent_path_gone(&w->agent, &first));
    expect_selected(w, 5001);
    assert_false(ice_agent_path_gone(&w->agent, &first));
    struct five_tuple second = tuple_of(5001);
    assert_true(ice_agent_path_gone(&w->agent, &second));
    expect_selected(w, 0);
}

static void removal_of_an_earlier_path_keeps_the_selection(void **state) {
    struct world *w = *state;
    struct five_tuple first = tuple_of(5000);
    check(w, (struct wish){.port = 5000, .priority = 1});
    check(w, (struct wish){.port = 5001, .priority = 5, .nominate = true});
    check(w, (struct wish){.port = 5002, .priority = 1});
    assert_false(ice_agent_path_gone(&w->agent, &first));
    expect_selected(w, 5001);
    assert_false(ice_agent_has_path(&w->agent, &first));
}

/* ---- restart */

static void restart_keeps_the_path_until_the_peer_nominates_anew(void **state) {
    struct world *w = *state;
    char old_ufrag[ICE_UFRAG_CHARS + 1], old_pwd[ICE_PWD_CHARS + 1], old_name[64];
    check(w, (struct wish){.port = 5000, .priority = 9, .nominate = true});
    memcpy(old_ufrag, w->agent.local.ufrag, sizeof old_ufrag);
    memcpy(old_pwd, w->agent.local.pwd, sizeof old_pwd);
    snprintf(old_name, sizeof old_name, "%s:peer", old_ufrag);

    assert_int_equal(ice_agent_restart(&w->agent, OWNER, "fresh"), 0);
    assert_string_not_equal(w->agent.local.ufrag, old_ufrag);
    assert_true(ice_agent_has_ufrag(&w->agent, old_ufrag, ICE_UFRAG_CHARS));
    /* Checks under way still carry the old ones. */
    assert_int_equal(check(w, (struct wish){.port = 5000, .username = old_name, .password = old_pwd}), 0);
    assert_false(w->outcome.followed_restart);
    expect_selected(w, 5000);

    assert_int_equal(check(w, (struct wish){.port = 5001, .priority = 5}), 0);
    assert_true(w->outcome.followed_restart);
    expect_selected(w, 5000);
    assert_false(ice_agent_has_ufrag(&w->agent, old_ufrag, ICE_UFRAG_CHARS));
    assert_int_equal(check(w, (struct wish){.port = 5000, .username = old_name, .password = old_pwd}), 401);

    check(w, (struct wish){.port = 5001, .priority = 5, .nominate = true});
    expect_selected(w, 5001);
}

static void second_restart_before_the_first_was_followed_keeps_the_oldest_credentials(void **state) {
    struct world *w = *state;
    char old_ufrag[ICE_UFRAG_CHARS + 1], between[ICE_UFRAG_CHARS + 1];
    memcpy(old_ufrag, w->agent.local.ufrag, sizeof old_ufrag);
    ice_agent_restart(&w->agent, OWNER, "fresh");
    memcpy(between, w->agent.local.ufrag, sizeof between);
    ice_agent_restart(&w->agent, OWNER, "fresher");
    assert_true(ice_agent_has_ufrag(&w->agent, old_ufrag, ICE_UFRAG_CHARS));
    assert_false(ice_agent_has_ufrag(&w->agent, between, ICE_UFRAG_CHARS));
    assert_int_equal(check(w, (struct wish){.port = 5000}), 0);
}

static void udp_candidates_come_before_tcp_ones(void **state) {
    (void)state;
    assert_true(ice_host_priority(false, 0) > ice_host_priority(true, 65535));
    assert_true(ice_host_priority(false, 65535) > ice_host_priority(false, 65000));
    assert_int_equal(ice_host_priority(false, 65535), 2130706431U);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(our_ufrag_tells_its_owner),
        T(credentials_differ_between_agents),
        T(remote_ufrags_out_of_bounds_are_refused),
        T(valid_check_makes_a_path_and_is_answered_with_the_mapped_address),
        T(check_with_a_wrong_password_gets_401_and_leaves_no_path),
        T(check_for_other_ufrags_gets_401),
        T(check_without_integrity_gets_400),
        T(check_without_priority_gets_400),
        T(unknown_required_attribute_gets_420_that_names_it),
        T(peer_that_believes_to_be_controlled_gets_487),
        T(nominated_path_is_selected),
        T(better_path_takes_over_at_its_first_nomination),
        T(worse_path_of_an_aggressive_peer_does_not_take_over),
        T(worse_path_takes_over_when_the_peer_insists),
        T(any_path_takes_over_from_a_quiet_one),
        T(ninth_path_evicts_the_one_heard_longest_ago_but_not_the_selected),
        T(path_without_checks_for_thirty_seconds_ends_and_sending_stops),
        T(checks_keep_a_path_alive),
        T(failed_check_is_no_consent),
        T(other_nominated_path_takes_over_when_a_connection_ends),
        T(removal_of_an_earlier_path_keeps_the_selection),
        T(restart_keeps_the_path_until_the_peer_nominates_anew),
        T(second_restart_before_the_first_was_followed_keeps_the_oldest_credentials),
        T(udp_candidates_come_before_tcp_ones),
    };
    return cmocka_run_group_tests_name("ice", tests, NULL, NULL);
}
