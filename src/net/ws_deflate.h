/* Compression of single WebSocket messages (RFC 7692 section 7.2) without context takeover: one codec serves all
 * connections of a thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct ws_codec;

/* Output of either direction is at most bound bytes. NULL: no memory. */
struct ws_codec *ws_codec_new(size_t bound);
void ws_codec_free(struct ws_codec *codec);

/* Compresses with a window of bits (9 to 15). *out is the codec's until its next use. Returns the length;
 * -ENOBUFS when it would not fit, -ENOMEM. */
long ws_codec_deflate(struct ws_codec *codec, const uint8_t **out, const void *data, size_t len, int bits);

/* Inflates one message. -EBADMSG: damaged; -EMSGSIZE: inflates beyond the bound; -ENOMEM. */
long ws_codec_inflate(struct ws_codec *codec, const uint8_t **out, const void *data, size_t len);
