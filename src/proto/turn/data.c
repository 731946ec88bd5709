/* The packet path of a relay: no allocation, no lock, no clock. */
#include "proto/turn/allocation.h"

#include "base/bytes.h"
#include "base/error.h"
#include "base/rng.h"
#include "proto/stun/stun.h"
#include "proto/turn/internal.h"

#include <errno.h>

int turn_channel_data_parse(const uint8_t *data, size_t len, uint16_t *number, size_t *payload_len) {
    if (len < TURN_CHANNEL_HEADER_BYTES) {
        return -EBADMSG;
    }
    *number = load_be16(data);
    *payload_len = load_be16(data + 2);
    if (*number < TURN_CHANNEL_FIRST || *number > TURN_CHANNEL_LAST || *payload_len > len - TURN_CHANNEL_HEADER_BYTES) {
        return -EBADMSG;
    }
    return 0;
}

void turn_channel_header_write(uint8_t *header, uint16_t number, size_t payload_len) {
    store_be16(header, number);
    store_be16(header + 2, (uint16_t)payload_len);
}

const struct turn_channel *turn_channel_to_peer(const struct turn_allocation *a, uint16_t number) {
    for (size_t i = 0; i < a->channel_count; i++) {
        if (a->channels[i].number == number) {
            return a->channels[i].permitted ? &a->channels[i] : NULL;
        }
    }
    return NULL;
}

int turn_peer_to_client(const struct turn_allocation *a, const struct addr *peer) {
    for (size_t i = 0; i < a->channel_count; i++) {
        if (addr_equal(&a->channels[i].peer, peer)) {
            return a->channels[i].permitted ? a->channels[i].number : -ERR_FORBIDDEN;
        }
    }
    for (size_t i = 0; i < a->permission_count; i++) {
        if (addr_equal_ip(&a->permissions[i].ip, peer)) {
            return TURN_AS_DATA_INDICATION;
        }
    }
    return -ERR_FORBIDDEN;
}

/* The attributes of a Send indication are few and in any order; the first of each counts. */
static int read_send_attr(struct turn_send *out, const uint8_t *message, uint16_t type, struct stun_span value) {
    switch (type) {
    case STUN_ATTR_XOR_PEER_ADDRESS: {
        if (out->peer.family != AF_UNSPEC) {
            return 0;
        }
        struct stun_msg msg = {.data = message};
        struct stun_attr attr = {.len = (uint16_t)value.len,
                                 .offset = (uint32_t)((const uint8_t *)value.bytes - message)};
        return stun_attr_xor_addr(&msg, &attr, &out->peer);
    }
    case STUN_ATTR_DATA:
        if (!out->data) {
            out->data = value.bytes;
            out->len = value.len;
        }
        return 0;
    case STUN_ATTR_DONT_FRAGMENT:
        out->dont_fragment = true;
        return 0;
    default:
        return type < STUN_ATTR_OPTIONAL && !turn_attr_known(type) ? -EBADMSG : 0;
    }
}

int turn_send_indication_parse(struct turn_send *out, const uint8_t *data, size_t len) {
    struct reader r;
    *out = (struct turn_send){.data = NULL};
    if (len < STUN_HEADER_BYTES || !turn_is_send_indication(data, len) || !stun_is_message(data, len) ||
        (size_t)load_be16(data + 2) + STUN_HEADER_BYTES != len || len % 4 != 0) {
        return -EBADMSG;
    }
    reader_init(&r, data + STUN_HEADER_BYTES, len - STUN_HEADER_BYTES);
    while (reader_left(&r) > 0) {
        uint16_t type = reader_u16(&r);
        size_t n = reader_u16(&r);
        struct stun_span value = {reader_bytes(&r, (n + 3) & ~(size_t)3), n};
        if (r.failed || read_send_attr(out, data, type, value) < 0) {
            return -EBADMSG;
        }
    }
    return out->data && out->peer.family != AF_UNSPEC && out->peer.port != 0 ? 0 : -EBADMSG;
}

uint8_t *turn_data_indication_wrap(uint8_t *payload, size_t len, const struct addr *peer, size_t *total) {
    size_t ip_len = addr_ip_len(peer);
    size_t head = STUN_HEADER_BYTES + 8 + ip_len + 4;
    size_t padding = (4 - len % 4) % 4;
    if (head - STUN_HEADER_BYTES + len + padding > UINT16_MAX) {
        return NULL;
    }
    uint8_t *message = payload - head;
    uint8_t *attr = message + STUN_HEADER_BYTES;

    store_be16(message, 0x0017); /* Data indication */
    store_be16(message + 2, (uint16_t)(head - STUN_HEADER_BYTES + len + padding));
    store_be32(message + 4, STUN_MAGIC_COOKIE);
    rng_bytes(message + 8, STUN_TXID_BYTES);
    store_be16(attr, STUN_ATTR_XOR_PEER_ADDRESS);
    store_be16(attr + 2, (uint16_t)(4 + ip_len));
    store_be16(attr + 4, ip_len == 4 ? 1 : 2);
    store_be16(attr + 6, (uint16_t)(peer->port ^ (STUN_MAGIC_COOKIE >> 16)));
    for (size_t i = 0; i < ip_len; i++) {
        attr[8 + i] = (uint8_t)(peer->ip[i] ^ message[4 + i]);
    }
    store_be16(payload - 4, STUN_ATTR_DATA);
    store_be16(payload - 2, (uint16_t)len);
    memset(payload + len, 0, padding);
    *total = head + len + padding;
    return message;
}
