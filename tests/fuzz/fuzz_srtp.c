/* SRTP: what a session sealed is opened to the same bytes, once; what was changed on the way, or comes from elsewhere, is
 * refused and leaves nothing behind. The input is a row of packets: what to do, a length, that many bytes.
 * covers: src/proto/srtp/rtp.c src/proto/srtp/rtcp.c src/proto/srtp/streams.c src/proto/srtp/transform_cm.c
 * covers: src/proto/srtp/transform_gcm.c */
#include "proto/srtp/internal.h"

#include "base/bytes.h"
#include "base/error.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 512 };
enum { RTCP = 1, CHANGED = 2, FOREIGN = 4, TWICE = 8, SLOT = 16 }; /* what to do with a packet */

static struct srtp_session *sessions[2][2]; /* by profile; sender and receiver */

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void open_sessions(void) {
    static const enum srtp_profile profiles[] = {SRTP_AES128_CM_SHA1_80, SRTP_AEAD_AES_128_GCM};
    static const uint8_t material[SRTP_MATERIAL_BYTES_MAX] = {1, 2, 3};
    struct srtp_ciphers *ciphers = srtp_ciphers_new();
    check(ciphers != NULL);
    for (int i = 0; i < 4; i++) {
        struct srtp_keying keying = {.profile = profiles[i / 2], .role = (enum srtp_role)(i % 2), .material = material};
        sessions[i / 2][i % 2] = srtp_session_new(ciphers, &keying);
        check(sessions[i / 2][i % 2] != NULL);
    }
}

static void forget_all(struct srtp_session *s) {
    srtp_streams_deinit(&s->remote);
    srtp_streams_deinit(&s->local);
    s->sent = s->rtcp_index = 0;
}

static long open_packet(struct srtp_session *s, int what, uint8_t *packet, size_t len) {
    return what & RTCP ? srtp_session_unprotect_rtcp(s, packet, len) : srtp_session_unprotect(s, packet, len);
}

static long seal_packet(struct srtp_session *s, int what, uint8_t *packet, size_t len) {
    const struct srtp_buffer whole = {packet, len, CAP};
    uint8_t rest[CAP];
    if (what & RTCP) {
        return srtp_session_protect_rtcp(s, &whole);
    }
    if (!(what & SLOT) || len < 20) {
        return srtp_session_protect(s, &whole);
    }
    memcpy(rest, packet + 16, len - 16); /* a header without CSRCs, four bytes of payload, the rest from elsewhere */
    memset(packet + 16, 0, len - 16);
    return srtp_session_protect_slot(
        s, &(struct srtp_slot){
               .packet = packet, .cap = CAP, .header_len = 12, .written_len = 16, .rest = rest, .rest_len = len - 16});
}

static void pass(struct srtp_session *pair[2], int what, const uint8_t *plain, size_t len) {
    uint8_t packet[CAP], copy[CAP];
    const size_t known = srtp_session_remote_streams(pair[1]);
    memcpy(packet, plain, len);
    if (what & FOREIGN) {
        check(open_packet(pair[1], what, packet, len) < 0);
        check(srtp_session_remote_streams(pair[1]) == known);
        return;
    }
    long sealed = seal_packet(pair[0], what, packet, len);
    if (sealed < 0) {
        return;
    }
    check(sealed > (long)len && sealed <= CAP);
    memcpy(copy, packet, (size_t)sealed);
    if (what & CHANGED) {
        copy[plain[len - 1] % (size_t)sealed] ^= (uint8_t)(plain[len - 2] | 1);
        check(open_packet(pair[1], what, copy, (size_t)sealed) < 0);
        check(srtp_session_remote_streams(pair[1]) == known);
        memcpy(copy, packet, (size_t)sealed);
    }
    long opened = open_packet(pair[1], what, copy, (size_t)sealed);
    /* Everything arrives in the end, so that both sides count alike. */
    check(opened == (long)len && memcmp(copy, plain, len) == 0);
    if (what & TWICE) {
        check(open_packet(pair[1], what, packet, (size_t)sealed) == -ERR_REPLAY);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader r;
    if (!sessions[0][0]) {
        open_sessions();
    }
    reader_init(&r, data, size);
    struct srtp_session **pair = sessions[reader_u8(&r) & 1];
    while (reader_left(&r) >= 2) {
        uint8_t what = reader_u8(&r);
        size_t len = reader_u8(&r);
        const uint8_t *plain = reader_bytes(&r, len);
        if (!plain || len < 2) {
            break;
        }
        pass(pair, what, plain, len);
    }
    forget_all(pair[0]);
    forget_all(pair[1]);
    return 0;
}
