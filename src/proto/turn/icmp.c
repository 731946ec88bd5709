/* What a client is told of ICMP errors that its packets have caused (RFC 8656 sections 11.5, 11.6 and 18.13). */
#include "proto/turn/allocation.h"

#include "base/rng.h"
#include "proto/stun/stun.h"

/*   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |  Reserved                     |  ICMP Type  |  ICMP Code      |
 *  |                          Error Data                           |
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+ */
enum { VALUE_BYTES = 8, CODE_BITS = 9 };

enum { V4_UNREACHABLE = 3, V4_TIME_EXCEEDED = 11, V4_FRAGMENTATION_NEEDED = 4 };
enum { V6_UNREACHABLE = 1, V6_PACKET_TOO_BIG = 2, V6_TIME_EXCEEDED = 3 };

static bool is_passed_on(const struct turn_icmp *icmp) {
    return icmp->peer.family == AF_INET6 ? icmp->type >= V6_UNREACHABLE && icmp->type <= V6_TIME_EXCEEDED
                                         : icmp->type == V4_UNREACHABLE || icmp->type == V4_TIME_EXCEEDED;
}

static bool has_mtu(const struct turn_icmp *icmp) {
    return icmp->peer.family == AF_INET6 ? icmp->type == V6_PACKET_TOO_BIG
                                         : icmp->type == V4_UNREACHABLE && icmp->code == V4_FRAGMENTATION_NEEDED;
}

size_t turn_icmp_indication_write(uint8_t out[TURN_ICMP_BYTES_MAX], const struct turn_icmp *icmp) {
    uint8_t txid[STUN_TXID_BYTES];
    uint8_t value[VALUE_BYTES] = {0};
    struct writer w;
    if (!is_passed_on(icmp)) {
        return 0;
    }
    rng_bytes(txid, sizeof txid);
    store_be16(value + 2, (uint16_t)(icmp->type << CODE_BITS | icmp->code));
    store_be32(value + 4, has_mtu(icmp) ? icmp->mtu : 0);
    writer_init(&w, out, TURN_ICMP_BYTES_MAX);
    stun_write_header(&w, STUN_INDICATION, STUN_DATA, txid);
    stun_write_xor_addr(&w, STUN_ATTR_XOR_PEER_ADDRESS, &icmp->peer);
    stun_write_bytes(&w, STUN_ATTR_ICMP, value, sizeof value);
    long len = stun_write_end(&w);
    return len > 0 ? (size_t)len : 0;
}
