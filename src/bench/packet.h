/* What the payload of a measured packet says, so that loss, order and delay can be told at the other end.
 *
 *   0 "TNBP"    4 run id    8 flow << 1 | way    12 sequence number    16 time of sending, ns    24 zeros
 */
#pragma once

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAGIC 0x544e4250U

enum { PACKET_BYTES = 24 };

struct packet {
    uint32_t run;
    uint32_t flow_way;
    uint32_t seq;
    uint64_t sent_ns;
};

static inline void packet_write(uint8_t *out, const struct packet *p) {
    store_be32(out, PACKET_MAGIC);
    store_be32(out + 4, p->run);
    store_be32(out + 8, p->flow_way);
    store_be32(out + 12, p->seq);
    store_be64(out + 16, p->sent_ns);
}

/* False when these are not the bytes of packet_write. */
static inline bool packet_read(struct packet *out, const uint8_t *data, size_t len) {
    if (len < PACKET_BYTES || load_be32(data) != PACKET_MAGIC) {
        return false;
    }
    out->run = load_be32(data + 4);
    out->flow_way = load_be32(data + 8);
    out->seq = load_be32(data + 12);
    out->sent_ns = load_be64(data + 16);
    return true;
}
