/* Ranges of addresses as prefixes. */
#include "ctl/import.h"

#include "base/text.h"

#include <errno.h>
#include <string.h>

/* The last address of the block of that many bits that begins at ip; false when ip is not its beginning. */
static bool block_end(uint8_t out[16], const uint8_t *ip, size_t bytes, unsigned len) {
    memcpy(out, ip, bytes);
    for (unsigned bit = len; bit < bytes * 8; bit++) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        if (ip[bit / 8] & mask) {
            return false;
        }
        out[bit / 8] |= mask;
    }
    return true;
}

/* Adds one. False when it was the highest address. */
static bool increment(uint8_t *ip, size_t bytes) {
    while (bytes-- > 0) {
        if (++ip[bytes] != 0) {
            return true;
        }
    }
    return false;
}

/* The widest block that begins at first and does not pass last. */
static unsigned widest(uint8_t end[16], const uint8_t *first, const uint8_t *last, size_t bytes) {
    unsigned len = (unsigned)bytes * 8;
    uint8_t wider[16];
    memcpy(end, first, bytes);
    while (len > 0 && block_end(wider, first, bytes, len - 1) && memcmp(wider, last, bytes) <= 0) {
        memcpy(end, wider, bytes);
        len--;
    }
    return len;
}

static int cover(struct prefix *out, const struct addr *first, const struct addr *last) {
    size_t bytes = addr_ip_len(first);
    uint8_t ip[16], end[16];
    int count = 0;
    memcpy(ip, first->ip, sizeof ip);
    do {
        unsigned len = widest(end, ip, last->ip, bytes);
        memset(&out[count], 0, sizeof out[count]);
        memcpy(out[count].ip, ip, bytes);
        out[count].family = first->family;
        out[count].len = (uint8_t)len;
        count++;
        memcpy(ip, end, bytes);
    } while (memcmp(end, last->ip, bytes) < 0 && increment(ip, bytes) && count < IMPORT_PREFIXES_MAX);
    return count;
}

int import_range(struct prefix *out, const char *text) {
    struct addr first, last;
    char part[ADDR_TEXT_MAX];
    const char *dash = strchr(text, '-');
    if (!dash) {
        return prefix_parse(out, text) < 0 ? -EINVAL : 1;
    }
    if (text_copy(part, sizeof part, text, (size_t)(dash - text)) < 0 || addr_parse_ip(&first, part) < 0 ||
        addr_parse_ip(&last, dash + 1) < 0 || first.family != last.family || first.scope || last.scope ||
        memcmp(first.ip, last.ip, sizeof first.ip) > 0) {
        return -EINVAL;
    }
    return cover(out, &first, &last);
}
