/* Permissions, channels and whom a relay may reach: every denied range in every encoding by every way in. */
#include "lib/turn_world.h"

#include "base/error.h"
#include "proto/turn/peer_scopes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct world w;
static struct client c;  /* has an IPv4 relay */
static struct client c6; /* has an IPv6 relay */

static int setup(void **state) {
    (void)state;
    world_init(&w);
    client_init(&c, &w, 1);
    client_init(&c6, &w, 2);
    int code = client_allocate(&c);
    client_begin(&c6, STUN_ALLOCATE);
    client_send(&c6);
    client_learn(&c6);
    client_begin(&c6, STUN_ALLOCATE);
    stun_write_u8(&c6.w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_write_u8(&c6.w, STUN_ATTR_REQUESTED_ADDRESS_FAMILY, 2);
    return code + client_send(&c6);
}

static int teardown(void **state) {
    (void)state;
    world_deinit(&w);
    return 0;
}

/* XOR-PEER-ADDRESS from raw bytes, so that nothing on our side makes the address canonical. */
static void write_raw_peer(struct writer *out, const uint8_t *ip, size_t n, uint16_t port) {
    uint8_t value[20] = {0, n == 4 ? 1 : 2};
    store_be16(value + 2, (uint16_t)(port ^ 0x2112));
    for (size_t i = 0; i < n; i++) {
        value[4 + i] = (uint8_t)(ip[i] ^ out->buf[4 + i]);
    }
    stun_write_bytes(out, STUN_ATTR_XOR_PEER_ADDRESS, value, 4 + n);
}

static int permit_raw(struct client *client, const uint8_t *ip, size_t n) {
    client_begin(client, STUN_CREATE_PERMISSION);
    write_raw_peer(&client->w, ip, n, 5000);
    return client_send(client);
}

static int bind_raw(struct client *client, const uint8_t *ip, size_t n) {
    client_begin(client, STUN_CHANNEL_BIND);
    stun_write_u32(&client->w, STUN_ATTR_CHANNEL_NUMBER, 0x40010000);
    write_raw_peer(&client->w, ip, n, 5000);
    return client_send(client);
}

static bool send_raw(struct client *client, const uint8_t *ip, size_t n) {
    uint8_t buf[128];
    struct writer out;
    struct turn_send send;
    writer_init(&out, buf, sizeof buf);
    stun_write_header(&out, STUN_INDICATION, STUN_SEND, (const uint8_t *)"abcdefghijkl");
    write_raw_peer(&out, ip, n, 5000);
    stun_write_text(&out, STUN_ATTR_DATA, "hello");
    assert_int_equal(turn_send_indication_parse(&send, buf, (size_t)stun_write_end(&out)), 0);
    return turn_server_route(w.server, client_allocation(client), &send.peer) == TURN_ROUTE_ANY;
}

/* Refused with `code` by CreatePermission and ChannelBind, dropped in a Send indication and inwards. */
static void refuse_raw(struct client *client, const uint8_t *ip, size_t n) {
    struct addr peer;
    assert_int_equal(permit_raw(client, ip, n), 403);
    assert_true(world_saw(&w, TURN_EVENT_DENIED, TURN_REASON_FORBIDDEN_PEER));
    assert_int_equal(bind_raw(client, ip, n), 403);
    assert_false(send_raw(client, ip, n));
    addr_from_bytes(&peer, ip, n, 5000);
    assert_int_equal(turn_peer_to_client(client_allocation(client), &peer), -ERR_FORBIDDEN);
    assert_int_equal(client_allocation(client)->permission_count, 0);
}

static const char *const denied_ipv4[] = {
    "0.0.0.0",       "0.1.2.3",         "10.0.0.1",    "10.255.255.255", "100.64.0.1",      "100.100.100.200",
    "100.127.255.9", "127.0.0.1",       "127.255.0.1", "169.254.0.1",    "169.254.169.254", "172.16.0.1",
    "172.31.255.9",  "192.0.0.192",     "192.168.0.1", "198.18.0.1",     "198.19.255.9",    "168.63.129.16",
    "224.0.0.1",     "239.255.255.255", "240.0.0.1",   "255.255.255.255"};

static void denied_ipv4_ranges_are_refused_in_every_encoding(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof denied_ipv4 / sizeof denied_ipv4[0]; i++) {
        struct addr a = test_addr(denied_ipv4[i]);
        uint8_t mapped[16] = {[10] = 0xff, 0xff}, compatible[16] = {0}, six[16] = {0x20, 0x02};
        uint8_t nat64[16] = {0x00, 0x64, 0xff, 0x9b}, translated[16] = {[8] = 0xff, 0xff};
        memcpy(mapped + 12, a.ip, 4);
        memcpy(compatible + 12, a.ip, 4);
        memcpy(six + 2, a.ip, 4);
        memcpy(nat64 + 12, a.ip, 4);
        memcpy(translated + 12, a.ip, 4);
        refuse_raw(&c, a.ip, 4);
        refuse_raw(&c, mapped, 16);
        refuse_raw(&c6, mapped, 16);
        refuse_raw(&c6, compatible, 16);
        refuse_raw(&c6, six, 16);
        refuse_raw(&c6, nat64, 16);
        refuse_raw(&c6, translated, 16);
    }
}

static void denied_ipv6_ranges_are_refused(void **state) {
    (void)state;
    static const char *const denied[] = {"::",        "::1",       "fe80::1",      "febf::1", "fc00::1",
                                         "fdff::1",   "fec0::1",   "feff::1",      "ff02::1", "fd00:ec2::254",
                                         "2001::1",   "100::1",    "64:ff9b:1::1", "2002::1", "::ffff:0:808:808",
                                         "64:ff9b::", "2001:0:1::"};
    for (size_t i = 0; i < sizeof denied / sizeof denied[0]; i++) {
        struct addr a = test_addr(denied[i]);
        refuse_raw(&c6, a.ip, 16);
    }
}

static void public_peers_are_allowed(void **state) {
    (void)state;
    static const char *const open4[] = {"1.1.1.1",     "9.255.255.255",   "11.0.0.0",    "100.63.255.255",
                                        "100.128.0.0", "126.0.0.1",       "128.0.0.1",   "172.15.255.255",
                                        "172.32.0.0",  "192.167.255.255", "192.169.0.0", "223.255.255.255"};
    static const char *const open6[] = {"2001:db8::1", "2a00:1450::1", "2003::1", "64:ff9a::1"};
    for (size_t i = 0; i < sizeof open4 / sizeof open4[0]; i++) {
        struct addr a = test_addr(open4[i]);
        assert_int_equal(permit_raw(&c, a.ip, 4), 0);
        assert_true(send_raw(&c, a.ip, 4));
    }
    for (size_t i = 0; i < sizeof open6 / sizeof open6[0]; i++) {
        struct addr a = test_addr(open6[i]);
        assert_int_equal(permit_raw(&c6, a.ip, 16), 0);
        assert_true(send_raw(&c6, a.ip, 16));
    }
}

static void own_listeners_are_refused_while_own_media_address_is_reachable(void **state) {
    (void)state;
    static const char *const rules[] = {"+192.0.2.200", "-192.0.2.200:3478", "-192.0.2.200:6379", "+10.0.0.5:3480"};
    world_set_rules(&w, rules, 4);
    assert_int_equal(client_bind(&c, 0x4000, "192.0.2.200:3478"), 403);
    assert_int_equal(client_bind(&c, 0x4000, "192.0.2.200:6379"), 403);
    assert_int_equal(client_bind(&c, 0x4000, "192.0.2.200:3480"), 0);
    struct addr listener = test_addr("192.0.2.200:3478"), media = test_addr("192.0.2.200:3480");
    assert_int_equal(turn_server_route(w.server, client_allocation(&c), &listener), TURN_ROUTE_NONE);
    assert_int_equal(turn_server_route(w.server, client_allocation(&c), &media), TURN_ROUTE_ANY);
    /* One port of an address that is private otherwise. */
    assert_int_equal(client_permit(&c, "10.0.0.5:1"), 0);
    assert_int_equal(client_bind(&c, 0x4001, "10.0.0.5:3481"), 403);
    assert_int_equal(client_bind(&c, 0x4001, "10.0.0.5:3480"), 0);
    struct addr beside = test_addr("10.0.0.5:3481");
    assert_int_equal(turn_server_route(w.server, client_allocation(&c), &beside), TURN_ROUTE_OWN);
}

/* A relay that sends to the server's own listener could allocate through itself, and again. */
static void relay_loops_need_a_listener_as_peer_and_are_refused(void **state) {
    (void)state;
    static const char *const rules[] = {"-192.0.2.200:3478"};
    world_set_rules(&w, rules, 1);
    assert_int_equal(client_bind(&c, 0x4000, "192.0.2.200:3478"), 403);
    struct addr listener = test_addr("192.0.2.200:3478");
    assert_int_equal(client_permit(&c, "192.0.2.200:1"), 0);
    assert_int_equal(turn_server_route(w.server, client_allocation(&c), &listener), TURN_ROUTE_NONE);
}

static void reload_ends_permissions_that_new_rules_deny(void **state) {
    (void)state;
    static const char *const rules[] = {"-203.0.113.0/24", "-198.51.100.77:7"};
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    assert_int_equal(client_bind(&c, 0x4001, "198.51.100.77:7"), 0);
    assert_int_equal(client_bind(&c, 0x4002, "198.51.100.77:8"), 0);
    struct addr gone = test_addr("203.0.113.9:5000"), port = test_addr("198.51.100.77:7");
    world_set_rules(&w, rules, 2);
    const struct turn_allocation *a = client_allocation(&c);
    assert_null(turn_channel_to_peer(a, 0x4000));
    assert_null(turn_channel_to_peer(a, 0x4001));
    assert_non_null(turn_channel_to_peer(a, 0x4002));
    assert_int_equal(turn_peer_to_client(a, &gone), -ERR_FORBIDDEN);
    assert_int_equal(turn_server_route(w.server, a, &port), TURN_ROUTE_NONE);
    assert_int_equal(a->permission_count, 1);
}

/* Rules of one user, by name also when the name is that of a short-lived credential. */
static void reload_ends_permissions_of_the_user_that_is_denied(void **state) {
    (void)state;
    struct peer_scoped_rule rule = {.realm = "example.org", .user = "carol", .allow = false};
    struct peer_scopes *scopes;
    struct addr peer = test_addr("203.0.113.9:5000");
    struct client d;
    assert_int_equal(prefix_parse(&rule.prefix, "203.0.113.0/24"), 0);
    assert_int_equal(peer_scopes_new(&scopes, &rule, 1), 0);
    client_init(&d, &w, 7);
    client_set_ephemeral(&d, "north", w.now.wall_s + 100, "carol");
    assert_int_equal(client_allocate(&d), 0); /* c has one already */
    for (int i = 0; i < 2; i++) {
        struct client *who = i == 0 ? &c : &d;
        assert_int_equal(client_permit(who, "203.0.113.9:5000"), 0);
        assert_int_equal(client_bind(who, 0x4000, "203.0.113.9:5000"), 0);
        assert_int_equal(client_permit(who, "198.51.100.7:5000"), 0);
    }
    w.settings.scopes = scopes;
    assert_int_equal(world_configure(&w), 0);
    assert_non_null(turn_channel_to_peer(client_allocation(&c), 0x4000));
    assert_null(turn_channel_to_peer(client_allocation(&d), 0x4000));
    assert_int_equal(client_allocation(&d)->permission_count, 1);
    assert_true(turn_peer_to_client(client_allocation(&d), &peer) < 0);
    assert_int_equal(turn_server_route(w.server, client_allocation(&d), &peer), TURN_ROUTE_NONE);
    assert_int_equal(client_permit(&d, "203.0.113.9:5000"), 403);
    assert_int_equal(client_bind(&d, 0x4001, "203.0.113.9:5000"), 403);
    w.settings.scopes = NULL;
    assert_int_equal(world_configure(&w), 0);
    assert_int_equal(client_permit(&d, "203.0.113.9:5000"), 0);
    peer_scopes_free(scopes);
}

static void family_of_another_relay_gets_443(void **state) {
    (void)state;
    assert_int_equal(client_permit(&c, "[2001:db8::9]:1"), 443);
    assert_int_equal(client_bind(&c, 0x4000, "[2001:db8::9]:1"), 443);
    assert_int_equal(client_permit(&c6, "203.0.113.9:1"), 443);
}

static void peer_without_permission_is_dropped_both_ways(void **state) {
    (void)state;
    struct addr peer = test_addr("203.0.113.9:5000"), other = test_addr("203.0.113.9:6000");
    const struct turn_allocation *a = client_allocation(&c);
    assert_int_equal(turn_peer_to_client(a, &peer), -ERR_FORBIDDEN);
    assert_int_equal(turn_server_route(w.server, a, &peer), TURN_ROUTE_NONE);
    assert_int_equal(client_permit(&c, "203.0.113.9:1"), 0);
    /* By address, whatever the port. */
    assert_int_equal(turn_peer_to_client(a, &peer), TURN_AS_DATA_INDICATION);
    assert_int_equal(turn_peer_to_client(a, &other), TURN_AS_DATA_INDICATION);
    assert_int_equal(turn_server_route(w.server, a, &other), TURN_ROUTE_ANY);
    assert_int_equal(client_bind(&c, 0x4abc, "203.0.113.9:5000"), 0);
    assert_int_equal(turn_peer_to_client(a, &peer), 0x4abc);
    assert_int_equal(turn_peer_to_client(a, &other), TURN_AS_DATA_INDICATION);
    assert_true(addr_equal(&turn_channel_to_peer(a, 0x4abc)->peer, &peer));
}

static void create_permission_takes_all_peers_or_none(void **state) {
    (void)state;
    static const char *const peers[] = {"203.0.113.1:0", "203.0.113.2:0", "10.0.0.1:0"};
    for (size_t count = 2; count <= 3; count++) {
        client_begin(&c, STUN_CREATE_PERMISSION);
        for (size_t i = 0; i < count; i++) {
            struct addr a = test_addr(peers[count == 3 ? i : 1 - i]);
            stun_write_xor_addr(&c.w, STUN_ATTR_XOR_PEER_ADDRESS, &a);
        }
        assert_int_equal(client_send(&c), count == 3 ? 403 : 0);
        assert_int_equal(client_allocation(&c)->permission_count, 2);
    }
    client_begin(&c, STUN_CREATE_PERMISSION);
    assert_int_equal(client_send(&c), 400);
    client_begin(&c, STUN_CREATE_PERMISSION);
    stun_write_bytes(&c.w, STUN_ATTR_XOR_PEER_ADDRESS, "\0\1\0", 3);
    assert_int_equal(client_send(&c), 400);
}

static void channel_numbers_outside_the_range_get_400(void **state) {
    (void)state;
    static const uint16_t bad[] = {0, 1, TURN_CHANNEL_FIRST - 1, TURN_CHANNEL_LAST + 1, 0x8000, 0xffff};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(client_bind(&c, bad[i], "203.0.113.9:5000"), 400);
        uint8_t data[8] = {(uint8_t)(bad[i] >> 8), (uint8_t)bad[i], 0, 4};
        uint16_t number;
        size_t len;
        assert_int_equal(turn_channel_data_parse(data, sizeof data, &number, &len), -EBADMSG);
    }
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    assert_int_equal(client_bind(&c, TURN_CHANNEL_LAST, "203.0.113.9:5001"), 0);
}

static void channel_and_peer_are_bound_one_to_one(void **state) {
    (void)state;
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5000"), 0);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.9:5001"), 400);
    assert_int_equal(client_bind(&c, 0x4001, "203.0.113.9:5000"), 400);
    assert_int_equal(client_bind(&c, 0x4001, "203.0.113.9:0"), 400);
    assert_int_equal(client_allocation(&c)->channel_count, 1);
    client_begin(&c, STUN_CHANNEL_BIND);
    assert_int_equal(client_send(&c), 400);
}

static void permission_table_is_capped(void **state) {
    (void)state;
    char text[32];
    for (int i = 0; i < TURN_PERMISSIONS_MAX; i++) {
        snprintf(text, sizeof text, "203.0.113.%d:1", i);
        assert_int_equal(client_permit(&c, text), 0);
    }
    assert_int_equal(client_permit(&c, "203.0.113.200:1"), 508);
    assert_int_equal(client_bind(&c, 0x4000, "203.0.113.200:1"), 508);
    assert_int_equal(client_permit(&c, "203.0.113.3:1"), 0); /* known ones are refreshed */
    assert_int_equal(client_allocation(&c)->permission_count, TURN_PERMISSIONS_MAX);
    assert_int_equal(client_allocation(&c)->channel_count, 0);
    for (int i = 0; i < TURN_PERMISSIONS_MAX; i++) {
        snprintf(text, sizeof text, "203.0.113.%d:77", i);
        struct addr a = test_addr(text);
        assert_int_equal(turn_peer_to_client(client_allocation(&c), &a), TURN_AS_DATA_INDICATION);
    }
}

static void channel_table_is_capped(void **state) {
    (void)state;
    char text[32];
    for (int i = 0; i < TURN_CHANNELS_MAX; i++) {
        snprintf(text, sizeof text, "203.0.113.9:%d", 1000 + i);
        assert_int_equal(client_bind(&c, (uint16_t)(0x4000 + i), text), 0);
    }
    assert_int_equal(client_bind(&c, 0x4fff, "203.0.113.9:9"), 508);
    for (int i = 0; i < TURN_CHANNELS_MAX; i++) {
        const struct turn_channel *channel = turn_channel_to_peer(client_allocation(&c), (uint16_t)(0x4000 + i));
        assert_non_null(channel);
        assert_int_equal(channel->peer.port, 1000 + i);
        assert_int_equal(turn_peer_to_client(client_allocation(&c), &channel->peer), 0x4000 + i);
    }
}

static void malformed_send_indications_are_dropped(void **state) {
    (void)state;
    uint8_t buf[128];
    struct writer out;
    struct turn_send send;
    struct addr peer = test_addr("203.0.113.9:5000"), port0 = test_addr("203.0.113.9:0");
    for (int kind = 0; kind < 6; kind++) {
        writer_init(&out, buf, sizeof buf);
        stun_write_header(&out, STUN_INDICATION, STUN_SEND, (const uint8_t *)"abcdefghijkl");
        if (kind != 1) {
            stun_write_xor_addr(&out, STUN_ATTR_XOR_PEER_ADDRESS, kind == 4 ? &port0 : &peer);
        }
        if (kind != 2) {
            stun_write_text(&out, STUN_ATTR_DATA, "hello");
        }
        if (kind == 3) {
            stun_write_u32(&out, 0x7f00, 0); /* unknown and required */
        }
        if (kind == 5) {
            stun_write_u32(&out, 0xff00, 0); /* unknown, may be ignored */
            stun_write_bytes(&out, STUN_ATTR_DONT_FRAGMENT, NULL, 0);
        }
        long len = stun_write_end(&out);
        bool good = kind == 0 || kind == 5;
        assert_int_equal(turn_send_indication_parse(&send, buf, (size_t)len), good ? 0 : -EBADMSG);
        if (good) {
            assert_true(addr_equal(&send.peer, &peer));
            assert_int_equal(send.len, 5);
            assert_memory_equal(send.data, "hello", 5);
            assert_int_equal(send.dont_fragment, kind == 5);
        }
        for (long n = 0; n < len; n++) { /* cut anywhere */
            uint8_t *exact = malloc((size_t)n + 1);
            memcpy(exact, buf, (size_t)n);
            assert_int_equal(turn_send_indication_parse(&send, exact, (size_t)n), -EBADMSG);
            free(exact);
        }
    }
}

static void data_indication_reads_back(void **state) {
    (void)state;
    static const char *const peers[] = {"203.0.113.9:5000", "[2001:db8::9]:5000"};
    for (size_t i = 0; i < 2; i++) {
        for (size_t n = 0; n < 9; n++) {
            uint8_t buf[TURN_DATA_HEADROOM_V6 + 16];
            struct addr peer = test_addr(peers[i]), read;
            const uint8_t *value;
            size_t total, len;
            struct stun_msg msg;
            memset(buf, 0xaa, sizeof buf);
            memcpy(buf + TURN_DATA_HEADROOM_V6, "payload!", n);
            uint8_t *m = turn_data_indication_wrap(buf + TURN_DATA_HEADROOM_V6, n, &peer, &total);
            assert_ptr_equal(m, buf + TURN_DATA_HEADROOM_V6 - (i ? TURN_DATA_HEADROOM_V6 : TURN_DATA_HEADROOM_V4));
            assert_int_equal(stun_msg_parse(&msg, m, total), 0);
            assert_int_equal(msg.class, STUN_INDICATION);
            assert_int_equal(msg.method, STUN_DATA);
            assert_int_equal(stun_msg_xor_addr(&msg, STUN_ATTR_XOR_PEER_ADDRESS, &read), 0);
            assert_true(addr_equal(&read, &peer));
            assert_int_equal(stun_msg_bytes(&msg, STUN_ATTR_DATA, &value, &len), 0);
            assert_int_equal(len, n);
            assert_memory_equal(value, "payload!", n);
            for (size_t k = n; k % 4; k++) {
                assert_int_equal(value[k], 0); /* no stale byte */
            }
        }
    }
    size_t total;
    struct addr peer = test_addr(peers[1]);
    uint8_t unused;
    assert_null(turn_data_indication_wrap(&unused, 65530, &peer, &total));
}

static void channel_data_on_udp_may_be_padded_but_not_short(void **state) {
    (void)state;
    uint8_t data[12] = {0x40, 0x01, 0, 5};
    uint16_t number;
    size_t len;
    assert_int_equal(turn_channel_data_parse(data, 12, &number, &len), 0);
    assert_int_equal(number, 0x4001);
    assert_int_equal(len, 5);
    assert_int_equal(turn_channel_data_parse(data, 9, &number, &len), 0);
    assert_int_equal(turn_channel_data_parse(data, 8, &number, &len), -EBADMSG);
    assert_int_equal(turn_channel_data_parse(data, 3, &number, &len), -EBADMSG);
    data[2] = data[3] = 0xff;
    assert_int_equal(turn_channel_data_parse(data, 12, &number, &len), -EBADMSG);
    turn_channel_header_write(data, 0x4fff, 0x1234);
    assert_memory_equal(data, "\x4f\xff\x12\x34", 4);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(denied_ipv4_ranges_are_refused_in_every_encoding),
        T(denied_ipv6_ranges_are_refused),
        T(public_peers_are_allowed),
        T(own_listeners_are_refused_while_own_media_address_is_reachable),
        T(relay_loops_need_a_listener_as_peer_and_are_refused),
        T(reload_ends_permissions_that_new_rules_deny),
        T(reload_ends_permissions_of_the_user_that_is_denied),
        T(family_of_another_relay_gets_443),
        T(peer_without_permission_is_dropped_both_ways),
        T(create_permission_takes_all_peers_or_none),
        T(channel_numbers_outside_the_range_get_400),
        T(channel_and_peer_are_bound_one_to_one),
        T(permission_table_is_capped),
        T(channel_table_is_capped),
        T(malformed_send_indications_are_dropped),
        T(data_indication_reads_back),
        T(channel_data_on_udp_may_be_padded_but_not_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
