#include "ctl/probe.h"

#include "base/clock.h"
#include "base/rng.h"
#include "proto/stun/stun.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_US = 3 * 1000000 };

struct probe {
    int fd;
    enum probe_stream how;
    const struct addr *from; /* while connecting; NULL: any */
    SSL_CTX *context;
    SSL *ssl;
};

/* Loopback in the place of a wildcard. */
static struct addr reachable(const struct addr *to) {
    struct addr a = *to;
    if (addr_is_any(to)) {
        addr_parse_ip(&a, to->family == AF_INET ? "127.0.0.1" : "::1");
        a.port = to->port;
    }
    return a;
}

static bool is_datagram(enum probe_stream how) { return how == PROBE_UDP || how == PROBE_DTLS; }

static int bind_socket(int fd, const struct addr *from) {
    struct sockaddr_storage sa;
    struct addr at = *from;
    at.port = 0;
    socklen_t len = addr_to_sockaddr(&at, &sa);
    return bind(fd, (const struct sockaddr *)&sa, len);
}

static int connect_socket(struct probe *p, const struct addr *to) {
    struct timeval patience = {.tv_sec = PATIENCE_US / 1000000};
    struct sockaddr_storage sa;
    struct addr target = reachable(to);
    socklen_t len = addr_to_sockaddr(&target, &sa);
    p->fd = socket(sa.ss_family, (is_datagram(p->how) ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (p->fd < 0) {
        return -errno;
    }
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (p->from && bind_socket(p->fd, p->from) < 0) {
        return -errno;
    }
    if (connect(p->fd, (const struct sockaddr *)&sa, len) < 0) {
        return errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    }
    return 0;
}

/* SSL_set_fd reads a stream; datagrams need another BIO, which knows that the socket is connected. */
static int attach_socket(struct probe *p, const struct addr *to) {
    struct sockaddr_storage sa;
    struct addr target = reachable(to);
    if (p->how == PROBE_TLS) {
        return SSL_set_fd(p->ssl, p->fd) == 1 ? 0 : -ENOMEM;
    }
    addr_to_sockaddr(&target, &sa);
    BIO *bio = BIO_new_dgram(p->fd, BIO_NOCLOSE);
    if (!bio) {
        return -ENOMEM;
    }
    BIO_ctrl_set_connected(bio, &sa);
    SSL_set_bio(p->ssl, bio, bio);
    return 0;
}

static int shake_hands(struct probe *p, const struct addr *to) {
    p->context = SSL_CTX_new(p->how == PROBE_DTLS ? DTLS_client_method() : TLS_client_method());
    p->ssl = p->context ? SSL_new(p->context) : NULL;
    if (!p->ssl || attach_socket(p, to) < 0) {
        return -ENOMEM;
    }
    int rc = SSL_connect(p->ssl) == 1 ? 0 : -EPROTO;
    ERR_clear_error();
    return rc;
}

static int open_from(struct probe **out, const struct addr *from, const struct addr *to, enum probe_stream how) {
    struct probe *p = calloc(1, sizeof *p);
    if (!p) {
        return -ENOMEM;
    }
    p->how = how;
    p->from = from;
    int rc = connect_socket(p, to);
    if (rc == 0 && (how == PROBE_TLS || how == PROBE_DTLS)) {
        rc = shake_hands(p, to);
    }
    if (rc < 0) {
        probe_close(p);
        return rc;
    }
    *out = p;
    return 0;
}

int probe_open(struct probe **out, const struct addr *to, enum probe_stream how) {
    return open_from(out, NULL, to, how);
}

void probe_close(struct probe *p) {
    if (!p) {
        return;
    }
    if (p->ssl && SSL_is_init_finished(p->ssl)) {
        SSL_shutdown(p->ssl);
    }
    SSL_free(p->ssl);
    SSL_CTX_free(p->context);
    if (p->fd >= 0) {
        close(p->fd);
    }
    free(p);
}

int probe_send(struct probe *p, const void *data, size_t len) {
    if (p->ssl) {
        return SSL_write(p->ssl, data, (int)len) == (int)len ? 0 : -EPIPE;
    }
    ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL);
    return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EPIPE;
}

long probe_receive(struct probe *p, void *out, size_t cap) {
    if (p->ssl) {
        int n = SSL_read(p->ssl, out, (int)cap);
        ERR_clear_error();
        return n > 0 ? n : errno == EAGAIN ? -ETIMEDOUT : 0;
    }
    ssize_t n = recv(p->fd, out, cap, 0);
    return n >= 0 ? n : errno == EAGAIN ? -ETIMEDOUT : -errno;
}

/* One message with that transaction id: UDP may bring others, a stream brings pieces. */
static long receive_answer(struct probe *p, const uint8_t *txid, uint8_t *out, size_t cap) {
    size_t have = 0;
    for (;;) {
        long n = probe_receive(p, out + have, cap - have);
        if (n <= 0) {
            return n < 0 ? n : -EPIPE;
        }
        have += (size_t)n;
        struct stun_frame frame;
        int rc = stun_frame_next(&frame, out, have);
        if (rc == 0 && stun_is_message(out, frame.len) && memcmp(out + 8, txid, STUN_TXID_BYTES) == 0) {
            return (long)frame.len;
        }
        if (!is_datagram(p->how) && rc == -EAGAIN && have < cap) {
            continue;
        }
        if (!is_datagram(p->how)) {
            return -EBADMSG;
        }
        have = 0;
    }
}

/* Is there something to read within that time? */
static bool wait_readable(const struct probe *p, int ms) {
    struct pollfd fd = {.fd = p->fd, .events = POLLIN};
    return poll(&fd, 1, ms) > 0;
}

long probe_stun(struct probe *p, const void *request, size_t len, uint8_t *out, size_t cap) {
    static const int waits_ms[] = {500, 1000, 1500};
    const uint8_t *txid = (const uint8_t *)request + 8;
    size_t tries = is_datagram(p->how) ? sizeof waits_ms / sizeof waits_ms[0] : 1;
    for (size_t i = 0; i < tries; i++) {
        int rc = probe_send(p, request, len);
        if (rc < 0) {
            return rc;
        }
        if (!is_datagram(p->how) || wait_readable(p, waits_ms[i])) {
            return receive_answer(p, txid, out, cap);
        }
    }
    return -ETIMEDOUT;
}

/* Closes the probe. */
static int ask_binding(struct probe *p, struct addr *seen) {
    uint8_t request[64], reply[1500], txid[STUN_TXID_BYTES];
    struct writer w;
    struct stun_msg msg;
    rng_bytes(txid, sizeof txid);
    writer_init(&w, request, sizeof request);
    stun_write_header(&w, STUN_REQUEST, STUN_BINDING, txid);
    long len = probe_stun(p, request, (size_t)stun_write_end(&w), reply, sizeof reply);
    probe_close(p);
    if (len < 0) {
        return (int)len;
    }
    if (stun_msg_parse(&msg, reply, (size_t)len) < 0 || msg.class != STUN_SUCCESS ||
        stun_msg_xor_addr(&msg, STUN_ATTR_XOR_MAPPED_ADDRESS, seen) < 0) {
        return -EBADMSG;
    }
    return 0;
}

int probe_binding(const struct addr *to, enum probe_stream how, struct addr *seen) {
    struct probe *p = NULL;
    int rc = probe_open(&p, to, how);
    return rc < 0 ? rc : ask_binding(p, seen);
}

int probe_mapping(const struct addr *from, const struct addr *to, struct addr *seen) {
    struct probe *p = NULL;
    int rc = open_from(&p, from, to, PROBE_UDP);
    return rc < 0 ? rc : ask_binding(p, seen);
}

int probe_http(const struct addr *to, enum probe_stream how, const char *path) {
    char request[256], reply[64];
    int status = 0;
    struct probe *p = NULL;
    int rc = probe_open(&p, to, how);
    if (rc < 0) {
        return rc;
    }
    int len =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    rc = probe_send(p, request, (size_t)len);
    long n = rc < 0 ? rc : probe_receive(p, reply, sizeof reply - 1);
    probe_close(p);
    if (n < 0) {
        return (int)n;
    }
    reply[n] = '\0';
    return sscanf(reply, "HTTP/1.%*1d %3d", &status) == 1 ? status : -EBADMSG;
}
