/* Messages between workers: a ring of fixed slots for each, written by all others. A full ring refuses, as a full socket
 * buffer would; what must not be lost is kept by its sender and sent again. */
#pragma once

#include "base/addr.h"
#include "net/udp.h"

#include <stdbool.h>
#include <stddef.h>

struct loop;
struct mailbox;

enum mail_kind {
    MAIL_FROM_CLIENT, /* to the worker that owns the session */
    MAIL_TO_CLIENT,   /* to the worker that has the client's connection */
    MAIL_GONE,        /* that connection has ended */
    MAIL_CLOSE,       /* to the worker that has it: close it */
    MAIL_OWNER,       /* to the worker that a flow arrives at: whose it is */
    MAIL_HANDED,      /* to the worker that owns a relayed address, from another relayed address */
};

/* The addresses of a payload on its way between relayed addresses (struct relay_handed). */
struct mail_way {
    struct addr to, from, bound;
};

struct mail {
    enum mail_kind kind;
    unsigned from;  /* worker; of FROM_CLIENT the one that the flow arrives at */
    unsigned owner; /* MAIL_OWNER */
    union {
        struct five_tuple client;
        struct mail_way way; /* MAIL_HANDED */
    };
    const void *data; /* borrowed; in a received message it may be written over, with room around it as udp_io_receive
                       * leaves, and is valid until done */
    size_t len;       /* at most UDP_DATAGRAM_MAX */
    struct addr via;  /* the proxy a datagram came through, or AF_UNSPEC */
};

struct mail_handlers {
    void (*take)(void *ctx, const struct mail *mail);
    void (*done)(void *ctx); /* the data of all that was taken is about to go */
    void *ctx;
};

/* slots: messages that may wait. -ENOMEM. */
int mailbox_new(struct mailbox **out, struct loop *loop, size_t slots);
void mailbox_free(struct mailbox *box);
/* Who gets the messages; on the loop's thread, before any is sent. */
void mailbox_listen(struct mailbox *box, const struct mail_handlers *handlers);

/* From any thread. False: no room, or too long; counted. */
bool mail_send(struct mailbox *to, const struct mail *mail);
/* From the loop of `own`: the same for one of many, as the other is woken once after own's batch. False is not counted. */
bool mail_send_batched(struct mailbox *own, struct mailbox *to, const struct mail *mail);
/* A message without data that must arrive: it is sent again from the loop of `own` until there is room. When too many wait
 * (MAIL_OWED_MAX) it is lost, and counted. */
enum { MAIL_OWED_MAX = 65536 };
void mail_owe(struct mailbox *own, struct mailbox *to, const struct mail *mail);

/* After each batch of the loop: wakes those that something was sent to, takes what came without a wake-up, and sends what
 * is owed. */
void mailbox_after_batch(struct mailbox *box);
