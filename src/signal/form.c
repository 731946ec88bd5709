#include "signal/form.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

/* One character of text, decoded, at *at; moves on. -EINVAL. */
static int decode_next(const char *text, size_t len, size_t *at) {
    unsigned char c = (unsigned char)text[(*at)++];
    if (c == '+') {
        return ' ';
    }
    if (c != '%') {
        return c == '\0' ? -EINVAL : c;
    }
    if (len - *at < 2 || hex_decode(&c, 1, text + *at, 2) != 1 || c == '\0') {
        return -EINVAL;
    }
    *at += 2;
    return c;
}

static int decode(const char *text, size_t len, char *out, size_t cap) {
    size_t made = 0;
    for (size_t at = 0; at < len;) {
        int c = decode_next(text, len, &at);
        if (c < 0) {
            return c;
        }
        if (made + 1 >= cap) {
            return -ENOBUFS;
        }
        out[made++] = (char)c;
    }
    out[made] = '\0';
    return 1;
}

int form_find(const char *body, size_t len, const char *name, char *out, size_t cap) {
    const char *end = body + len;
    size_t name_len = strlen(name);
    for (const char *at = body; at < end;) {
        const char *amp = memchr(at, '&', (size_t)(end - at));
        size_t pair = (size_t)((amp ? amp : end) - at);
        if (pair > name_len && memcmp(at, name, name_len) == 0 && at[name_len] == '=') {
            return decode(at + name_len + 1, pair - name_len - 1, out, cap);
        }
        at += pair + (amp ? 1 : 0);
    }
    return 0;
}
