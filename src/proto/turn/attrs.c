#include "proto/turn/internal.h"

/* The comprehension-required attributes that a server understands (RFC 8489 section 18.3, RFC 8656 section
 * 18, RFC 6062 section 6.2). */
bool turn_attr_known(uint16_t type) {
    static const uint16_t known[] = {
        STUN_ATTR_MAPPED_ADDRESS,
        STUN_ATTR_USERNAME,
        STUN_ATTR_MESSAGE_INTEGRITY,
        STUN_ATTR_ERROR_CODE,
        STUN_ATTR_UNKNOWN_ATTRIBUTES,
        STUN_ATTR_CHANNEL_NUMBER,
        STUN_ATTR_LIFETIME,
        STUN_ATTR_XOR_PEER_ADDRESS,
        STUN_ATTR_DATA,
        STUN_ATTR_REALM,
        STUN_ATTR_NONCE,
        STUN_ATTR_XOR_RELAYED_ADDRESS,
        STUN_ATTR_REQUESTED_ADDRESS_FAMILY,
        STUN_ATTR_EVEN_PORT,
        STUN_ATTR_REQUESTED_TRANSPORT,
        STUN_ATTR_DONT_FRAGMENT,
        STUN_ATTR_ACCESS_TOKEN,
        STUN_ATTR_MESSAGE_INTEGRITY_SHA256,
        STUN_ATTR_PASSWORD_ALGORITHM,
        STUN_ATTR_USERHASH,
        STUN_ATTR_XOR_MAPPED_ADDRESS,
        STUN_ATTR_RESERVATION_TOKEN,
        STUN_ATTR_CONNECTION_ID,
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i] == type) {
            return true;
        }
    }
    return false;
}
