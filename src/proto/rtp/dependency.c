#include "proto/rtp/dependency.h"

#include "proto/rtp/bits.h"

#include <errno.h>
#include <string.h>

enum { MANDATORY_BYTES = 3, TEMPLATE_IDS = 64 };
enum { SAME_LAYER, NEXT_TEMPORAL, NEXT_SPATIAL, LAST_TEMPLATE };

/* Which parts differ from the template. */
struct custom {
    bool needs, fdiffs, chains;
};

static int read_layers(struct dependency_structure *s, struct bits *b) {
    uint8_t sid = 0, tid = 0;
    uint32_t next;
    do {
        if (s->template_count == DEPENDENCY_TEMPLATES_MAX || sid >= DEPENDENCY_SPATIAL_MAX ||
            tid >= DEPENDENCY_TEMPORAL_MAX) {
            return -EBADMSG;
        }
        s->templates[s->template_count].sid = sid;
        s->templates[s->template_count++].tid = tid;
        next = bits_read(b, 2);
        if (next == NEXT_TEMPORAL) {
            tid++;
        } else if (next == NEXT_SPATIAL) {
            tid = 0;
            sid++;
        }
    } while (next != LAST_TEMPLATE && !b->failed);
    s->spatial_count = (uint8_t)(sid + 1);
    return b->failed ? -EBADMSG : 0;
}

static uint64_t read_needs(const struct dependency_structure *s, struct bits *b) {
    uint64_t needs = 0;
    for (unsigned i = 0; i < s->target_count; i++) {
        needs |= (uint64_t)bits_read(b, 2) << (2 * i);
    }
    return needs;
}

static int read_template_fdiffs(struct dependency_template *t, struct bits *b) {
    while (bits_flag(b)) {
        if (t->fdiff_count == DEPENDENCY_FDIFFS_MAX) {
            return -EBADMSG;
        }
        t->fdiffs[t->fdiff_count++] = (uint8_t)(bits_read(b, 4) + 1);
    }
    return 0;
}

static void read_chains(struct dependency_structure *s, struct bits *b) {
    s->chain_count = (uint8_t)bits_below(b, s->target_count + 1U);
    if (s->chain_count == 0) {
        return;
    }
    for (size_t i = 0; i < s->target_count; i++) {
        s->targets[i].chain = (uint8_t)bits_below(b, s->chain_count);
    }
    for (size_t i = 0; i < s->template_count; i++) {
        for (size_t chain = 0; chain < s->chain_count; chain++) {
            s->templates[i].chain_fdiffs[chain] = (uint8_t)bits_read(b, 4);
        }
    }
}

/* A target's layer is the highest of the frames it has. */
static void find_target_layers(struct dependency_structure *s) {
    for (unsigned i = 0; i < s->target_count; i++) {
        for (size_t t = 0; t < s->template_count; t++) {
            const struct dependency_template *template = &s->templates[t];
            if (dependency_need_of(template->needs, i) != DEPENDENCY_NOT_PRESENT) {
                struct dependency_target *target = &s->targets[i];
                target->sid = template->sid > target->sid ? template->sid : target->sid;
                target->tid = template->tid > target->tid ? template->tid : target->tid;
            }
        }
    }
}

static int read_structure(struct dependency_structure *s, struct bits *b) {
    memset(s, 0, sizeof *s);
    s->id_offset = (uint8_t)bits_read(b, 6);
    s->target_count = (uint8_t)(bits_read(b, 5) + 1);
    if (read_layers(s, b) < 0) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < s->template_count; i++) {
        s->templates[i].needs = read_needs(s, b);
    }
    for (size_t i = 0; i < s->template_count; i++) {
        if (read_template_fdiffs(&s->templates[i], b) < 0) {
            return -EBADMSG;
        }
    }
    read_chains(s, b);
    find_target_layers(s);
    s->has_sizes = bits_flag(b);
    for (size_t i = 0; s->has_sizes && i < s->spatial_count; i++) {
        /* One less than the size stands there; 65536 becomes 0, unknown. */
        s->sizes[i].width = (uint16_t)(bits_read(b, 16) + 1);
        s->sizes[i].height = (uint16_t)(bits_read(b, 16) + 1);
    }
    return b->failed ? -EBADMSG : 0;
}

static int read_frame_fdiffs(struct dependency_frame *out, struct bits *b) {
    unsigned nibbles;
    out->fdiff_count = 0;
    while ((nibbles = bits_read(b, 2)) > 0) {
        if (out->fdiff_count == DEPENDENCY_FDIFFS_MAX) {
            return -EBADMSG;
        }
        out->fdiffs[out->fdiff_count++] = (uint16_t)(bits_read(b, 4 * nibbles) + 1);
    }
    return 0;
}

static int read_definition(struct dependency_frame *out, const struct dependency_structure *s, struct bits *b,
                           struct custom custom) {
    unsigned index = (unsigned)(out->template_id + TEMPLATE_IDS - s->id_offset) % TEMPLATE_IDS;
    if (index >= s->template_count) {
        return -EBADMSG;
    }
    const struct dependency_template *t = &s->templates[index];
    out->sid = t->sid;
    out->tid = t->tid;
    out->size = s->sizes[t->sid];
    out->needs = custom.needs ? read_needs(s, b) : t->needs;
    out->fdiff_count = t->fdiff_count;
    for (size_t i = 0; i < t->fdiff_count; i++) {
        out->fdiffs[i] = t->fdiffs[i];
    }
    if (custom.fdiffs && read_frame_fdiffs(out, b) < 0) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < s->chain_count; i++) {
        out->chain_fdiffs[i] = custom.chains ? (uint8_t)bits_read(b, 8) : t->chain_fdiffs[i];
    }
    return b->failed ? -EBADMSG : 0;
}

int dependency_parse(struct dependency_frame *out, struct dependency_structure *state, const uint8_t *data,
                     size_t len) {
    struct dependency_structure fresh;
    const struct dependency_structure *s = state;
    struct custom custom = {0};
    struct bits b;
    bits_init(&b, data, len);
    memset(out, 0, sizeof *out);
    out->packet_first = bits_flag(&b);
    out->packet_last = bits_flag(&b);
    out->template_id = (uint8_t)bits_read(&b, 6);
    out->number = (uint16_t)bits_read(&b, 16);
    if (!b.failed && len > MANDATORY_BYTES) {
        out->has_structure = bits_flag(&b);
        out->has_active_targets = bits_flag(&b);
        custom.needs = bits_flag(&b);
        custom.fdiffs = bits_flag(&b);
        custom.chains = bits_flag(&b);
    }
    if (out->has_structure) {
        if (read_structure(&fresh, &b) < 0) {
            return -EBADMSG;
        }
        s = &fresh;
        out->active_targets = (uint32_t)((UINT64_C(1) << s->target_count) - 1);
    } else if (!b.failed && s->template_count == 0) {
        return -EPROTO;
    }
    if (out->has_active_targets) {
        out->active_targets = bits_read(&b, s->target_count);
    }
    if (b.failed || read_definition(out, s, &b, custom) < 0) {
        return -EBADMSG;
    }
    if (out->has_structure) {
        *state = fresh;
    }
    out->keyframe = out->has_structure && out->fdiff_count == 0;
    return 0;
}
