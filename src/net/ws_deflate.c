#include "net/ws_deflate.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

enum { INFLATE_BITS = 15, MEMORY_LEVEL = 8, LEVEL = 4 };

static const uint8_t tail[4] = {0x00, 0x00, 0xFF, 0xFF}; /* cut off by the sender, RFC 7692 section 7.2.1 */

struct ws_codec {
    uint8_t *buf;
    size_t bound;
    z_stream deflater;
    z_stream inflater;
    int deflater_bits; /* 0: not there yet */
    bool inflater_there;
};

struct ws_codec *ws_codec_new(size_t bound) {
    struct ws_codec *codec = calloc(1, sizeof *codec);
    if (codec) {
        codec->bound = bound;
        codec->buf = malloc(bound);
    }
    if (codec && !codec->buf) {
        free(codec);
        codec = NULL;
    }
    return codec;
}

void ws_codec_free(struct ws_codec *codec) {
    if (!codec) {
        return;
    }
    if (codec->deflater_bits) {
        deflateEnd(&codec->deflater);
    }
    if (codec->inflater_there) {
        inflateEnd(&codec->inflater);
    }
    free(codec->buf);
    free(codec);
}

static int ready_deflater(struct ws_codec *codec, int bits) {
    if (codec->deflater_bits == bits) {
        return deflateReset(&codec->deflater) == Z_OK ? 0 : -ENOMEM;
    }
    if (codec->deflater_bits) {
        deflateEnd(&codec->deflater);
        codec->deflater_bits = 0;
    }
    codec->deflater = (z_stream){0};
    if (deflateInit2(&codec->deflater, LEVEL, Z_DEFLATED, -bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        return -ENOMEM;
    }
    codec->deflater_bits = bits;
    return 0;
}

long ws_codec_deflate(struct ws_codec *codec, const uint8_t **out, const void *data, size_t len, int bits) {
    z_stream *z = &codec->deflater;
    int rc = ready_deflater(codec, bits);
    if (rc < 0) {
        return rc;
    }
    z->next_in = (Bytef *)data;
    z->avail_in = (uInt)len;
    z->next_out = codec->buf;
    z->avail_out = (uInt)codec->bound;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in > 0 || z->avail_out == 0) {
        return -ENOBUFS;
    }
    size_t n = codec->bound - z->avail_out;
    *out = codec->buf;
    return (long)(n - sizeof tail);
}

static int ready_inflater(struct ws_codec *codec) {
    if (codec->inflater_there) {
        return inflateReset(&codec->inflater) == Z_OK ? 0 : -ENOMEM;
    }
    codec->inflater = (z_stream){0};
    if (inflateInit2(&codec->inflater, -INFLATE_BITS) != Z_OK) {
        return -ENOMEM;
    }
    codec->inflater_there = true;
    return 0;
}

/* Feeds one piece. A sender may also end with a final block (Z_STREAM_END) and go on with another stream. */
static int feed(z_stream *z, const void *data, size_t len) {
    uint8_t beyond;
    z->next_in = (Bytef *)data;
    z->avail_in = (uInt)len;
    while (z->avail_in > 0) {
        bool full = z->avail_out == 0;
        if (full) { /* may only be the end of a block */
            z->next_out = &beyond;
            z->avail_out = 1;
        }
        int rc = inflate(z, Z_SYNC_FLUSH);
        if (full && z->avail_out == 0) {
            return -EMSGSIZE;
        }
        if (full) {
            z->avail_out = 0;
        }
        if (rc == Z_STREAM_END) {
            rc = inflateReset(z);
        }
        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            return rc == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
        }
        if (rc == Z_BUF_ERROR && z->avail_in > 0) {
            return -EBADMSG; /* no progress */
        }
    }
    return 0;
}

long ws_codec_inflate(struct ws_codec *codec, const uint8_t **out, const void *data, size_t len) {
    z_stream *z = &codec->inflater;
    int rc = ready_inflater(codec);
    if (rc < 0) {
        return rc;
    }
    z->next_out = codec->buf;
    z->avail_out = (uInt)codec->bound;
    rc = feed(z, data, len);
    if (rc == 0) {
        rc = feed(z, tail, sizeof tail);
    }
    if (rc < 0) {
        return rc;
    }
    *out = codec->buf;
    return (long)(codec->bound - z->avail_out);
}
