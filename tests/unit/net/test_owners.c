/* Whose is this transport address: what is there is found, what is not is not, also while others come and go. */
#include "net/owners.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <cmocka.h>

enum { ROUNDS = 200000, NEIGHBOURS = 8 };

static struct addr parse(const char *text) {
    struct addr a;
    assert_int_equal(addr_parse(&a, text), 0);
    return a;
}

static int worker_of(struct owners *o, const char *text) {
    struct addr a = parse(text);
    struct owner owner;
    return owners_find(o, &a, &owner) ? owner.worker : -1;
}

static int add(struct owners *o, const char *text, unsigned worker, bool told) {
    struct addr a = parse(text);
    struct owner owner = {.handle = o, .worker = (uint8_t)worker, .kind = OWNER_MEDIA};
    return owners_add(o, &a, &owner, told);
}

static void remove_one(struct owners *o, const char *text) {
    struct addr a = parse(text);
    owners_remove(o, &a);
}

static void one_port_may_have_owners_by_address(void **state) {
    struct owners *o = owners_new();
    struct owner owner;
    (void)state;
    assert_int_equal(add(o, "192.0.2.1:50000", 1, true), 0);
    assert_int_equal(add(o, "192.0.2.2:50000", 2, true), 0);
    assert_int_equal(add(o, "[2001:db8::1]:50000", 63, true), 0);
    assert_int_equal(worker_of(o, "192.0.2.1:50000"), 1);
    assert_int_equal(worker_of(o, "192.0.2.2:50000"), 2);
    assert_int_equal(worker_of(o, "[2001:db8::1]:50000"), 63);
    assert_int_equal(worker_of(o, "192.0.2.3:50000"), -1);
    assert_int_equal(worker_of(o, "192.0.2.1:50001"), -1);
    struct addr a = parse("192.0.2.1:50000");
    assert_true(owners_find(o, &a, &owner));
    assert_ptr_equal(owner.handle, o);
    assert_int_equal(owner.kind, OWNER_MEDIA);
    remove_one(o, "192.0.2.1:50000");
    assert_int_equal(worker_of(o, "192.0.2.1:50000"), -1);
    assert_int_equal(worker_of(o, "192.0.2.2:50000"), 2);
    remove_one(o, "192.0.2.1:50000"); /* again: nothing */
    assert_int_equal(worker_of(o, "[2001:db8::1]:50000"), 63);
    owners_free(o);
}

static void what_cannot_be_told_apart_is_refused(void **state) {
    struct owners *o = owners_new();
    struct addr a = parse("192.0.2.1:0");
    struct owner owner = {.worker = 0};
    (void)state;
    assert_int_equal(owners_add(o, &a, &owner, true), -EINVAL);
    a = parse("[fe80::1]:5");
    a.scope = 2;
    assert_int_equal(owners_add(o, &a, &owner, true), -EINVAL);
    a = (struct addr){.port = 5};
    assert_int_equal(owners_add(o, &a, &owner, true), -EINVAL);
    owners_free(o);
}

static void an_ip_counts_while_one_address_was_told(void **state) {
    struct owners *o = owners_new();
    struct addr told = parse("192.0.2.1:0"), bound = parse("10.0.0.1:0");
    (void)state;
    assert_false(owners_tell_ip(o, &told));
    add(o, "192.0.2.1:50000", 0, true);
    add(o, "192.0.2.1:50001", 1, true);
    add(o, "10.0.0.1:50000", 0, false);
    assert_true(owners_tell_ip(o, &told));
    assert_false(owners_tell_ip(o, &bound));
    remove_one(o, "192.0.2.1:50000");
    remove_one(o, "10.0.0.1:50000");
    assert_true(owners_tell_ip(o, &told));
    remove_one(o, "192.0.2.1:50001");
    assert_false(owners_tell_ip(o, &told));
    owners_free(o);
}

static void it_is_full_at_its_bound_and_takes_again(void **state) {
    struct owners *o = owners_new();
    struct owner owner = {.worker = 0};
    struct addr a = parse("10.0.0.0:1");
    (void)state;
    for (uint32_t i = 0; i < OWNERS_MAX; i++) {
        a.ip[1] = (uint8_t)(i >> 16);
        a.port = (uint16_t)(i % 65535 + 1);
        assert_int_equal(owners_add(o, &a, &owner, true), 0);
    }
    assert_int_equal(add(o, "192.0.2.1:50000", 0, true), -ENOSPC);
    owners_remove(o, &a);
    assert_int_equal(add(o, "192.0.2.1:50000", 0, true), 0);
    assert_int_equal(worker_of(o, "192.0.2.1:50000"), 0);
    owners_free(o);
}

struct race {
    struct owners *owners;
    atomic_bool stop;
};

/* Other addresses on the port of the one that is looked for: its chain changes all the time. */
static void *come_and_go(void *arg) {
    struct race *race = arg;
    struct owner owner = {.worker = 7};
    while (!atomic_load(&race->stop)) {
        for (int i = 0; i < 2 * NEIGHBOURS; i++) {
            struct addr a = {.ip = {10, 0, 0, (uint8_t)(i % NEIGHBOURS)}, .family = AF_INET, .port = 50000};
            if (i < NEIGHBOURS) {
                owners_add(race->owners, &a, &owner, false);
            } else {
                owners_remove(race->owners, &a);
            }
        }
    }
    return NULL;
}

static void a_reader_never_gets_another_ones_owner(void **state) {
    struct race race = {.owners = owners_new()};
    struct addr wanted = parse("192.0.2.1:50000"), never = parse("192.0.2.2:50000");
    pthread_t writer;
    unsigned found = 0;
    (void)state;
    add(race.owners, "192.0.2.1:50000", 3, true);
    pthread_create(&writer, NULL, come_and_go, &race);
    /* On a busy machine the writer may sleep in the middle of a change for long. */
    for (int i = 0; i < ROUNDS || (found <= ROUNDS / 100 && i < 200 * ROUNDS); i++) {
        struct owner owner;
        assert_false(owners_find(race.owners, &never, &owner));
        if (owners_find(race.owners, &wanted, &owner)) {
            assert_int_equal(owner.worker, 3);
            found++;
        }
    }
    atomic_store(&race.stop, true);
    pthread_join(writer, NULL);
    assert_true(found > ROUNDS / 100);
    assert_int_equal(worker_of(race.owners, "192.0.2.1:50000"), 3);
    owners_free(race.owners);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_port_may_have_owners_by_address),
        cmocka_unit_test(what_cannot_be_told_apart_is_refused),
        cmocka_unit_test(an_ip_counts_while_one_address_was_told),
        cmocka_unit_test(it_is_full_at_its_bound_and_takes_again),
        cmocka_unit_test(a_reader_never_gets_another_ones_owner),
    };
    return cmocka_run_group_tests_name("net/owners", tests, NULL, NULL);
}
