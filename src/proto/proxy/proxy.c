#include "proto/proxy/proxy.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

/* Version 2: signature(12) version and command(1) family and transport(1) length(2), then addresses and TLVs. */
enum {
    SIGNATURE_BYTES = 12,
    V2_HEADER_BYTES = 16,
    V2_VERSION = 2,
    COMMAND_LOCAL = 0,
    COMMAND_PROXY = 1,
    FAMILY_INET = 1,
    FAMILY_INET6 = 2,
    FAMILY_UNIX = 3,
    TRANSPORT_STREAM = 1,
    TRANSPORT_DGRAM = 2,
    UNIX_ADDRESSES_BYTES = 216,
    TLV_CRC32C = 0x03,
    TLV_SSL = 0x20,
    SSL_CLIENT_BIT = 0x01,
    CRC_BYTES = 4,
};

static const uint8_t signature[SIGNATURE_BYTES] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                                   0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};
static const char v1_name[] = "PROXY ";

static int more(size_t *wanted, size_t n) {
    *wanted = n;
    return -EAGAIN;
}

/* ---- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n" */

/* The next word of the line, in place; NULL: there is none. One space stands before each. */
static char *next_word(char **line) {
    char *word = *line;
    if (!word || *word == '\0') {
        return NULL;
    }
    *line = strchr(word, ' ');
    if (*line) {
        *(*line)++ = '\0';
    }
    return word;
}

static int read_ip(struct addr *out, char **line, bool v6) {
    const char *word = next_word(line);
    bool is_v6 = word && strchr(word, ':');
    return word && is_v6 == v6 && !strchr(word, '%') && addr_parse_ip(out, word) == 0 ? 0 : -EBADMSG;
}

static int read_port(struct addr *out, char **line) {
    const char *word = next_word(line);
    unsigned port = 0;
    if (!word || *word == '\0' || strlen(word) > 5 || (word[0] == '0' && word[1])) {
        return -EBADMSG;
    }
    for (; *word; word++) {
        if (*word < '0' || *word > '9') {
            return -EBADMSG;
        }
        port = port * 10 + (unsigned)(*word - '0');
    }
    out->port = (uint16_t)port;
    return port <= UINT16_MAX ? 0 : -EBADMSG;
}

/* line: what stands between "PROXY " and CRLF. */
static int read_v1_line(struct proxy_header *out, char *line) {
    const char *protocol = next_word(&line);
    if (protocol && strcmp(protocol, "UNKNOWN") == 0) {
        return 0; /* whatever follows is to be ignored */
    }
    bool v6 = protocol && strcmp(protocol, "TCP6") == 0;
    if (!v6 && (!protocol || strcmp(protocol, "TCP4") != 0)) {
        return -EBADMSG;
    }
    if (read_ip(&out->source, &line, v6) < 0 || read_ip(&out->destination, &line, v6) < 0 ||
        read_port(&out->source, &line) < 0 || read_port(&out->destination, &line) < 0 || line) {
        return -EBADMSG;
    }
    return 0;
}

static int parse_v1(struct proxy_header *out, const uint8_t *data, size_t len, size_t *wanted) {
    size_t name_len = sizeof v1_name - 1;
    char line[PROXY_V1_BYTES_MAX + 1];
    if (len < name_len) {
        return more(wanted, name_len);
    }
    size_t seen = len < PROXY_V1_BYTES_MAX ? len : PROXY_V1_BYTES_MAX;
    const uint8_t *end = memchr(data, '\n', seen);
    if (!end) {
        return seen < PROXY_V1_BYTES_MAX ? more(wanted, len + 1) : -EBADMSG;
    }
    size_t line_len = (size_t)(end - data) - name_len;
    if (end < data + name_len + 1 || end[-1] != '\r' || memchr(data, 0, line_len + name_len)) {
        return -EBADMSG;
    }
    memcpy(line, data + name_len, line_len);
    line[line_len - 1] = '\0'; /* in the place of CR */
    out->len = (size_t)(end - data) + 1;
    return read_v1_line(out, line);
}

/* ---- version 2 */

static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t len) {
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
        }
    }
    return crc;
}

/* The checksum is over the whole header with its own place zero. at: where it stands. */
static bool checksum_fits(const uint8_t *header, size_t len, const uint8_t *at) {
    static const uint8_t zeros[CRC_BYTES];
    uint32_t crc = crc32c(UINT32_MAX, header, (size_t)(at - header));
    crc = crc32c(crc, zeros, sizeof zeros);
    crc = crc32c(crc, at + CRC_BYTES, (size_t)(header + len - at) - CRC_BYTES);
    return ~crc == load_be32(at);
}

/* What follows the addresses: type(1) length(2) value. Types that say nothing to us are skipped. */
static int read_tlvs(struct proxy_header *out, struct reader *r, const uint8_t *header) {
    while (reader_left(r) > 0) {
        uint8_t type = reader_u8(r);
        size_t len = reader_u16(r);
        const uint8_t *value = reader_bytes(r, len);
        if (!value || (type == TLV_CRC32C && (len != CRC_BYTES || !checksum_fits(header, out->len, value)))) {
            return -EBADMSG;
        }
        if (type == TLV_SSL && len > 0) {
            out->tls = value[0] & SSL_CLIENT_BIT;
        }
    }
    return 0;
}

static void read_addresses(struct proxy_header *out, struct reader *r, size_t ip_len) {
    const uint8_t *source = reader_bytes(r, ip_len);
    const uint8_t *destination = reader_bytes(r, ip_len);
    uint16_t source_port = reader_u16(r);
    uint16_t destination_port = reader_u16(r);
    if (!r->failed) {
        addr_from_bytes(&out->source, source, ip_len, source_port);
        addr_from_bytes(&out->destination, destination, ip_len, destination_port);
    }
}

/* The body of a PROXY command. Families that are no Internet address tell nothing. */
static int read_v2_body(struct proxy_header *out, struct reader *r, const uint8_t *header) {
    unsigned family = header[13] >> 4;
    unsigned transport = header[13] & 0xF;
    if (family > FAMILY_UNIX || transport > TRANSPORT_DGRAM) {
        return -EBADMSG;
    }
    out->datagram = transport == TRANSPORT_DGRAM;
    if (family == 0 || transport == 0) {
        return 0; /* unspecified: how long its addresses are is nobody's knowledge, so there are no TLVs to find */
    }
    if (family == FAMILY_UNIX) {
        reader_bytes(r, UNIX_ADDRESSES_BYTES);
    } else {
        read_addresses(out, r, family == FAMILY_INET ? 4 : 16);
    }
    return r->failed ? -EBADMSG : read_tlvs(out, r, header);
}

static int parse_v2(struct proxy_header *out, const uint8_t *data, size_t len, size_t *wanted) {
    struct reader r;
    if (len < V2_HEADER_BYTES) {
        return more(wanted, V2_HEADER_BYTES);
    }
    unsigned command = data[12] & 0xF;
    out->binary = true;
    out->len = V2_HEADER_BYTES + (size_t)load_be16(data + 14);
    if (data[12] >> 4 != V2_VERSION || command > COMMAND_PROXY || out->len > PROXY_HEADER_BYTES_MAX) {
        return -EBADMSG;
    }
    if (len < out->len) {
        return more(wanted, out->len);
    }
    if (command == COMMAND_LOCAL) {
        out->datagram = (data[13] & 0xF) == TRANSPORT_DGRAM;
        return 0; /* a health check of the proxy's own; the rest is to be discarded */
    }
    reader_init(&r, data + V2_HEADER_BYTES, out->len - V2_HEADER_BYTES);
    return read_v2_body(out, &r, data);
}

int proxy_header_parse(struct proxy_header *out, const uint8_t *data, size_t len, size_t *wanted) {
    *out = (struct proxy_header){0};
    if (len == 0) {
        return more(wanted, 1);
    }
    if (memcmp(data, v1_name, len < sizeof v1_name - 1 ? len : sizeof v1_name - 1) == 0) {
        return parse_v1(out, data, len, wanted);
    }
    if (memcmp(data, signature, len < sizeof signature ? len : sizeof signature) == 0) {
        return parse_v2(out, data, len, wanted);
    }
    return -EBADMSG;
}
