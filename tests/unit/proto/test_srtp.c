/* SRTP: both roles, replays, rollover, strangers, limits. tests/unit/proto/test_srtp_oracle compares
 * with another implementation packet by packet. */
#include "proto/srtp/internal.h"

#include "base/bytes.h"
#include "base/error.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { CAP = 2048, PROFILES = 2 };

static const enum srtp_profile profiles[PROFILES] = {SRTP_AES128_CM_SHA1_80, SRTP_AEAD_AES_128_GCM};

static struct srtp_ciphers *ciphers;
static unsigned long allocations;

static void *count_malloc(size_t n, const char *file, int line) {
    (void)file;
    (void)line;
    allocations++;
    return malloc(n);
}

static void *count_realloc(void *p, size_t n, const char *file, int line) {
    (void)file;
    (void)line;
    allocations++;
    return realloc(p, n);
}

static void count_free(void *p, const char *file, int line) {
    (void)file;
    (void)line;
    free(p);
}

static int make_ciphers(void **state) {
    (void)state;
    ciphers = srtp_ciphers_new();
    return ciphers ? 0 : -1;
}

static int drop_ciphers(void **state) {
    (void)state;
    srtp_ciphers_free(ciphers);
    return 0;
}

struct pair {
    struct srtp_session *client, *server;
};

static struct srtp_session *session_of(enum srtp_profile profile, enum srtp_role role) {
    uint8_t material[SRTP_MATERIAL_BYTES_MAX];
    for (size_t i = 0; i < sizeof material; i++) {
        material[i] = (uint8_t)(i * 7 + 1);
    }
    struct srtp_keying keying = {.profile = profile, .role = role, .material = material};
    struct srtp_session *s = srtp_session_new(ciphers, &keying);
    assert_non_null(s);
    return s;
}

static struct pair open_pair(enum srtp_profile profile) {
    return (struct pair){session_of(profile, SRTP_DTLS_CLIENT), session_of(profile, SRTP_DTLS_SERVER)};
}

static void close_pair(struct pair *p) {
    srtp_session_free(p->client);
    srtp_session_free(p->server);
}

/* A packet of ours with 40 bytes of payload. */
static size_t make_rtp(uint8_t *out, uint32_t ssrc, uint16_t seq) {
    struct writer w;
    writer_init(&w, out, CAP);
    writer_u16(&w, 0x8060);
    writer_u16(&w, seq);
    writer_u32(&w, 90000);
    writer_u32(&w, ssrc);
    for (uint8_t i = 0; i < 40; i++) {
        writer_u8(&w, (uint8_t)(i ^ seq));
    }
    return w.len;
}

static size_t make_rtcp(uint8_t *out, uint32_t ssrc) {
    struct writer w;
    writer_init(&w, out, CAP);
    writer_u32(&w, 0x81ce0002); /* PLI */
    writer_u32(&w, ssrc);
    writer_u32(&w, 0x01020304);
    return w.len;
}

static long seal(struct srtp_session *s, uint8_t *data, size_t len) {
    return srtp_session_protect(s, &(struct srtp_buffer){data, len, CAP});
}

static long seal_rtcp(struct srtp_session *s, uint8_t *data, size_t len) {
    return srtp_session_protect_rtcp(s, &(struct srtp_buffer){data, len, CAP});
}

/* Sends one packet and takes it in. */
static long pass(struct pair *p, uint32_t ssrc, uint16_t seq) {
    uint8_t packet[CAP], plain[CAP];
    size_t len = make_rtp(plain, ssrc, seq);
    memcpy(packet, plain, len);
    long sealed = seal(p->client, packet, len);
    if (sealed < 0) {
        return sealed;
    }
    long opened = srtp_session_unprotect(p->server, packet, (size_t)sealed);
    if (opened >= 0) {
        assert_int_equal(opened, len);
        assert_memory_equal(packet, plain, len);
    }
    return opened;
}

static void each_role_reads_what_the_other_writes_and_not_its_own(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t packet[CAP], copy[CAP];
        assert_int_equal(srtp_material_bytes(profiles[i]), profiles[i] == SRTP_AEAD_AES_128_GCM ? 56 : 60);
        assert_int_equal(srtp_session_profile(p.client), profiles[i]);
        size_t len = make_rtp(packet, 7, 100);
        long sealed = seal(p.client, packet, len);
        assert_int_equal(sealed, len + srtp_session_overhead(p.client));
        memcpy(copy, packet, sizeof copy);
        assert_int_equal(srtp_session_unprotect(p.client, copy, (size_t)sealed), -ERR_INTEGRITY);
        assert_int_equal(srtp_session_unprotect(p.server, packet, (size_t)sealed), len);
        len = make_rtcp(packet, 9);
        sealed = seal_rtcp(p.server, packet, len);
        assert_int_equal(sealed, len + srtp_session_rtcp_overhead(p.server));
        memcpy(copy, packet, sizeof copy);
        assert_int_equal(srtp_session_unprotect_rtcp(p.server, copy, (size_t)sealed), -ERR_INTEGRITY);
        assert_int_equal(srtp_session_unprotect_rtcp(p.client, packet, (size_t)sealed), len);
        close_pair(&p);
    }
}

static void unknown_profiles_get_no_session(void **state) {
    (void)state;
    static const uint8_t material[SRTP_MATERIAL_BYTES_MAX];
    struct srtp_keying keying = {.profile = (enum srtp_profile)0x0002, .material = material};
    assert_null(srtp_session_new(ciphers, &keying));
    assert_int_equal(srtp_material_bytes((enum srtp_profile)0x0008), 0);
}

static void every_flipped_bit_is_noticed(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t rtp[CAP], rtcp[CAP], copy[CAP];
        long rtp_len = seal(p.client, rtp, make_rtp(rtp, 7, 100));
        long rtcp_len = seal_rtcp(p.client, rtcp, make_rtcp(rtcp, 7));
        for (size_t bit = 0; bit < (size_t)rtp_len * 8; bit++) {
            memcpy(copy, rtp, (size_t)rtp_len);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_true(srtp_session_unprotect(p.server, copy, (size_t)rtp_len) < 0);
        }
        for (size_t bit = 0; bit < (size_t)rtcp_len * 8; bit++) {
            memcpy(copy, rtcp, (size_t)rtcp_len);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_true(srtp_session_unprotect_rtcp(p.server, copy, (size_t)rtcp_len) < 0);
        }
        assert_int_equal(srtp_session_remote_streams(p.server), 0);
        assert_true(srtp_session_unprotect(p.server, rtp, (size_t)rtp_len) > 0);
        assert_true(srtp_session_unprotect_rtcp(p.server, rtcp, (size_t)rtcp_len) > 0);
        close_pair(&p);
    }
}

static void truncated_packets_are_refused_at_every_length(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t rtp[CAP], rtcp[CAP];
        long rtp_len = seal(p.client, rtp, make_rtp(rtp, 7, 100));
        long rtcp_len = seal_rtcp(p.client, rtcp, make_rtcp(rtcp, 7));
        for (size_t len = 0; len < (size_t)rtp_len; len++) {
            uint8_t *exact = malloc(len + 1); /* nothing readable behind it under a sanitizer */
            memcpy(exact + 1, rtp, len);
            assert_true(srtp_session_unprotect(p.server, exact + 1, len) < 0);
            free(exact);
        }
        for (size_t len = 0; len < (size_t)rtcp_len; len++) {
            uint8_t *exact = malloc(len + 1);
            memcpy(exact + 1, rtcp, len);
            assert_true(srtp_session_unprotect_rtcp(p.server, exact + 1, len) < 0);
            free(exact);
        }
        close_pair(&p);
    }
}

static void two_hundred_packets_of_a_stranger_leave_no_state(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t packet[CAP];
        assert_int_equal(pass(&p, 1, 1), 52);
        unsigned long before = allocations;
        for (uint32_t n = 0; n < 200; n++) {
            size_t len = make_rtp(packet, 1000 + n, (uint16_t)n);
            assert_int_equal(srtp_session_unprotect(p.server, packet, len + 20), -ERR_INTEGRITY);
            len = make_rtcp(packet, 5000 + n);
            store_be32(packet + 12, SRTCP_E_BIT | n); /* E and index, wherever the profile has them */
            store_be32(packet + 28, SRTCP_E_BIT | n);
            memset(packet + 16, 0, 12);
            size_t rtcp_len = profiles[i] == SRTP_AEAD_AES_128_GCM ? 32 : 26;
            assert_int_equal(srtp_session_unprotect_rtcp(p.server, packet, rtcp_len), -ERR_INTEGRITY);
        }
        assert_int_equal(srtp_session_remote_streams(p.server), 1);
        assert_int_equal(allocations, before);
        assert_int_equal(pass(&p, 1, 2), 52); /* and the call goes on */
        close_pair(&p);
    }
}

static void replayed_packets_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t rtp[CAP], rtcp[CAP], copy[CAP];
        long rtp_len = seal(p.client, rtp, make_rtp(rtp, 7, 100));
        long rtcp_len = seal_rtcp(p.client, rtcp, make_rtcp(rtcp, 7));
        for (int round = 0; round < 3; round++) {
            memcpy(copy, rtp, (size_t)rtp_len);
            long rc = srtp_session_unprotect(p.server, copy, (size_t)rtp_len);
            assert_int_equal(rc, round == 0 ? 52 : -ERR_REPLAY);
            memcpy(copy, rtcp, (size_t)rtcp_len);
            rc = srtp_session_unprotect_rtcp(p.server, copy, (size_t)rtcp_len);
            assert_int_equal(rc, round == 0 ? 12 : -ERR_REPLAY);
        }
        close_pair(&p);
    }
}

static void reordered_packets_pass_once_and_old_ones_never(void **state) {
    (void)state;
    enum { COUNT = SRTP_WINDOW_PACKETS + 1 };
    static uint8_t packets[COUNT][80];
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t packet[CAP];
        long len = 0;
        for (uint16_t n = 0; n < COUNT; n++) {
            len = seal(p.client, packet, make_rtp(packet, 7, (uint16_t)(65000 + n)));
            memcpy(packets[n], packet, (size_t)len);
        }
        /* Number 1 comes first, so that there is a window to be in; then the last; then all others backwards. */
        assert_int_equal(srtp_session_unprotect(p.server, packets[1], (size_t)len), 52);
        assert_int_equal(srtp_session_unprotect(p.server, packets[COUNT - 1], (size_t)len), 52);
        for (uint16_t n = COUNT - 2; n > 1; n--) {
            assert_int_equal(srtp_session_unprotect(p.server, packets[n], (size_t)len), 52);
        }
        assert_int_equal(srtp_session_unprotect(p.server, packets[0], (size_t)len), -ERR_REPLAY);
        close_pair(&p);
    }
}

static void rollover_survives_loss_and_reordering(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t late[CAP];
        uint32_t at = 1000;
        for (int step = 0; step < 12; step++) { /* 12 steps of 32,000: six rollovers, everything between is lost */
            assert_int_equal(pass(&p, 7, (uint16_t)at), 52);
            at += 32000;
        }
        assert_int_equal(pass(&p, 7, 50000), 52);
        at = 65534;
        assert_int_equal(pass(&p, 7, (uint16_t)at), 52);
        long len = seal(p.client, late, make_rtp(late, 7, 65535));
        assert_int_equal(pass(&p, 7, 3), 52);                                      /* after the border */
        assert_int_equal(srtp_session_unprotect(p.server, late, (size_t)len), 52); /* before it */
        assert_int_equal(pass(&p, 7, 4), 52);
        close_pair(&p);
    }
}

static void sequence_numbers_of_ours_are_used_once(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t packet[CAP];
        size_t len = make_rtp(packet, 7, 600);
        assert_true(seal(p.client, packet, len) > 0);
        len = make_rtp(packet, 7, 600);
        assert_int_equal(seal(p.client, packet, len), -ERR_REPLAY);
        len = make_rtp(packet, 7, 599); /* not sent yet: reordered on the way to us */
        assert_true(seal(p.client, packet, len) > 0);
        len = make_rtp(packet, 7, 600 - SRTP_WINDOW_PACKETS); /* may have been sent */
        assert_int_equal(seal(p.client, packet, len), -ERR_REPLAY);
        len = make_rtp(packet, 7, 65535); /* of before the first */
        assert_int_equal(seal(p.client, packet, len), -ERR_REPLAY);
        len = make_rtp(packet, 8, 600); /* another stream */
        assert_true(seal(p.client, packet, len) > 0);
        close_pair(&p);
    }
}

static void slot_is_filled_like_a_whole_packet(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct srtp_session *whole = session_of(profiles[i], SRTP_DTLS_CLIENT);
        struct srtp_session *pieces = session_of(profiles[i], SRTP_DTLS_CLIENT);
        uint8_t plain[CAP], expected[CAP], slot[CAP];
        for (uint16_t n = 0; n < 300; n++) {
            size_t len = make_rtp(plain, 7, n);
            size_t written = 12 + n % 41; /* the header and some of the payload */
            uint8_t padding = (uint8_t)(n % 3 == 0 ? 0 : 1 + n % 255);
            plain[0] |= padding > 0 ? 0x20 : 0;
            memcpy(expected, plain, len);
            memset(expected + len, 0, padding);
            if (padding > 0) {
                expected[len + padding - 1] = padding;
            }
            memset(slot, 0xee, sizeof slot);
            memcpy(slot, plain, written);
            long want = seal(whole, expected, len + padding);
            long got = srtp_session_protect_slot(pieces, &(struct srtp_slot){.packet = slot,
                                                                             .cap = sizeof slot,
                                                                             .header_len = 12,
                                                                             .written_len = written,
                                                                             .rest = plain + written,
                                                                             .rest_len = len - written,
                                                                             .padding = padding});
            assert_int_equal(got, want);
            assert_memory_equal(slot, expected, (size_t)want);
            assert_int_equal(slot[want], 0xee);
        }
        srtp_session_free(whole);
        srtp_session_free(pieces);
    }
}

static void slot_without_room_is_not_written_beyond(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct srtp_session *s = session_of(profiles[i], SRTP_DTLS_CLIENT);
        static const uint8_t rest[100];
        uint8_t packet[CAP];
        make_rtp(packet, 7, 5);
        size_t need = 12 + sizeof rest + 9 + srtp_session_overhead(s);
        struct srtp_slot slot = {.packet = packet, .header_len = 12, .written_len = 12, .rest = rest, .padding = 9};
        slot.rest_len = sizeof rest;
        for (slot.cap = 0; slot.cap < need; slot.cap++) {
            assert_int_equal(srtp_session_protect_slot(s, &slot), -ENOBUFS);
        }
        slot.header_len = 11;
        assert_int_equal(srtp_session_protect_slot(s, &slot), -EBADMSG);
        slot.header_len = 12;
        assert_int_equal(srtp_session_protect_slot(s, &slot), need); /* nothing refused used the number up */
        size_t len = make_rtcp(packet, 7);
        struct srtp_buffer rtcp = {packet, len, len + srtp_session_rtcp_overhead(s) - 1};
        assert_int_equal(srtp_session_protect_rtcp(s, &rtcp), -ENOBUFS);
        rtcp.len = 7;
        assert_int_equal(srtp_session_protect_rtcp(s, &rtcp), -EBADMSG);
        srtp_session_free(s);
    }
}

/* SSRCs as peers choose them, so that some meet in the table. */
static uint32_t scattered(uint32_t n) {
    n = (n + 1) * 0x85ebca6b;
    return n ^ n >> 13 ^ n << 7;
}

static void streams_are_bounded_and_can_be_forgotten(void **state) {
    (void)state;
    struct pair p = open_pair(SRTP_AEAD_AES_128_GCM);
    uint8_t packet[CAP];
    for (uint32_t n = 0; n < SRTP_STREAMS_MAX; n++) {
        assert_int_equal(pass(&p, scattered(n), 1), 52);
    }
    assert_int_equal(pass(&p, 77, 1), -ENOBUFS); /* the sender's table is as full */
    struct srtp_session *fresh = session_of(SRTP_AEAD_AES_128_GCM, SRTP_DTLS_CLIENT);
    long len = seal(fresh, packet, make_rtp(packet, 77, 1));
    assert_int_equal(srtp_session_unprotect(p.server, packet, (size_t)len), -ENOBUFS);
    for (uint32_t n = 0; n < SRTP_STREAMS_MAX; n += 2) {
        srtp_session_forget_remote(p.server, scattered(n));
    }
    srtp_session_forget_remote(p.server, 12345); /* not there */
    assert_int_equal(srtp_session_remote_streams(p.server), SRTP_STREAMS_MAX / 2);
    for (uint32_t n = 1; n < SRTP_STREAMS_MAX; n += 2) { /* those that stay are found and know their past */
        struct srtp_stream *stream = srtp_streams_find(&p.server->remote, scattered(n));
        assert_non_null(stream);
        assert_int_equal(srtp_window_check(&stream->rtp, 1), -ERR_REPLAY);
    }
    len = seal(fresh, packet, make_rtp(packet, 77, 2));
    assert_int_equal(srtp_session_unprotect(p.server, packet, (size_t)len), 52);
    srtp_session_free(fresh);
    close_pair(&p);
}

static void keys_are_not_used_beyond_their_limits(void **state) {
    (void)state;
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t packet[CAP];
        assert_int_equal(pass(&p, 7, 0xfffe), 52);
        srtp_streams_find(&p.client->local, 7)->rtp.highest = SRTP_INDEX_MAX - 1;
        srtp_streams_find(&p.server->remote, 7)->rtp.highest = SRTP_INDEX_MAX - 1;
        assert_int_equal(pass(&p, 7, 0xffff), 52); /* the last one */
        assert_int_equal(seal(p.client, packet, make_rtp(packet, 7, 0)), -EKEYEXPIRED);
        assert_int_equal(srtp_session_unprotect(p.server, packet, 52 + 16), -EKEYEXPIRED);
        p.client->sent = SRTP_INDEX_MAX + 1; /* over all streams */
        assert_int_equal(seal(p.client, packet, make_rtp(packet, 8, 0)), -EKEYEXPIRED);
        p.client->rtcp_index = SRTCP_INDEX_MAX - 1;
        assert_true(seal_rtcp(p.client, packet, make_rtcp(packet, 7)) > 0);
        assert_int_equal(seal_rtcp(p.client, packet, make_rtcp(packet, 7)), -EKEYEXPIRED);
        close_pair(&p);
    }
}

static void unencrypted_srtcp_is_refused(void **state) {
    (void)state;
    struct pair p = open_pair(SRTP_AES128_CM_SHA1_80);
    uint8_t packet[CAP], trailer[4], mac[20];
    size_t len = make_rtcp(packet, 7);
    store_be32(trailer, 1); /* E is 0; genuine otherwise */
    memcpy(packet + len, trailer, 4);
    const struct srtp_piece all = {packet, len + 4};
    srtp_hmac_run(&p.client->out[SRTP_USE_RTCP].hmac, &all, 1, mac);
    memcpy(packet + len + 4, mac, SRTP_CM_TAG);
    assert_int_equal(srtp_session_unprotect_rtcp(p.server, packet, len + 14), -EBADMSG);
    close_pair(&p);
}

static void a_hundred_thousand_packets_allocate_nothing(void **state) {
    (void)state;
    assert_true(allocations > 0); /* the counter counts */
    for (size_t i = 0; i < PROFILES; i++) {
        struct pair p = open_pair(profiles[i]);
        uint8_t rtcp[CAP];
        unsigned long before = 0;
        for (uint32_t n = 0; n < 100000; n++) {
            assert_int_equal(pass(&p, n % 4, (uint16_t)(n / 4)), 52);
            if (n % 100 == 0) {
                long len = seal_rtcp(p.client, rtcp, make_rtcp(rtcp, 7));
                assert_int_equal(srtp_session_unprotect_rtcp(p.server, rtcp, (size_t)len), 12);
            }
            before = n == 100 ? allocations : before;
        }
        assert_int_equal(allocations, before);
        close_pair(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_reads_what_the_other_writes_and_not_its_own),
        cmocka_unit_test(unknown_profiles_get_no_session),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(truncated_packets_are_refused_at_every_length),
        cmocka_unit_test(two_hundred_packets_of_a_stranger_leave_no_state),
        cmocka_unit_test(replayed_packets_are_refused),
        cmocka_unit_test(reordered_packets_pass_once_and_old_ones_never),
        cmocka_unit_test(rollover_survives_loss_and_reordering),
        cmocka_unit_test(sequence_numbers_of_ours_are_used_once),
        cmocka_unit_test(slot_is_filled_like_a_whole_packet),
        cmocka_unit_test(slot_without_room_is_not_written_beyond),
        cmocka_unit_test(streams_are_bounded_and_can_be_forgotten),
        cmocka_unit_test(keys_are_not_used_beyond_their_limits),
        cmocka_unit_test(unencrypted_srtcp_is_refused),
        cmocka_unit_test(a_hundred_thousand_packets_allocate_nothing),
    };
    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1) {
        return 1;
    }
    return cmocka_run_group_tests(tests, make_ciphers, drop_ciphers);
}
