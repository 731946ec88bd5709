/* One STUN Binding transaction over UDP, without I/O: what to send when, and what the answer says. */
#pragma once

#include "base/addr.h"
#include "proto/stun/stun.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Retransmission (RFC 8489 section 6.2.1): at 0, 500, 1500, 3500, 7500, 15500 and 31500 ms; given up at 39500. */
enum { STUN_RTO_US = 500 * 1000, STUN_SENDS_MAX = 7, STUN_LAST_WAIT = 16 /* times the first RTO */ };

enum stun_transaction_state { STUN_TRANSACTION_NONE, STUN_TRANSACTION_ASKING, STUN_TRANSACTION_DONE };

struct stun_transaction {
    enum stun_transaction_state state;
    uint8_t txid[STUN_TXID_BYTES];
    unsigned sent;
    uint64_t due_us;    /* of the next transmission, or of the end */
    struct addr mapped; /* DONE: our address as the server sees it; AF_UNSPEC: no answer, or an error */
};

/* A fresh transaction id; the first transmission is due at once. */
void stun_transaction_begin(struct stun_transaction *t, uint64_t now_us);
/* When to look again; UINT64_MAX: never. */
uint64_t stun_transaction_deadline(const struct stun_transaction *t);
/* True: send the request now. The time may be up instead: look at the state. */
bool stun_transaction_timeout(struct stun_transaction *t, uint64_t now_us);
/* The request, 20 bytes; the same each time. Returns its length. */
size_t stun_transaction_request(const struct stun_transaction *t, uint8_t out[STUN_HEADER_BYTES]);
/* What came from the server. 0: the transaction is over (see mapped: of an error response it stays AF_UNSPEC);
 * -ENOENT: this is not its answer. MAPPED-ADDRESS is taken of old servers without XOR-MAPPED-ADDRESS. */
int stun_transaction_input(struct stun_transaction *t, const void *data, size_t len);
