/* H.264 payloads (RFC 6184): single NAL units, STAP-A and FU-A, the forms of packetization modes 0 and 1. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h264_nal { H264_NAL_IDR = 5, H264_NAL_SPS = 7, H264_NAL_PPS = 8, H264_NAL_STAP_A = 24, H264_NAL_FU_A = 28 };

struct h264_payload {
    uint8_t nal_type; /* of the payload; of the fragmented unit in an FU-A */
    bool fragment;    /* FU-A */
    bool fragment_start, fragment_end;
    bool has_idr; /* an IDR slice begins here */
    bool has_sps, has_pps;
    bool keyframe;      /* a picture that can be decoded from here begins: SPS or IDR */
    bool non_reference; /* nal_ref_idc is 0 throughout: no other frame needs it */
};

/* -EBADMSG: truncated, a STAP-A whose units do not add up or an empty one, an FU-A with both or impossible marks, or a
 * form that packetization mode 1 does not have. */
int h264_parse(struct h264_payload *out, const uint8_t *payload, size_t len);
