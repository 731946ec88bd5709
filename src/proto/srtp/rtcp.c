/* RTCP packets: the index stands in the packet (RFC 3711 section 3.4, RFC 7714 section 9). */
#include "proto/srtp/internal.h"

#include "base/bytes.h"
#include "base/error.h"

#include <errno.h>

static bool is_rtcp(const uint8_t *packet, size_t len) {
    return len >= SRTCP_HEADER && len <= UINT16_MAX && packet[0] >> 6 == 2;
}

/* Where trailer and tag stand behind the text: AES-CM authenticates the trailer as text, GCM puts it last. */
static uint8_t *place(struct srtp_session *s, struct srtp_work *work) {
    uint8_t *end = work->packet + work->clear_len + work->text_len;
    const bool gcm = s->transform == &srtp_transform_gcm;
    work->tag = gcm ? end : end + SRTCP_TRAILER;
    return gcm ? end + SRTP_GCM_TAG : end;
}

long srtp_session_unprotect_rtcp(struct srtp_session *s, uint8_t *packet, size_t len) {
    static const struct srtp_window fresh;
    const size_t extra = srtp_session_rtcp_overhead(s);
    if (!is_rtcp(packet, len) || len - SRTCP_HEADER < extra) {
        return -EBADMSG;
    }
    struct srtp_work work = {.packet = packet, .clear_len = SRTCP_HEADER, .use = SRTP_USE_RTCP};
    work.text_len = len - SRTCP_HEADER - extra;
    work.pieces[0] = (struct srtp_piece){packet + SRTCP_HEADER, work.text_len};
    memcpy(work.trailer, place(s, &work), SRTCP_TRAILER);
    work.ssrc = load_be32(packet + 4);
    work.index = load_be32(work.trailer) & SRTCP_INDEX_MAX;
    if (!(load_be32(work.trailer) & SRTCP_E_BIT)) {
        return -EBADMSG;
    }
    struct srtp_stream *stream = srtp_streams_find(&s->remote, work.ssrc);
    int rc = srtp_window_check(stream ? &stream->rtcp : &fresh, work.index);
    if (rc == 0) {
        rc = s->transform->open(s, &work);
    }
    if (rc == 0 && !stream) {
        rc = srtp_streams_add(&s->remote, work.ssrc, &stream);
    }
    if (rc < 0) {
        return rc;
    }
    srtp_window_add(&stream->rtcp, work.index);
    return (long)(len - extra);
}

long srtp_session_protect_rtcp(struct srtp_session *s, const struct srtp_buffer *packet) {
    const size_t extra = srtp_session_rtcp_overhead(s);
    if (!is_rtcp(packet->data, packet->len)) {
        return -EBADMSG;
    }
    if (packet->cap < packet->len || packet->cap - packet->len < extra) {
        return -ENOBUFS;
    }
    if (s->rtcp_index >= SRTCP_INDEX_MAX) {
        return -EKEYEXPIRED;
    }
    /* One count for all our SSRCs: no index repeats for any of them. */
    s->rtcp_index++;
    struct srtp_work work = {.packet = packet->data, .clear_len = SRTCP_HEADER, .use = SRTP_USE_RTCP};
    work.text_len = packet->len - SRTCP_HEADER;
    work.pieces[0] = (struct srtp_piece){packet->data + SRTCP_HEADER, work.text_len};
    work.ssrc = load_be32(packet->data + 4);
    work.index = s->rtcp_index;
    store_be32(work.trailer, SRTCP_E_BIT | s->rtcp_index);
    memcpy(place(s, &work), work.trailer, SRTCP_TRAILER);
    int rc = s->transform->seal(s, &work);
    return rc < 0 ? rc : (long)(packet->len + extra);
}
