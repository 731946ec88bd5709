/* A worker's cap on TLS and DTLS handshakes per source: each costs about half a millisecond of computing, and whoever
 * has shown that his address is real may begin as many as he likes. */
#pragma once

#include "base/source_rate.h"

struct handshakes {
    struct source_rate rate;
    uint64_t per_second; /* of one source; 0: no limit */
};
