#include "proto/stun/client.h"

#include "base/rng.h"

#include <errno.h>

void stun_transaction_begin(struct stun_transaction *t, uint64_t now_us) {
    *t = (struct stun_transaction){.state = STUN_TRANSACTION_ASKING, .due_us = now_us};
    rng_bytes(t->txid, sizeof t->txid);
}

uint64_t stun_transaction_deadline(const struct stun_transaction *t) {
    return t->state == STUN_TRANSACTION_ASKING ? t->due_us : UINT64_MAX;
}

bool stun_transaction_timeout(struct stun_transaction *t, uint64_t now_us) {
    if (now_us < stun_transaction_deadline(t)) {
        return false;
    }
    if (t->sent == STUN_SENDS_MAX) {
        t->state = STUN_TRANSACTION_DONE;
        return false;
    }
    uint64_t rto_us = (uint64_t)STUN_RTO_US << t->sent;
    t->sent++;
    t->due_us = now_us + (t->sent == STUN_SENDS_MAX ? (uint64_t)STUN_LAST_WAIT * STUN_RTO_US : rto_us);
    return true;
}

size_t stun_transaction_request(const struct stun_transaction *t, uint8_t out[STUN_HEADER_BYTES]) {
    struct writer w;
    writer_init(&w, out, STUN_HEADER_BYTES);
    stun_write_header(&w, STUN_REQUEST, STUN_BINDING, t->txid);
    return (size_t)stun_write_end(&w);
}

int stun_transaction_input(struct stun_transaction *t, const void *data, size_t len) {
    struct stun_msg msg;
    struct addr mapped = {0};
    if (t->state != STUN_TRANSACTION_ASKING || t->sent == 0 || stun_msg_parse(&msg, data, len) < 0 ||
        msg.method != STUN_BINDING || msg.class < STUN_SUCCESS || memcmp(msg.txid, t->txid, sizeof t->txid) != 0) {
        return -ENOENT;
    }
    t->state = STUN_TRANSACTION_DONE;
    if (msg.class == STUN_SUCCESS && (stun_msg_xor_addr(&msg, STUN_ATTR_XOR_MAPPED_ADDRESS, &mapped) == 0 ||
                                      stun_msg_addr(&msg, STUN_ATTR_MAPPED_ADDRESS, &mapped) == 0)) {
        t->mapped = mapped;
    }
    return 0;
}
