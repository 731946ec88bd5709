#include "daemon/mail.h"

#include "base/list.h"
#include "base/metrics.h"
#include "base/ring.h"
#include "net/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { AGAIN_US = 50000 };

struct slot {
    struct mail mail; /* data is set by who reads it */
    uint8_t data[UDP_DATAGRAM_MAX];
};

/* A message that found no room. */
struct owed {
    struct list node;
    struct mailbox *to;
    struct mail mail;
};

struct mailbox {
    struct loop *loop;
    struct ring *ring;
    mail_take *take;
    void *ctx;
    struct list owed; /* oldest first */
    size_t owed_count;
    struct loop_timer again; /* the loop may have nothing else to do */
    _Atomic int announced;
};

static void again(void *ctx) { (void)ctx; /* mailbox_after_batch follows */ }

int mailbox_new(struct mailbox **out, struct loop *loop, size_t slots) {
    struct mailbox *box = calloc(1, sizeof *box);
    if (!box) {
        return -ENOMEM;
    }
    box->loop = loop;
    box->ring = ring_new(slots, sizeof(struct slot));
    list_init(&box->owed);
    loop_timer_init(&box->again, again, box);
    if (!box->ring) {
        free(box);
        return -ENOMEM;
    }
    *out = box;
    return 0;
}

static void drop_owed(struct mailbox *box, struct owed *owed) {
    list_remove(&owed->node);
    box->owed_count--;
    free(owed);
}

void mailbox_free(struct mailbox *box) {
    if (box) {
        while (!list_empty(&box->owed)) {
            drop_owed(box, LIST_ENTRY(box->owed.next, struct owed, node));
        }
        loop_timer_cancel(box->loop, &box->again);
        ring_free(box->ring);
        free(box);
    }
}

void mailbox_listen(struct mailbox *box, mail_take *take, void *ctx) {
    box->take = take;
    box->ctx = ctx;
}

/* ---- receiving */

static void take_all(struct mailbox *box) {
    struct slot *slot;
    atomic_store(&box->announced, 0);
    while ((slot = ring_peek(box->ring)) != NULL) {
        slot->mail.data = slot->data;
        box->take(box->ctx, &slot->mail);
        ring_release(box->ring);
    }
}

static void woken(void *data) {
    struct mailbox *box;
    memcpy(&box, data, sizeof box);
    take_all(box);
}

/* ---- sending */

static bool try_send(struct mailbox *to, const struct mail *mail) {
    struct slot *slot = mail->len <= sizeof slot->data ? ring_claim(to->ring) : NULL;
    if (!slot) {
        return false;
    }
    slot->mail = *mail;
    if (mail->len > 0) {
        memcpy(slot->data, mail->data, mail->len);
    }
    ring_commit(to->ring, slot);
    metrics_inc(METRIC_INGRESS_STEERED);
    if (atomic_exchange(&to->announced, 1) == 0 && loop_post(to->loop, woken, &to, sizeof to) < 0) {
        atomic_store(&to->announced, 0); /* so busy a loop comes to mailbox_after_batch soon */
    }
    return true;
}

bool mail_send(struct mailbox *to, const struct mail *mail) {
    bool sent = try_send(to, mail);
    if (!sent) {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
    }
    return sent;
}

void mail_owe(struct mailbox *own, struct mailbox *to, const struct mail *mail) {
    if (list_empty(&own->owed) && try_send(to, mail)) {
        return; /* with older ones waiting it waits, too: the order counts */
    }
    struct owed *owed = own->owed_count < MAIL_OWED_MAX ? malloc(sizeof *owed) : NULL;
    if (!owed) {
        metrics_inc(METRIC_INGRESS_DROPPED_STEERING);
        return;
    }
    *owed = (struct owed){.to = to, .mail = *mail};
    list_push_back(&own->owed, &owed->node);
    own->owed_count++;
    loop_timer_set(own->loop, &own->again, AGAIN_US);
}

void mailbox_after_batch(struct mailbox *box) {
    if (ring_peek(box->ring)) {
        take_all(box);
    }
    while (!list_empty(&box->owed)) {
        struct owed *owed = LIST_ENTRY(box->owed.next, struct owed, node);
        if (!try_send(owed->to, &owed->mail)) {
            loop_timer_set(box->loop, &box->again, AGAIN_US);
            return;
        }
        drop_owed(box, owed);
    }
}
