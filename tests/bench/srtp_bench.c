/* Time per 1200-byte SRTP packet, ours beside libsrtp2's, in one run: both profiles, both ways. */
#include "proto/srtp/srtp.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>

enum { PACKET = 1200, SLOT = 1280, BATCH = 4096, ROUNDS = 40, KEY_BYTES = 16, HEADER = 12, WRITTEN = 18 };

static uint8_t plain[PACKET], wire[BATCH][SLOT];
static int wire_len[BATCH];

struct codec {
    struct srtp_session *sender, *receiver;
    srtp_t their_sender, their_receiver;
};

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "srtp_bench: %s failed\n", what);
        exit(1);
    }
}

static srtp_t make_theirs(enum srtp_profile profile, const uint8_t *material, bool outbound) {
    static uint8_t key[KEY_BYTES + 14];
    srtp_policy_t policy;
    srtp_t out;
    memset(&policy, 0, sizeof policy);
    if (profile == SRTP_AEAD_AES_128_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    memcpy(key, material, sizeof key);
    policy.key = key;
    policy.ssrc.type = outbound ? ssrc_any_outbound : ssrc_any_inbound;
    must(srtp_create(&out, &policy) == srtp_err_status_ok, "srtp_create");
    return out;
}

static void write_packet(uint8_t *out, uint32_t n) {
    memcpy(out, plain, PACKET);
    store_be16(out + 2, (uint16_t)n);
}

/* The way of a forwarded packet: header and the first bytes of the payload written anew, the rest from elsewhere. */
static long protect_slot(struct codec *c, uint8_t *out, uint32_t n) {
    memcpy(out, plain, WRITTEN);
    store_be16(out + 2, (uint16_t)n);
    store_be32(out + 8, 8);
    struct srtp_slot slot = {.packet = out, .cap = SLOT, .header_len = HEADER, .written_len = WRITTEN};
    slot.rest = plain + WRITTEN;
    slot.rest_len = PACKET - WRITTEN;
    return srtp_session_protect_slot(c->sender, &slot);
}

static double run_slots(struct codec *c, uint32_t first) {
    uint64_t start = clock_now_us();
    for (int i = 0; i < BATCH; i++) {
        must(protect_slot(c, wire[i], first + (uint32_t)i) > 0, "a slot");
    }
    return (double)(clock_now_us() - start);
}

/* Microseconds for one batch, sealed (which 0 and 2) or opened (1 and 3), by us (0, 1) or by them. */
static double run_batch(struct codec *c, int which, uint32_t first) {
    for (int i = 0; i < BATCH; i++) {
        if (which % 2 == 0) {
            write_packet(wire[i], first + (uint32_t)i);
            wire_len[i] = PACKET;
        }
    }
    uint64_t start = clock_now_us();
    for (int i = 0; i < BATCH; i++) {
        long rc = 0;
        if (which == 0) {
            rc = srtp_session_protect(c->sender, &(struct srtp_buffer){wire[i], PACKET, SLOT});
            wire_len[i] = (int)rc;
        } else if (which == 1) {
            rc = srtp_session_unprotect(c->receiver, wire[i], (size_t)wire_len[i]);
        } else {
            rc = which == 2 ? -(long)srtp_protect(c->their_sender, wire[i], &wire_len[i])
                            : -(long)srtp_unprotect(c->their_receiver, wire[i], &wire_len[i]);
        }
        must(rc >= 0, "a packet");
    }
    return (double)(clock_now_us() - start);
}

static void measure(struct srtp_ciphers *ciphers, enum srtp_profile profile, const char *name) {
    static const char *const titles[] = {"protect", "unprotect"};
    static const uint8_t material[SRTP_MATERIAL_BYTES_MAX];
    struct srtp_keying keying = {.profile = profile, .role = SRTP_DTLS_CLIENT, .material = material};
    struct codec c = {.sender = srtp_session_new(ciphers, &keying)};
    keying.role = SRTP_DTLS_SERVER;
    c.receiver = srtp_session_new(ciphers, &keying);
    c.their_sender = make_theirs(profile, material, true);
    c.their_receiver = make_theirs(profile, material, false);
    must(c.sender && c.receiver, "srtp_session_new");
    double best[4] = {1e9, 1e9, 1e9, 1e9}, slots = 1e9;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (int which = 0; which < 4; which++) {
            double us = run_batch(&c, which, round * BATCH) / BATCH;
            best[which] = us < best[which] ? us : best[which];
        }
        double us = run_slots(&c, round * BATCH) / BATCH;
        slots = us < slots ? us : slots;
    }
    for (int i = 0; i < 2; i++) {
        printf("%-18s %-10s ours %.2f us   libsrtp2 %.2f us   ratio %.2f\n", name, titles[i], best[i], best[i + 2],
               best[i] / best[i + 2]);
    }
    printf("%-18s %-10s ours %.2f us, copying and writing the header included\n", name, "into slot", slots);
    srtp_session_free(c.sender);
    srtp_session_free(c.receiver);
    srtp_dealloc(c.their_sender);
    srtp_dealloc(c.their_receiver);
}

int main(void) {
    struct srtp_ciphers *ciphers = srtp_ciphers_new();
    must(ciphers && srtp_init() == srtp_err_status_ok, "initialising");
    plain[0] = 0x80;
    plain[1] = 96;
    plain[11] = 7;
    printf("per %d-byte packet, the best of %d rounds of %d\n", PACKET, ROUNDS, BATCH);
    measure(ciphers, SRTP_AEAD_AES_128_GCM, "AEAD_AES_128_GCM");
    measure(ciphers, SRTP_AES128_CM_SHA1_80, "AES128_CM_SHA1_80");
    srtp_ciphers_free(ciphers);
    srtp_shutdown();
    return 0;
}
