/* PROXY headers of whoever may send them: the parser stays inside the bytes, asks only for more than it has, and decides
 * the same with or without what follows.
 * covers: src/proto/proxy/proxy.c */
#include "proto/proxy/proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct proxy_header header, again;
    size_t wanted = 0;
    int rc = proxy_header_parse(&header, data, size, &wanted);
    if (rc == -EAGAIN) {
        check(wanted > size && wanted <= PROXY_HEADER_BYTES_MAX);
        return 0;
    }
    check(rc == 0 || rc == -EBADMSG);
    if (rc == 0) {
        check(header.len <= size && header.len <= PROXY_HEADER_BYTES_MAX);
        check((header.source.family == AF_UNSPEC) == (header.destination.family == AF_UNSPEC));
        check(header.source.scope == 0 && (header.binary || !header.datagram));
        check(proxy_header_parse(&again, data, header.len, &wanted) == 0);
        check(again.len == header.len && addr_equal(&again.source, &header.source));
    }
    return 0;
}
