/* The VP9 payload descriptor (RFC 9628 section 4.2).
 *
 *   |I|P|L|F|B|E|V|Z|    required
 *   |M| PICTURE ID  |    if I; 15 bits if M, else 7
 *   | TID |U| SID |D|    if L
 *   |   TL0PICIDX   |    if L and not F
 *   |   P_DIFF    |N|    if F and P; up to three
 *   scalability structure: if V */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VP9_SPATIAL_LAYERS_MAX = 8, VP9_REFERENCES_MAX = 3 };

struct vp9_size {
    uint16_t width, height;
};

struct vp9_descriptor {
    uint16_t size;         /* bytes of the descriptor */
    uint8_t picture_id_at; /* where these stand in the payload; 0: absent */
    uint8_t tl0_at;
    bool picture_id_15; /* of two bytes */
    bool has_layers;    /* L: tid, sid and the two below mean something */
    bool flexible;      /* F */
    uint16_t picture_id;
    uint8_t tl0;        /* TL0PICIDX */
    uint8_t tid, sid;   /* temporal and spatial layer; 0 when absent */
    bool switching_up;  /* U: a receiver can step up to this temporal layer here */
    bool inter_layer;   /* D: needs the spatial layer below, of the same picture */
    bool inter_picture; /* P: needs earlier pictures */
    bool frame_start;   /* B, of a layer frame */
    bool frame_end;     /* E */
    bool not_for_upper; /* Z: no higher spatial layer needs it */
    bool keyframe;      /* starts a picture that needs nothing before it */
    uint8_t reference_count;
    uint8_t references[VP9_REFERENCES_MAX]; /* picture id differences, flexible mode only */
    uint8_t spatial_layers;                 /* of the scalability structure; 0: there is none */
    bool has_sizes;
    struct vp9_size sizes[VP9_SPATIAL_LAYERS_MAX];
};

/* -EBADMSG: truncated, more references than allowed, or nothing behind the descriptor. */
int vp9_parse(struct vp9_descriptor *out, const uint8_t *payload, size_t len);
