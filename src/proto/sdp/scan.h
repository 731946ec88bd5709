/* Words and numbers of a line, for the files of this folder. */
#pragma once

#include "proto/sdp/sdp.h"

struct sdp_scan {
    const char *at, *end;
};

static inline struct sdp_scan sdp_scan_of(struct sdp_text t) { return (struct sdp_scan){t.at, t.at + t.len}; }
/* Up to the separator, which is taken too, or the rest. Empty at the end. */
struct sdp_text sdp_scan_until(struct sdp_scan *s, char separator);
/* The next run of characters without a space. */
struct sdp_text sdp_scan_word(struct sdp_scan *s);
struct sdp_text sdp_scan_rest(const struct sdp_scan *s);
bool sdp_text_equal(struct sdp_text a, struct sdp_text b);
bool sdp_text_is_nocase(struct sdp_text text, const char *word);
/* A decimal number up to max. -EBADMSG. */
int sdp_text_u32(struct sdp_text text, uint32_t max, uint32_t *out);
