/* What the header extensions say. Each read: 0, or -EBADMSG for a length or content the format does not have. Each write
 * fills the bytes and returns how many. */
#pragma once

#include "proto/rtp/extension.h"

/* RFC 6464. */
struct rtp_audio_level {
    uint8_t below_dbov; /* 0 (loudest) to 127 (silence): the level is this much below overload */
    bool voice;
};
int rtp_audio_level_read(struct rtp_audio_level *out, const struct rtp_ext_value *v);
uint8_t rtp_audio_level_write(uint8_t out[1], const struct rtp_audio_level *level);

/* RFC 9143 (mid), RFC 8852 (rid, repaired rid): visible ASCII; borrowed, not terminated. */
struct rtp_text {
    const char *text;
    uint8_t len;
};
int rtp_text_read(struct rtp_text *out, const struct rtp_ext_value *v);

/* draft-holmer-rmcat-transport-wide-cc-extensions-01; the four bytes of its second version are read too. */
int rtp_transport_seq_read(uint16_t *out, const struct rtp_ext_value *v);
uint8_t rtp_transport_seq_write(uint8_t out[2], uint16_t seq);

/* abs-send-time: seconds in 6.18 fixed point, wrapping every 64 s. */
uint32_t rtp_send_time_of(uint64_t time_us);
/* Microseconds from b to a, taken for less than 32 s either way. */
int32_t rtp_send_time_diff_us(uint32_t a, uint32_t b);
int rtp_send_time_read(uint32_t *out, const struct rtp_ext_value *v);
uint8_t rtp_send_time_write(uint8_t out[3], uint32_t send_time);

/* abs-capture-time: the sender's NTP time, and what to add to it for the capturer's clock (32.32 fixed point). */
struct rtp_capture_time {
    uint64_t ntp;
    int64_t offset;
    bool has_offset;
};
int rtp_capture_time_read(struct rtp_capture_time *out, const struct rtp_ext_value *v);
uint8_t rtp_capture_time_write(uint8_t out[16], const struct rtp_capture_time *t);

/* 3GPP TS 26.114 section 7.4.5. */
struct rtp_orientation {
    uint16_t rotation; /* degrees clockwise that the receiver turns the picture: 0, 90, 180, 270 */
    bool back_camera;
    bool flip;
};
int rtp_orientation_read(struct rtp_orientation *out, const struct rtp_ext_value *v);
uint8_t rtp_orientation_write(uint8_t out[1], const struct rtp_orientation *o);

/* playout-delay: two 12-bit counts of 10 ms. */
enum { RTP_PLAYOUT_DELAY_MS_MAX = 40950 };
struct rtp_playout_delay {
    uint16_t min_ms, max_ms;
};
int rtp_playout_delay_read(struct rtp_playout_delay *out, const struct rtp_ext_value *v);
uint8_t rtp_playout_delay_write(uint8_t out[3], const struct rtp_playout_delay *d);

/* video-content-type: is it a screen? */
int rtp_content_type_read(bool *screen, const struct rtp_ext_value *v);
uint8_t rtp_content_type_write(uint8_t out[1], bool screen);
