/* ClientHellos that come in pieces: the only thing kept for a client before it has proven its address, so it is kept in
 * a small set and not for long. One thread. */
#pragma once

#include "base/addr.h"
#include "proto/dtls/record.h"

struct dtls_fragments;

enum {
    DTLS_HELLO_BYTES_MAX = 4096,
    DTLS_FRAGMENTS_MAX = 256,          /* hellos that wait */
    DTLS_FRAGMENTS_PER_SOURCE_MAX = 4, /* of one IPv4 /24 or IPv6 /64 */
    DTLS_FRAGMENTS_WAIT_US = 5 * 1000000,
};

/* NULL: no memory. */
struct dtls_fragments *dtls_fragments_new(void);
void dtls_fragments_free(struct dtls_fragments *set);

/* Puts a piece of a client's hello in its place. Returns the length of the message once it is whole, which is then in
 * out and in the set no more; 0 while pieces are missing. A piece of another message starts anew. -EMSGSIZE over
 * DTLS_HELLO_BYTES_MAX, -ENOBUFS the set is full, -EDQUOT too many of that source, -ENOMEM. */
long dtls_fragments_add(struct dtls_fragments *set, const struct five_tuple *client,
                        const struct dtls_fragment *fragment, uint64_t now_us, uint8_t out[DTLS_HELLO_BYTES_MAX]);
/* How many hellos wait. */
unsigned dtls_fragments_count(const struct dtls_fragments *set);
/* Forgets those that waited too long (add does so too). */
void dtls_fragments_expire(struct dtls_fragments *set, uint64_t now_us);
