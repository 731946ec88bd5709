#include "proto/rtp/continuity.h"

#include "base/bytes.h"

enum { ID_BITS = 0x7fff, SHORT_ID_BITS = 0x7f, LONG_ID = 0x8000, KEYIDX_BITS = 0x1f };

/* The three numbers of a picture. */
struct numbers {
    uint16_t id;
    uint8_t tl0, keyidx;
};

void rtp_continuity_switch(struct rtp_continuity *c) { c->switching = c->started; }

static bool id_newer(uint16_t a, uint16_t b) {
    uint16_t ahead = (a - b) & ID_BITS;
    return ahead > 0 && ahead <= ID_BITS / 2;
}

/* A picture id of 7 bits, made longer: the one nearest to the last. */
static uint16_t lengthen(const struct rtp_continuity *c, uint16_t id, bool is_long) {
    if (is_long || !c->started || c->switching) {
        return id;
    }
    uint16_t ahead = (id - c->source_id) & SHORT_ID_BITS;
    return (uint16_t)(c->source_id + ahead - (ahead > SHORT_ID_BITS / 2 ? SHORT_ID_BITS + 1 : 0)) & ID_BITS;
}

/* Moves the numbers and notes the newest that were sent. */
static void move(struct rtp_continuity *c, const struct numbers *in) {
    if (c->switching) {
        c->id_offset = (uint16_t)(c->last_id + 1 - in->id);
        c->tl0_offset = (uint8_t)(c->last_tl0 + 1 - in->tl0);
        c->keyidx_offset = (uint8_t)(c->last_keyidx + 1 - in->keyidx);
    }
    struct numbers out = {.id = (in->id + c->id_offset) & ID_BITS,
                          .tl0 = (uint8_t)(in->tl0 + c->tl0_offset),
                          .keyidx = (in->keyidx + c->keyidx_offset) & KEYIDX_BITS};
    if (!c->started || c->switching || id_newer(out.id, c->last_id)) {
        c->source_id = in->id;
        c->last_id = out.id;
        c->last_tl0 = out.tl0;
        c->last_keyidx = out.keyidx;
    }
    c->started = true;
    c->switching = false;
}

static void write_id(uint8_t *at, uint16_t id, bool is_long) {
    if (is_long) {
        store_be16(at, (uint16_t)(LONG_ID | id));
    } else {
        at[0] = id & SHORT_ID_BITS;
    }
}

void rtp_continuity_skip(struct rtp_continuity *c) { c->id_offset--; }

void rtp_continuity_note_vp8(struct rtp_continuity *c, const struct vp8_descriptor *d) {
    move(c, &(struct numbers){lengthen(c, d->picture_id, d->picture_id_15), d->tl0, d->keyidx});
}

void rtp_continuity_note_vp9(struct rtp_continuity *c, const struct vp9_descriptor *d) {
    move(c, &(struct numbers){.id = lengthen(c, d->picture_id, d->picture_id_15), .tl0 = d->tl0});
}

void rtp_picture_move_vp8(const struct rtp_picture_offsets *by, const struct vp8_descriptor *d, uint8_t *payload) {
    if (d->picture_id_at > 0) {
        write_id(payload + d->picture_id_at, (uint16_t)(d->picture_id + by->id), d->picture_id_15);
    }
    if (d->tl0_at > 0) {
        payload[d->tl0_at] = (uint8_t)(d->tl0 + by->tl0);
    }
    if (d->has_keyidx) {
        payload[d->tid_at] = (uint8_t)((payload[d->tid_at] & ~KEYIDX_BITS) | ((d->keyidx + by->keyidx) & KEYIDX_BITS));
    }
}

void rtp_picture_move_vp9(const struct rtp_picture_offsets *by, const struct vp9_descriptor *d, uint8_t *payload) {
    if (d->picture_id_at > 0) {
        write_id(payload + d->picture_id_at, (uint16_t)(d->picture_id + by->id), d->picture_id_15);
    }
    if (d->tl0_at > 0) {
        payload[d->tl0_at] = (uint8_t)(d->tl0 + by->tl0);
    }
}

static struct rtp_picture_offsets offsets_of(const struct rtp_continuity *c) {
    return (struct rtp_picture_offsets){c->id_offset, c->tl0_offset, c->keyidx_offset};
}

void rtp_continuity_vp8(struct rtp_continuity *c, const struct vp8_descriptor *d, uint8_t *payload) {
    rtp_continuity_note_vp8(c, d);
    struct rtp_picture_offsets by = offsets_of(c);
    rtp_picture_move_vp8(&by, d, payload);
}

void rtp_continuity_vp9(struct rtp_continuity *c, const struct vp9_descriptor *d, uint8_t *payload) {
    rtp_continuity_note_vp9(c, d);
    struct rtp_picture_offsets by = offsets_of(c);
    rtp_picture_move_vp9(&by, d, payload);
}
