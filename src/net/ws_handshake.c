#include "net/ws_handshake.h"

#include "base/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { KEY_BYTES = 16, KEY_TEXT = 24, SHA1_BYTES = 20 };

static const char accept_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 section 1.3 */

struct piece {
    const char *text;
    size_t len;
};

static struct piece trim(const char *text, size_t len) {
    while (len > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t')) {
        len--;
    }
    return (struct piece){text, len};
}

/* The next part of *rest up to the separator, trimmed. False at the end. */
static bool next_piece(const char **rest, size_t *left, char separator, struct piece *out) {
    if (!*rest) {
        return false;
    }
    const char *end = memchr(*rest, separator, *left);
    size_t len = end ? (size_t)(end - *rest) : *left;
    *out = trim(*rest, len);
    *rest = end ? end + 1 : NULL;
    *left -= end ? len + 1 : len;
    return true;
}

static bool piece_is(struct piece p, const char *word) {
    return p.len == strlen(word) && strncasecmp(p.text, word, p.len) == 0;
}

static bool list_has(const char *list, const char *token, bool exact) {
    size_t left = list ? strlen(list) : 0;
    struct piece p;
    while (next_piece(&list, &left, ',', &p)) {
        if (piece_is(p, token) && (!exact || memcmp(p.text, token, p.len) == 0)) {
            return true;
        }
    }
    return false;
}

bool ws_list_has(const char *list, const char *token) { return list_has(list, token, false); }

bool ws_list_has_exact(const char *list, const char *token) { return list_has(list, token, true); }

static bool make_accept(const char *key, char *accept) {
    char joined[KEY_TEXT + sizeof accept_guid];
    unsigned char nonce[KEY_BYTES + 2];
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (strlen(key) != KEY_TEXT || base64_decode(nonce, sizeof nonce, key, KEY_TEXT) != KEY_BYTES) {
        return false;
    }
    memcpy(joined, key, KEY_TEXT);
    memcpy(joined + KEY_TEXT, accept_guid, sizeof accept_guid);
    if (!EVP_Digest(joined, sizeof joined - 1, digest, NULL, EVP_sha1(), NULL)) {
        return false;
    }
    base64_encode(accept, digest, SHA1_BYTES);
    return true;
}

unsigned ws_handshake_check(const struct ws_offer *offer, char *accept) {
    if (strcmp(offer->method, "GET") != 0) {
        return 400;
    }
    if (!ws_list_has(offer->upgrade, "websocket") || !ws_list_has(offer->connection, "upgrade")) {
        return 426;
    }
    if (!offer->version || strcmp(offer->version, "13") != 0) {
        return 426;
    }
    return offer->key && make_accept(offer->key, accept) ? 0 : 400;
}

/* ---- permessage-deflate */

struct deflate_offer {
    unsigned seen; /* a bit per parameter: each may come once */
    int server_bits;
};

enum { SERVER_NO_TAKEOVER = 1, CLIENT_NO_TAKEOVER = 2, SERVER_BITS = 4, CLIENT_BITS = 8 };

/* 8 to 15 without leading zero, perhaps quoted (RFC 7692 section 7.1.2.1); 0: bad. */
static int window_bits(struct piece value) {
    if (value.len >= 2 && value.text[0] == '"' && value.text[value.len - 1] == '"') {
        value = (struct piece){value.text + 1, value.len - 2};
    }
    if (value.len == 1 && (value.text[0] == '8' || value.text[0] == '9')) {
        return value.text[0] - '0';
    }
    if (value.len == 2 && value.text[0] == '1' && value.text[1] >= '0' && value.text[1] <= '5') {
        return 10 + value.text[1] - '0';
    }
    return 0;
}

/* False when the offer has to be declined. */
static bool take_parameter(struct deflate_offer *offer, struct piece p) {
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {{"server_no_context_takeover", SERVER_NO_TAKEOVER},
                 {"client_no_context_takeover", CLIENT_NO_TAKEOVER},
                 {"server_max_window_bits", SERVER_BITS},
                 {"client_max_window_bits", CLIENT_BITS}};
    const char *equals = memchr(p.text, '=', p.len);
    struct piece name = equals ? trim(p.text, (size_t)(equals - p.text)) : p;
    struct piece value = equals ? trim(equals + 1, p.len - (size_t)(equals + 1 - p.text)) : (struct piece){"", 0};
    unsigned bit = 0;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        bit = piece_is(name, known[i].name) ? known[i].bit : bit;
    }
    if (!bit || (offer->seen & bit)) {
        return false;
    }
    offer->seen |= bit;
    if (bit == SERVER_NO_TAKEOVER || bit == CLIENT_NO_TAKEOVER) {
        return !equals;
    }
    if (bit == CLIENT_BITS && !equals) {
        return true;
    }
    int bits = window_bits(value);
    offer->server_bits = bit == SERVER_BITS ? bits : offer->server_bits;
    /* zlib has no raw window of 8 bits to compress with; any window can be inflated */
    return bits >= (bit == SERVER_BITS ? 9 : 8);
}

static bool take_offer(struct deflate_offer *offer, struct piece p) {
    struct piece parameter;
    const char *rest = p.text;
    size_t left = p.len;
    *offer = (struct deflate_offer){.server_bits = 15};
    next_piece(&rest, &left, ';', &parameter);
    if (!piece_is(parameter, "permessage-deflate")) {
        return false;
    }
    while (next_piece(&rest, &left, ';', &parameter)) {
        if (!take_parameter(offer, parameter)) {
            return false;
        }
    }
    return true;
}

void ws_deflate_negotiate(struct ws_deflate *out, const char *offers, char *response) {
    size_t left = offers ? strlen(offers) : 0;
    struct piece p;
    *out = (struct ws_deflate){.on = false, .server_bits = 15};
    response[0] = '\0';
    while (next_piece(&offers, &left, ',', &p)) {
        struct deflate_offer offer;
        if (take_offer(&offer, p)) {
            *out = (struct ws_deflate){.on = true, .server_bits = offer.server_bits};
            int n = snprintf(response, WS_EXTENSION_BYTES,
                             "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
            if (offer.seen & SERVER_BITS) {
                snprintf(response + n, WS_EXTENSION_BYTES - (size_t)n, "; server_max_window_bits=%d",
                         offer.server_bits);
            }
            return;
        }
    }
}
