/* The relay on real sockets, driven by a real client machine: what the packet path may not do. */
#include "base/clock.h"
#include "base/rng.h"
#include "bench/turn_client.h"
#include "config/config.h"
#include "base/metrics.h"
#include "net/loop.h"
#include "net/owners.h"
#include "net/udp.h"
#include "proto/demux/demux.h"
#include "proto/stun/stun.h"
#include "proto/turn/allocation.h"
#include "relay/ports.h"
#include "relay/relay.h"
#include "relay/settings.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { CHANNEL = 0x4001, PAYLOAD = 1000, BATCH = 32, PACKETS = 1000000, TRIES = 100000 };

/* ---- every allocation of the program and of libevent is counted: linked with --wrap ---- */

static unsigned long allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n) {
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n) {
    allocations++;
    return __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n) {
    allocations++;
    return __real_realloc(p, n);
}

/* ---- a relay with one listener, a client and a peer ---- */

/* A client: its socket and its machine. */
struct end {
    struct udp_socket socket;
    struct turn_client *machine;
};

struct world {
    struct loop *loop;
    struct udp_io *io;
    struct relay_ports *ports;
    struct owners *owners;
    const struct relay_settings *settings;
    struct relay *relay;
    struct udp_socket listener, peer;
    struct end client, other;
    struct event *event;
    struct udp_io *own_io; /* of the client and the peer */
    struct stun_crypto *crypto;
};

static void on_listener(evutil_socket_t fd, short events, void *arg) {
    struct world *w = arg;
    struct udp_packet *packets;
    (void)fd;
    (void)events;
    unsigned count = udp_io_receive(w->io, &w->listener, &packets);
    for (unsigned i = 0; i < count; i++) {
        struct five_tuple client = {.remote = packets[i].remote, .local = packets[i].local};
        if (demux_classify(packets[i].data, packets[i].len) == DEMUX_CHANNEL) {
            relay_client_channel(w->relay, &client, &packets[i]);
        } else {
            relay_client_stun(w->relay, &client, &packets[i]);
        }
    }
}

static void pump(struct world *w) {
    event_base_loop(loop_base(w->loop), EVLOOP_NONBLOCK);
    udp_io_flush(w->io);
}

static int no_user(void *ctx, uint64_t request, const struct relay_user_query *query) {
    (void)ctx;
    (void)request;
    (void)query;
    return -ENOENT;
}

static void open_socket(struct udp_socket *s, bool merge) {
    struct addr at;
    assert_int_equal(addr_parse(&at, "127.0.0.1:0"), 0);
    assert_int_equal(udp_socket_open(s, &at, &(struct udp_options){.receive_buffer = 1 << 20, .merge = merge}), 0);
}

static void make_settings(struct world *w) {
    static const char text[] = "[server]\nrealm = example.org\n[relay]\nallow-peer = 127.0.0.0/8\n";
    static const char *const secrets[] = {"a secret of the test"};
    static const uint8_t nonce_key[32] = {1};
    const struct config *config;
    struct config_report report = {0};
    struct config_source source = {.text = text, .text_len = sizeof text - 1};
    assert_int_equal(config_load(&config, &source, &report), 0);
    config_report_deinit(&report);
    struct relay_extras extras = {.secrets = secrets, .secret_count = 1, .nonce_key = nonce_key, .worker_count = 1};
    assert_int_equal(relay_settings_new(&w->settings, config, &extras), 0);
    config_unref(config);
}

static void world_open(struct world *w) {
    memset(w, 0, sizeof *w);
    w->loop = loop_new("test", 64);
    w->io = udp_io_new();
    w->own_io = udp_io_new();
    w->ports = relay_ports_new();
    w->owners = owners_new();
    w->crypto = stun_crypto_new();
    assert_true(w->loop && w->io && w->own_io && w->ports && w->owners && w->crypto);
    make_settings(w);
    struct relay_options options = {
        .loop = w->loop, .io = w->io, .ports = w->ports, .owners = w->owners, .hooks = {.lookup_user = no_user}};
    assert_int_equal(relay_new(&w->relay, &options, w->settings), 0);
    open_socket(&w->listener, true);
    open_socket(&w->client.socket, false);
    open_socket(&w->other.socket, false);
    open_socket(&w->peer, false);
    assert_int_equal(relay_add_listener(w->relay, &w->listener), 0);
    w->event = event_new(loop_base(w->loop), w->listener.fd, EV_READ | EV_PERSIST, on_listener, w);
    event_add(w->event, NULL);
}

static void world_close(struct world *w) {
    turn_client_free(w->client.machine);
    turn_client_free(w->other.machine);
    event_free(w->event);
    relay_free(w->relay);
    udp_socket_close(&w->listener);
    udp_socket_close(&w->client.socket);
    udp_socket_close(&w->other.socket);
    udp_socket_close(&w->peer);
    relay_settings_unref(w->settings);
    relay_ports_free(w->ports);
    owners_free(w->owners);
    stun_crypto_free(w->crypto);
    udp_io_free(w->io);
    udp_io_free(w->own_io);
    loop_free(w->loop);
}

/* Moves the client machine's messages until it is in that state. */
static void reach(struct world *w, struct end *end, enum turn_client_state wanted) {
    for (int i = 0; i < TRIES && turn_client_state(end->machine) != wanted; i++) {
        struct udp_packet *packets;
        const uint8_t *message;
        size_t len;
        while ((message = turn_client_poll(end->machine, &len)) != NULL) {
            udp_io_send_copy(w->own_io, &end->socket, message, len, &w->listener.local, NULL);
        }
        udp_io_flush(w->own_io);
        pump(w);
        unsigned count = udp_io_receive(w->own_io, &end->socket, &packets);
        for (unsigned k = 0; k < count; k++) {
            turn_client_input(end->machine, packets[k].data, packets[k].len, clock_now_us());
        }
        udp_io_flush(w->own_io);
    }
    assert_int_equal(turn_client_state(end->machine), wanted);
}

static void allocate(struct world *w, struct end *end) {
    static char user[64];
    static char password[STUN_PASSWORD_BYTES];
    int len = snprintf(user, sizeof user, "%llu:tester", (unsigned long long)clock_wall_s() + 600);
    assert_int_equal(stun_derive_password(w->crypto, "a secret of the test", user, (size_t)len, password), 0);
    struct turn_client_config config = {.crypto = w->crypto,
                                        .user = user,
                                        .password = password,
                                        .realm = "",
                                        .lifetime_s = 600,
                                        .relay_family = AF_INET,
                                        .random = rng_bytes};
    end->machine = turn_client_new(&config);
    assert_non_null(end->machine);
    turn_client_allocate(end->machine, clock_now_us());
    reach(w, end, TURN_CLIENT_ALLOCATED);
}

static void bind_peer(struct world *w, struct end *end, const struct addr *peer) {
    turn_client_bind(end->machine, peer, CHANNEL, clock_now_us());
    reach(w, end, TURN_CLIENT_READY);
}

static void bind_channel(struct world *w) {
    allocate(w, &w->client);
    bind_peer(w, &w->client, &w->peer.local);
}

/* Two clients whose peers are each other's relayed addresses. */
static void bind_clients(struct world *w) {
    allocate(w, &w->client);
    allocate(w, &w->other);
    bind_peer(w, &w->client, turn_client_relayed(w->other.machine));
    bind_peer(w, &w->other, turn_client_relayed(w->client.machine));
}

/* Sends a batch and counts what arrives on the other side, checking length and content. */
static unsigned carry(struct world *w, struct udp_socket *from, const struct addr *to, struct udp_socket *at,
                      size_t header) {
    static uint8_t message[TURN_CHANNEL_HEADER_BYTES + PAYLOAD];
    size_t own_header = TURN_CHANNEL_HEADER_BYTES - header;
    unsigned arrived = 0;
    memset(message, 0x5a, sizeof message);
    turn_channel_header_write(message, CHANNEL, PAYLOAD);
    for (int i = 0; i < BATCH; i++) {
        udp_io_send(w->own_io, from, message + header, PAYLOAD + own_header, to, NULL);
    }
    udp_io_flush(w->own_io);
    for (int i = 0; i < TRIES && arrived < BATCH; i++) {
        struct udp_packet *packets;
        pump(w);
        unsigned count = udp_io_receive(w->own_io, at, &packets);
        for (unsigned k = 0; k < count; k++) {
            arrived += packets[k].len == PAYLOAD + header && packets[k].data[header] == 0x5a;
        }
        udp_io_flush(w->own_io);
    }
    return arrived;
}

static void both_ways(struct world *w) {
    assert_int_equal(carry(w, &w->client.socket, &w->listener.local, &w->peer, 0), BATCH);
    assert_int_equal(
        carry(w, &w->peer, turn_client_relayed(w->client.machine), &w->client.socket, TURN_CHANNEL_HEADER_BYTES),
        BATCH);
}

static void a_million_packets_allocate_nothing(void **state) {
    struct world w;
    (void)state;
    event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
    world_open(&w);
    bind_channel(&w);
    both_ways(&w);
    unsigned long before = allocations;
    assert_true(before > 0); /* the counter counts */
    for (int done = 0; done < PACKETS; done += 2 * BATCH) {
        both_ways(&w);
    }
    assert_int_equal(allocations - before, 0);
    world_close(&w);
}

static void an_allocation_gives_its_port_back(void **state) {
    struct world w;
    (void)state;
    world_open(&w);
    bind_channel(&w);
    uint16_t port = turn_client_relayed(w.client.machine)->port;
    assert_int_equal(relay_session_count(w.relay), 1);
    assert_int_equal(relay_ports_owner(w.ports, AF_INET, port), 0);
    turn_client_release(w.client.machine, clock_now_us());
    reach(&w, &w.client, TURN_CLIENT_RELEASED);
    pump(&w);
    assert_int_equal(relay_session_count(w.relay), 0);
    assert_int_equal(relay_ports_owner(w.ports, AF_INET, port), RELAY_PORT_FREE);
    world_close(&w);
}

static void a_killed_session_relays_nothing(void **state) {
    struct world w;
    struct relay_session session;
    uint32_t cursor = 0;
    (void)state;
    world_open(&w);
    bind_channel(&w);
    both_ways(&w);
    assert_int_equal(relay_sessions(w.relay, &cursor, &session, 1), 1);
    assert_int_equal(session.packets_from_client, BATCH);
    assert_int_equal(session.bytes_to_client, BATCH * PAYLOAD);
    assert_int_equal(relay_session_kill(w.relay, session.id), 0);
    assert_int_equal(relay_session_kill(w.relay, session.id), -ENOENT);
    uint8_t message[TURN_CHANNEL_HEADER_BYTES + 4] = {0};
    turn_channel_header_write(message, CHANNEL, 4);
    udp_io_send(w.own_io, &w.client.socket, message, sizeof message, &w.listener.local, NULL);
    udp_io_flush(w.own_io);
    struct udp_packet *packets;
    for (int i = 0; i < 100; i++) {
        pump(&w);
        assert_int_equal(udp_io_receive(w.own_io, &w.peer, &packets), 0);
    }
    world_close(&w);
}

/* ChannelData of one client comes out at the other as ChannelData, after its own header. */
static unsigned carry_over(struct world *w, struct end *from, struct end *to) {
    static uint8_t message[TURN_CHANNEL_HEADER_BYTES + PAYLOAD];
    unsigned arrived = 0;
    memset(message, 0x5a, sizeof message);
    turn_channel_header_write(message, CHANNEL, PAYLOAD);
    for (int i = 0; i < BATCH; i++) {
        udp_io_send(w->own_io, &from->socket, message, sizeof message, &w->listener.local, NULL);
    }
    udp_io_flush(w->own_io);
    for (int i = 0; i < TRIES && arrived < BATCH; i++) {
        struct udp_packet *packets;
        pump(w);
        unsigned count = udp_io_receive(w->own_io, &to->socket, &packets);
        for (unsigned k = 0; k < count; k++) {
            arrived += packets[k].len == sizeof message && memcmp(packets[k].data, message, sizeof message) == 0;
        }
        udp_io_flush(w->own_io);
    }
    return arrived;
}

static void clients_by_turns(struct world *w) {
    assert_int_equal(carry_over(w, &w->client, &w->other), BATCH);
    assert_int_equal(carry_over(w, &w->other, &w->client), BATCH);
}

static void a_million_packets_between_relayed_addresses_allocate_nothing(void **state) {
    struct world w;
    (void)state;
    world_open(&w);
    bind_clients(&w);
    clients_by_turns(&w);
    unsigned long before = allocations;
    int64_t handed = metrics_read(METRIC_RELAY_HANDOFFS_DIRECT);
    for (int done = 0; done < PACKETS; done += 2 * BATCH) {
        clients_by_turns(&w);
    }
    assert_int_equal(allocations - before, 0);
    assert_int_equal(metrics_read(METRIC_RELAY_HANDOFFS_DIRECT) - handed, PACKETS);
    world_close(&w);
}

static void a_packet_between_relayed_addresses_counts_on_both_sides(void **state) {
    struct world w;
    struct relay_session sessions[2];
    uint32_t cursor = 0;
    (void)state;
    world_open(&w);
    bind_clients(&w);
    assert_int_equal(carry_over(&w, &w.client, &w.other), BATCH);
    assert_int_equal(relay_sessions(w.relay, &cursor, sessions, 2), 2);
    int sender = addr_equal(&sessions[0].client.remote, &w.client.socket.local) ? 0 : 1;
    assert_int_equal(sessions[sender].packets_from_client, BATCH);
    assert_int_equal(sessions[sender].packets_to_client, 0);
    assert_int_equal(sessions[1 - sender].bytes_to_client, BATCH * PAYLOAD);
    assert_int_equal(sessions[1 - sender].packets_from_client, 0);
    world_close(&w);
}

/* The receiver has not said that it wants to hear the sender. */
static void without_the_receivers_permission_nothing_passes(void **state) {
    struct world w;
    struct udp_packet *packets;
    uint8_t message[TURN_CHANNEL_HEADER_BYTES + 4] = {0};
    (void)state;
    world_open(&w);
    allocate(&w, &w.client);
    allocate(&w, &w.other);
    bind_peer(&w, &w.client, turn_client_relayed(w.other.machine));
    int64_t dropped = metrics_read(METRIC_RELAY_DROPPED_PERMISSION);
    turn_channel_header_write(message, CHANNEL, 4);
    udp_io_send(w.own_io, &w.client.socket, message, sizeof message, &w.listener.local, NULL);
    udp_io_flush(w.own_io);
    for (int i = 0; i < 100; i++) {
        pump(&w);
        assert_int_equal(udp_io_receive(w.own_io, &w.other.socket, &packets), 0);
    }
    assert_int_equal(metrics_read(METRIC_RELAY_DROPPED_PERMISSION) - dropped, 1);
    world_close(&w);
}

/* A client that is its own peer gets each packet once. */
static void a_loop_through_one_relayed_address_ends_at_its_client(void **state) {
    struct world w;
    (void)state;
    world_open(&w);
    allocate(&w, &w.client);
    bind_peer(&w, &w.client, turn_client_relayed(w.client.machine));
    int64_t handed = metrics_read(METRIC_RELAY_HANDOFFS_DIRECT);
    assert_int_equal(carry_over(&w, &w.client, &w.client), BATCH);
    pump(&w);
    assert_int_equal(metrics_read(METRIC_RELAY_HANDOFFS_DIRECT) - handed, BATCH);
    world_close(&w);
}

/* Datagrams that the kernel merged lie one after the other: what is put around one must not change another. Each is sent
 * with the number of its place and arrives in a Data indication, with padding. */
static void expect_indications(struct world *w, struct udp_socket *from, const struct addr *to, struct end *at,
                               size_t header) {
    enum { COUNT = 8, ODD = 33 };
    static uint8_t messages[COUNT][TURN_CHANNEL_HEADER_BYTES + ODD];
    unsigned arrived = 0;
    for (int i = 0; i < COUNT; i++) {
        turn_channel_header_write(messages[i], CHANNEL, ODD);
        memset(messages[i] + TURN_CHANNEL_HEADER_BYTES, 'a' + i, ODD);
        size_t skipped = TURN_CHANNEL_HEADER_BYTES - header;
        udp_io_send(w->own_io, from, messages[i] + skipped, sizeof messages[i] - skipped, to, NULL);
    }
    udp_io_flush(w->own_io);
    for (int i = 0; i < TRIES && arrived < COUNT; i++) {
        struct udp_packet *packets;
        pump(w);
        unsigned count = udp_io_receive(w->own_io, &at->socket, &packets);
        for (unsigned k = 0; k < count; k++, arrived++) {
            assert_int_equal(packets[k].len, TURN_DATA_HEADROOM_V4 + ODD + 3);
            assert_memory_equal(packets[k].data + TURN_DATA_HEADROOM_V4, messages[arrived] + TURN_CHANNEL_HEADER_BYTES,
                                ODD);
        }
        udp_io_flush(w->own_io);
    }
    assert_int_equal(arrived, COUNT);
}

static void neighbours_in_a_merged_run_do_not_spoil_each_other(void **state) {
    struct world w;
    (void)state;
    world_open(&w);
    bind_channel(&w);
    /* This peer has the permission of another port's channel. */
    expect_indications(&w, &w.other.socket, turn_client_relayed(w.client.machine), &w.client, 0);
    /* And so has this relayed address. */
    allocate(&w, &w.other);
    bind_peer(&w, &w.other, turn_client_relayed(w.client.machine));
    expect_indications(&w, &w.other.socket, &w.listener.local, &w.client, TURN_CHANNEL_HEADER_BYTES);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_packets_allocate_nothing),
        cmocka_unit_test(a_million_packets_between_relayed_addresses_allocate_nothing),
        cmocka_unit_test(a_packet_between_relayed_addresses_counts_on_both_sides),
        cmocka_unit_test(without_the_receivers_permission_nothing_passes),
        cmocka_unit_test(a_loop_through_one_relayed_address_ends_at_its_client),
        cmocka_unit_test(neighbours_in_a_merged_run_do_not_spoil_each_other),
        cmocka_unit_test(an_allocation_gives_its_port_back),
        cmocka_unit_test(a_killed_session_relays_nothing),
    };
    return cmocka_run_group_tests_name("relay/packet_path", tests, NULL, NULL);
}
