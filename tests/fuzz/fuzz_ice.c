/* The ICE-lite agent as a script: each step a check (with the right, the old or wrong credentials), raw bytes, a
 * restart, a lost connection or time. After each step the agent's paths must be sound.
 * covers: src/proto/ice/agent.c */
#include "proto/ice/ice.h"

#include "base/bytes.h"
#include "proto/stun/stun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 200, RAW_MAX = 255, PORTS = 12 };

static struct ice_agent agent;
static struct ice_credentials before; /* of the last restart */
static struct stun_crypto *crypto;
static uint64_t now_us;

static void must(bool ok) {
    if (!ok) {
        abort();
    }
}

static struct five_tuple tuple_of(unsigned port) {
    struct five_tuple t = {.transport = port % 3 == 0 ? TRANSPORT_TCP : TRANSPORT_UDP};
    t.remote = (struct addr){.ip = {192, 0, 2, 1}, .family = AF_INET, .port = (uint16_t)(5000 + port % PORTS)};
    t.local = (struct addr){.ip = {198, 51, 100, 1}, .family = AF_INET, .port = 3480};
    return t;
}

static void expect_sound(void) {
    must(agent.path_count <= ICE_PATHS_MAX);
    must(agent.selected >= -1 && agent.selected < (int)agent.path_count);
    must(agent.rival >= -1 && agent.rival < (int)agent.path_count);
    must(agent.selected < 0 || agent.paths[agent.selected].nominated);
    for (int i = 0; i < agent.path_count; i++) {
        must(agent.paths[i].checked_us <= now_us);
        for (int k = 0; k < i; k++) {
            must(!five_tuple_equal(&agent.paths[i].tuple, &agent.paths[k].tuple));
        }
    }
}

static void serve(const uint8_t *bytes, size_t len, unsigned port, bool authentic) {
    uint8_t out[ICE_REPLY_BYTES_MAX];
    struct stun_msg msg;
    struct writer reply;
    struct ice_outcome outcome;
    struct five_tuple tuple = tuple_of(port);
    int known = agent.path_count;
    if (stun_msg_parse(&msg, bytes, len) < 0) {
        return;
    }
    writer_init(&reply, out, sizeof out);
    struct ice_check check = {.msg = &msg, .tuple = &tuple, .now_us = now_us, .crypto = crypto};
    int code = ice_agent_check(&agent, &check, &reply, &outcome);
    must(code >= 0 && reply.len > 0 && !reply.failed);
    must((code == 0) == ice_agent_has_path(&agent, &tuple) || known > 0);
    must(authentic || code != 0);
    must(!outcome.evicted || !ice_agent_has_path(&agent, &outcome.gone));
    must(!outcome.selected || five_tuple_equal(ice_agent_selected(&agent), &tuple));
}

static void craft(uint8_t flags, unsigned port) {
    uint8_t bytes[512];
    struct writer m;
    char username[600];
    const struct ice_credentials *who = flags & 1 ? &before : &agent.local;
    snprintf(username, sizeof username, "%s:%s", who->ufrag, flags & 2 ? "peer" : agent.remote_ufrag);
    writer_init(&m, bytes, sizeof bytes);
    stun_write_header(&m, STUN_REQUEST, STUN_BINDING, (const uint8_t *)"transaction.");
    stun_write_text(&m, STUN_ATTR_USERNAME, username);
    stun_write_u32(&m, STUN_ATTR_PRIORITY, flags >> 4);
    if (flags & 4) {
        stun_write_bytes(&m, STUN_ATTR_USE_CANDIDATE, NULL, 0);
    }
    struct stun_span key = {who->pwd, strlen(who->pwd)};
    if (flags & 8) {
        key = (struct stun_span){"wrong", 5};
    }
    stun_write_integrity(&m, crypto, STUN_HASH_SHA1, key);
    long len = stun_write_end(&m);
    serve(bytes, (size_t)len, port, !(flags & 8));
}

static void restart(unsigned which) {
    static const char *const names[] = {"peer", "fresh", "x", "more+more/"};
    struct ice_credentials now = agent.local;
    if (ice_agent_restart(&agent, 3, names[which % 4]) == 0) {
        before = now;
    }
}

static void step(struct reader *r) {
    uint8_t what = reader_u8(r);
    uint8_t more = reader_u8(r);
    struct five_tuple tuple = tuple_of(more);
    struct five_tuple gone;
    switch (what % 8) {
    case 0: {
        size_t n = more < reader_left(r) ? more : reader_left(r);
        serve(reader_bytes(r, n), n, more, false);
        break;
    }
    case 1:
        restart(more);
        break;
    case 2:
        ice_agent_path_gone(&agent, &tuple);
        must(!ice_agent_has_path(&agent, &tuple));
        break;
    case 3:
        now_us += (uint64_t)more * 300000;
        while (ice_agent_expire(&agent, now_us, &gone)) {
            must(!ice_agent_has_path(&agent, &gone));
        }
        must(ice_agent_deadline(&agent) > now_us);
        break;
    default:
        craft(more, what / 8);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r;
    if (!crypto) {
        crypto = stun_crypto_new();
    }
    now_us = 1000000;
    must(ice_agent_init(&agent, 7, "peer") == 0);
    before = agent.local;
    reader_init(&r, data, size);
    for (int i = 0; i < STEPS_MAX && reader_left(&r) >= 2; i++) {
        step(&r);
        expect_sound();
    }
    return 0;
}
