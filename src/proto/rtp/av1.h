/* AV1 payloads (RTP Payload Format For AV1, section 4): an aggregation header and OBU elements.
 *
 *   |Z|Y| W |N|-|-|-|   Z: the first element continues one of the packet before; Y: the last one goes on in the next;
 *                       W: how many elements, 0 when each has a length; N: a coded video sequence begins */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AV1_ELEMENTS_MAX = 64 };

struct av1_payload {
    bool continues;      /* Z */
    bool unfinished;     /* Y */
    bool sequence_start; /* N */
    uint8_t elements;
    /* From the OBUs that begin here; not to be used when payloads are encrypted end to end. */
    bool has_sequence_header;
    bool has_frame;   /* a frame or frame header begins here */
    bool keyframe;    /* one of them is a shown or hidden key frame, after a sequence header or N */
    bool has_layer;   /* the two below stood in an OBU's extension */
    uint8_t tid, sid; /* of the first such OBU */
};

/* -EBADMSG: truncated, lengths that do not add up, no element, or more than AV1_ELEMENTS_MAX. */
int av1_parse(struct av1_payload *out, const uint8_t *payload, size_t len);
