#include "daemon/mail.h"

#include "net/loop.h"

#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SLOTS = 4 };

struct side {
    struct loop *loop;
    struct mailbox *box;
    unsigned taken, done;
    struct mail last;
    char text[16];
};

static void take(void *ctx, const struct mail *mail) {
    struct side *side = ctx;
    side->taken++;
    side->last = *mail;
    memcpy(side->text, mail->data, mail->len);
}

static void done(void *ctx) { ((struct side *)ctx)->done++; }

static void after_batch(void *ctx) { mailbox_after_batch(((struct side *)ctx)->box); }

static struct side sender, receiver;

static void open_side(struct side *side, size_t inbox) {
    memset(side, 0, sizeof *side);
    side->loop = loop_new("test", inbox);
    assert_int_equal(mailbox_new(&side->box, side->loop, SLOTS), 0);
    mailbox_listen(side->box, &(struct mail_handlers){.take = take, .done = done, .ctx = side});
    loop_set_after_batch(side->loop, after_batch, side);
}

static int setup(void **state) {
    (void)state;
    open_side(&sender, 16);
    open_side(&receiver, 16);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    mailbox_free(sender.box);
    mailbox_free(receiver.box);
    loop_free(sender.loop);
    loop_free(receiver.loop);
    return 0;
}

static struct mail from_client(const char *text) {
    return (struct mail){.kind = MAIL_FROM_CLIENT, .from = 3, .data = text, .len = strlen(text)};
}

static void turn(struct side *side) {
    event_base_loop(loop_base(side->loop), EVLOOP_NONBLOCK);
    mailbox_after_batch(side->box);
}

static void a_message_arrives_whole(void **state) {
    (void)state;
    struct mail mail = from_client("hello");
    assert_true(mail_send(receiver.box, &mail));
    turn(&receiver);
    assert_int_equal(receiver.taken, 1);
    assert_int_equal(receiver.last.from, 3);
    assert_string_equal(receiver.text, "hello");
}

static void a_full_mailbox_refuses_and_so_does_one_for_what_is_too_long(void **state) {
    (void)state;
    static const char big[UDP_DATAGRAM_MAX + 1];
    struct mail mail = from_client("x");
    struct mail too_long = {.kind = MAIL_FROM_CLIENT, .data = big, .len = sizeof big};
    assert_false(mail_send(receiver.box, &too_long));
    for (int i = 0; i < SLOTS; i++) {
        assert_true(mail_send(receiver.box, &mail));
    }
    assert_false(mail_send(receiver.box, &mail));
    turn(&receiver);
    assert_int_equal(receiver.taken, SLOTS);
    assert_true(mail_send(receiver.box, &mail));
}

static void what_is_owed_arrives_after_a_full_mailbox_and_in_order(void **state) {
    (void)state;
    struct mail mail = from_client("x");
    struct mail gone = {.kind = MAIL_GONE};
    for (int i = 0; i < SLOTS; i++) {
        assert_true(mail_send(receiver.box, &mail));
    }
    for (unsigned i = 0; i < 10; i++) {
        gone.from = i;
        mail_owe(sender.box, receiver.box, &gone);
    }
    turn(&receiver);
    assert_int_equal(receiver.taken, SLOTS);
    for (unsigned round = 0; round < 3; round++) {
        turn(&sender);
        turn(&receiver);
    }
    assert_int_equal(receiver.taken, SLOTS + 10);
    assert_int_equal(receiver.last.kind, MAIL_GONE);
    assert_int_equal(receiver.last.from, 9);
}

/* Their data stays until all of them have been looked at. */
static void messages_sent_as_a_batch_come_after_it_and_are_taken_as_one(void **state) {
    (void)state;
    struct mail mail = from_client("x");
    for (int i = 0; i < SLOTS; i++) {
        assert_true(mail_send_batched(sender.box, receiver.box, &mail));
    }
    assert_false(mail_send_batched(sender.box, receiver.box, &mail));
    event_base_loop(loop_base(receiver.loop), EVLOOP_NONBLOCK);
    assert_int_equal(receiver.taken, 0); /* not woken yet */
    turn(&sender);
    event_base_loop(loop_base(receiver.loop), EVLOOP_NONBLOCK);
    assert_int_equal(receiver.taken, SLOTS);
    assert_int_equal(receiver.done, 1);
}

static void nothing(void *data) { (void)data; }

static void a_message_is_taken_although_the_wake_up_found_no_room(void **state) {
    (void)state;
    struct mail mail = from_client("x");
    while (loop_post(receiver.loop, nothing, "", 1) == 0) {
    }
    assert_true(mail_send(receiver.box, &mail));
    turn(&receiver);
    assert_int_equal(receiver.taken, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(a_message_arrives_whole),
        T(a_full_mailbox_refuses_and_so_does_one_for_what_is_too_long),
        T(what_is_owed_arrives_after_a_full_mailbox_and_in_order),
        T(messages_sent_as_a_batch_come_after_it_and_are_taken_as_one),
        T(a_message_is_taken_although_the_wake_up_found_no_room),
    };
    return cmocka_run_group_tests_name("daemon/mail", tests, NULL, NULL);
}
