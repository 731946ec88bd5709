/* The search for public addresses: the input is a script of rounds, answers, silence and time. Servers may say
 * anything, in any order; whatever becomes known was said by a server of this script, is of the local address's family
 * and of some use, and the machine never asks to be woken in the past for ever.
 * covers: src/proto/stun/client.c src/proto/stun/survey.c */
#include "base/bytes.h"
#include "proto/stun/survey.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 64, SENDS_KEPT = 32, SECOND = 1000000 };

static struct stun_survey s;
static struct reader script;
static uint64_t now;
static struct {
    struct addr local, to;
    uint8_t request[STUN_HEADER_BYTES];
} sends[SENDS_KEPT];
static unsigned send_count;

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static struct addr addr_of(uint8_t kind, uint8_t last, uint16_t port) {
    static const uint8_t ipv4[] = {198, 51, 100, 0}, ipv6[16] = {0x20, 1, 0xd, 0xb8};
    struct addr a;
    if (kind & 1) {
        addr_from_bytes(&a, ipv6, 16, port);
        a.ip[15] = last;
    } else {
        addr_from_bytes(&a, ipv4, 4, port);
        a.ip[3] = last;
    }
    return a;
}

static void check_finding(const struct stun_finding *f) {
    check(f->seen.family == AF_UNSPEC || f->seen.family == f->local.family);
    check(f->seen.port == 0 && f->agreeing <= f->answers && f->answers <= STUN_SURVEY_SERVERS_MAX);
    check(f->seen.family == AF_UNSPEC || (!addr_is_any(&f->seen) && !addr_is_loopback(&f->seen)));
}

static void drain(void) {
    struct stun_survey_output out;
    unsigned outputs = 0;
    while (stun_survey_poll(&s, &out, now)) {
        check(outputs++ < 4 * STUN_SURVEY_LOCALS_MAX * STUN_SURVEY_SERVERS_MAX);
        if (out.type == STUN_SURVEY_RESOLVE) {
            uint8_t how = reader_u8(&script);
            struct addr addrs[2] = {addr_of(0, (uint8_t)(1 + out.server), 3478),
                                    addr_of(1, (uint8_t)(1 + out.server), 3478)};
            check(out.server < s.server_count);
            if (how & 1) {
                addrs[how >> 1 & 1] = (struct addr){0};
            }
            if (how != 255) { /* else the name is never answered */
                stun_survey_resolved(&s, out.server, addrs, now);
            }
        } else if (out.type == STUN_SURVEY_SEND) {
            check(out.len == STUN_HEADER_BYTES && out.to.family == out.finding->local.family);
            unsigned i = send_count++ % SENDS_KEPT;
            sends[i].local = out.finding->local;
            sends[i].to = out.to;
            memcpy(sends[i].request, out.bytes, out.len);
        } else {
            check_finding(out.finding);
            check(out.type != STUN_SURVEY_CHANGED || !addr_equal_ip(&out.before, &out.finding->seen));
        }
    }
}

static void step_answer(void) {
    uint8_t reply[128];
    struct writer w;
    uint8_t which = reader_u8(&script), how = reader_u8(&script);
    if (send_count == 0) {
        return;
    }
    unsigned i = which % (send_count < SENDS_KEPT ? send_count : SENDS_KEPT);
    struct addr from = sends[i].to, seen = addr_of(how, reader_u8(&script), 9);
    if (how & 2) {
        memset(seen.ip, how & 4 ? 0xff : 0, addr_ip_len(&seen));
    }
    writer_init(&w, reply, sizeof reply);
    stun_write_header(&w, how & 8 ? STUN_ERROR : STUN_SUCCESS, STUN_BINDING, sends[i].request + 8);
    if (how & 16) {
        stun_write_addr(&w, STUN_ATTR_MAPPED_ADDRESS, &seen);
    } else {
        stun_write_xor_addr(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, &seen);
    }
    from.port = (uint16_t)(from.port + (how >> 7));
    stun_survey_input(&s, &sends[i].local, &from, reply, (size_t)stun_write_end(&w), now);
}

static void step_raw(void) {
    struct addr local = addr_of(0, 201, 0), from = addr_of(0, 1, 3478);
    size_t len = reader_u8(&script);
    const uint8_t *bytes = reader_bytes(&script, len);
    if (bytes) {
        stun_survey_input(&s, &local, &from, bytes, len, now);
    }
}

static void step_time(void) {
    uint64_t due = stun_survey_deadline(&s);
    uint64_t wanted = now + (uint64_t)reader_u8(&script) * SECOND / 4;
    now = due > now && due < wanted ? due : wanted;
    stun_survey_timeout(&s, now);
}

static void step_locals(void) {
    struct addr locals[STUN_SURVEY_LOCALS_MAX + 2];
    unsigned count = reader_u8(&script) % (STUN_SURVEY_LOCALS_MAX + 3);
    for (unsigned i = 0; i < count; i++) {
        locals[i] = addr_of((uint8_t)i, (uint8_t)(200 + i), 0);
    }
    stun_survey_set_locals(&s, locals, count, now);
}

static void step_configure(void) {
    uint8_t servers = reader_u8(&script) % (STUN_SURVEY_SERVERS_MAX + 3);
    stun_survey_configure(&s, (uint64_t)(1 + reader_u8(&script)) * SECOND, servers, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const steps[])(void) = {step_answer, step_raw, step_time, step_locals, step_configure};
    now = SECOND;
    send_count = 0;
    reader_init(&script, data, size);
    stun_survey_init(&s, 60 * (uint64_t)SECOND);
    for (unsigned i = 0; i < STEPS_MAX && reader_left(&script) > 0 && !script.failed; i++) {
        steps[reader_u8(&script) % (sizeof steps / sizeof *steps)]();
        drain();
        stun_survey_timeout(&s, now);
        drain();
        check(stun_survey_deadline(&s) > now);
        for (size_t n = 0; n < s.local_count; n++) {
            check_finding(&s.findings[n]);
        }
    }
    return 0;
}
