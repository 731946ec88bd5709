/* Handshakes of media transports against OpenSSL's client: whose certificate it is, and which keys come out. */
#include "proto/dtls/media.h"

#include "base/error.h"
#include "lib/dtls_client.h"

#include <errno.h>
#include <openssl/srtp.h>

enum { ALL_PROFILES_LEN = 60 };
static const char all_profiles[] = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM"; /* as Chromium orders them */

struct world {
    SSL_CTX *server_ctx;
    struct dtls_session *server;
    struct dtls_client client;
    struct queue from_server;
    uint8_t our_digest[DTLS_DIGEST_BYTES];
    uint8_t peer_digest[DTLS_DIGEST_BYTES_MAX];
    struct dtls_srtp_keys keys;
};

static void from_server(void *ctx, const uint8_t *data, size_t len) {
    push(&((struct world *)ctx)->from_server, data, len);
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    w->server_ctx = dtls_media_context_new(w->our_digest);
    assert_non_null(w->server_ctx);
    const struct dtls_sink sink = {.send = from_server, .ctx = w};
    w->server = dtls_session_new(SSL_new(w->server_ctx), &sink);
    dtls_client_init(&w->client);
    give_certificate(w->client.ctx);
    SSL_CTX_set_tlsext_use_srtp(w->client.ctx, all_profiles);
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    dtls_session_free(w->server);
    dtls_client_deinit(&w->client);
    SSL_CTX_free(w->server_ctx);
    free(w);
    return 0;
}

static void to_server(struct world *w) {
    struct queue *q = &w->client.out;
    uint8_t plain[DATAGRAM];
    for (unsigned i = 0; i < q->count; i++) {
        assert_int_equal(dtls_session_input(w->server, q->items[i].data, q->items[i].len), 0);
        while (dtls_session_read(w->server, plain, sizeof plain) > 0) {
        }
    }
    q->count = 0;
}

static void to_client(struct world *w) {
    for (unsigned i = 0; i < w->from_server.count; i++) {
        dtls_client_input(&w->client, w->from_server.items[i].data, w->from_server.items[i].len);
    }
    w->from_server.count = 0;
}

static void shake_hands(struct world *w, long mtu) {
    dtls_client_start(&w->client, mtu);
    dtls_client_turn(&w->client);
    for (int i = 0; i < 10; i++) {
        to_server(w);
        to_client(w);
    }
}

static struct dtls_fingerprint peer_fingerprint(struct world *w, const char *hash, const EVP_MD *md) {
    unsigned len;
    X509_digest(SSL_CTX_get0_certificate(w->client.ctx), md, w->peer_digest, &len);
    return (struct dtls_fingerprint){hash, strlen(hash), w->peer_digest, len};
}

static int take_keys(struct world *w) {
    struct dtls_fingerprint f = peer_fingerprint(w, "sha-256", EVP_sha256());
    return dtls_media_keys(w->server, &f, 1, &w->keys);
}

static void expect_same_keys(struct world *w) {
    uint8_t theirs[ALL_PROFILES_LEN];
    assert_int_equal(
        SSL_export_keying_material(w->client.ssl, theirs, w->keys.len, "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0), 1);
    assert_memory_equal(theirs, w->keys.material, w->keys.len);
}

static void both_sides_have_the_same_keys_and_our_order_of_profiles_counts(void **state) {
    struct world *w = *state;
    shake_hands(w, 1400);
    assert_int_equal(take_keys(w), 0);
    assert_int_equal(w->keys.profile, SRTP_AEAD_AES_128_GCM);
    assert_int_equal(w->keys.len, 56);
    expect_same_keys(w);
}

static void peer_that_has_only_sha1_gets_it(void **state) {
    struct world *w = *state;
    SSL_CTX_set_tlsext_use_srtp(w->client.ctx, "SRTP_AES128_CM_SHA1_80");
    shake_hands(w, 1400);
    assert_int_equal(take_keys(w), 0);
    assert_int_equal(w->keys.profile, SRTP_AES128_CM_SHA1_80);
    assert_int_equal(w->keys.len, 60);
    expect_same_keys(w);
}

static void hello_in_many_pieces_is_put_together(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 256);
    dtls_client_turn(&w->client);
    assert_true(w->client.out.count > 1 || w->client.out.items[0].len <= 256);
    for (int i = 0; i < 10; i++) {
        to_server(w);
        to_client(w);
    }
    assert_int_equal(take_keys(w), 0);
    expect_same_keys(w);
}

static void client_sees_the_certificate_of_our_fingerprint(void **state) {
    struct world *w = *state;
    uint8_t seen[DTLS_DIGEST_BYTES];
    shake_hands(w, 1400);
    X509 *cert = SSL_get1_peer_certificate(w->client.ssl);
    assert_int_equal(X509_digest(cert, EVP_sha256(), seen, NULL), 1);
    X509_free(cert);
    assert_memory_equal(seen, w->our_digest, sizeof seen);
}

static void other_certificate_gets_no_keys(void **state) {
    struct world *w = *state;
    shake_hands(w, 1400);
    struct dtls_fingerprint f = peer_fingerprint(w, "sha-256", EVP_sha256());
    w->peer_digest[31] ^= 1;
    assert_int_equal(dtls_media_keys(w->server, &f, 1, &w->keys), -ERR_INTEGRITY);
    assert_int_equal(dtls_media_keys(w->server, NULL, 0, &w->keys), -ERR_INTEGRITY); /* an empty list is no list */
    f.digest_len = 20;
    w->peer_digest[31] ^= 1;
    assert_int_equal(dtls_media_keys(w->server, &f, 1, &w->keys), -ERR_INTEGRITY);
}

static void one_of_several_fingerprints_is_enough_and_unknown_hashes_are_passed_over(void **state) {
    struct world *w = *state;
    static const uint8_t zero[32];
    shake_hands(w, 1400);
    struct dtls_fingerprint list[] = {{"md5", 3, zero, 16}, {"sha-256", 7, zero, 32}, {0}};
    list[2] = peer_fingerprint(w, "SHA-384", EVP_sha384());
    assert_int_equal(dtls_media_keys(w->server, list, 2, &w->keys), -ERR_INTEGRITY);
    assert_int_equal(dtls_media_keys(w->server, list, 3, &w->keys), 0);
}

static void no_keys_before_the_handshake_ends(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1400);
    dtls_client_turn(&w->client);
    assert_int_equal(take_keys(w), -EPROTO);
    to_server(w);
    assert_int_equal(take_keys(w), -EPROTO);
}

static void peer_without_a_certificate_is_refused(void **state) {
    struct world *w = *state;
    SSL_CTX_free(w->client.ctx);
    w->client.ctx = SSL_CTX_new(DTLS_client_method());
    SSL_CTX_set_tlsext_use_srtp(w->client.ctx, all_profiles);
    dtls_client_start(&w->client, 1400);
    dtls_client_turn(&w->client);
    for (int i = 0; i < 10 && dtls_session_state(w->server) == DTLS_HANDSHAKING; i++) {
        to_server(w);
        to_client(w);
    }
    assert_int_equal(dtls_session_state(w->server), DTLS_FAILED);
    assert_int_equal(dtls_media_keys(w->server, NULL, 0, &w->keys), -EPROTO);
}

static void peer_without_srtp_is_told_apart(void **state) {
    struct world *w = *state;
    SSL_CTX *plain = SSL_CTX_new(DTLS_client_method());
    give_certificate(plain);
    SSL_CTX_free(w->client.ctx);
    w->client.ctx = plain;
    shake_hands(w, 1400);
    assert_int_equal(take_keys(w), -ENOTSUP);
}

static void dtls_1_0_is_refused(void **state) {
    struct world *w = *state;
    SSL_CTX_set_min_proto_version(w->client.ctx, DTLS1_VERSION);
    SSL_CTX_set_max_proto_version(w->client.ctx, DTLS1_VERSION);
    SSL_CTX_set_security_level(w->client.ctx, 0);
    SSL_CTX_set_cipher_list(w->client.ctx, "ALL:@SECLEVEL=0");
    dtls_client_start(&w->client, 1400);
    dtls_client_turn(&w->client);
    to_server(w);
    assert_int_not_equal(dtls_session_state(w->server), DTLS_OPEN);
    assert_int_equal(take_keys(w), -EPROTO);
}

static void data_goes_both_ways_beside_media(void **state) {
    struct world *w = *state;
    uint8_t plain[DATAGRAM];
    shake_hands(w, 1400);
    assert_int_equal(SSL_write(w->client.ssl, "chunk", 5), 5);
    assert_int_equal(w->client.out.count, 1);
    assert_int_equal(dtls_session_input(w->server, w->client.out.items[0].data, w->client.out.items[0].len), 0);
    assert_int_equal(dtls_session_read(w->server, plain, sizeof plain), 5);
    assert_int_equal(dtls_session_write(w->server, "back", 4), 0);
    to_client(w);
    assert_int_equal(w->client.got_len, 4);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(both_sides_have_the_same_keys_and_our_order_of_profiles_counts),
        T(peer_that_has_only_sha1_gets_it),
        T(hello_in_many_pieces_is_put_together),
        T(client_sees_the_certificate_of_our_fingerprint),
        T(other_certificate_gets_no_keys),
        T(one_of_several_fingerprints_is_enough_and_unknown_hashes_are_passed_over),
        T(no_keys_before_the_handshake_ends),
        T(peer_without_a_certificate_is_refused),
        T(peer_without_srtp_is_told_apart),
        T(dtls_1_0_is_refused),
        T(data_goes_both_ways_beside_media),
    };
    return cmocka_run_group_tests_name("dtls_media", tests, NULL, NULL);
}
