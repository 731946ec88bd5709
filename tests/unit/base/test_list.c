/* The intrusive list. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct entry {
    int number;
    struct list node;
};

static void expect(struct list *head, const int *numbers, size_t count) {
    size_t i = 0;
    LIST_FOREACH(node, head) {
        assert_true(i < count);
        assert_int_equal(LIST_ENTRY(node, struct entry, node)->number, numbers[i++]);
        assert_ptr_equal(node->prev->next, node);
        assert_ptr_equal(node->next->prev, node);
    }
    assert_int_equal(i, count);
    assert_int_equal(list_empty(head), count == 0);
}

static void entries_keep_their_order(void **state) {
    (void)state;
    struct list head;
    struct entry e[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    list_init(&head);
    expect(&head, NULL, 0);
    list_push_back(&head, &e[1].node);
    list_push_back(&head, &e[2].node);
    list_push_front(&head, &e[0].node);
    list_insert_after(&e[1].node, &e[3].node);
    expect(&head, (const int[]){1, 2, 4, 3}, 4);
}

static void removing_twice_does_no_harm(void **state) {
    (void)state;
    struct list head;
    struct entry e[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    list_init(&head);
    for (int i = 0; i < 3; i++) {
        list_push_back(&head, &e[i].node);
    }
    list_remove(&e[1].node);
    list_remove(&e[1].node);
    expect(&head, (const int[]){1, 3}, 2);
    list_remove(&e[0].node);
    list_remove(&e[2].node);
    expect(&head, NULL, 0);
}

static void body_of_a_safe_loop_may_remove(void **state) {
    (void)state;
    struct list head;
    struct entry e[5];
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        e[i].number = i;
        list_push_back(&head, &e[i].node);
    }
    LIST_FOREACH_SAFE(node, after, &head) {
        struct entry *entry = LIST_ENTRY(node, struct entry, node);
        if (entry->number % 2 == 0) {
            list_remove(node);
            memset(entry, 0xaa, sizeof *entry);
        }
    }
    expect(&head, (const int[]){1, 3}, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_keep_their_order),
        cmocka_unit_test(removing_twice_does_no_harm),
        cmocka_unit_test(body_of_a_safe_loop_may_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
