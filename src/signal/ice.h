/* Where clients find STUN and TURN (RFC 7064, RFC 7065), as lists for browsers and for other servers. */
#pragma once

#include "signal/signal.h"

enum { ICE_PORTS_MAX = 4, ICE_HOST_SIZE = 256 };

struct ice_ports {
    uint16_t items[ICE_PORTS_MAX];
    size_t count;
};

/* What is configured to listen. */
struct ice_listeners {
    struct ice_ports udp;
    struct ice_ports tcp;
    struct ice_ports tls;
    char public_host[ICE_HOST_SIZE]; /* of [http] public-url; "": the client's word for us */
};

void ice_listeners_read(struct ice_listeners *out, const struct config *config);

/* The host of a Host header or authority, without port, an IPv6 literal in brackets; out has ICE_HOST_SIZE. -EINVAL when
 * it is none: out is then "". */
int ice_host_parse(char *out, const char *authority);

/* New references; empty without a host. */
json_t *ice_stun_uris(const struct ice_listeners *listeners, const char *host);
json_t *ice_turn_uris(const struct ice_listeners *listeners, const char *host);
/* An array of RTCIceServer; credentials NULL: STUN only. */
json_t *ice_servers(const struct ice_listeners *listeners, const char *host,
                    const struct signal_credentials *credentials);
