/* What peers say on a stream to make it a data channel (RFC 8832), and what tells strings from bytes there (RFC 8831
 * section 8). A codec; nothing is copied. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Payload protocol identifiers. SCTP carries no empty messages: they come as one zero byte with an identifier of
 * their own. */
enum dcep_ppid {
    DCEP_PPID_CONTROL = 50,
    DCEP_PPID_STRING = 51,
    DCEP_PPID_BINARY = 53,
    DCEP_PPID_STRING_EMPTY = 56,
    DCEP_PPID_BINARY_EMPTY = 57,
};

enum dcep_type { DCEP_ACK = 2, DCEP_OPEN = 3 };

enum {
    DCEP_OPEN_HEADER_BYTES = 12,
    DCEP_NAME_BYTES_MAX = 256, /* of a label and of a protocol; the RFC allows 65535 */
    DCEP_OPEN_BYTES_MAX = DCEP_OPEN_HEADER_BYTES + 2 * DCEP_NAME_BYTES_MAX,
};

enum dcep_reliability {
    DCEP_RELIABLE = 0,
    DCEP_RETRANSMITS = 1, /* limit: how often a message is sent again */
    DCEP_LIFETIME = 2,    /* limit: milliseconds */
};

/* DATA_CHANNEL_OPEN (RFC 8832 section 5.1):
 *
 *    0                   1                   2                   3
 *    | Message Type  | Channel Type  |           Priority            |
 *    |                     Reliability Parameter                     |
 *    |         Label Length          |        Protocol Length        |
 *    | Label ... Protocol ...
 */
struct dcep_open {
    enum dcep_reliability reliability;
    bool unordered;
    uint16_t priority;
    uint32_t limit;    /* 0 when reliable */
    const char *label; /* UTF-8, not terminated; borrowed, as protocol is */
    size_t label_len;
    const char *protocol;
    size_t protocol_len;
};

/* The type of a control message, or -EBADMSG: none that is known, or an ACK with more than its byte. */
int dcep_type(const uint8_t *data, size_t len);
/* -EBADMSG: cut, longer than its names, names that are no UTF-8, an unknown channel type; -EMSGSIZE: a name over DCEP_NAME_BYTES_MAX. */
int dcep_open_parse(struct dcep_open *out, const uint8_t *data, size_t len);
/* Returns the length; -EMSGSIZE as above, -ENOBUFS. */
long dcep_open_write(const struct dcep_open *open, uint8_t *out, size_t cap);

struct dcep_payload {
    bool text;
    const uint8_t *data; /* borrowed */
    size_t len;
};

/* What a user message says. -EBADMSG: another identifier, among them those for pieces (52 and 54), which nobody sends
 * any more. */
int dcep_payload_read(struct dcep_payload *out, uint32_t ppid, const uint8_t *data, size_t len);
/* The way there: identifier and bytes to send. An empty payload becomes a byte of static storage. */
enum dcep_ppid dcep_payload_write(struct dcep_payload *payload);
