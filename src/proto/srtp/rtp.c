/* RTP packets: which index a packet has, and whether it is new. */
#include "proto/srtp/internal.h"

#include "base/bytes.h"
#include "base/error.h"
#include "proto/rtp/packet.h"

#include <errno.h>

/* The stream to note a genuine packet in: the one found before, or a new one. */
static int remember(struct srtp_streams *streams, struct srtp_stream *known, uint32_t ssrc, uint64_t index) {
    if (!known) {
        int rc = srtp_streams_add(streams, ssrc, &known);
        if (rc < 0) {
            return rc;
        }
    }
    srtp_window_add(&known->rtp, index);
    return 0;
}

static void set_index(struct srtp_work *work, uint64_t index) {
    work->index = index;
    store_be32(work->trailer, (uint32_t)(index >> 16));
}

long srtp_session_unprotect(struct srtp_session *s, uint8_t *packet, size_t len) {
    static const struct srtp_window fresh;
    long header = rtp_header_bytes(packet, len);
    const size_t tag = s->transform->tag_bytes;
    if (header < 0 || len - (size_t)header < tag) {
        return -EBADMSG;
    }
    const uint32_t ssrc = load_be32(packet + 8);
    struct srtp_stream *stream = srtp_streams_find(&s->remote, ssrc);
    const struct srtp_window *window = stream ? &stream->rtp : &fresh;
    const uint16_t seq = load_be16(packet + 2);
    int64_t guess = srtp_window_guess(window, seq);
    /* Before the beginning there is nothing: a long way ahead, then. */
    uint64_t index = guess < 0 ? seq : (uint64_t)guess;
    if (index > SRTP_INDEX_MAX) {
        return -EKEYEXPIRED;
    }
    int rc = srtp_window_check(window, index);
    if (rc < 0) {
        return rc;
    }
    struct srtp_work work = {.packet = packet, .clear_len = (size_t)header, .ssrc = ssrc, .use = SRTP_USE_RTP};
    work.text_len = len - (size_t)header - tag;
    work.pieces[0] = (struct srtp_piece){packet + header, work.text_len};
    work.tag = packet + len - tag;
    set_index(&work, index);
    rc = s->transform->open(s, &work);
    if (rc == 0) {
        rc = remember(&s->remote, stream, ssrc, index);
    }
    return rc < 0 ? rc : (long)(len - tag);
}

/* Do the parts of the slot make an RTP packet, and is there room? */
static int check_slot(const struct srtp_session *s, const struct srtp_slot *slot) {
    const size_t tag = s->transform->tag_bytes;
    if (slot->written_len > slot->cap || slot->header_len > slot->written_len ||
        slot->rest_len > slot->cap - slot->written_len ||
        slot->padding + tag > slot->cap - slot->written_len - slot->rest_len) {
        return -ENOBUFS;
    }
    long header = rtp_header_bytes(slot->packet, slot->written_len);
    return header < 0 || (size_t)header != slot->header_len ? -EBADMSG : 0;
}

static void set_pieces(struct srtp_work *work, const struct srtp_slot *slot) {
    uint8_t *padding = slot->packet + slot->written_len + slot->rest_len;
    if (slot->padding > 0) {
        memset(padding, 0, slot->padding);
        padding[slot->padding - 1] = slot->padding;
    }
    work->pieces[0] = (struct srtp_piece){slot->packet + slot->header_len, slot->written_len - slot->header_len};
    work->pieces[1] = (struct srtp_piece){slot->rest, slot->rest_len};
    work->pieces[2] = (struct srtp_piece){padding, slot->padding};
    work->text_len = slot->written_len - slot->header_len + slot->rest_len + slot->padding;
    work->tag = padding + slot->padding;
}

/* The index of a packet of ours. What may have been sent before is refused: the nonce is made of it. */
static int next_index(const struct srtp_session *s, const struct srtp_window *window, uint16_t seq, uint64_t *index) {
    int64_t guess = srtp_window_guess(window, seq);
    if (guess < 0) {
        return -ERR_REPLAY;
    }
    if ((uint64_t)guess > SRTP_INDEX_MAX || s->sent > SRTP_INDEX_MAX) {
        return -EKEYEXPIRED;
    }
    *index = (uint64_t)guess;
    return srtp_window_check(window, *index);
}

long srtp_session_protect_slot(struct srtp_session *s, const struct srtp_slot *slot) {
    static const struct srtp_window fresh;
    int rc = check_slot(s, slot);
    if (rc < 0) {
        return rc;
    }
    const uint32_t ssrc = load_be32(slot->packet + 8);
    struct srtp_stream *stream = srtp_streams_find(&s->local, ssrc);
    uint64_t index;
    rc = next_index(s, stream ? &stream->rtp : &fresh, load_be16(slot->packet + 2), &index);
    if (rc == 0) {
        rc = remember(&s->local, stream, ssrc, index); /* first: a nonce that failed half way is used up */
    }
    if (rc < 0) {
        return rc;
    }
    s->sent++;
    struct srtp_work work = {.packet = slot->packet, .clear_len = slot->header_len, .ssrc = ssrc, .use = SRTP_USE_RTP};
    set_pieces(&work, slot);
    set_index(&work, index);
    rc = s->transform->seal(s, &work);
    return rc < 0 ? rc : (long)(work.clear_len + work.text_len + s->transform->tag_bytes);
}

long srtp_session_protect(struct srtp_session *s, const struct srtp_buffer *packet) {
    long header = rtp_header_bytes(packet->data, packet->len);
    if (header < 0) {
        return -EBADMSG;
    }
    struct srtp_slot slot = {
        .packet = packet->data, .cap = packet->cap, .header_len = (size_t)header, .written_len = packet->len};
    return srtp_session_protect_slot(s, &slot);
}
