/* The opening handshake of RFC 6455 section 4.2 and the negotiation of permessage-deflate (RFC 7692). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    WS_ACCEPT_BYTES = 29,     /* base64 of SHA-1, with the terminator */
    WS_EXTENSION_BYTES = 128, /* the answer's Sec-WebSocket-Extensions */
};

/* The client's header values; NULL where absent. */
struct ws_offer {
    const char *method;
    const char *upgrade;
    const char *connection;
    const char *version;
    const char *key;
};

/* 0 and Sec-WebSocket-Accept's value in accept (WS_ACCEPT_BYTES); else the HTTP status to refuse with: 400, or 426
 * when the version or the wish to upgrade is missing. */
unsigned ws_handshake_check(const struct ws_offer *offer, char *accept);

/* Is token in a comma-separated list, regardless of case? A NULL list is empty. */
bool ws_list_has(const char *list, const char *token);
/* The same with case, as subprotocol names want it. */
bool ws_list_has_exact(const char *list, const char *token);

struct ws_deflate {
    bool on;
    int server_bits; /* window of what we send, 9 to 15 */
};

/* Chooses the first acceptable offer of permessage-deflate in a Sec-WebSocket-Extensions value (NULL: none). Both
 * sides drop their window after every message, so that an idle connection holds no compression state. response
 * (WS_EXTENSION_BYTES) gets the header's value; "" and out->on false when compression stays off. */
void ws_deflate_negotiate(struct ws_deflate *out, const char *offers, char *response);
