/* Quotas of two workers that share the counters of auth/quota.h: whatever happens to allocations, each gives back what
 * it took, once. */
#include "lib/turn_world.h"

#include "auth/quota.h"
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { WORKERS = 2, CLIENTS = 24, USERS = 5, STEPS = 20000, USER_LIMIT = 3, TOTAL_LIMIT = 12 };

struct cluster {
    struct auth_quota *quota;
    struct world workers[WORKERS];
    struct client clients[WORKERS][CLIENTS];
};

static struct cluster c;

/* One of n; the same in every run. */
static unsigned any(unsigned n) {
    static uint64_t x = 20;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (unsigned)(x % n);
}

static int take(void *ctx, const char *realm, const char *user) {
    return auth_quota_hold(ctx, realm, user, strlen(user), NULL);
}

static void give(void *ctx, const char *realm, const char *user) {
    auth_quota_release_user(ctx, realm, user, strlen(user));
}

static void set_limits(uint64_t user, uint64_t total) {
    auth_quota_set_limits(c.quota, &(struct auth_quota_limits){.user_allocations = user, .total_allocations = total});
}

/* Users are alice by password and the names of short-lived credentials; some are the same on both workers. */
static void name_client(struct client *client, unsigned worker, unsigned i) {
    char name[16];
    client_init(client, &c.workers[worker], worker * CLIENTS + i);
    if (i % USERS != 0) {
        snprintf(name, sizeof name, "user%u", i % USERS);
        client_set_ephemeral(client, "north", 4000000000ULL + i, name);
    }
}

static int setup(void **state) {
    (void)state;
    memset(&c, 0, sizeof c);
    c.quota = auth_quota_new(100, &(struct auth_quota_limits){0});
    set_limits(USER_LIMIT, TOTAL_LIMIT);
    for (unsigned w = 0; w < WORKERS; w++) {
        world_init(&c.workers[w]);
        c.workers[w].settings.worker = (uint8_t)w;
        c.workers[w].settings.quota = (struct turn_quota){take, give, c.quota};
        assert_int_equal(world_configure(&c.workers[w]), 0);
        for (unsigned i = 0; i < CLIENTS; i++) {
            name_client(&c.clients[w][i], w, i);
        }
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (unsigned w = 0; w < WORKERS; w++) {
        world_deinit(&c.workers[w]);
    }
    auth_quota_free(c.quota);
    return 0;
}

static size_t allocations(void) {
    return turn_server_count(c.workers[0].server) + turn_server_count(c.workers[1].server);
}

static void assert_counted(void) { assert_int_equal(auth_quota_total(c.quota), allocations()); }

/* ---- what may happen */

static void ends_it(struct client *client) {
    if (client_allocation(client)) {
        assert_int_equal(client_refresh(client, 0), 0);
    }
}

static void is_killed(struct client *client) {
    struct turn_allocation *a = client_allocation(client);
    if (a) {
        turn_server_kill(client->world->server, a);
        world_drain(client->world);
    }
}

static void disconnects(struct client *client) {
    turn_server_client_gone(client->world->server, &client->tuple);
    world_drain(client->world);
}

static void allocates(struct client *client) { client_allocate(client); }

static void reserves_a_pair(struct client *client) {
    client_begin(client, STUN_ALLOCATE);
    stun_write_u8(&client->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_write_u8(&client->w, STUN_ATTR_EVEN_PORT, 0x80);
    client_send(client);
}

static void allocates_two_families(struct client *client) {
    client_begin(client, STUN_ALLOCATE);
    stun_write_u8(&client->w, STUN_ATTR_REQUESTED_TRANSPORT, 17);
    stun_write_u32(&client->w, STUN_ATTR_ADDITIONAL_ADDRESS_FAMILY, 0x02000000);
    client_send(client);
}

static void repeats_himself(struct client *client) {
    if (client->w.len > 0) {
        client_resend(client);
    }
}

static void finds_no_port(struct client *client) {
    client->world->ports = 0;
    client_allocate(client);
    client->world->ports = WORLD_PORTS;
}

/* The port takes its time; meanwhile the client goes, or the request gets too old, or the port comes after all. */
static void waits_for_a_port(struct client *client) {
    struct world *w = client->world;
    unsigned before = w->questions_relay;
    w->hold_relays = true;
    client_allocate(client);
    w->hold_relays = false;
    switch (w->questions_relay > before ? any(4) : 4) {
    case 0:
        disconnects(client);
        break;
    case 1:
        world_sleep(w, 15);
        break;
    case 2:
        w->ports = 0;
        world_answer_relay(w);
        w->ports = WORLD_PORTS;
        break;
    case 3:
        world_answer_relay(w);
        break;
    default:
        return;
    }
    if (any(2) == 0) {
        world_answer_relay(w); /* too late, or twice */
    }
}

static void forgets_to_refresh(struct client *client) { world_sleep(client->world, 300 + any(600)); }

static void sees_a_reload(struct client *client) {
    set_limits(any(USER_LIMIT + 2), any(TOTAL_LIMIT + 10));
    assert_int_equal(world_configure(client->world), 0);
}

static const struct {
    void (*happens)(struct client *client);
    unsigned weight;
} events[] = {
    {allocates, 40},         {reserves_a_pair, 5}, {allocates_two_families, 5},
    {repeats_himself, 5},    {ends_it, 10},        {is_killed, 8},
    {disconnects, 8},        {finds_no_port, 5},   {waits_for_a_port, 8},
    {forgets_to_refresh, 2}, {sees_a_reload, 2},
};

static void something_happens(void) {
    struct client *client = &c.clients[any(WORKERS)][any(CLIENTS)];
    unsigned at = any(98);
    size_t i = 0;
    for (; at >= events[i].weight; i++) {
        at -= events[i].weight;
    }
    events[i].happens(client);
}

static void after_thousands_of_random_operations_all_is_given_back(void **state) {
    size_t most = 0;
    (void)state;
    for (int step = 0; step < STEPS; step++) {
        something_happens();
        assert_counted();
        most = allocations() > most ? allocations() : most;
    }
    assert_true(most >= TOTAL_LIMIT); /* there was something to count */
    for (unsigned w = 0; w < WORKERS; w++) {
        world_sleep(&c.workers[w], 4000);
        assert_int_equal(turn_server_count(c.workers[w].server), 0);
        assert_int_equal(c.workers[w].open_relays, 0);
    }
    assert_int_equal(auth_quota_total(c.quota), 0);
    set_limits(USER_LIMIT, 0);
    for (unsigned user = 0; user < USERS; user++) { /* and everybody has all of his own again */
        char name[16] = "alice";
        if (user > 0) {
            snprintf(name, sizeof name, "user%u", user);
        }
        for (int n = 0; n < USER_LIMIT; n++) {
            assert_int_equal(take(c.quota, "example.org", name), 0);
        }
        assert_int_equal(take(c.quota, "example.org", name), -ERR_QUOTA);
    }
}

/* Clients 0, USERS, 2 * USERS ... are alice's. */
static struct client *of_alice(unsigned worker, unsigned n) { return &c.clients[worker][n * USERS]; }

static void a_user_s_quota_spans_workers(void **state) {
    (void)state;
    assert_int_equal(client_allocate(of_alice(0, 0)), 0);
    assert_int_equal(client_allocate(of_alice(1, 0)), 0);
    assert_int_equal(client_allocate(of_alice(0, 1)), 0);
    assert_int_equal(client_allocate(of_alice(1, 1)), 486);
    assert_int_equal(client_allocate(of_alice(0, 2)), 486);
    assert_int_equal(client_allocate(&c.clients[1][1]), 0); /* another user */
    assert_int_equal(client_refresh(of_alice(0, 0), 0), 0);
    assert_int_equal(client_allocate(of_alice(1, 1)), 0);
}

static void the_total_spans_workers_and_gets_508(void **state) {
    (void)state;
    set_limits(0, 4);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(client_allocate(of_alice(0, n)), 0);
        assert_int_equal(client_allocate(of_alice(1, n)), 0);
    }
    assert_int_equal(client_allocate(of_alice(0, 2)), 508);
    assert_int_equal(client_allocate(of_alice(1, 2)), 508);
}

static void limits_below_what_is_in_use_end_nothing(void **state) {
    (void)state;
    for (unsigned n = 0; n < USER_LIMIT; n++) {
        assert_int_equal(client_allocate(of_alice(n % WORKERS, n)), 0);
    }
    set_limits(1, 1);
    for (unsigned w = 0; w < WORKERS; w++) {
        assert_int_equal(world_configure(&c.workers[w]), 0);
        world_sleep(&c.workers[w], 10);
    }
    assert_int_equal(allocations(), USER_LIMIT);
    assert_int_equal(client_refresh(of_alice(0, 0), 600), 0);
    assert_int_equal(client_allocate(of_alice(1, 3)), 508);
    for (unsigned n = 0; n < USER_LIMIT; n++) {
        assert_int_equal(client_refresh(of_alice(n % WORKERS, n), 0), 0);
    }
    assert_int_equal(client_allocate(of_alice(1, 3)), 0); /* below the new limit at last */
    assert_counted();
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(after_thousands_of_random_operations_all_is_given_back),
        T(a_user_s_quota_spans_workers),
        T(the_total_spans_workers_and_gets_508),
        T(limits_below_what_is_in_use_end_nothing),
    };
    return cmocka_run_group_tests_name("turn/quota", tests, NULL, NULL);
}
