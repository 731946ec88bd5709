#include "base/text.h"

#include <errno.h>
#include <string.h>

static const char std_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(char *out, const uint8_t *in, size_t n, const char *alphabet, bool pad) {
    char *start = out;
    for (; n > 0; in += 3) {
        size_t take = n < 3 ? n : 3;
        uint32_t v = (uint32_t)in[0] << 16;
        v |= take > 1 ? (uint32_t)in[1] << 8 : 0;
        v |= take > 2 ? in[2] : 0;
        for (size_t i = 0; i < 4; i++) {
            if (i <= take) {
                *out++ = alphabet[v >> (18 - 6 * i) & 63];
            } else if (pad) {
                *out++ = '=';
            }
        }
        n -= take;
    }
    *out = '\0';
    return (size_t)(out - start);
}

size_t base64_encode(char *out, const void *data, size_t n) { return encode(out, data, n, std_alphabet, true); }

size_t base64url_encode(char *out, const void *data, size_t n) { return encode(out, data, n, url_alphabet, false); }

static int digit_value(char c, const char *alphabet) {
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

static long decode(uint8_t *out, size_t cap, const char *text, size_t len, const char *alphabet) {
    size_t made = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < len; i++) {
        int v = digit_value(text[i], alphabet);
        if (v < 0) {
            return -EINVAL;
        }
        bits = bits << 6 | (uint32_t)v;
        count += 6;
        if (count >= 8) {
            count -= 8;
            if (made == cap) {
                return -ENOBUFS;
            }
            out[made++] = (uint8_t)(bits >> count);
            bits &= (1U << count) - 1;
        }
    }
    return count >= 6 || bits != 0 ? -EINVAL : (long)made;
}

long base64_decode(void *out, size_t cap, const char *text, size_t len) {
    if (len % 4 != 0) {
        return -EINVAL;
    }
    for (int pads = 0; pads < 2 && len > 0 && text[len - 1] == '='; pads++) {
        len--;
    }
    return decode(out, cap, text, len, std_alphabet);
}

long base64url_decode(void *out, size_t cap, const char *text, size_t len) {
    return decode(out, cap, text, len, url_alphabet);
}

void hex_encode(char *out, const void *data, size_t n) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = data;
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long hex_decode(void *out, size_t cap, const char *text, size_t len) {
    uint8_t *bytes = out;
    if (len % 2 != 0) {
        return -EINVAL;
    }
    if (len / 2 > cap) {
        return -ENOBUFS;
    }
    for (size_t i = 0; i < len / 2; i++) {
        int hi = hex_value(text[2 * i]);
        int lo = hex_value(text[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            return -EINVAL;
        }
        bytes[i] = (uint8_t)(hi << 4 | lo);
    }
    return (long)(len / 2);
}

int text_copy(char *out, size_t cap, const char *text, size_t len) {
    if (len >= cap) {
        if (cap > 0) {
            out[0] = '\0';
        }
        return -ENOBUFS;
    }
    if (len > 0) {
        memcpy(out, text, len);
    }
    out[len] = '\0';
    return 0;
}

int text_parse_u64(uint64_t *out, const char *text, size_t len) {
    uint64_t value = 0;
    if (len == 0) {
        return -EINVAL;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -EINVAL;
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value)) {
            return -ERANGE;
        }
    }
    *out = value;
    return 0;
}

/* Length of the UTF-8 sequence at p (RFC 3629 section 4), or 0 when it is not valid. */
static size_t utf8_sequence(const uint8_t *p, size_t n) {
    if (p[0] < 0x80) {
        return 1;
    }
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : 0;
    if (len == 0 || n < len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool out_of_range = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || out_of_range ? 0 : len;
}

bool text_is_utf8(const void *data, size_t n) {
    const uint8_t *p = data;
    while (n > 0) {
        size_t len = utf8_sequence(p, n);
        if (len == 0) {
            return false;
        }
        p += len;
        n -= len;
    }
    return true;
}

bool text_is_printable(const void *data, size_t n) {
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && i + 1 < n && p[i + 1] < 0xa0)) {
            return false;
        }
    }
    return text_is_utf8(data, n);
}

void text_make_utf8(char *text) {
    if (text_is_utf8(text, strlen(text))) {
        return;
    }
    for (; *text; text++) {
        *text = (unsigned char)*text < 0x80 ? *text : '?';
    }
}

size_t text_utf8_length(const void *data, size_t n) {
    const uint8_t *p = data;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += (p[i] & 0xc0) != 0x80;
    }
    return count;
}
