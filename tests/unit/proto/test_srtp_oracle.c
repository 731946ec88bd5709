/* SRTP compared with libsrtp2, packet by packet: the same bytes out, the same verdict on what comes in. The network
 * between loses, repeats, reorders, cuts and corrupts. */
#include "proto/srtp/srtp.h"

#include "base/bytes.h"
#include "base/error.h"
#include "proto/rtp/packet.h"

#include <errno.h>
#include <srtp2/srtp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { CAP = 1600, PACKETS = 20000, STREAMS = 5, LATE = 64, PROFILES = 2, KEY_BYTES = 16, RTCP_WINDOW = 100 };

static const enum srtp_profile profiles[PROFILES] = {SRTP_AES128_CM_SHA1_80, SRTP_AEAD_AES_128_GCM};

static struct srtp_ciphers *ciphers;
static uint64_t seed;

static uint32_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

static uint32_t below(uint32_t bound) { return next_random() % bound; }

static void fill(uint8_t *out, size_t len) {
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)next_random();
    }
}

/* One direction under test: ours, and libsrtp2 with the same key for sending and for receiving. */
struct bench {
    enum srtp_profile profile;
    struct srtp_session *ours;
    srtp_t their_sender, their_receiver; /* of the direction that ours sends, or receives */
};

static srtp_t make_theirs(enum srtp_profile profile, const uint8_t *material, enum srtp_role writer, bool outbound) {
    static uint8_t key[KEY_BYTES + 14];
    const size_t salt = profile == SRTP_AEAD_AES_128_GCM ? 12 : 14;
    const size_t which = writer == SRTP_DTLS_SERVER;
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
    memcpy(key, material + which * KEY_BYTES, KEY_BYTES);
    memcpy(key + KEY_BYTES, material + 2 * KEY_BYTES + which * salt, salt);
    policy.key = key;
    policy.ssrc.type = outbound ? ssrc_any_outbound : ssrc_any_inbound;
    policy.window_size = SRTP_WINDOW_PACKETS;
    assert_int_equal(srtp_create(&out, &policy), srtp_err_status_ok);
    return out;
}

/* Ours has the role; `sends` says which direction is compared. */
static struct bench open_bench(enum srtp_profile profile, enum srtp_role role, bool sends) {
    uint8_t material[SRTP_MATERIAL_BYTES_MAX];
    fill(material, sizeof material);
    struct srtp_keying keying = {.profile = profile, .role = role, .material = material};
    enum srtp_role other = role == SRTP_DTLS_CLIENT ? SRTP_DTLS_SERVER : SRTP_DTLS_CLIENT;
    struct bench b = {.profile = profile, .ours = srtp_session_new(ciphers, &keying)};
    assert_non_null(b.ours);
    b.their_sender = make_theirs(profile, material, sends ? role : other, true);
    b.their_receiver = make_theirs(profile, material, sends ? role : other, false);
    return b;
}

static void close_bench(struct bench *b) {
    srtp_session_free(b->ours);
    srtp_dealloc(b->their_sender);
    srtp_dealloc(b->their_receiver);
}

/* Random CSRCs, extension block, payload. */
static size_t make_rtp(uint8_t *out, uint32_t ssrc, uint16_t seq) {
    struct writer w;
    uint32_t csrcs[RTP_CSRCS_MAX];
    fill((uint8_t *)csrcs, sizeof csrcs);
    struct rtp_header h = {.timestamp = next_random(),
                           .ssrc = ssrc,
                           .seq = seq,
                           .payload_type = (uint8_t)below(128),
                           .marker = below(2),
                           .extension = below(2),
                           .csrc_count = (uint8_t)(below(3) ? below(2) : below(RTP_CSRCS_MAX + 1)),
                           .csrcs = csrcs};
    writer_init(&w, out, CAP);
    rtp_header_write(&w, &h);
    if (h.extension) {
        uint16_t words = (uint16_t)below(9);
        writer_u16(&w, below(2) ? 0xbede : 0x1000);
        writer_u16(&w, words);
        fill(writer_reserve(&w, 4U * words), 4U * words);
    }
    size_t payload = below(20) ? below(1200) : below(3);
    fill(writer_reserve(&w, payload), payload);
    assert_false(w.failed);
    return w.len;
}

static size_t make_rtcp(uint8_t *out, uint32_t ssrc) {
    size_t words = 1 + below(60);
    fill(out, 4 * (words + 1));
    out[0] = (uint8_t)(0x80 | below(32));
    out[1] = (uint8_t)(200 + below(8));
    store_be16(out + 2, (uint16_t)words);
    store_be32(out + 4, ssrc);
    return 4 * (words + 1);
}

static int verdict(srtp_err_status_t status) {
    switch (status) {
    case srtp_err_status_ok:
        return 0;
    case srtp_err_status_auth_fail:
        return -ERR_INTEGRITY;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
        return -ERR_REPLAY;
    default:
        return -EBADMSG;
    }
}

/* The next number of a stream: mostly one on, sometimes with a hole up to half the space, sometimes a late one. */
static uint16_t next_seq(uint16_t *at) {
    uint32_t what = below(100);
    if (what < 8) {
        return (uint16_t)(*at - below(what < 2 ? 600 : 40));
    }
    *at = (uint16_t)(*at + (what < 10 ? 1 + below(32000) : what < 20 ? 1 + below(300) : 1));
    return *at;
}

static void sent_rtp_is_byte_for_byte_the_same(void **state) {
    (void)state;
    unsigned refused = 0, sent = 0;
    for (int variant = 0; variant < 2 * PROFILES; variant++) {
        struct bench b = open_bench(profiles[variant / 2], (enum srtp_role)(variant % 2), true);
        uint16_t seqs[STREAMS];
        for (int i = 0; i < STREAMS; i++) {
            seqs[i] = (uint16_t)(700 + below(30000));
        }
        for (int n = 0; n < PACKETS; n++) {
            uint8_t plain[CAP], ours[CAP], theirs[CAP];
            uint32_t stream = below(STREAMS);
            size_t len = make_rtp(plain, 0x1000 + stream, next_seq(&seqs[stream]));
            int their_len = (int)len;
            memcpy(ours, plain, len);
            memcpy(theirs, plain, len);
            long rc = srtp_session_protect(b.ours, &(struct srtp_buffer){ours, len, sizeof ours});
            int want = verdict(srtp_protect(b.their_sender, theirs, &their_len));
            assert_int_equal(rc < 0 ? rc : 0, want);
            refused += rc < 0;
            sent += rc >= 0;
            if (rc >= 0) {
                assert_int_equal(rc, their_len);
                assert_memory_equal(ours, theirs, (size_t)rc);
                assert_int_equal(srtp_unprotect(b.their_receiver, ours, &their_len), srtp_err_status_ok);
                assert_memory_equal(ours, plain, len);
            }
        }
        close_bench(&b);
    }
    print_message("# %u packets equal, %u refused by both\n", sent, refused);
    assert_true(sent > 50000 && refused > 100);
}

/* A network: packets wait in a pool and come out in disorder, some of them twice, cut or changed. */
struct net {
    struct {
        uint8_t data[CAP];
        int len;
    } pool[LATE];
    unsigned accepted, refused[3]; /* malformed, integrity, replay */
};

static void damage(uint8_t *data, int *len) {
    switch (below(12)) {
    case 0:
        data[below((uint32_t)*len)] ^= (uint8_t)(1 << below(8));
        break;
    case 1:
        *len = (int)below((uint32_t)*len);
        break;
    case 2:
        data[below(12)] ^= (uint8_t)(1 << below(8));
        break;
    default:
        break;
    }
}

static long open_ours(const struct bench *b, bool rtcp, uint8_t *data, int len) {
    return rtcp ? srtp_session_unprotect_rtcp(b->ours, data, (size_t)len)
                : srtp_session_unprotect(b->ours, data, (size_t)len);
}

static void deliver(const struct bench *b, struct net *net, bool rtcp, const uint8_t *data, int len) {
    uint8_t ours[CAP], theirs[CAP];
    int their_len = len;
    memcpy(ours, data, (size_t)len);
    memcpy(theirs, data, (size_t)len);
    long rc = open_ours(b, rtcp, ours, len);
    int want = verdict(rtcp ? srtp_unprotect_rtcp(b->their_receiver, theirs, &their_len)
                            : srtp_unprotect(b->their_receiver, theirs, &their_len));
    if (rc < 0) {
        assert_true(want < 0);
        /* libsrtp2's window for RTCP is shorter: what it calls old may be called a forgery here. */
        if (!rtcp && rc != -EBADMSG && want != -EBADMSG) {
            assert_int_equal(rc, want);
        }
        net->refused[rc == -EBADMSG ? 0 : rc == -ERR_INTEGRITY ? 1 : 2]++;
        return;
    }
    assert_int_equal(want, 0);
    assert_int_equal(rc, their_len);
    assert_memory_equal(ours, theirs, (size_t)rc);
    net->accepted++;
}

static void through_net(const struct bench *b, struct net *net, bool rtcp, const uint8_t *data, int len) {
    uint32_t at = below(below(10) ? 3 : LATE);
    if (net->pool[at].len > 0 && below(10) > 0) { /* one in ten is lost */
        uint8_t copy[CAP];
        int copy_len = net->pool[at].len;
        memcpy(copy, net->pool[at].data, (size_t)copy_len);
        damage(copy, &copy_len);
        deliver(b, net, rtcp, copy, copy_len);
        if (below(20) == 0) {
            deliver(b, net, rtcp, copy, copy_len);
        }
        if (below(4) == 0) {
            deliver(b, net, rtcp, net->pool[at].data, net->pool[at].len); /* perhaps the undamaged one */
        }
    }
    memcpy(net->pool[at].data, data, (size_t)len);
    net->pool[at].len = len;
}

static void received_rtp_gets_the_same_verdict(void **state) {
    (void)state;
    static struct net net;
    memset(&net, 0, sizeof net);
    for (int variant = 0; variant < 2 * PROFILES; variant++) {
        struct bench b = open_bench(profiles[variant / 2], (enum srtp_role)(variant % 2), false);
        uint16_t seqs[STREAMS];
        for (int i = 0; i < STREAMS; i++) {
            net.pool[i].len = 0;
            seqs[i] = (uint16_t)(700 + below(30000));
        }
        for (int n = 0; n < PACKETS; n++) {
            uint8_t packet[CAP];
            uint32_t stream = below(STREAMS);
            seqs[stream] = (uint16_t)(seqs[stream] + (below(50) ? 1 : 1 + below(32000)));
            int len = (int)make_rtp(packet, 0x2000 + stream, seqs[stream]);
            assert_int_equal(srtp_protect(b.their_sender, packet, &len), srtp_err_status_ok);
            through_net(&b, &net, false, packet, len);
        }
        close_bench(&b);
    }
    print_message("# %u accepted by both; refused: %u malformed, %u integrity, %u replay\n", net.accepted,
                  net.refused[0], net.refused[1], net.refused[2]);
    assert_true(net.accepted > 30000 && net.refused[0] > 100 && net.refused[1] > 100 && net.refused[2] > 100);
}

static void sent_rtcp_is_byte_for_byte_the_same(void **state) {
    (void)state;
    for (int variant = 0; variant < 2 * PROFILES; variant++) {
        struct bench b = open_bench(profiles[variant / 2], (enum srtp_role)(variant % 2), true);
        for (int n = 0; n < PACKETS / 4; n++) {
            uint8_t plain[CAP], ours[CAP], theirs[CAP];
            size_t len = make_rtcp(plain, 77); /* libsrtp2 counts for each SSRC, we for the session */
            int their_len = (int)len;
            memcpy(ours, plain, len);
            memcpy(theirs, plain, len);
            long rc = srtp_session_protect_rtcp(b.ours, &(struct srtp_buffer){ours, len, sizeof ours});
            assert_int_equal(srtp_protect_rtcp(b.their_sender, theirs, &their_len), srtp_err_status_ok);
            assert_int_equal(rc, their_len);
            assert_memory_equal(ours, theirs, (size_t)rc);
        }
        for (int n = 0; n < PACKETS / 4; n++) { /* many SSRCs: read by theirs */
            uint8_t plain[CAP], ours[CAP];
            size_t len = make_rtcp(plain, 78 + below(STREAMS));
            memcpy(ours, plain, len);
            int their_len = (int)srtp_session_protect_rtcp(b.ours, &(struct srtp_buffer){ours, len, sizeof ours});
            assert_int_equal(srtp_unprotect_rtcp(b.their_receiver, ours, &their_len), srtp_err_status_ok);
            assert_int_equal(their_len, len);
            assert_memory_equal(ours, plain, len);
        }
        close_bench(&b);
    }
}

static void received_rtcp_gets_the_same_verdict(void **state) {
    (void)state;
    static struct net net;
    memset(&net, 0, sizeof net);
    for (int variant = 0; variant < 2 * PROFILES; variant++) {
        struct bench b = open_bench(profiles[variant / 2], (enum srtp_role)(variant % 2), false);
        for (int n = 0; n < PACKETS; n++) {
            uint8_t packet[CAP];
            if (n % RTCP_WINDOW == 0) { /* libsrtp2's window for RTCP has 128, ours more: nothing gets that late */
                for (int i = 0; i < LATE; i++) {
                    net.pool[i].len = 0;
                }
            }
            int len = (int)make_rtcp(packet, 0x3000 + below(STREAMS));
            assert_int_equal(srtp_protect_rtcp(b.their_sender, packet, &len), srtp_err_status_ok);
            through_net(&b, &net, true, packet, len);
        }
        close_bench(&b);
    }
    print_message("# %u accepted by both; refused: %u malformed, %u integrity, %u replay\n", net.accepted,
                  net.refused[0], net.refused[1], net.refused[2]);
    assert_true(net.accepted > 30000 && net.refused[0] > 100 && net.refused[1] > 100 && net.refused[2] > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sent_rtp_is_byte_for_byte_the_same),
        cmocka_unit_test(received_rtp_gets_the_same_verdict),
        cmocka_unit_test(sent_rtcp_is_byte_for_byte_the_same),
        cmocka_unit_test(received_rtcp_gets_the_same_verdict),
    };
    const char *given = getenv("SRTP_ORACLE_SEED");
    seed = given ? strtoull(given, NULL, 0) : 0x7475726e6f757400;
    ciphers = srtp_ciphers_new();
    if (!ciphers || srtp_init() != srtp_err_status_ok) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    srtp_ciphers_free(ciphers);
    srtp_shutdown();
    return failed;
}
