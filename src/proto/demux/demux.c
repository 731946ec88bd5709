#include "proto/demux/demux.h"

/* First byte -> class (RFC 7983 section 7). TURN channels are 64..79, as far as RFC 8656 numbers them; clients of RFC 5766,
 * which went on to 0x7FFF, use 80..127 too, and no other protocol does. */
enum demux_class demux_classify(const uint8_t *data, size_t len) {
    if (len == 0) {
        return DEMUX_DROP;
    }
    uint8_t first = data[0];
    if (first <= 3) {
        return DEMUX_STUN;
    }
    if (first >= 64 && first <= 127) {
        return DEMUX_CHANNEL;
    }
    if (first >= 20 && first <= 63) {
        return DEMUX_DTLS;
    }
    return first >= 128 && first <= 191 ? DEMUX_RTP : DEMUX_DROP;
}
