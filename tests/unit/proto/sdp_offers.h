/* Offers for the tests of SDP. */
#pragma once

#include "proto/sdp/sdp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TEXT_MAX = 64 * 1024 };

static inline char *read_vector(const char *name, size_t *len) {
    const char *top = getenv("top_srcdir");
    char path[512];
    char *text = malloc(TEXT_MAX);
    snprintf(path, sizeof path, "%s/tests/vectors/sdp/%s.sdp", top ? top : ".", name);
    FILE *f = fopen(path, "rb");
    if (!f || !text) {
        fail_msg("cannot read %s", path);
        abort();
    }
    *len = fread(text, 1, TEXT_MAX, f);
    fclose(f);
    return text;
}

/* An offer and its text. */
struct offer {
    char *text;
    struct sdp_session *session;
};

static inline struct offer load(const char *name) {
    struct offer o;
    struct sdp_error error = {0, ""};
    size_t len;
    o.text = read_vector(name, &len);
    if (sdp_parse(&o.session, o.text, len, &error) < 0) {
        fail_msg("%s, line %u: %s", name, error.line, error.text);
    }
    return o;
}

static inline void drop(struct offer *o) {
    free(o->session);
    free(o->text);
}

static inline int parse_text(const char *text, struct sdp_session **out, struct sdp_error *error) {
    *error = (struct sdp_error){0, ""};
    return sdp_parse(out, text, strlen(text), error);
}

#define ICE                                                                                                         \
    "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\n"                                   \
    "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:" \
    "1D:1E:1F\r\n"
#define HEAD "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
#define AUDIO(mid) \
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:" mid "\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=sendonly\r\n"
