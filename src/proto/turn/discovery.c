/* NAT behaviour discovery (RFC 5780): a client learns from which of our addresses an answer reaches it.
 *
 *   CHANGE-REQUEST   answer from          RESPONSE-ORIGIN is where the answer comes from, OTHER-ADDRESS where it
 *   none             Da:Dp                would come from with both flags.
 *   change port      Da:Cp
 *   change IP        Ca:Dp                Da:Dp is where the request came to, Ca and Cp are the other address and
 *   both             Ca:Cp                the other port of the two.
 *
 * A source may be forged, so each of these has its bound: RESPONSE-PORT changes the port but never the address, and
 * no longer answer comes of it, or of PADDING, than the request was (but XOR-MAPPED-ADDRESS, without which an answer
 * says nothing). What any of the three asks for counts against the cap on errors. */
#include "proto/turn/internal.h"

enum {
    CHANGE_IP = 4,
    CHANGE_PORT = 2,
    PORT_MIN = 1024,    /* NATs map the ports of clients into their own range (RFC 4787 REQ-3) */
    PADDING_MAX = 1500, /* enough to make fragments of an answer on Ethernet */
};

/* What a request asks for. */
struct wishes {
    bool change_ip, change_port, has_change;
    uint16_t response_port; /* 0: none */
    bool padding;
};

/* Which of the two has that address, or that port; -1: none. */
static int find_ip(const struct turn_discovery *d, const struct addr *a) {
    return addr_equal_ip(&d->local[0], a) ? 0 : addr_equal_ip(&d->local[1], a) ? 1 : -1;
}

static int find_port(const struct turn_discovery *d, const struct addr *a) {
    return d->local[0].port == a->port ? 0 : d->local[1].port == a->port ? 1 : -1;
}

const struct turn_discovery *discovery_find(const struct request *r) {
    const struct turn_settings *plain = &r->server->settings->plain;
    for (size_t i = 0; r->client->transport == TRANSPORT_UDP && i < plain->discovery_count; i++) {
        const struct turn_discovery *d = &plain->discovery[i];
        if (find_ip(d, &r->client->local) >= 0 && find_port(d, &r->client->local) >= 0) {
            return d;
        }
    }
    return NULL;
}

bool discovery_attr_known(uint16_t type) {
    return type == STUN_ATTR_CHANGE_REQUEST || type == STUN_ATTR_RESPONSE_PORT || type == STUN_ATTR_PADDING ||
           turn_attr_known(type);
}

static bool has_any(const struct wishes *w) { return w->has_change || w->response_port != 0 || w->padding; }

/* Section 7.5 leaves open whether its two bytes of padding count in the length. 0, 400, and *port stays 0 without one. */
static int read_response_port(const struct request *r, uint16_t *port) {
    const uint8_t *value;
    size_t len;
    if (stun_msg_bytes(r->msg, STUN_ATTR_RESPONSE_PORT, &value, &len) < 0) {
        return 0;
    }
    *port = len == 2 || len == 4 ? load_be16(value) : 0;
    return *port >= PORT_MIN ? 0 : 400;
}

/* 0 or 400. */
static int read_wishes(const struct request *r, struct wishes *w) {
    uint32_t flags = 0;
    int change = stun_msg_u32(r->msg, STUN_ATTR_CHANGE_REQUEST, &flags);
    *w = (struct wishes){.change_ip = flags & CHANGE_IP,
                         .change_port = flags & CHANGE_PORT,
                         .has_change = change == 0,
                         .padding = stun_msg_has(r->msg, STUN_ATTR_PADDING)};
    int code = read_response_port(r, &w->response_port);
    bool malformed = change < 0 && stun_msg_has(r->msg, STUN_ATTR_CHANGE_REQUEST);
    return malformed || (w->padding && w->response_port != 0) ? 400 : code; /* section 6.1 */
}

static struct addr corner(const struct addr pair[2], int ip, int port) {
    struct addr a = pair[ip];
    a.port = pair[port].port;
    return a;
}

static size_t addr_attr_bytes(const struct addr *a) { return 8 + addr_ip_len(a); }

/* The attribute, if the answer may be that long; `cap` holds room for a FINGERPRINT. */
static void write_within(struct request *r, uint16_t type, const struct addr *a, size_t cap) {
    if (r->reply.len + addr_attr_bytes(a) <= cap) {
        stun_write_addr(&r->reply, type, a);
    }
}

static void write_padding(struct request *r, size_t cap) {
    static const uint8_t zero[PADDING_MAX];
    size_t room = cap > r->reply.len + 4 ? cap - r->reply.len - 4 : 0;
    room = room < PADDING_MAX ? room & ~(size_t)3 : PADDING_MAX;
    if (room > 0) {
        stun_write_bytes(&r->reply, STUN_ATTR_PADDING, zero, room);
    }
}

static size_t longest(const struct request *r, const struct wishes *w) {
    size_t signature = stun_msg_has(r->msg, STUN_ATTR_FINGERPRINT) ? 8 : 0;
    return w->response_port != 0 || w->padding ? r->msg->len - signature : sizeof r->server->reply;
}

int discovery_answer(struct request *r) {
    const struct turn_discovery *d = r->discovery;
    struct wishes w;
    int code = read_wishes(r, &w);
    if (code != 0) {
        return code;
    }
    bool within_cap = limit_error(r->server, r->client);
    if (!within_cap && has_any(&w)) {
        r->silenced = true;
        return REQUEST_WAITS; /* for ever */
    }
    stun_write_xor_addr(&r->reply, STUN_ATTR_XOR_MAPPED_ADDRESS, &r->client->remote);
    if (!within_cap) {
        return 0; /* the short answer, as without this mode */
    }
    int ip = find_ip(d, &r->client->local), port = find_port(d, &r->client->local);
    struct addr origin = corner(d->told, w.change_ip ? !ip : ip, w.change_port ? !port : port);
    struct addr other = corner(d->told, !ip, !port);
    size_t cap = longest(r, &w);
    write_within(r, STUN_ATTR_RESPONSE_ORIGIN, &origin, cap);
    write_within(r, STUN_ATTR_OTHER_ADDRESS, &other, cap);
    write_within(r, STUN_ATTR_MAPPED_ADDRESS, &r->client->remote, cap);
    if (w.padding) {
        write_padding(r, cap);
    }
    r->bare = w.response_port != 0 || w.padding;
    r->changed_path = *r->client;
    r->changed_path.local = corner(d->local, w.change_ip ? !ip : ip, w.change_port ? !port : port);
    if (w.response_port != 0) {
        r->changed_path.remote.port = w.response_port;
    }
    r->reply_path = &r->changed_path;
    return 0;
}
