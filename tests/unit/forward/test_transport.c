/* A media transport against a client in memory that makes checks, a DTLS handshake and SRTP. */
#include "forward/transport.h"

#include "lib/dtls_client.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <openssl/srtp.h>
#include <stdio.h>

#define SECOND 1000000ULL

enum { OWNER = 3, RTP_BYTES = 100 };

struct world {
    struct forward_crypto crypto;
    struct forward_transport *transport;
    uint64_t now_us;
    uint8_t our_digest[DTLS_DIGEST_BYTES];
    /* the client */
    struct dtls_client client;
    struct srtp_ciphers *ciphers;
    struct srtp_session *srtp;
    uint8_t digest[DTLS_DIGEST_BYTES_MAX];
    struct five_tuple path;
    /* what the transport told */
    unsigned paths, states, rtp, rtcp, sctp, replies;
    struct five_tuple last_path;
    enum forward_transport_state state;
    struct queue datagrams; /* DTLS for the client */
    int last_reply_code;
    uint8_t got[DATAGRAM];
    size_t got_len;
};

/* ---- what comes out */

static void on_send(void *ctx, const struct five_tuple *path, const uint8_t *data, size_t len) {
    struct world *w = ctx;
    struct stun_msg msg;
    w->last_path = *path;
    if (data[0] >= 20 && data[0] <= 63) {
        push(&w->datagrams, data, len);
    } else if (stun_msg_parse(&msg, data, len) == 0) {
        w->replies++;
        w->last_reply_code = 0;
        stun_msg_error(&msg, &w->last_reply_code, NULL, NULL);
    }
}

static void on_path(void *ctx, const struct five_tuple *path, bool added) {
    (void)path;
    ((struct world *)ctx)->paths += added ? 1U : -1U;
}

static void on_state(void *ctx, enum forward_transport_state state) {
    ((struct world *)ctx)->state = state;
    ((struct world *)ctx)->states++;
}

static void keep(struct world *w, const uint8_t *data, size_t len) {
    memcpy(w->got, data, len);
    w->got_len = len;
}

static void on_rtp(void *ctx, uint8_t *packet, size_t len, uint64_t now_us) {
    (void)now_us;
    ((struct world *)ctx)->rtp++;
    keep(ctx, packet, len);
}

static void on_rtcp(void *ctx, uint8_t *packet, size_t len, uint64_t now_us) {
    (void)now_us;
    ((struct world *)ctx)->rtcp++;
    keep(ctx, packet, len);
}

static void on_sctp(void *ctx, const uint8_t *packet, size_t len, uint64_t now_us) {
    (void)now_us;
    ((struct world *)ctx)->sctp++;
    keep(ctx, packet, len);
}

/* ---- the world */

static struct five_tuple tuple_of(uint16_t port) {
    struct five_tuple t = {.transport = TRANSPORT_UDP};
    addr_parse(&t.remote, "192.0.2.1:1");
    addr_parse(&t.local, "198.51.100.1:3480");
    t.remote.port = port;
    return t;
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    w->now_us = 100 * SECOND;
    w->path = tuple_of(5000);
    w->crypto = (struct forward_crypto){
        .dtls = dtls_media_context_new(w->our_digest), .stun = stun_crypto_new(), .srtp = srtp_ciphers_new()};
    w->ciphers = srtp_ciphers_new();
    dtls_client_init(&w->client);
    give_certificate(w->client.ctx);
    SSL_CTX_set_tlsext_use_srtp(w->client.ctx, "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM");
    X509_digest(SSL_CTX_get0_certificate(w->client.ctx), EVP_sha256(), w->digest, NULL);
    struct dtls_fingerprint f = {"sha-256", 7, w->digest, 32};
    struct forward_transport_options options = {.crypto = &w->crypto,
                                                .events = {.ctx = w,
                                                           .send = on_send,
                                                           .path = on_path,
                                                           .state = on_state,
                                                           .rtp = on_rtp,
                                                           .rtcp = on_rtcp,
                                                           .sctp = on_sctp},
                                                .owner = OWNER,
                                                .remote_ufrag = "peer",
                                                .fingerprints = &f,
                                                .fingerprint_count = 1,
                                                .now_us = w->now_us};
    assert_int_equal(forward_transport_new(&w->transport, &options), 0);
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    forward_transport_free(w->transport);
    assert_int_equal(w->paths, 0); /* every path was taken back */
    srtp_session_free(w->srtp);
    srtp_ciphers_free(w->ciphers);
    dtls_client_deinit(&w->client);
    SSL_CTX_free(w->crypto.dtls);
    stun_crypto_free(w->crypto.stun);
    srtp_ciphers_free(w->crypto.srtp);
    free(w);
    return 0;
}

static void input(struct world *w, const struct five_tuple *from, const void *data, size_t len) {
    uint8_t copy[DATAGRAM];
    memcpy(copy, data, len);
    forward_transport_input(w->transport, &(struct forward_datagram){from, copy, len, w->now_us});
}

static void check_as(struct world *w, const struct five_tuple *from, const char *password, bool nominate) {
    const struct ice_credentials *ours = forward_transport_credentials(w->transport);
    uint8_t bytes[512];
    char username[300];
    struct writer m;
    snprintf(username, sizeof username, "%s:peer", ours->ufrag);
    writer_init(&m, bytes, sizeof bytes);
    stun_write_header(&m, STUN_REQUEST, STUN_BINDING, (const uint8_t *)"transaction.");
    stun_write_text(&m, STUN_ATTR_USERNAME, username);
    stun_write_u64(&m, STUN_ATTR_ICE_CONTROLLING, 7);
    stun_write_u32(&m, STUN_ATTR_PRIORITY, 1000);
    if (nominate) {
        stun_write_bytes(&m, STUN_ATTR_USE_CANDIDATE, NULL, 0);
    }
    password = password ? password : ours->pwd;
    stun_write_integrity(&m, w->crypto.stun, STUN_HASH_SHA1, (struct stun_span){password, strlen(password)});
    stun_write_fingerprint(&m);
    input(w, from, bytes, (size_t)stun_write_end(&m));
}

static void check(struct world *w, const struct five_tuple *from) { check_as(w, from, NULL, true); }

static void carry_dtls(struct world *w, const struct five_tuple *from) {
    for (int i = 0; i < 10; i++) {
        struct queue up = w->client.out;
        w->client.out.count = 0;
        for (unsigned k = 0; k < up.count; k++) {
            input(w, from, up.items[k].data, up.items[k].len);
        }
        struct queue down = w->datagrams;
        w->datagrams.count = 0;
        for (unsigned k = 0; k < down.count; k++) {
            dtls_client_input(&w->client, down.items[k].data, down.items[k].len);
        }
    }
}

static void handshake(struct world *w) {
    dtls_client_start(&w->client, 1200);
    dtls_client_turn(&w->client);
    carry_dtls(w, &w->path);
}

/* The client's SRTP, keyed by its side of the handshake. */
static void key_client(struct world *w) {
    uint8_t material[SRTP_MATERIAL_BYTES_MAX];
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(w->client.ssl);
    size_t len = srtp_material_bytes((enum srtp_profile)profile->id);
    SSL_export_keying_material(w->client.ssl, material, len, "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0);
    w->srtp =
        srtp_session_new(w->ciphers, &(struct srtp_keying){(enum srtp_profile)profile->id, SRTP_DTLS_CLIENT, material});
    assert_non_null(w->srtp);
}

static void connect_client(struct world *w) {
    check(w, &w->path);
    handshake(w);
    assert_int_equal(w->state, FORWARD_CONNECTED);
    key_client(w);
}

static size_t make_rtp(struct world *w, uint16_t seq, uint8_t *out) {
    memset(out, 0x55, RTP_BYTES);
    out[0] = 0x80;
    out[1] = 96;
    out[2] = (uint8_t)(seq >> 8);
    out[3] = (uint8_t)seq;
    memcpy(out + 4, "\0\0\0\1\0\0\0\2", 8);
    long n = srtp_session_protect(w->srtp, &(struct srtp_buffer){out, RTP_BYTES, DATAGRAM});
    assert_true(n > RTP_BYTES);
    return (size_t)n;
}

/* ---- tests */

static void media_flows_after_check_and_handshake(void **state) {
    struct world *w = *state;
    uint8_t packet[DATAGRAM];
    connect_client(w);
    assert_int_equal(w->replies, 1);
    assert_true(five_tuple_equal(forward_transport_path(w->transport), &w->path));
    size_t n = make_rtp(w, 1, packet);
    input(w, &w->path, packet, n);
    assert_int_equal(w->rtp, 1);
    assert_int_equal(w->got_len, RTP_BYTES);
    assert_int_equal(w->got[50], 0x55);
    /* and back */
    uint8_t ours[DATAGRAM] = {0x80, 96, 0, 9, 0, 0, 0, 1, 0, 0, 0, 7, 'h', 'i'};
    long len = srtp_session_protect(forward_transport_srtp(w->transport), &(struct srtp_buffer){ours, 14, sizeof ours});
    assert_int_equal(srtp_session_unprotect(w->srtp, ours, (size_t)len), 14);
}

static void rtcp_is_told_from_rtp(void **state) {
    struct world *w = *state;
    uint8_t packet[DATAGRAM] = {0x80, 201, 0, 1, 0, 0, 0, 2};
    connect_client(w);
    long n = srtp_session_protect_rtcp(w->srtp, &(struct srtp_buffer){packet, 8, sizeof packet});
    input(w, &w->path, packet, (size_t)n);
    assert_int_equal(w->rtcp, 1);
    assert_int_equal(w->rtp, 0);
    assert_int_equal(w->got_len, 8);
}

static void hello_before_a_check_is_dropped_and_the_call_goes_on(void **state) {
    struct world *w = *state;
    dtls_client_start(&w->client, 1200);
    dtls_client_turn(&w->client);
    struct queue hello = w->client.out;
    for (unsigned i = 0; i < hello.count; i++) {
        input(w, &w->path, hello.items[i].data, hello.items[i].len);
    }
    assert_int_equal(w->datagrams.count, 0);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_WAITING);
    check(w, &w->path);
    struct five_tuple stranger = tuple_of(6000);
    for (unsigned i = 0; i < hello.count; i++) {
        input(w, &stranger, hello.items[i].data, hello.items[i].len);
    }
    assert_int_equal(w->datagrams.count, 0);
    carry_dtls(w, &w->path);
    assert_int_equal(w->state, FORWARD_CONNECTED);
}

static void handshake_may_come_before_a_nomination(void **state) {
    struct world *w = *state;
    check_as(w, &w->path, NULL, false); /* as Chromium does */
    handshake(w);
    assert_int_equal(w->state, FORWARD_CONNECTED);
    assert_null(forward_transport_path(w->transport));
    check(w, &w->path);
    assert_non_null(forward_transport_path(w->transport));
}

static void check_with_another_password_makes_no_path(void **state) {
    struct world *w = *state;
    check_as(w, &w->path, "wrong", true);
    assert_int_equal(w->last_reply_code, 401);
    assert_int_equal(w->paths, 0);
    handshake(w);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_WAITING);
}

static void certificate_of_somebody_else_ends_it_before_any_media(void **state) {
    struct world *w = *state;
    SSL_CTX_free(w->client.ctx);
    w->client.ctx = SSL_CTX_new(DTLS_client_method());
    give_certificate(w->client.ctx);
    SSL_CTX_set_tlsext_use_srtp(w->client.ctx, "SRTP_AEAD_AES_128_GCM");
    check(w, &w->path);
    handshake(w);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_CLOSED);
    assert_int_equal(forward_transport_reason(w->transport), FORWARD_BAD_CERTIFICATE);
    assert_null(forward_transport_srtp(w->transport));
    uint8_t packet[DATAGRAM];
    key_client(w);
    size_t n = make_rtp(w, 1, packet);
    input(w, &w->path, packet, n);
    SSL_write(w->client.ssl, "data", 4);
    carry_dtls(w, &w->path);
    assert_int_equal(w->rtp + w->sctp, 0);
    assert_int_equal(w->states, 1); /* told once */
}

static void forged_media_is_ignored_and_the_call_goes_on(void **state) {
    struct world *w = *state;
    uint8_t packet[DATAGRAM];
    connect_client(w);
    for (int i = 0; i < 200; i++) {
        memset(packet, i, sizeof packet);
        packet[0] = 0x80;
        packet[1] = i % 2 ? 96 : 200;
        input(w, &w->path, packet, (size_t)i);
    }
    assert_int_equal(w->rtp + w->rtcp, 0);
    size_t n = make_rtp(w, 7, packet);
    struct five_tuple stranger = tuple_of(6000);
    input(w, &stranger, packet, n); /* genuine, but from an address without a check */
    assert_int_equal(w->rtp, 0);
    input(w, &w->path, packet, n);
    assert_int_equal(w->rtp, 1);
    input(w, &w->path, packet, n); /* a replay */
    assert_int_equal(w->rtp, 1);
}

static void media_before_the_keys_is_dropped(void **state) {
    struct world *w = *state;
    static const uint8_t packet[40] = {0x80, 96};
    check(w, &w->path);
    input(w, &w->path, packet, sizeof packet);
    assert_int_equal(w->rtp, 0);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_WAITING);
}

static void silence_of_thirty_seconds_ends_it(void **state) {
    struct world *w = *state;
    connect_client(w);
    uint64_t due = forward_transport_deadline(w->transport, w->now_us);
    assert_true(due == w->now_us + ICE_CONSENT_US);
    forward_transport_timeout(w->transport, due - 1);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_CONNECTED);
    forward_transport_timeout(w->transport, due);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_CLOSED);
    assert_int_equal(forward_transport_reason(w->transport), FORWARD_NO_CONSENT);
    assert_null(forward_transport_path(w->transport));
    assert_true(forward_transport_deadline(w->transport, due) == UINT64_MAX);
}

static void handshake_that_never_comes_ends_it_too(void **state) {
    struct world *w = *state;
    uint64_t began = w->now_us;
    for (int i = 0; i < 10; i++) { /* checks alone do not keep it */
        check(w, &w->path);
        w->now_us += 3 * SECOND;
        forward_transport_timeout(w->transport, w->now_us - 1);
    }
    assert_int_equal(forward_transport_state(w->transport), FORWARD_WAITING);
    forward_transport_timeout(w->transport, began + 30 * SECOND);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_CLOSED);
}

static void another_path_takes_over(void **state) {
    struct world *w = *state;
    uint8_t packet[DATAGRAM];
    struct five_tuple tcp = tuple_of(443);
    tcp.transport = TRANSPORT_TCP;
    connect_client(w);
    check_as(w, &tcp, NULL, false);
    assert_int_equal(w->paths, 2);
    size_t n = make_rtp(w, 1, packet);
    input(w, &tcp, packet, n); /* received on every path */
    assert_int_equal(w->rtp, 1);
    check(w, &tcp);
    check(w, &tcp);
    assert_true(five_tuple_equal(forward_transport_path(w->transport), &tcp));
    forward_transport_path_gone(w->transport, &tcp, w->now_us);
    assert_true(five_tuple_equal(forward_transport_path(w->transport), &w->path));
}

static void transport_without_a_path_waits_as_long_as_for_consent(void **state) {
    struct world *w = *state;
    connect_client(w);
    forward_transport_path_gone(w->transport, &w->path, w->now_us);
    assert_null(forward_transport_path(w->transport));
    forward_transport_timeout(w->transport, w->now_us + 29 * SECOND);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_CONNECTED);
    assert_true(forward_transport_deadline(w->transport, w->now_us) == w->now_us + 30 * SECOND);
    forward_transport_timeout(w->transport, w->now_us + 30 * SECOND);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_CLOSED);
}

static void restart_keeps_keys_and_media(void **state) {
    struct world *w = *state;
    uint8_t packet[DATAGRAM];
    char before[ICE_UFRAG_CHARS + 1];
    connect_client(w);
    memcpy(before, forward_transport_credentials(w->transport)->ufrag, sizeof before);
    assert_int_equal(forward_transport_restart(w->transport, "peer"), 0);
    assert_string_not_equal(before, forward_transport_credentials(w->transport)->ufrag);
    assert_true(forward_transport_has_ufrag(w->transport, before, ICE_UFRAG_CHARS));
    size_t n = make_rtp(w, 1, packet);
    input(w, &w->path, packet, n);
    struct five_tuple moved = tuple_of(7000);
    check(w, &moved);
    n = make_rtp(w, 2, packet);
    input(w, &moved, packet, n);
    assert_int_equal(w->rtp, 2);
    assert_int_equal(w->states, 1);
}

static void data_goes_both_ways(void **state) {
    struct world *w = *state;
    connect_client(w);
    SSL_write(w->client.ssl, "chunk", 5);
    carry_dtls(w, &w->path);
    assert_int_equal(w->sctp, 1);
    assert_int_equal(w->got_len, 5);
    assert_int_equal(forward_transport_send_sctp(w->transport, "back", 4), 0);
    carry_dtls(w, &w->path);
    assert_int_equal(w->client.got_len, 4);
}

static void close_notify_of_the_peer_ends_it(void **state) {
    struct world *w = *state;
    connect_client(w);
    SSL_shutdown(w->client.ssl);
    carry_dtls(w, &w->path);
    assert_int_equal(forward_transport_state(w->transport), FORWARD_CLOSED);
    assert_int_equal(forward_transport_reason(w->transport), FORWARD_PEER_CLOSED);
    assert_int_equal(forward_transport_send_sctp(w->transport, "late", 4), -EPROTO);
}

static void what_cannot_be_a_description_is_refused(void **state) {
    struct world *w = *state;
    struct forward_transport *other;
    struct dtls_fingerprint f = {"sha-256", 7, w->digest, 32};
    struct forward_transport_options options = {.crypto = &w->crypto, .remote_ufrag = "peer"};
    assert_int_equal(forward_transport_new(&other, &options), -EINVAL);
    options.fingerprints = &f;
    options.fingerprint_count = 1;
    options.remote_ufrag = "x";
    assert_int_equal(forward_transport_new(&other, &options), -EINVAL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        T(media_flows_after_check_and_handshake),
        T(rtcp_is_told_from_rtp),
        T(hello_before_a_check_is_dropped_and_the_call_goes_on),
        T(handshake_may_come_before_a_nomination),
        T(check_with_another_password_makes_no_path),
        T(certificate_of_somebody_else_ends_it_before_any_media),
        T(forged_media_is_ignored_and_the_call_goes_on),
        T(media_before_the_keys_is_dropped),
        T(silence_of_thirty_seconds_ends_it),
        T(handshake_that_never_comes_ends_it_too),
        T(another_path_takes_over),
        T(transport_without_a_path_waits_as_long_as_for_consent),
        T(restart_keeps_keys_and_media),
        T(data_goes_both_ways),
        T(close_notify_of_the_peer_ends_it),
        T(what_cannot_be_a_description_is_refused),
    };
    return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
