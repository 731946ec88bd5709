#include "net/classify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct sample {
    const char *bytes;
    size_t len;
    enum stream_class class;
    size_t wanted; /* for STREAM_MORE */
};

#define SAMPLE(text, class, wanted) \
    { text, sizeof(text) - 1, class, wanted }

static const struct sample samples[] = {
    SAMPLE("", STREAM_MORE, 1),
    SAMPLE("\x16", STREAM_TLS, 0),
    SAMPLE("\x16\x03\x01\x02\x00", STREAM_TLS, 0),
    SAMPLE("G", STREAM_MORE, 4),
    SAMPLE("GET", STREAM_MORE, 4),
    SAMPLE("GET ", STREAM_HTTP, 0),
    SAMPLE("GET /", STREAM_HTTP, 0),
    SAMPLE("POST", STREAM_HTTP, 0),
    SAMPLE("PUT ", STREAM_HTTP, 0),
    SAMPLE("PROPFIND /", STREAM_HTTP, 0),
    SAMPLE("PRO", STREAM_MORE, 4),
    SAMPLE("PROXY TCP4", STREAM_PROXY, 0),
    SAMPLE("SSH-2.0", STREAM_UNKNOWN, 0),
    SAMPLE("GEt ", STREAM_UNKNOWN, 0),
    SAMPLE("G T ", STREAM_UNKNOWN, 0),
    SAMPLE("\r", STREAM_MORE, 12),
    SAMPLE("\r\n\r\n\0\r\nQUIT", STREAM_MORE, 12),
    SAMPLE("\r\n\r\n\0\r\nQUIT\n\x21", STREAM_PROXY, 0),
    SAMPLE("\r\n\r\nGET / ", STREAM_UNKNOWN, 0),
    SAMPLE("\0", STREAM_MORE, 8),
    SAMPLE("\0\1\0\0\x21\x12\xa4", STREAM_MORE, 8),
    SAMPLE("\0\1\0\0\x21\x12\xa4\x42", STREAM_TURN, 0),
    SAMPLE("\x3f\xff\0\0\x21\x12\xa4\x42", STREAM_TURN, 0),
    SAMPLE("\x40\0\0\4\x21\x12\xa4\x42zz", STREAM_UNKNOWN, 0),
    SAMPLE("\0\1\0\0\x21\x12\xa4\x43", STREAM_MORE, 10),
    SAMPLE("\0\x14\0\1\0\0\x21\x12\xa4", STREAM_MORE, 10),
    SAMPLE("\0\x14\0\1\0\0\x21\x12\xa4\x42", STREAM_ICE_TCP, 0),
    SAMPLE("\0\x14\x80\1\0\0\x21\x12\xa4\x42", STREAM_UNKNOWN, 0),
    SAMPLE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", STREAM_UNKNOWN, 0),
};

static void first_bytes_decide(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample *s = &samples[i];
        size_t wanted = 0;
        enum stream_class class = classify_stream((const uint8_t *)s->bytes, s->len, &wanted);
        if (class != s->class || wanted != s->wanted) {
            fail_msg("sample %zu: class %d wanted %zu", i, (int)class, wanted);
        }
    }
}

/* Otherwise a connection could wait for ever for bytes that are there. */
static void more_is_always_more_than_there_is(void **state) {
    uint8_t data[CLASSIFY_MAX_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        for (size_t len = 0; len <= samples[i].len && len <= sizeof data; len++) {
            size_t wanted = 0;
            memcpy(data, samples[i].bytes, len);
            if (classify_stream(data, len, &wanted) == STREAM_MORE) {
                assert_true(wanted > len && wanted <= CLASSIFY_MAX_BYTES);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_decide),
        cmocka_unit_test(more_is_always_more_than_there_is),
    };
    return cmocka_run_group_tests_name("net/classify", tests, NULL, NULL);
}
