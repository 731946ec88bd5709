/* What of an offer is taken, and the text of the answer. */
#include "proto/sdp/answer.h"

#include "unit/proto/sdp_offers.h"

#include <errno.h>

/* ---- negotiation */

struct negotiation {
    struct offer offer;
    struct sdp_policy policy;
    struct sdp_answer *answer;
};

static struct negotiation negotiate(const char *name) {
    struct negotiation n = {.offer = load(name)};
    struct sdp_error error;
    sdp_policy_init(&n.policy);
    assert_int_equal(sdp_negotiate(&n.answer, n.offer.session, &n.policy, &error), 0);
    return n;
}

static void end(struct negotiation *n) {
    free(n->answer);
    drop(&n->offer);
}

static const struct sdp_codec *codec(const struct sdp_answer_media *m, size_t i) {
    return &m->offer->codecs[m->codecs[i]];
}

static bool takes_extension(const struct sdp_answer_media *m, enum rtp_ext_kind kind) {
    for (uint8_t i = 0; i < m->extension_count; i++) {
        if (m->offer->extensions[m->extensions[i]].kind == (int)kind) {
            return true;
        }
    }
    return false;
}

static void simulcast_publisher_gets_vp8_first_its_rids_and_no_fec(void **state) {
    (void)state;
    static const char *const names[] = {"chromium156-publish-simulcast", "firefox153-publish-simulcast"};
    for (size_t i = 0; i < 2; i++) {
        struct negotiation n = negotiate(names[i]);
        const struct sdp_answer_media *video = &n.answer->media[1];
        assert_null(video->rejected);
        assert_int_equal(video->direction, SDP_RECVONLY);
        assert_int_equal(codec(video, 0)->name, SDP_VP8);
        assert_int_equal(codec(video, 1)->name, SDP_RTX);
        assert_int_equal(codec(video, 1)->apt, codec(video, 0)->pt);
        for (uint8_t k = 0; k < video->codec_count; k++) {
            assert_int_not_equal(codec(video, k)->name, SDP_RED);
            assert_int_not_equal(codec(video, k)->name, SDP_OTHER_CODEC);
        }
        assert_int_equal(video->rid_count, 3);
        assert_true(takes_extension(video, RTP_EXT_RID) && takes_extension(video, RTP_EXT_DEPENDENCY));
        assert_true(takes_extension(video, RTP_EXT_TRANSPORT_SEQ));
        end(&n);
    }
}

static void only_h264_of_mode_1_and_profiles_of_8_bits_are_taken(void **state) {
    (void)state;
    struct negotiation n = negotiate("chromium156-publish-simulcast");
    const struct sdp_answer_media *video = &n.answer->media[1];
    unsigned h264 = 0, vp9 = 0;
    for (uint8_t k = 0; k < video->codec_count; k++) {
        h264 += codec(video, k)->name == SDP_H264;
        vp9 += codec(video, k)->name == SDP_VP9;
    }
    assert_int_equal(h264, 3); /* of six */
    assert_int_equal(vp9, 1);  /* of two */
    end(&n);
}

static void receiver_is_sent_to_and_audio_takes_red(void **state) {
    (void)state;
    struct negotiation n = negotiate("chromium156-recv");
    assert_int_equal(n.answer->media_count, 6);
    for (uint8_t i = 0; i < 6; i++) {
        assert_null(n.answer->media[i].rejected);
        assert_int_equal(n.answer->media[i].direction, SDP_SENDONLY);
        assert_int_equal(n.answer->media[i].rid_count, 0);
    }
    const struct sdp_answer_media *audio = &n.answer->media[0];
    assert_int_equal(audio->codec_count, 2);
    assert_int_equal(codec(audio, 0)->name, SDP_OPUS);
    assert_int_equal(codec(audio, 1)->name, SDP_RED);
    end(&n);
}

static void rights_narrow_the_direction(void **state) {
    (void)state;
    struct offer o = load("firefox153-sendrecv");
    struct sdp_policy policy;
    struct sdp_answer *answer;
    struct sdp_error error;
    static const struct {
        bool receive, send;
        enum sdp_direction want;
    } cases[] = {{true, true, SDP_SENDRECV},
                 {true, false, SDP_RECVONLY},
                 {false, true, SDP_SENDONLY},
                 {false, false, SDP_INACTIVE}};
    for (size_t i = 0; i < 4; i++) {
        sdp_policy_init(&policy);
        policy.receive = cases[i].receive;
        policy.send = cases[i].send;
        assert_int_equal(sdp_negotiate(&answer, o.session, &policy, &error), 0);
        assert_int_equal(answer->media[0].direction, cases[i].want);
        free(answer);
    }
    drop(&o);
}

static int negotiate_text(const char *text, struct sdp_session **session, struct sdp_answer **answer,
                          struct sdp_error *error) {
    struct sdp_policy policy;
    sdp_policy_init(&policy);
    assert_int_equal(parse_text(text, session, error), 0);
    return sdp_negotiate(answer, *session, &policy, error);
}

static void expect_no_answer(const char *text) {
    struct sdp_session *session;
    struct sdp_answer *answer;
    struct sdp_error error;
    assert_int_equal(negotiate_text(text, &session, &answer, &error), -EPROTO);
    assert_null(answer);
    assert_true(strlen(error.text) > 0);
    free(session);
}

static void offers_that_do_not_fit_our_transport_are_refused(void **state) {
    (void)state;
    expect_no_answer(HEAD);
    expect_no_answer(HEAD AUDIO("0") ICE);                                      /* no BUNDLE */
    expect_no_answer(HEAD "a=group:BUNDLE 0\r\na=ice-lite\r\n" AUDIO("0") ICE); /* nobody would check */
    expect_no_answer(HEAD "a=group:BUNDLE 0\r\n" AUDIO("0") "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
                                                            "a=setup:actpass\r\n"); /* no fingerprint */
    expect_no_answer(HEAD "a=group:BUNDLE 0\r\n" AUDIO("0") "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
                                                            "a=setup:actpass\r\na=fingerprint:sha-1 00:01\r\n");
    expect_no_answer(HEAD "a=group:BUNDLE 0\r\n" AUDIO("0") ICE "a=setup:passive\r\n");
    expect_no_answer(HEAD "a=group:BUNDLE 0 0\r\n" AUDIO("0") ICE AUDIO("0") ICE); /* one name for two */
}

static void sections_that_do_not_fit_are_rejected_alone(void **state) {
    struct sdp_session *session;
    struct sdp_answer *answer;
    struct sdp_error error;
    (void)state;
    static const char text[] = HEAD "a=group:BUNDLE 0 1 3 4 6\r\n" AUDIO("0") ICE /* good */
        "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n"                          /* switched off */
        AUDIO("2") ICE                                                            /* not bundled */
        "m=video 9 UDP/TLS/RTP/SAVPF 34\r\na=mid:3\r\na=rtcp-mux\r\na=rtpmap:34 H263/90000\r\n" ICE
        "m=text 9 UDP/TLS/RTP/SAVPF 98\r\na=mid:4\r\n" ICE                                 /* unknown kind */
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:6\r\na=rtpmap:111 opus/48000/2\r\n" ICE; /* no rtcp-mux */
    assert_int_equal(negotiate_text(text, &session, &answer, &error), 0);
    assert_null(answer->media[0].rejected);
    for (uint8_t i = 1; i < 6; i++) {
        assert_non_null(answer->media[i].rejected);
    }
    assert_string_equal(answer->media[3].rejected, "no codec in common");
    free(answer);
    free(session);
}

static void section_with_a_transport_of_its_own_is_bundled_with_the_first(void **state) {
    (void)state;
    struct negotiation n = negotiate("aiortc-sendrecv"); /* each section has another ufrag, for peers without BUNDLE */
    assert_ptr_equal(n.answer->remote, &n.offer.session->media[0].transport);
    for (uint8_t i = 0; i < n.answer->media_count; i++) {
        assert_null(n.answer->media[i].rejected);
    }
    end(&n);
}

static void dependency_descriptor_needs_mixed_extension_forms(void **state) {
    (void)state;
    struct offer o = load("chromium156-publish-simulcast");
    struct sdp_policy policy;
    struct sdp_answer *answer;
    struct sdp_error error;
    sdp_policy_init(&policy);
    o.session->media[1].mixed = false;
    assert_int_equal(sdp_negotiate(&answer, o.session, &policy, &error), 0);
    assert_false(takes_extension(&answer->media[1], RTP_EXT_DEPENDENCY));
    free(answer);
    drop(&o);
}

static void extension_for_the_other_direction_is_not_taken(void **state) {
    struct sdp_session *session;
    struct sdp_answer *answer;
    struct sdp_error error;
    (void)state;
    static const char text[] =
        HEAD "a=group:BUNDLE 0\r\n" AUDIO("0") ICE "a=extmap:1/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                                                   "a=extmap:2/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                                                   "a=extmap:3 urn:something-else\r\n";
    assert_int_equal(negotiate_text(text, &session, &answer, &error), 0);
    assert_false(takes_extension(&answer->media[0], RTP_EXT_AUDIO_LEVEL));
    assert_true(takes_extension(&answer->media[0], RTP_EXT_MID));
    assert_int_equal(answer->media[0].extension_count, 1);
    free(answer);
    free(session);
}

/* ---- writing */

static const uint8_t digest[32] = {0xab, 0xcd};

static struct sdp_local local_side(void) {
    static struct sdp_candidate candidates[2];
    addr_parse(&candidates[0].addr, "198.51.100.1:3480");
    candidates[0].priority = 2130706431;
    addr_parse(&candidates[1].addr, "[2001:db8::1]:443");
    candidates[1].priority = 100;
    candidates[1].tcp = true;
    return (struct sdp_local){.session_id = 77,
                              .version = 2,
                              .ufrag = "00abcdefgh",
                              .pwd = "abcdefghijklmnopqrstuvwx",
                              .fingerprint_hash = "sha-256",
                              .digest = digest,
                              .digest_len = sizeof digest,
                              .candidates = candidates,
                              .candidate_count = 2,
                              .max_message_bytes = 65536};
}

static size_t write_answer(struct sdp_answer *answer, char *out, size_t cap) {
    struct writer w;
    struct sdp_local local = local_side();
    for (uint8_t i = 0; i < answer->media_count; i++) {
        answer->media[i].sending =
            (struct sdp_sending){.ssrc = 1000U + i, .rtx_ssrc = 2000U + i, .cname = "c", .stream = "s", .track = "t"};
    }
    writer_init(&w, out, cap - 1);
    assert_int_equal(sdp_answer_write(&w, answer, &local), 0);
    out[w.len] = '\0';
    return w.len;
}

static const char *const browser_offers[] = {"aiortc-sendrecv",         "chromium156-av1",
                                             "chromium156-datachannel", "chromium156-publish-simulcast",
                                             "chromium156-recv",        "chromium156-sendrecv",
                                             "chromium156-svc-vp9",     "firefox153-av1",
                                             "firefox153-datachannel",  "firefox153-publish-simulcast",
                                             "firefox153-recv",         "firefox153-sendrecv",
                                             "firefox153-svc-vp9"};

static void answers_to_all_browsers_can_be_read_and_agree(void **state) {
    static char text[TEXT_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof browser_offers / sizeof browser_offers[0]; i++) {
        struct negotiation n = negotiate(browser_offers[i]);
        struct sdp_session *read;
        struct sdp_error error;
        size_t len = write_answer(n.answer, text, sizeof text);
        assert_int_equal(sdp_parse(&read, text, len, &error), 0);
        assert_true(read->ice_lite);
        assert_int_equal(read->media_count, n.answer->media_count);
        for (uint8_t m = 0; m < read->media_count; m++) {
            const struct sdp_answer_media *ours = &n.answer->media[m];
            assert_int_equal(sdp_media_rejected(&read->media[m]), ours->rejected != NULL);
            assert_true(read->media[m].bundled);
            assert_int_equal(read->media[m].transport.setup, SDP_PASSIVE);
            assert_int_equal(read->media[m].codec_count, ours->codec_count);
            assert_int_equal(read->media[m].extension_count, ours->extension_count);
            if (ours->offer->rtp) {
                assert_int_equal(read->media[m].direction, ours->direction);
                assert_int_equal(read->media[m].codecs[0].name, codec(ours, 0)->name);
            }
        }
        free(read);
        end(&n);
    }
}

static void answer_to_a_small_offer_is_this_text(void **state) {
    static char text[4096];
    struct sdp_session *session;
    struct sdp_answer *answer;
    struct sdp_error error;
    (void)state;
    assert_int_equal(negotiate_text(HEAD "a=group:BUNDLE a d\r\n" AUDIO("a") ICE AUDIO("n") ICE
                                    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n"
                                    "a=sctp-port:5001\r\n" ICE,
                                    &session, &answer, &error),
                     0);
    answer->media[0].direction = SDP_SENDRECV;
    write_answer(answer, text, sizeof text);
    static const char want[] =
        "v=0\r\no=- 77 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a d\r\na=ice-lite\r\n"
        "a=msid-semantic: WMS *\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\n"
        "a=candidate:1 1 udp 2130706431 198.51.100.1 3480 typ host\r\n"
        "a=candidate:2 1 tcp 100 2001:db8::1 443 typ host tcptype passive\r\na=end-of-candidates\r\n"
        "a=ice-ufrag:00abcdefgh\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
        "a=fingerprint:sha-256 AB:CD:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
        "00:00:00:00\r\na=setup:passive\r\n"
        "a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=msid:s t\r\n"
        "a=ssrc-group:FID 1000 2000\r\na=ssrc:2000 cname:c\r\na=ssrc:1000 cname:c\r\n"
        "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:n\r\na=inactive\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d\r\n"
        "a=ice-ufrag:00abcdefgh\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"
        "a=fingerprint:sha-256 AB:CD:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
        "00:00:00:00\r\na=setup:passive\r\na=sctp-port:5001\r\na=max-message-size:65536\r\n";
    assert_string_equal(text, want);
    free(answer);
    free(session);
}

static void buffer_too_small_for_the_answer_is_told(void **state) {
    (void)state;
    struct negotiation n = negotiate("chromium156-datachannel");
    struct sdp_local local = local_side();
    char text[200];
    struct writer w;
    writer_init(&w, text, sizeof text);
    assert_int_equal(sdp_answer_write(&w, n.answer, &local), -ENOBUFS);
    end(&n);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulcast_publisher_gets_vp8_first_its_rids_and_no_fec),
        cmocka_unit_test(only_h264_of_mode_1_and_profiles_of_8_bits_are_taken),
        cmocka_unit_test(receiver_is_sent_to_and_audio_takes_red),
        cmocka_unit_test(rights_narrow_the_direction),
        cmocka_unit_test(offers_that_do_not_fit_our_transport_are_refused),
        cmocka_unit_test(sections_that_do_not_fit_are_rejected_alone),
        cmocka_unit_test(section_with_a_transport_of_its_own_is_bundled_with_the_first),
        cmocka_unit_test(dependency_descriptor_needs_mixed_extension_forms),
        cmocka_unit_test(extension_for_the_other_direction_is_not_taken),
        cmocka_unit_test(answers_to_all_browsers_can_be_read_and_agree),
        cmocka_unit_test(answer_to_a_small_offer_is_this_text),
        cmocka_unit_test(buffer_too_small_for_the_answer_is_told),
    };
    return cmocka_run_group_tests_name("sdp_answer", tests, NULL, NULL);
}
