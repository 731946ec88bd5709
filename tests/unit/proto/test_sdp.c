/* Descriptions of real browsers, and hostile ones. */
#include "unit/proto/sdp_offers.h"

#include <errno.h>

static void expect_refused(const char *text, int rc, unsigned line) {
    struct sdp_session *session;
    struct sdp_error error;
    assert_int_equal(parse_text(text, &session, &error), rc);
    assert_null(session);
    assert_int_equal(error.line, line);
    assert_true(strlen(error.text) > 0);
}

/* ---- reading what browsers write */

static const struct browser_offer {
    const char *name;
    unsigned media, codecs_of_last, extensions_of_last, rids_of_last;
    enum sdp_direction direction_of_last;
} browser_offers[] = {
    {"aiortc-sendrecv", 3, 0, 0, 0, SDP_SENDRECV},
    {"chromium156-av1", 2, 23, 11, 0, SDP_SENDONLY},
    {"chromium156-datachannel", 1, 0, 0, 0, SDP_SENDRECV},
    {"chromium156-publish-simulcast", 2, 23, 13, 3, SDP_SENDONLY},
    {"chromium156-recv", 6, 34, 11, 0, SDP_RECVONLY},
    {"chromium156-sendrecv", 3, 0, 0, 0, SDP_SENDRECV},
    {"chromium156-svc-vp9", 2, 23, 13, 0, SDP_SENDONLY},
    {"firefox153-av1", 2, 9, 5, 0, SDP_SENDONLY},
    {"firefox153-datachannel", 1, 0, 0, 0, SDP_SENDRECV},
    {"firefox153-publish-simulcast", 2, 9, 8, 3, SDP_SENDONLY},
    {"firefox153-recv", 6, 9, 5, 0, SDP_RECVONLY},
    {"firefox153-sendrecv", 3, 0, 0, 0, SDP_SENDRECV},
    {"firefox153-svc-vp9", 2, 9, 5, 0, SDP_SENDONLY},
};

static void offers_of_browsers_are_read(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof browser_offers / sizeof browser_offers[0]; i++) {
        const struct browser_offer *want = &browser_offers[i];
        struct offer o = load(want->name);
        const struct sdp_media *last = &o.session->media[o.session->media_count - 1];
        print_message("%s: %u sections, %u codecs, %u extensions\n", want->name, o.session->media_count,
                      last->codec_count, last->extension_count);
        assert_int_equal(o.session->media_count, want->media);
        assert_int_equal(last->codec_count, want->codecs_of_last);
        assert_int_equal(last->extension_count, want->extensions_of_last);
        assert_int_equal(last->rid_count, want->rids_of_last);
        assert_int_equal(last->direction, want->direction_of_last);
        for (uint8_t m = 0; m < o.session->media_count; m++) {
            const struct sdp_media *media = &o.session->media[m];
            assert_true(media->bundled);
            assert_true(media->transport.ufrag.len >= 4);
            assert_true(media->transport.fingerprint_count >= 1);
            assert_int_equal(media->transport.fingerprints[0].digest_len, 32);
            assert_int_equal(media->transport.setup, SDP_ACTPASS);
            assert_false(sdp_media_rejected(media));
        }
        drop(&o);
    }
}

static void codecs_have_what_their_attributes_say(void **state) {
    (void)state;
    struct offer o = load("chromium156-publish-simulcast");
    const struct sdp_media *audio = &o.session->media[0];
    const struct sdp_media *video = &o.session->media[1];
    const struct sdp_codec *opus = sdp_media_codec(audio, 111);
    assert_int_equal(opus->name, SDP_OPUS);
    assert_int_equal(opus->clock_hz, 48000);
    assert_int_equal(opus->channels, 2);
    assert_int_equal(opus->feedback, SDP_FB_TRANSPORT_CC);
    assert_true(sdp_text_is(sdp_fmtp_value(opus, "useinbandfec"), "1"));
    assert_int_equal(sdp_media_codec(audio, 63)->name, SDP_RED);
    assert_int_equal(sdp_media_codec(audio, 63)->apt, 111);
    const struct sdp_codec *vp8 = sdp_media_codec(video, 96);
    assert_int_equal(vp8->name, SDP_VP8);
    assert_int_equal(vp8->feedback, 31);
    assert_int_equal(vp8->apt, SDP_NO_PT);
    assert_int_equal(sdp_media_codec(video, 97)->name, SDP_RTX);
    assert_int_equal(sdp_media_codec(video, 97)->apt, 96);
    assert_true(sdp_text_is(sdp_fmtp_value(sdp_media_codec(video, 108), "profile-level-id"), "42e01f"));
    assert_null(sdp_media_codec(video, 1));
    drop(&o);
}

static void attributes_before_their_rtpmap_count(void **state) {
    (void)state;
    struct offer o = load("firefox153-publish-simulcast"); /* sorted by name: fmtp stands before rtpmap */
    const struct sdp_media *video = &o.session->media[1];
    assert_int_equal(sdp_media_codec(video, 124)->apt, 120);
    assert_int_equal(video->pair_count, 3);
    assert_int_equal(video->pairs[0].media, 3024641941U);
    assert_int_equal(video->pairs[0].rtx, 2635777249U);
    assert_int_equal(video->ssrc_count, 6);
    assert_true(sdp_text_is(video->ssrcs[0].cname, "{4c49af32-b29b-4e6b-bd26-5739b69ab946}"));
    drop(&o);
}

static void encodings_stand_in_the_order_of_simulcast(void **state) {
    (void)state;
    struct sdp_session *s;
    struct sdp_error error;
    assert_int_equal(parse_text(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=simulcast:recv x;y send f,z;~h;q\r\n"
                                     "a=rid:q send\r\na=rid:h send max-width=640\r\na=rid:x recv\r\na=rid:f send\r\n",
                                &s, &error),
                     0);
    const struct sdp_media *m = &s->media[0];
    assert_int_equal(m->rid_count, 4);
    assert_true(sdp_text_is(m->rids[0].id, "f") && m->rids[0].listed && !m->rids[0].paused);
    assert_true(sdp_text_is(m->rids[1].id, "h") && m->rids[1].paused);
    assert_true(sdp_text_is(m->rids[2].id, "q"));
    assert_false(m->rids[3].listed);
    free(s);
}

static void bundled_section_with_port_zero_is_not_rejected(void **state) {
    (void)state;
    struct offer o = load("firefox153-publish-simulcast");
    assert_int_equal(o.session->media[1].port, 0);
    assert_true(o.session->media[1].bundle_only);
    assert_false(sdp_media_rejected(&o.session->media[1]));
    drop(&o);
}

static void data_channel_of_both_forms_is_read(void **state) {
    (void)state;
    struct offer now = load("chromium156-datachannel");
    assert_int_equal(now.session->media[0].sctp_port, 5000);
    assert_int_equal(now.session->media[0].max_message_bytes, 262144);
    drop(&now);
    struct offer old = load("aiortc-sendrecv");
    assert_true(old.session->media[2].sctp);
    assert_int_equal(old.session->media[2].sctp_port, 5000);
    drop(&old);
}

static void fragment_of_a_restart_is_read(void **state) {
    static const char text[] = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\n"
                               "a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=end-of-candidates\r\n";
    struct sdp_transport t;
    struct sdp_error error;
    (void)state;
    assert_int_equal(sdp_parse_fragment(&t, text, strlen(text), &error), 0);
    assert_true(sdp_text_is(t.ufrag, "EsAw") && sdp_text_is(t.pwd, "P2uYro0UCOQ4zxjKXaWCBui1"));
    assert_int_equal(sdp_parse_fragment(&t, "a=mid:0\r\n", 9, &error), -ENOENT);
    assert_int_equal(sdp_parse_fragment(&t, "rubbish", 7, &error), -EBADMSG);
}

/* ---- hostile ones */

static void malformed_lines_are_refused_by_their_number(void **state) {
    (void)state;
    expect_refused("", -EBADMSG, 1);
    expect_refused("x=0\r\n", -EBADMSG, 1);
    expect_refused(HEAD "nonsense\r\n", -EBADMSG, 5);
    expect_refused(HEAD "m=audio\r\n", -EBADMSG, 5);
    expect_refused(HEAD "m=audio 70000 UDP/TLS/RTP/SAVPF 1\r\n", -EBADMSG, 5);
    expect_refused(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 128\r\n", -EBADMSG, 5);
    expect_refused(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 1\r\na=rtpmap:1 opus\r\n", -EBADMSG, 6);
    expect_refused(HEAD "a=fingerprint:sha-256 0G\r\n", -EBADMSG, 5);
    expect_refused(HEAD "a=fingerprint:sha-256\r\n", -EBADMSG, 5);
    expect_refused(HEAD "a=ice-ufrag:abc\r\n", -EBADMSG, 5);
    expect_refused(HEAD "a=ice-pwd:short\r\n", -EBADMSG, 5);
    expect_refused(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 1\r\na=extmap:x urn:y\r\n", -EBADMSG, 6);
    expect_refused(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 1\r\na=ssrc:-1 cname:x\r\n", -EBADMSG, 6);
    expect_refused(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 1\r\na=mid:a b\r\n", -EBADMSG, 6);
    expect_refused(HEAD "a=x\ry\r\n", -EBADMSG, 5);
}

static void long_lines_and_many_sections_are_refused(void **state) {
    static char text[SDP_BYTES_MAX + 2];
    struct sdp_session *session;
    struct sdp_error error;
    (void)state;
    size_t at = (size_t)snprintf(text, sizeof text, "%s", HEAD "a=x:");
    memset(text + at, 'y', SDP_LINE_BYTES_MAX);
    text[at + SDP_LINE_BYTES_MAX] = '\0';
    assert_int_equal(parse_text(text, &session, &error), -E2BIG);
    assert_int_equal(error.line, 5);

    at = (size_t)snprintf(text, sizeof text, "%s", HEAD);
    for (int i = 0; i <= SDP_MEDIA_MAX; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "m=audio 9 UDP/TLS/RTP/SAVPF 1\r\n");
    }
    assert_int_equal(parse_text(text, &session, &error), -E2BIG);

    memset(text, '\n', sizeof text - 1);
    memcpy(text, "v=0", 3);
    assert_int_equal(parse_text(text, &session, &error), -E2BIG);
}

static void more_of_a_kind_than_there_is_room_for_is_left_out(void **state) {
    static char text[SDP_BYTES_MAX];
    struct sdp_session *s;
    struct sdp_error error;
    (void)state;
    size_t at = (size_t)snprintf(text, sizeof text, "%sm=video 9 UDP/TLS/RTP/SAVPF", HEAD);
    for (int i = 0; i < 128; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, " %d", i);
    }
    at += (size_t)snprintf(text + at, sizeof text - at, "\r\n");
    for (int i = 0; i < 100; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at,
                               "a=rid:r%d send\r\na=ssrc:%d cname:x\r\na=ssrc-group:FID %d 2\r\na=extmap:%d urn:%d\r\n"
                               "a=fingerprint:sha-256 00\r\na=rtpmap:%d VP8/90000\r\n",
                               i, i, i, i, i, i);
    }
    assert_int_equal(parse_text(text, &s, &error), 0);
    assert_int_equal(s->media[0].codec_count, SDP_CODECS_MAX);
    assert_int_equal(s->media[0].rid_count, SDP_RIDS_MAX);
    assert_int_equal(s->media[0].ssrc_count, SDP_SSRCS_MAX);
    assert_int_equal(s->media[0].pair_count, SDP_PAIRS_MAX);
    assert_int_equal(s->media[0].extension_count, SDP_EXTENSIONS_MAX);
    assert_int_equal(s->media[0].transport.fingerprint_count, SDP_FINGERPRINTS_MAX);
    free(s);
}

static void offer_cut_anywhere_is_read_or_refused(void **state) {
    (void)state;
    size_t len;
    char *text = read_vector("firefox153-publish-simulcast", &len);
    for (size_t n = 0; n <= len; n++) {
        struct sdp_session *s = NULL;
        struct sdp_error error = {0, NULL};
        char *cut = malloc(n + 1); /* exact, so that a sanitizer sees a read beyond */
        memcpy(cut, text, n);
        int rc = sdp_parse(&s, cut, n, &error);
        assert_true((rc == 0) == (s != NULL));
        assert_true(rc == 0 || error.text != NULL);
        free(s);
        free(cut);
    }
    free(text);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_of_browsers_are_read),
        cmocka_unit_test(codecs_have_what_their_attributes_say),
        cmocka_unit_test(attributes_before_their_rtpmap_count),
        cmocka_unit_test(encodings_stand_in_the_order_of_simulcast),
        cmocka_unit_test(bundled_section_with_port_zero_is_not_rejected),
        cmocka_unit_test(data_channel_of_both_forms_is_read),
        cmocka_unit_test(fragment_of_a_restart_is_read),
        cmocka_unit_test(malformed_lines_are_refused_by_their_number),
        cmocka_unit_test(long_lines_and_many_sections_are_refused),
        cmocka_unit_test(more_of_a_kind_than_there_is_room_for_is_left_out),
        cmocka_unit_test(offer_cut_anywhere_is_read_or_refused),
    };
    return cmocka_run_group_tests_name("sdp", tests, NULL, NULL);
}
