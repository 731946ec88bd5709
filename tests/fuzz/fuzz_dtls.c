/* Datagrams of strangers: records, pieces and hellos stay inside their bytes; a hello that is read is written back whole.
 * covers: src/proto/dtls/record.c src/proto/dtls/hello.c src/proto/dtls/fragments.c */
#include "proto/dtls/fragments.h"
#include "proto/dtls/hello.h"
#include "proto/dtls/record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_hello(const struct dtls_fragment *fragment, const uint8_t *message, size_t len) {
    static const uint8_t key[DTLS_COOKIE_KEY_BYTES];
    static uint8_t out[DTLS_HELLO_BYTES_MAX + 64];
    uint8_t cookie[DTLS_COOKIE_BYTES], answer[DTLS_VERIFY_REQUEST_BYTES];
    const struct five_tuple client = {0};
    struct dtls_hello hello;
    struct dtls_record record;
    struct dtls_fragment again;
    struct reader r, body;
    if (dtls_hello_parse(&hello, message, len) < 0) {
        return;
    }
    hello.message_seq = fragment->message_seq;
    (void)dtls_cookie_valid(key, &client, &hello, 1);
    dtls_cookie_make(cookie, key, &client, &hello, 1);
    dtls_verify_request_write(answer, &hello, cookie);
    long n = dtls_hello_record_write(out, sizeof out, &hello);
    check(n > 0 && dtls_datagram_sound(out, (size_t)n) && dtls_datagram_sound(answer, sizeof answer));
    check(len + DTLS_RECORD_HEADER_BYTES + DTLS_FRAGMENT_HEADER_BYTES > sizeof answer);
    reader_init(&r, out, (size_t)n);
    check(dtls_record_next(&record, &r) == 0);
    reader_init(&body, record.body, record.len);
    check(dtls_fragment_next(&again, &body) == 0 && again.len == len && memcmp(again.data, message, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t whole[DTLS_HELLO_BYTES_MAX];
    struct dtls_fragments *set = dtls_fragments_new();
    struct five_tuple client = {0};
    struct dtls_record record;
    struct dtls_fragment fragment;
    struct reader r, body;
    check(set != NULL);
    (void)dtls_datagram_sound(data, size);
    (void)dtls_datagram_is_hello(data, size);
    reader_init(&r, data, size);
    while (reader_left(&r) > 0 && dtls_record_next(&record, &r) == 0) {
        check(record.body >= data && record.body + record.len <= data + size);
        reader_init(&body, record.body, record.len);
        while (reader_left(&body) > 0 && dtls_fragment_next(&fragment, &body) == 0) {
            client.remote.port = (uint16_t)record.sequence;
            long n = dtls_fragments_add(set, &client, &fragment, record.epoch * 1000000ULL, whole);
            check(n <= (long)fragment.message_len && dtls_fragments_count(set) <= DTLS_FRAGMENTS_MAX);
            if (n > 0) {
                check_hello(&fragment, whole, (size_t)n);
            }
        }
    }
    dtls_fragments_free(set);
    return 0;
}
