#include "daemon/mail.h"

#include "base/cacheline.h"
#include "base/list.h"
#include "base/metrics.h"
#include "base/ring.h"
#include "net/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    AGAIN_US = 50000,
    TAKE_BATCH = 64, /* messages taken before their slots are given back, and sent before a wake-up */
    UNTOLD_MAX = 64,
};

struct slot {
    struct mail mail; /* data is set by who reads it */
    uint8_t headroom[UDP_HEADROOM];
    uint8_t data[UDP_DATAGRAM_MAX + UDP_TAILROOM];
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
    size_t slots;
    struct mail_handlers handlers;
    struct list owed; /* oldest first */
    size_t owed_count;
    struct loop_timer again;            /* the loop may have nothing else to do */
    struct mailbox *untold[UNTOLD_MAX]; /* that something was sent to and nobody has woken */
    unsigned untold_count, untold_messages;
    _Alignas(CACHE_LINE) _Atomic int announced; /* written by the others */
};

static void again(void *ctx) { (void)ctx; /* mailbox_after_batch follows */ }

int mailbox_new(struct mailbox **out, struct loop *loop, size_t slots) {
    struct mailbox *box = cacheline_alloc(sizeof *box);
    if (!box) {
        return -ENOMEM;
    }
    box->loop = loop;
    box->slots = slots;
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

void mailbox_listen(struct mailbox *box, const struct mail_handlers *handlers) { box->handlers = *handlers; }

/* ---- receiving */

static void woken(void *data);

static void announce(struct mailbox *to) {
    if (atomic_exchange(&to->announced, 1) == 0 && loop_post(to->loop, woken, &to, sizeof to) < 0) {
        atomic_store(&to->announced, 0); /* so busy a loop comes to mailbox_after_batch soon */
    }
}

/* Returns the number of messages. */
static size_t take_some(struct mailbox *box) {
    struct slot *slot;
    size_t count = 0;
    while (count < TAKE_BATCH && (slot = ring_peek_after(box->ring, count)) != NULL) {
        slot->mail.data = slot->data;
        box->handlers.take(box->handlers.ctx, &slot->mail);
        count++;
    }
    box->handlers.done(box->handlers.ctx);
    for (size_t i = 0; i < count; i++) {
        ring_release(box->ring);
    }
    return count;
}

/* Everything, but not more than the ring holds: others have their turn, too. */
static void take_all(struct mailbox *box) {
    size_t taken, left = box->slots;
    atomic_store(&box->announced, 0);
    do {
        taken = take_some(box);
        left -= taken < left ? taken : left;
    } while (taken == TAKE_BATCH && left > 0);
    if (taken == TAKE_BATCH) {
        announce(box);
    }
}

static void woken(void *data) {
    struct mailbox *box;
    memcpy(&box, data, sizeof box);
    take_all(box);
}

/* ---- sending */

/* False: no room, or too long. */
static bool put(struct mailbox *to, const struct mail *mail) {
    struct slot *slot = mail->len <= UDP_DATAGRAM_MAX ? ring_claim(to->ring) : NULL;
    if (!slot) {
        return false;
    }
    slot->mail = *mail;
    if (mail->len > 0) {
        memcpy(slot->data, mail->data, mail->len);
    }
    ring_commit(to->ring, slot);
    if (mail->kind != MAIL_HANDED) {
        metrics_inc(METRIC_INGRESS_STEERED);
    }
    return true;
}

static bool try_send(struct mailbox *to, const struct mail *mail) {
    bool sent = put(to, mail);
    if (sent) {
        announce(to);
    }
    return sent;
}

static void tell_all(struct mailbox *own) {
    for (unsigned i = 0; i < own->untold_count; i++) {
        announce(own->untold[i]);
    }
    own->untold_count = own->untold_messages = 0;
}

static void tell_later(struct mailbox *own, struct mailbox *to) {
    unsigned i = 0;
    while (i < own->untold_count && own->untold[i] != to) {
        i++;
    }
    if (i == own->untold_count) {
        own->untold[own->untold_count++] = to;
    }
    if (++own->untold_messages == TAKE_BATCH || own->untold_count == UNTOLD_MAX) {
        tell_all(own);
    }
}

bool mail_send_batched(struct mailbox *own, struct mailbox *to, const struct mail *mail) {
    bool sent = put(to, mail);
    if (sent) {
        tell_later(own, to);
    }
    return sent;
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
    tell_all(box);
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
