#include "net/classify.h"

#include "base/bytes.h"

#include <string.h>

enum {
    TLS_RECORD_HANDSHAKE = 0x16, /* RFC 8446 section 5.1 */
    STUN_COOKIE_END = 8,         /* type, length, cookie */
    FRAMED_COOKIE_END = 10,      /* the same behind the two length bytes of RFC 4571 */
    HTTP_DECIDED = 4,            /* enough letters to tell PROPFIND from PROXY */
};

static const uint32_t stun_cookie = 0x2112A442;
static const uint8_t proxy_v2[12] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

static enum stream_class more(size_t *wanted, size_t n) {
    *wanted = n;
    return STREAM_MORE;
}

/* Methods in use are upper-case letters; that all of the first four are is enough to hand it to the HTTP parser. */
static enum stream_class classify_letters(const uint8_t *data, size_t len, size_t *wanted) {
    size_t n = len < HTTP_DECIDED ? len : HTTP_DECIDED;
    for (size_t i = 0; i < n; i++) {
        int letter = data[i] >= 'A' && data[i] <= 'Z';
        int end = data[i] == ' ' && i == 3; /* GET, PUT */
        if (!letter && !end) {
            return STREAM_UNKNOWN;
        }
    }
    if (len < HTTP_DECIDED) {
        return more(wanted, HTTP_DECIDED);
    }
    return memcmp(data, "PROX", HTTP_DECIDED) == 0 ? STREAM_PROXY : STREAM_HTTP;
}

static enum stream_class classify_stun(const uint8_t *data, size_t len, size_t *wanted) {
    if (len < STUN_COOKIE_END) {
        return more(wanted, STUN_COOKIE_END);
    }
    if ((data[0] & 0xC0) == 0 && load_be32(data + 4) == stun_cookie) {
        return STREAM_TURN;
    }
    if (len < FRAMED_COOKIE_END) {
        return more(wanted, FRAMED_COOKIE_END);
    }
    return (data[2] & 0xC0) == 0 && load_be32(data + 6) == stun_cookie ? STREAM_ICE_TCP : STREAM_UNKNOWN;
}

enum stream_class classify_stream(const uint8_t *data, size_t len, size_t *wanted) {
    if (len == 0) {
        return more(wanted, 1);
    }
    if (data[0] == TLS_RECORD_HANDSHAKE) {
        return STREAM_TLS;
    }
    if (data[0] >= 'A' && data[0] <= 'Z') {
        return classify_letters(data, len, wanted);
    }
    if (data[0] == proxy_v2[0]) {
        size_t n = len < sizeof proxy_v2 ? len : sizeof proxy_v2;
        if (memcmp(data, proxy_v2, n) == 0) {
            return n < sizeof proxy_v2 ? more(wanted, sizeof proxy_v2) : STREAM_PROXY;
        }
    }
    return classify_stun(data, len, wanted);
}
