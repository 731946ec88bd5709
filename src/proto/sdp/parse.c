/* Lines, and the m-lines among them. */
#include "proto/sdp/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Takes the next line off the text, without its end (CRLF, or LF alone). */
static struct sdp_text next_line(struct sdp_scan *s) {
    struct sdp_text line = sdp_scan_until(s, '\n');
    if (line.len > 0 && line.at[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

static size_t count_media(struct sdp_scan s) {
    size_t count = 0;
    while (s.at < s.end) {
        struct sdp_text line = next_line(&s);
        count += line.len >= 2 && line.at[0] == 'm' && line.at[1] == '=';
    }
    return count;
}

/* ---- m-lines ---- */

static enum sdp_kind kind_of(struct sdp_text media) {
    return sdp_text_is(media, "audio")         ? SDP_AUDIO
           : sdp_text_is(media, "video")       ? SDP_VIDEO
           : sdp_text_is(media, "application") ? SDP_DATA
                                               : SDP_OTHER_KIND;
}

static bool is_one_of(struct sdp_text text, const char *const *words) {
    while (*words && !sdp_text_is(text, *words)) {
        words++;
    }
    return *words != NULL;
}

static int read_payload_types(struct sdp_parser *p, struct sdp_media *m) {
    struct sdp_scan s = sdp_scan_of(m->formats);
    for (struct sdp_text word; (word = sdp_scan_word(&s)).len > 0;) {
        uint32_t pt;
        if (sdp_text_u32(word, 127, &pt) < 0) {
            p->wrong = "a payload type is a number up to 127";
            return -EBADMSG;
        }
        if (m->codec_count < SDP_CODECS_MAX && !sdp_media_codec(m, (uint8_t)pt)) {
            m->codecs[m->codec_count++] =
                (struct sdp_codec){.pt = (uint8_t)pt, .channels = 1, .name = SDP_OTHER_CODEC, .apt = SDP_NO_PT};
        }
    }
    return 0;
}

/* m=<media> <port>[/<ports>] <protocol> <formats> */
static int read_media(struct sdp_parser *p, struct sdp_text value) {
    static const char *const rtp[] = {"UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", NULL};
    static const char *const sctp[] = {"UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP", NULL};
    struct sdp_scan s = sdp_scan_of(value);
    struct sdp_media *m = &p->session->media[p->session->media_count++];
    uint32_t port;
    m->media = sdp_scan_word(&s);
    struct sdp_text ports = sdp_scan_word(&s);
    m->protocol = sdp_scan_word(&s);
    m->formats = sdp_scan_rest(&s);
    struct sdp_scan in_ports = sdp_scan_of(ports);
    if (sdp_text_u32(sdp_scan_until(&in_ports, '/'), 65535, &port) < 0 || m->protocol.len == 0 || m->formats.len == 0) {
        p->wrong = "an m-line has media, port, protocol and formats";
        return -EBADMSG;
    }
    m->port = (uint16_t)port;
    m->kind = (uint8_t)kind_of(m->media);
    m->rtp = (m->kind == SDP_AUDIO || m->kind == SDP_VIDEO) && is_one_of(m->protocol, rtp);
    m->sctp = m->kind == SDP_DATA && is_one_of(m->protocol, sctp);
    m->direction = UINT8_MAX; /* not told yet */
    p->media = m;
    return m->rtp ? read_payload_types(p, m) : 0;
}

/* ---- lines ---- */

static int read_line(struct sdp_parser *p, struct sdp_text line) {
    struct sdp_text value = {line.at + 2, line.len - 2};
    struct sdp_scan s = sdp_scan_of(value);
    switch (line.at[0]) {
    case 'm':
        return read_media(p, value);
    case 'a': {
        struct sdp_text name = sdp_scan_until(&s, ':');
        return sdp_attribute(p, name, sdp_scan_rest(&s));
    }
    default:
        return 0;
    }
}

static bool line_sound(struct sdp_text line) {
    if (line.len < 2 || line.at[1] != '=' || line.at[0] < 'a' || line.at[0] > 'z') {
        return false;
    }
    return memchr(line.at, '\0', line.len) == NULL && memchr(line.at, '\r', line.len) == NULL;
}

static int refuse(struct sdp_error *error, unsigned line, const char *text, int rc) {
    *error = (struct sdp_error){line, text};
    return rc;
}

/* Empty lines are passed over; some clients end with one. */
static int read_lines(struct sdp_parser *p, struct sdp_scan s, struct sdp_error *error) {
    for (unsigned number = 1; s.at < s.end; number++) {
        struct sdp_text line = next_line(&s);
        if (line.len == 0) {
            continue;
        }
        if (line.len > SDP_LINE_BYTES_MAX) {
            return refuse(error, number, "the line is too long", -E2BIG);
        }
        if (!line_sound(line)) {
            return refuse(error, number, "a line is a letter, '=' and a value", -EBADMSG);
        }
        if (read_line(p, line) < 0) {
            return refuse(error, number, p->wrong, -EBADMSG);
        }
    }
    return 0;
}

int sdp_parse(struct sdp_session **out, const char *text, size_t len, struct sdp_error *error) {
    struct sdp_scan s = {text, text + len};
    struct sdp_media defaults = {.direction = SDP_SENDRECV};
    *out = NULL;
    if (len > SDP_BYTES_MAX) {
        return refuse(error, 0, "the description is too long", -E2BIG);
    }
    if (len < 3 || memcmp(text, "v=0", 3) != 0) {
        return refuse(error, 1, "a description begins with v=0", -EBADMSG);
    }
    size_t media = count_media(s);
    if (media > SDP_MEDIA_MAX) {
        return refuse(error, 0, "too many m-lines", -E2BIG);
    }
    struct sdp_session *session = calloc(1, sizeof *session + media * sizeof session->media[0]);
    if (!session) {
        return -ENOMEM;
    }
    struct sdp_parser p = {.session = session, .media = &defaults};
    int rc = read_lines(&p, s, error);
    if (rc < 0) {
        free(session);
        return rc;
    }
    sdp_finish(session, &defaults);
    *out = session;
    return 0;
}

int sdp_parse_fragment(struct sdp_transport *out, const char *text, size_t len, struct sdp_error *error) {
    struct sdp_scan s = {text, text + len};
    struct sdp_media all = {.direction = SDP_SENDRECV};
    struct sdp_session session = {0};
    struct sdp_parser p = {.session = &session, .media = &all};
    if (len > SDP_BYTES_MAX) {
        return refuse(error, 0, "the fragment is too long", -E2BIG);
    }
    for (unsigned number = 1; s.at < s.end; number++) {
        struct sdp_text line = next_line(&s);
        if (line.len > 0 && !line_sound(line)) {
            return refuse(error, number, "a line is a letter, '=' and a value", -EBADMSG);
        }
        /* The sections of a fragment only group candidates. */
        if (line.len > 0 && line.at[0] == 'a' && read_line(&p, line) < 0) {
            return refuse(error, number, p.wrong, -EBADMSG);
        }
    }
    if (all.transport.ufrag.len == 0 || all.transport.pwd.len == 0) {
        return refuse(error, 0, "no ice-ufrag and ice-pwd", -ENOENT);
    }
    *out = all.transport;
    return 0;
}
