/* Bounded reading and writing of byte strings in network order. Both ends carry a sticky failure:
 * check once after a run of calls. Neither owns memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_be16(const void *p) {
    const uint8_t *b = p;
    return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t load_be32(const void *p) {
    const uint8_t *b = p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint64_t load_be64(const void *p) {
    const uint8_t *b = p;
    return (uint64_t)load_be32(b) << 32 | load_be32(b + 4);
}

static inline void store_be16(void *p, uint16_t v) {
    uint8_t *b = p;
    b[0] = (uint8_t)(v >> 8);
    b[1] = (uint8_t)v;
}

static inline void store_be32(void *p, uint32_t v) {
    uint8_t *b = p;
    store_be16(b, (uint16_t)(v >> 16));
    store_be16(b + 2, (uint16_t)v);
}

static inline void store_be64(void *p, uint64_t v) {
    uint8_t *b = p;
    store_be32(b, (uint32_t)(v >> 32));
    store_be32(b + 4, (uint32_t)v);
}

struct reader {
    const uint8_t *pos;
    const uint8_t *end;
    bool failed; /* a read went past the end; every later read gives zero */
};

static inline void reader_init(struct reader *r, const void *data, size_t len) {
    r->pos = data;
    r->end = len > 0 ? r->pos + len : r->pos; /* data may be NULL then */
    r->failed = false;
}

static inline size_t reader_left(const struct reader *r) { return (size_t)(r->end - r->pos); }

/* The next n bytes, borrowed from the input, or NULL (and failed) when fewer are left. */
static inline const uint8_t *reader_bytes(struct reader *r, size_t n) {
    if (r->failed || reader_left(r) < n) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->pos;
    r->pos = n > 0 ? p + n : p;
    return p;
}

static inline uint8_t reader_u8(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t reader_u16(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 2);
    return p ? load_be16(p) : 0;
}

static inline uint32_t reader_u32(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 4);
    return p ? load_be32(p) : 0;
}

static inline uint64_t reader_u64(struct reader *r) {
    const uint8_t *p = reader_bytes(r, 8);
    return p ? load_be64(p) : 0;
}

struct writer {
    uint8_t *buf;
    size_t len;
    size_t cap;
    bool failed; /* a write did not fit; every later write is dropped */
};

static inline void writer_init(struct writer *w, void *buf, size_t cap) {
    w->buf = buf;
    w->len = 0;
    w->cap = cap;
    w->failed = false;
}

/* Room for n bytes that the caller fills, or NULL (and failed) when they do not fit. */
static inline uint8_t *writer_reserve(struct writer *w, size_t n) {
    if (w->failed || w->cap - w->len < n) {
        w->failed = true;
        return NULL;
    }
    uint8_t *p = w->cap > 0 ? w->buf + w->len : w->buf; /* NULL without room is no failure for 0 bytes */
    w->len += n;
    return p;
}

static inline void writer_bytes(struct writer *w, const void *data, size_t n) {
    uint8_t *p = writer_reserve(w, n);
    if (p && n > 0) {
        memcpy(p, data, n);
    }
}

static inline void writer_zeros(struct writer *w, size_t n) {
    uint8_t *p = writer_reserve(w, n);
    if (p && n > 0) {
        memset(p, 0, n);
    }
}

static inline void writer_u8(struct writer *w, uint8_t v) { writer_bytes(w, &v, 1); }

static inline void writer_u16(struct writer *w, uint16_t v) {
    uint8_t *p = writer_reserve(w, 2);
    if (p) {
        store_be16(p, v);
    }
}

static inline void writer_u32(struct writer *w, uint32_t v) {
    uint8_t *p = writer_reserve(w, 4);
    if (p) {
        store_be32(p, v);
    }
}

static inline void writer_u64(struct writer *w, uint64_t v) {
    uint8_t *p = writer_reserve(w, 8);
    if (p) {
        store_be64(p, v);
    }
}

/* Equality in constant time, for MACs and secrets. */
bool bytes_equal_ct(const void *a, const void *b, size_t n);
