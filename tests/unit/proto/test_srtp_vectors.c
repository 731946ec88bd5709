/* SRTP against the vectors of RFC 3711 and RFC 7714. */
#include "proto/srtp/internal.h"

#include "proto/rtp/packet.h"
#include "vectors/srtp_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { CAP = 2048 };

static struct srtp_ciphers *ciphers;

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

static struct srtp_session *session_of(enum srtp_profile profile) {
    static const uint8_t material[SRTP_MATERIAL_BYTES_MAX];
    struct srtp_keying keying = {.profile = profile, .role = SRTP_DTLS_CLIENT, .material = material};
    struct srtp_session *s = srtp_session_new(ciphers, &keying);
    assert_non_null(s);
    return s;
}

/* Replaces derived session keys by given ones, as vectors have them. */
static void set_session_key(struct srtp_session *s, const uint8_t *key, const uint8_t *salt) {
    struct srtp_key *keys[] = {&s->in[0], &s->in[1], &s->out[0], &s->out[1]};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(EVP_CipherInit_ex2(keys[i]->cipher, NULL, key, NULL, -1, NULL), 1);
        memcpy(keys[i]->salt, salt, s->transform->salt_bytes);
    }
}

static void rfc3711_keystream_is_made(void **state) {
    (void)state;
    struct srtp_session *s = session_of(SRTP_AES128_CM_SHA1_80);
    uint8_t packet[CAP] = {0x80};
    set_session_key(s, rfc3711_cm_key, rfc3711_cm_salt);
    assert_int_equal(
        srtp_session_protect(s, &(struct srtp_buffer){packet, RTP_HEADER_BYTES + sizeof rfc3711_cm_keystream, CAP}),
        RTP_HEADER_BYTES + sizeof rfc3711_cm_keystream + SRTP_CM_TAG);
    assert_memory_equal(packet + RTP_HEADER_BYTES, rfc3711_cm_keystream, sizeof rfc3711_cm_keystream);
    srtp_session_free(s);
}

static void rfc3711_keys_are_derived(void **state) {
    (void)state;
    struct srtp_master master;
    uint8_t out[sizeof rfc3711_auth_key];
    memcpy(master.key, rfc3711_master_key, sizeof master.key);
    memcpy(master.salt, rfc3711_master_salt, sizeof master.salt);
    assert_int_equal(srtp_derive(ciphers, &master, 0, out, sizeof rfc3711_cipher_key), 0);
    assert_memory_equal(out, rfc3711_cipher_key, sizeof rfc3711_cipher_key);
    assert_int_equal(srtp_derive(ciphers, &master, 1, out, sizeof rfc3711_auth_key), 0);
    assert_memory_equal(out, rfc3711_auth_key, sizeof rfc3711_auth_key);
    assert_int_equal(srtp_derive(ciphers, &master, 2, out, sizeof rfc3711_cipher_salt), 0);
    assert_memory_equal(out, rfc3711_cipher_salt, sizeof rfc3711_cipher_salt);
}

static void rfc7714_rtp_vector_matches_both_ways(void **state) {
    (void)state;
    struct srtp_session *s = session_of(SRTP_AEAD_AES_128_GCM);
    uint8_t packet[CAP];
    set_session_key(s, rfc7714_key, rfc7714_salt);
    memcpy(packet, rfc7714_rtp, sizeof rfc7714_rtp);
    assert_int_equal(srtp_session_protect(s, &(struct srtp_buffer){packet, sizeof rfc7714_rtp, CAP}),
                     sizeof rfc7714_srtp);
    assert_memory_equal(packet, rfc7714_srtp, sizeof rfc7714_srtp);
    assert_int_equal(srtp_session_unprotect(s, packet, sizeof rfc7714_srtp), sizeof rfc7714_rtp);
    assert_memory_equal(packet, rfc7714_rtp, sizeof rfc7714_rtp);
    srtp_session_free(s);
}

static void rfc7714_rtcp_vector_matches_both_ways(void **state) {
    (void)state;
    struct srtp_session *s = session_of(SRTP_AEAD_AES_128_GCM);
    uint8_t packet[CAP];
    set_session_key(s, rfc7714_key, rfc7714_salt);
    s->rtcp_index = RFC7714_SRTCP_INDEX - 1;
    memcpy(packet, rfc7714_rtcp, sizeof rfc7714_rtcp);
    assert_int_equal(srtp_session_protect_rtcp(s, &(struct srtp_buffer){packet, sizeof rfc7714_rtcp, CAP}),
                     sizeof rfc7714_srtcp);
    assert_memory_equal(packet, rfc7714_srtcp, sizeof rfc7714_srtcp);
    assert_int_equal(srtp_session_unprotect_rtcp(s, packet, sizeof rfc7714_srtcp), sizeof rfc7714_rtcp);
    assert_memory_equal(packet, rfc7714_rtcp, sizeof rfc7714_rtcp);
    srtp_session_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3711_keystream_is_made),
        cmocka_unit_test(rfc3711_keys_are_derived),
        cmocka_unit_test(rfc7714_rtp_vector_matches_both_ways),
        cmocka_unit_test(rfc7714_rtcp_vector_matches_both_ways),
    };
    return cmocka_run_group_tests(tests, make_ciphers, drop_ciphers);
}
