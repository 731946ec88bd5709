/* The command line. One table says every option's name, argument, default, range and help; the parser,
 * --help and the manual page's test read it. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum bench_command { BENCH_STUN, BENCH_TURN, BENCH_SINK, BENCH_COMMAND_COUNT };
enum bench_mode { BENCH_MODE_TRAFFIC, BENCH_MODE_ALLOCATE, BENCH_MODE_SATURATE };
enum bench_direction { BENCH_UP = 1, BENCH_DOWN = 2, BENCH_BOTH = 3 };

enum {
    BENCH_TEXT_MAX = 256,
    BENCH_BURST_MAX = 64,
    BENCH_SIZE_MIN = 32, /* room for what identifies and dates a packet */
    BENCH_SIZE_MAX = 8192,
    BENCH_FLOWS_MAX = 30000,
};

struct bench_options {
    uint32_t command;            /* enum bench_command */
    char server[BENCH_TEXT_MAX]; /* HOST[:PORT] as given */

    uint64_t flows; /* allocations, or STUN client sockets */
    uint64_t rate;  /* packets per second, all flows and directions together */
    uint64_t size;  /* payload bytes */
    uint64_t burst; /* packets back to back per flow */
    uint64_t duration_ns;
    uint64_t warmup_ns;
    uint64_t mode;            /* enum bench_mode */
    uint64_t direction;       /* enum bench_direction, a bit mask */
    uint64_t transport;       /* enum transport, never DTLS */
    uint64_t relay_family;    /* AF_INET, AF_INET6; AF_UNSPEC: as the server's */
    bool indications;         /* Send and Data indications instead of ChannelData */
    struct addr peer_address; /* AF_UNSPEC: as the client's */
    uint64_t spread;          /* client addresses 127.x.y.z to take turns; 1: the system chooses */
    uint64_t lifetime_s;
    uint64_t window;   /* allocations in the making at once */
    uint64_t loss_ppm; /* what saturation accepts */

    char user[BENCH_TEXT_MAX];
    char password[BENCH_TEXT_MAX];
    char secret[BENCH_TEXT_MAX];
    char realm[BENCH_TEXT_MAX];

    uint64_t pid;      /* 0: none */
    uint64_t cpu;      /* BENCH_NO_CPU: not pinned */
    uint64_t sink_cpu; /* likewise */
    bool prove;
    bool no_gso;
    bool no_gro;
    bool json;
    bool quiet;
};

#define BENCH_NO_CPU UINT64_MAX

/* Parses argv; out gets the defaults first. 0; 1: help or version was asked for and printed to stdout;
 * -EINVAL: said to err what is wrong. */
int bench_options_parse(struct bench_options *out, int argc, char **argv, FILE *err);

void bench_options_help(FILE *out);

/* The port to use when SERVER names none. */
uint16_t bench_options_default_port(const struct bench_options *o);
