/* Control messages of data channels: names inside the input, and what was read is written back the same. The first byte
 * stands for the payload protocol identifier.
 * covers: src/proto/dcep/dcep.c */
#include "proto/dcep/dcep.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t out[DCEP_OPEN_BYTES_MAX];
    struct dcep_open open, again;
    struct dcep_payload payload;
    if (size == 0) {
        return 0;
    }
    uint32_t ppid = data[0];
    data++;
    size--;
    if (dcep_payload_read(&payload, ppid, data, size) == 0) {
        check(payload.len <= size);
        bool empty = payload.len == 0;
        check((uint32_t)dcep_payload_write(&payload) == ppid || empty);
    }
    (void)dcep_type(data, size);
    if (dcep_open_parse(&open, data, size) == 0) {
        check(dcep_type(data, size) == DCEP_OPEN);
        check((const uint8_t *)open.protocol + open.protocol_len == data + size);
        long n = dcep_open_write(&open, out, sizeof out);
        check(n == (long)size && dcep_open_parse(&again, out, (size_t)n) == 0);
        check(again.limit == open.limit && again.label_len == open.label_len &&
              memcmp(again.label, open.label, open.label_len) == 0);
    }
    return 0;
}
