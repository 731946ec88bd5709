/* Session descriptions: what is read can be answered, and the answer can be read and says the same.
 * covers: src/proto/sdp/finish.c src/proto/sdp/parse.c src/proto/sdp/attributes.c src/proto/sdp/negotiate.c src/proto/sdp/scan.c src/proto/sdp/write.c */
#include "proto/sdp/answer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
    if (!ok) {
        abort();
    }
}

static void expect_inside(struct sdp_text t, const char *text, size_t len) {
    must(t.len == 0 || (t.at >= text && t.at + t.len <= text + len));
}

static void expect_sound(const struct sdp_session *s, const char *text, size_t len) {
    must(s->media_count <= SDP_MEDIA_MAX);
    expect_inside(s->bundle, text, len);
    for (uint8_t i = 0; i < s->media_count; i++) {
        const struct sdp_media *m = &s->media[i];
        must(m->codec_count <= SDP_CODECS_MAX && m->rid_count <= SDP_RIDS_MAX && m->direction <= SDP_INACTIVE);
        expect_inside(m->mid, text, len);
        expect_inside(m->track, text, len);
        for (uint8_t k = 0; k < m->codec_count; k++) {
            expect_inside(m->codecs[k].fmtp, text, len);
            must(m->codecs[k].apt == SDP_NO_PT || sdp_media_codec(m, m->codecs[k].apt) != NULL);
        }
        for (uint8_t k = 0; k < m->rid_count; k++) {
            expect_inside(m->rids[k].id, text, len);
        }
    }
}

static void write_and_read(struct sdp_answer *answer) {
    static char text[SDP_BYTES_MAX];
    static const uint8_t digest[32];
    struct sdp_candidate candidate = {.addr = {.ip = {192, 0, 2, 1}, .family = AF_INET, .port = 1}};
    struct sdp_local local = {.ufrag = "00abcdefgh",
                              .pwd = "abcdefghijklmnopqrstuvwx",
                              .fingerprint_hash = "sha-256",
                              .digest = digest,
                              .digest_len = sizeof digest,
                              .candidates = &candidate,
                              .candidate_count = 1};
    struct sdp_session *read;
    struct sdp_error error;
    struct writer w;
    for (uint8_t i = 0; i < answer->media_count; i++) {
        answer->media[i].sending =
            (struct sdp_sending){.ssrc = i, .rtx_ssrc = 1, .cname = "c", .stream = "s", .track = "t"};
    }
    writer_init(&w, text, sizeof text);
    if (sdp_answer_write(&w, answer, &local) < 0 || sdp_parse(&read, text, w.len, &error) < 0) {
        return; /* texts of the offer at their longest do not fit or make longer lines */
    }
    must(read->media_count == answer->media_count);
    for (uint8_t i = 0; i < read->media_count; i++) {
        must(sdp_media_rejected(&read->media[i]) == (answer->media[i].rejected != NULL));
    }
    free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sdp_session *session;
    struct sdp_transport transport;
    struct sdp_answer *answer;
    struct sdp_error error = {0, NULL};
    const char *text = (const char *)data;
    struct sdp_policy policy;
    if (sdp_parse_fragment(&transport, text, size, &error) == 0) {
        expect_inside(transport.ufrag, text, size);
    }
    if (sdp_parse(&session, text, size, &error) < 0) {
        must(error.text != NULL);
        return 0;
    }
    expect_sound(session, text, size);
    sdp_policy_init(&policy);
    if (sdp_negotiate(&answer, session, &policy, &error) == 0) {
        write_and_read(answer);
        free(answer);
    }
    free(session);
    return 0;
}
