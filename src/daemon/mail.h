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
    MAIL_OWNER,       /* to the worker that a flow arrives at: whose it is */
};

struct mail {
    enum mail_kind kind;
    unsigned from;  /* worker; of FROM_CLIENT the one that the flow arrives at */
    unsigned owner; /* MAIL_OWNER */
    struct five_tuple client;
    const void *data; /* borrowed; in a received message valid until take returns */
    size_t len;       /* at most UDP_DATAGRAM_MAX */
    struct addr via;  /* the proxy a datagram came through, or AF_UNSPEC */
};

typedef void mail_take(void *ctx, const struct mail *mail);

/* slots: messages that may wait. -ENOMEM. */
int mailbox_new(struct mailbox **out, struct loop *loop, size_t slots);
void mailbox_free(struct mailbox *box);
/* Who gets the messages; on the loop's thread, before any is sent. */
void mailbox_listen(struct mailbox *box, mail_take *take, void *ctx);

/* From any thread. False: no room, or too long; counted. */
bool mail_send(struct mailbox *to, const struct mail *mail);
/* A message without data that must arrive: it is sent again from the loop of `own` until there is room. When too many wait
 * (MAIL_OWED_MAX) it is lost, and counted. */
enum { MAIL_OWED_MAX = 65536 };
void mail_owe(struct mailbox *own, struct mailbox *to, const struct mail *mail);

/* After each batch of the loop: takes what came without a wake-up, and sends what is owed. */
void mailbox_after_batch(struct mailbox *box);
