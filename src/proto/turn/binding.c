#include "proto/turn/internal.h"

/* RFC 8489 section 7.3: anybody may ask where his packets come from. */
int handle_binding(struct request *r) {
    if (r->discovery) {
        return discovery_answer(r);
    }
    stun_write_xor_addr(&r->reply, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->client->remote);
    return 0;
}
