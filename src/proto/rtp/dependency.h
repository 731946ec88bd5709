/* The dependency descriptor (RTP Payload Format For AV1, appendix A; any codec may use it): which layer a frame belongs
 * to, what it needs, and which decode targets need it. A key frame brings a structure of templates; later frames name a
 * template and differences from it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DEPENDENCY_TEMPLATES_MAX = 64,
    DEPENDENCY_TARGETS_MAX = 32,
    DEPENDENCY_FDIFFS_MAX = 8, /* frames that one frame may need; the format has no bound */
    DEPENDENCY_SPATIAL_MAX = 4,
    DEPENDENCY_TEMPORAL_MAX = 8,
};

/* How a decode target needs a frame. */
enum dependency_need {
    DEPENDENCY_NOT_PRESENT,
    DEPENDENCY_DISCARDABLE, /* nothing else of the target needs it */
    DEPENDENCY_SWITCH,      /* everything of the target after it can be decoded */
    DEPENDENCY_REQUIRED,
};

struct dependency_template {
    uint64_t needs; /* two bits for each decode target, target 0 lowest */
    uint8_t sid, tid;
    uint8_t fdiff_count;
    uint8_t fdiffs[DEPENDENCY_FDIFFS_MAX];        /* how many frames before */
    uint8_t chain_fdiffs[DEPENDENCY_TARGETS_MAX]; /* to the chain's frame before, by chain */
};

struct dependency_target {
    uint8_t sid, tid;
    uint8_t chain; /* that protects it; meaningless when there are no chains */
};

struct dependency_size {
    uint16_t width, height;
};

/* Zeroed: none was received. About 4 kB; it belongs to one stream of packets. */
struct dependency_structure {
    struct dependency_template templates[DEPENDENCY_TEMPLATES_MAX];
    struct dependency_target targets[DEPENDENCY_TARGETS_MAX];
    struct dependency_size sizes[DEPENDENCY_SPATIAL_MAX];
    uint8_t template_count; /* 0: there is no structure */
    uint8_t target_count;
    uint8_t chain_count;
    uint8_t spatial_count;
    uint8_t id_offset;
    bool has_sizes;
};

struct dependency_frame {
    uint16_t number; /* wraps */
    uint8_t template_id;
    bool packet_first, packet_last; /* of the frame */
    bool has_structure;             /* this packet brought one */
    bool has_active_targets;
    uint32_t active_targets; /* a bit for each that is sent; with a structure all of them */
    uint64_t needs;
    uint8_t sid, tid;
    uint8_t fdiff_count; /* 0: needs no other frame */
    uint16_t fdiffs[DEPENDENCY_FDIFFS_MAX];
    uint8_t chain_fdiffs[DEPENDENCY_TARGETS_MAX]; /* chain_count of them */
    bool keyframe;                                /* brought a structure and needs nothing */
    struct dependency_size size;                  /* of the layer; 0: unknown */
};

static inline enum dependency_need dependency_need_of(uint64_t needs, unsigned target) {
    return (enum dependency_need)(needs >> (2 * target) & 3);
}

/* Reads one descriptor; a structure in it replaces the one in state, if all of it is sound. -EBADMSG: truncated, layers
 * or dependencies beyond the bounds, or a template that the structure does not have; -EPROTO: no structure came yet. */
int dependency_parse(struct dependency_frame *out, struct dependency_structure *state, const uint8_t *data, size_t len);
