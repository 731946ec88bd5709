#include "forward/publication.h"

#include "base/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct cache_options audio_cache = {.bytes = 32 << 10, .packets = 128, .age_us = 1000000};
static const struct cache_options video_cache = {.bytes = 384 << 10, .packets = 1024, .age_us = 2000000};

struct publication *publication_new(const struct publication_options *options) {
    unsigned count = options->encoding_count;
    assert(count > 0 && count <= PUBLICATION_ENCODINGS_MAX);
    struct publication *p = calloc(1, sizeof *p + count * sizeof p->encodings[0]);
    if (!p) {
        return NULL;
    }
    list_init(&p->slots);
    list_init(&p->in_publisher);
    p->number = options->number;
    p->video = options->video;
    p->encoding_count = count;
    text_copy(p->mid, sizeof p->mid, options->mid, strlen(options->mid));
    for (unsigned i = 0; i < count; i++) {
        struct encoding *e = &p->encodings[i];
        e->publication = p;
        e->index = (uint8_t)i;
        e->opaque = options->opaque;
        e->ssrc = options->encodings[i].ssrc;
        e->rtx_ssrc = options->encodings[i].rtx_ssrc;
        const char *rid = options->encodings[i].rid ? options->encodings[i].rid : "";
        text_copy(e->rid, sizeof e->rid, rid, strlen(rid));
        e->cache = cache_new(options->video ? &video_cache : &audio_cache);
        if (!e->cache) {
            publication_free(p);
            return NULL;
        }
    }
    return p;
}

void publication_free(struct publication *p) {
    if (!p) {
        return;
    }
    assert(list_empty(&p->slots));
    list_remove(&p->in_publisher);
    for (unsigned i = 0; i < p->encoding_count; i++) {
        cache_unref(p->encodings[i].cache);
    }
    free(p);
}

void publication_want_key(struct publication *p, unsigned encoding) { p->encodings[encoding].want_key = p->video; }

unsigned publication_keys_due(struct publication *p, uint64_t now_us) {
    unsigned due = 0;
    if (p->key_asked_us > 0 && now_us - p->key_asked_us < PUBLICATION_KEY_INTERVAL_US) {
        return 0;
    }
    for (unsigned i = 0; i < p->encoding_count; i++) {
        due |= p->encodings[i].want_key && p->encodings[i].ssrc != 0 ? 1U << i : 0;
    }
    p->key_asked_us = due ? now_us : p->key_asked_us;
    return due;
}

void publication_want(struct publication *p, unsigned encoding) { p->encodings[encoding].wanted++; }

void publication_unwant(struct publication *p, unsigned encoding, uint64_t now_us) {
    struct encoding *e = &p->encodings[encoding];
    assert(e->wanted > 0);
    if (--e->wanted == 0) {
        e->unwanted_us = now_us;
        e->want_key = false;
    }
}

unsigned publication_unwanted(const struct publication *p, uint64_t now_us) {
    unsigned unwanted = 0;
    for (unsigned i = 0; i < p->encoding_count; i++) {
        const struct encoding *e = &p->encodings[i];
        unwanted |= e->wanted == 0 && now_us - e->unwanted_us >= PUBLICATION_PAUSE_US ? 1U << i : 0;
    }
    return unwanted;
}

static void fill_layer(struct publication_layer *out, const struct encoding *e, unsigned sid, uint64_t now_us) {
    uint64_t sum = 0;
    *out = (struct publication_layer){.width = e->width, .height = e->height};
    if (e->spatial_layers > 1) { /* sizes are halved from layer to layer, where browsers make them */
        out->width = (uint16_t)(e->width >> (e->spatial_layers - 1U - sid));
        out->height = (uint16_t)(e->height >> (e->spatial_layers - 1U - sid));
    }
    for (unsigned tid = 0; tid < MEDIA_TEMPORAL_MAX; tid++) {
        uint64_t bps = rate_bps(&e->rates[sid][tid], now_us);
        sum += bps;
        out->bps[tid] = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
        out->temporal_count = bps > 0 ? (uint8_t)(tid + 1) : out->temporal_count;
    }
}

unsigned publication_layers(const struct publication *p, struct publication_layer out[MEDIA_SPATIAL_MAX],
                            uint64_t now_us) {
    if (publication_is_svc(p)) {
        const struct encoding *e = &p->encodings[0];
        for (unsigned sid = 0; sid < e->spatial_layers; sid++) {
            fill_layer(&out[sid], e, sid, now_us);
        }
        return e->spatial_layers;
    }
    for (unsigned i = 0; i < p->encoding_count; i++) {
        fill_layer(&out[i], &p->encodings[i], 0, now_us);
    }
    return p->encoding_count;
}
