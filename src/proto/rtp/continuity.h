/* One continuous stream of picture numbers for a slot whose source changes: each source's numbers are moved by an offset
 * that is chosen when it begins, so that its first picture follows the last one sent. */
#pragma once

#include "proto/rtp/vp8.h"
#include "proto/rtp/vp9.h"

/* Zeroed: nothing was sent yet; the first source's numbers pass as they are. */
struct rtp_continuity {
    uint16_t source_id;          /* the source's last picture id, with as many bits as ours */
    uint16_t id_offset, last_id; /* picture ids, modulo 2^15 */
    uint8_t tl0_offset, last_tl0;
    uint8_t keyidx_offset, last_keyidx; /* modulo 2^5 */
    bool started;
    bool switching; /* the next picture is another source's first */
};

/* The next picture comes from another source. Older packets of the source before must not be rewritten after that. */
void rtp_continuity_switch(struct rtp_continuity *c);

/* A picture of the source is left out, before any of it was sent: the ids of those after it close up, or a receiver would
 * wait for it. */
void rtp_continuity_skip(struct rtp_continuity *c);
/* A picture's numbers are settled, and the payload is written later, perhaps more than once: rtp_picture_move_*. */
void rtp_continuity_note_vp8(struct rtp_continuity *c, const struct vp8_descriptor *d);
void rtp_continuity_note_vp9(struct rtp_continuity *c, const struct vp9_descriptor *d);

/* How far the numbers of a picture are moved; copied from a struct rtp_continuity. */
struct rtp_picture_offsets {
    uint16_t id;
    uint8_t tl0, keyidx;
};
void rtp_picture_move_vp8(const struct rtp_picture_offsets *by, const struct vp8_descriptor *d, uint8_t *payload);
void rtp_picture_move_vp9(const struct rtp_picture_offsets *by, const struct vp9_descriptor *d, uint8_t *payload);

/* Both at once: rewrite a payload in place; d is what its parser made of these bytes, which may have been copied since. Widths stay. */
void rtp_continuity_vp8(struct rtp_continuity *c, const struct vp8_descriptor *d, uint8_t *payload);
void rtp_continuity_vp9(struct rtp_continuity *c, const struct vp9_descriptor *d, uint8_t *payload);
