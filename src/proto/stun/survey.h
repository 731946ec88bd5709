/* Which public address stands for each local one, by the word of several STUN servers, asked again and again. Without
 * I/O: whoever runs it resolves names, sends and receives; time is an argument.
 *
 * A round asks every server from every local address of its family. The first answer counts at once. A value that is
 * known changes when more servers say otherwise than the rest of the round could outvote; of a tie the known one
 * stays, and among several new ones the server named first decides. A round without any answer changes nothing. */
#pragma once

#include "base/addr.h"
#include "proto/stun/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STUN_SURVEY_LOCALS_MAX = 32, STUN_SURVEY_SERVERS_MAX = 8 };

struct stun_probe {
    struct stun_transaction transaction;
    struct addr server;
};

/* What is known of one local address. */
struct stun_finding {
    struct addr local; /* port 0 */
    struct addr seen;  /* port 0; AF_UNSPEC: nothing yet */
    unsigned server;   /* the first one that said so */
    unsigned agreeing; /* servers that said so in the last round that had answers */
    unsigned answers;  /* of how many */
    bool silent;       /* the last round had no answer */
    bool disputed;     /* that round's answers differed */
};

struct stun_survey {
    uint64_t interval_us;
    uint64_t round_us; /* the next round's beginning */
    size_t local_count, server_count;
    struct stun_finding findings[STUN_SURVEY_LOCALS_MAX];
    struct stun_probe probes[STUN_SURVEY_LOCALS_MAX][STUN_SURVEY_SERVERS_MAX];
    bool to_resolve[STUN_SURVEY_SERVERS_MAX], resolving[STUN_SURVEY_SERVERS_MAX];
    bool judged[STUN_SURVEY_LOCALS_MAX]; /* in this round, finally */
    bool changed[STUN_SURVEY_LOCALS_MAX], fell_silent[STUN_SURVEY_LOCALS_MAX], split[STUN_SURVEY_LOCALS_MAX];
    struct addr before[STUN_SURVEY_LOCALS_MAX]; /* of a change */
    bool running;
    uint8_t request[STUN_HEADER_BYTES];
};

enum stun_survey_output_type {
    STUN_SURVEY_RESOLVE,  /* look up the address of a server; answer with stun_survey_resolved */
    STUN_SURVEY_SEND,     /* send bytes from a local address */
    STUN_SURVEY_CHANGED,  /* another public address, or the first one */
    STUN_SURVEY_DISAGREE, /* at the end of a round: servers say different things, which they did not before */
    STUN_SURVEY_SILENT,   /* at the end of a round: no server has answered, and that is new */
};

struct stun_survey_output {
    enum stun_survey_output_type type;
    unsigned server;                    /* RESOLVE */
    const struct stun_finding *finding; /* all others: the local address and what is known of it */
    struct addr before;                 /* CHANGED: AF_UNSPEC, or the old one */
    struct addr to;                     /* SEND */
    const uint8_t *bytes;               /* SEND: valid until the next call */
    size_t len;
};

/* Nothing is asked before there are local addresses and servers. interval_us: from round to round, give or take a
 * tenth. */
void stun_survey_init(struct stun_survey *s, uint64_t interval_us);
/* Takes another interval, other local addresses (port 0) and another number of servers; what is known of addresses
 * that stay is kept. What is too many is left out. A new round begins at once. (poll) */
void stun_survey_configure(struct stun_survey *s, uint64_t interval_us, size_t servers, uint64_t now_us);
void stun_survey_set_locals(struct stun_survey *s, const struct addr *locals, size_t count, uint64_t now_us);

/* Answers RESOLVE: by family [0] IPv4, [1] IPv6; AF_UNSPEC where there is none. (poll) */
void stun_survey_resolved(struct stun_survey *s, unsigned server, const struct addr addrs[2], uint64_t now_us);
/* A datagram that came to a local address. (poll) */
void stun_survey_input(struct stun_survey *s, const struct addr *local, const struct addr *from, const void *data,
                       size_t len, uint64_t now_us);
uint64_t stun_survey_deadline(const struct stun_survey *s);       /* UINT64_MAX: never */
void stun_survey_timeout(struct stun_survey *s, uint64_t now_us); /* (poll) */
bool stun_survey_poll(struct stun_survey *s, struct stun_survey_output *out, uint64_t now_us);
