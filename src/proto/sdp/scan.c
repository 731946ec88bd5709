#include "proto/sdp/scan.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct sdp_text sdp_scan_until(struct sdp_scan *s, char separator) {
    struct sdp_text t = {.at = s->at};
    const char *found = s->at < s->end ? memchr(s->at, separator, (size_t)(s->end - s->at)) : NULL;
    t.len = (size_t)((found ? found : s->end) - s->at);
    s->at = found ? found + 1 : s->end;
    return t;
}

struct sdp_text sdp_scan_word(struct sdp_scan *s) {
    while (s->at < s->end && *s->at == ' ') {
        s->at++;
    }
    return sdp_scan_until(s, ' ');
}

struct sdp_text sdp_scan_rest(const struct sdp_scan *s) {
    return (struct sdp_text){s->at, (size_t)(s->end - s->at)};
}

bool sdp_text_is(struct sdp_text text, const char *word) {
    return strlen(word) == text.len && memcmp(text.at, word, text.len) == 0;
}

bool sdp_text_is_nocase(struct sdp_text text, const char *word) {
    return strlen(word) == text.len && strncasecmp(text.at, word, text.len) == 0;
}

bool sdp_text_equal(struct sdp_text a, struct sdp_text b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

int sdp_text_u32(struct sdp_text text, uint32_t max, uint32_t *out) {
    uint64_t value;
    if (text_parse_u64(&value, text.at, text.len) < 0 || value > max) {
        return -EBADMSG;
    }
    *out = (uint32_t)value;
    return 0;
}
