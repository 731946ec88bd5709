/* The VP8 payload descriptor (RFC 7741 section 4.2) and what a payload header says of a key frame.
 *
 *   |X|R|N|S|R| PID |   required
 *   |I|L|T|K| RSV   |   if X
 *   |M| PictureID   |   if I; 15 bits if M, else 7
 *   |   TL0PICIDX   |   if L
 *   |TID|Y| KEYIDX  |   if T or K */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vp8_descriptor {
    uint8_t size;                          /* bytes of the descriptor */
    uint8_t picture_id_at, tl0_at, tid_at; /* where these stand in the payload; 0: absent */
    bool picture_id_15;                    /* of two bytes */
    bool has_tid, has_keyidx;
    uint16_t picture_id;
    uint8_t tl0;        /* TL0PICIDX */
    uint8_t tid;        /* temporal layer; 0 when absent */
    uint8_t keyidx;     /* KEYIDX */
    bool layer_sync;    /* Y: depends on layer 0 only, so that a receiver can step up here */
    bool non_reference; /* N: no other frame needs it */
    bool frame_start;   /* S and partition 0 */
    /* From the payload header of a frame's first packet; not to be used when payloads are encrypted end to end. */
    bool keyframe;
    uint16_t width, height; /* 0 unless a key frame */
};

/* -EBADMSG: truncated, or nothing behind the descriptor. */
int vp8_parse(struct vp8_descriptor *out, const uint8_t *payload, size_t len);
