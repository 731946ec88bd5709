/* A connection between accept and the decision what it carries. Plain bytes are peeked at, so that HTTP can pass
 * to the control thread untouched; behind TLS they are read and put back. A load balancer's PROXY header comes before
 * anything else and is taken off; from then on the connection is the client's. */
#include "net/tcp_internal.h"

#include "base/log.h"
#include "net/event_struct.h"
#include "net/handshakes.h"
#include "net/http_link.h"
#include "net/loop.h"
#include "net/pump.h"
#include "net/stream.h"
#include "net/tls.h"
#include "proto/proxy/proxy.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SHORT_WAKES_MAX = 3 };

struct intake {
    struct list node;
    struct tcp *tcp;
    struct tcp_seat *seat; /* NULL once a stream holds it */
    struct stream *stream; /* NULL while plain */
    struct five_tuple tuple;
    struct event on_peek;
    struct loop_timer deadline;
    unsigned accept;
    int fd;
    int wanted;      /* bytes asked of the kernel before it wakes us */
    int short_wakes; /* wakes with fewer */
    bool established;
    bool proxied;                     /* a PROXY header has to come first */
    bool proxy_tls;                   /* and it told that the client came by TLS */
    uint8_t head[CLASSIFY_MAX_BYTES]; /* decrypted first bytes */
    size_t head_len;
};

static struct log_limit tls_limit = {.burst = 5};

/* Forgets the intake; the socket or stream has gone on, or is closed here. */
static void intake_end(struct intake *in, bool close_it) {
    list_remove(&in->node);
    loop_timer_cancel(in->tcp->loop, &in->deadline);
    if (in->fd >= 0) {
        event_del(&in->on_peek);
    }
    if (close_it && in->stream) {
        stream_free(in->stream);
    } else if (close_it && in->fd >= 0) {
        close(in->fd);
    }
    if (in->seat) {
        tcp_seat_leave(in->seat);
    }
    free(in);
}

static void refuse(struct intake *in, enum metric_id reason, const char *why) {
    tcp_refuse(reason, why, &in->tuple.remote);
    intake_end(in, true);
}

static void refuse_class(struct intake *in, enum stream_class class) {
    switch (class) {
    case STREAM_ICE_TCP:
        refuse(in, METRIC_TCP_REFUSED_ICE_TCP, "ICE-TCP is not offered");
        break;
    case STREAM_PROXY:
        refuse(in, METRIC_TCP_REFUSED_PROXY, "PROXY header of a source that is not in proxy-protocol");
        break;
    case STREAM_HTTP:
    case STREAM_TURN:
    case STREAM_TLS:
        refuse(in, METRIC_TCP_REFUSED_NOT_OFFERED, "protocol not offered here");
        break;
    default:
        refuse(in, METRIC_TCP_REFUSED_UNKNOWN, "unknown protocol");
        break;
    }
}

/* A stream for the connection, holding its seat. NULL: refused and over. */
static struct stream *make_stream(struct intake *in, SSL *ssl) {
    struct stream *stream = stream_new(in->tcp->loop, in->fd, ssl, &in->tcp->streams);
    if (!stream) {
        SSL_free(ssl);
        refuse(in, METRIC_TCP_REFUSED_LIMIT, "no memory");
        return NULL;
    }
    event_del(&in->on_peek);
    stream_on_free(stream, tcp_seat_leave, in->seat);
    in->seat = NULL;
    in->fd = -1;
    return stream;
}

static bool may_carry_turn(const struct intake *in) {
    return (in->accept & TCP_ACCEPT_TURN) && in->tcp->options.turn.opened;
}

static bool may_carry_http(const struct intake *in) { return (in->accept & TCP_ACCEPT_HTTP) && in->tcp->options.http; }

/* ---- behind TLS */

static void decide_decrypted(struct intake *in, enum stream_class class) {
    struct stream *stream = in->stream;
    struct tcp *tcp = in->tcp;
    struct five_tuple tuple = in->tuple;
    bool turn = class == STREAM_TURN && may_carry_turn(in);
    bool http = class == STREAM_HTTP && may_carry_http(in);
    if (!turn && !http) {
        refuse_class(in, class);
        return;
    }
    if (stream_unread(stream, in->head, in->head_len) < 0) {
        refuse(in, METRIC_TCP_REFUSED_LIMIT, "no memory");
        return;
    }
    in->stream = NULL;
    intake_end(in, false);
    if (turn) {
        metrics_inc(METRIC_TCP_CONNECTIONS_TLS_TURN);
        conn_start(tcp, stream, &tuple);
    } else {
        metrics_inc(METRIC_TCP_CONNECTIONS_TLS_HTTP);
        pump_start(tcp, stream, &tuple.remote);
    }
}

static void tls_failed(struct intake *in, long rc) {
    char text[256];
    if (in->established) {
        refuse(in, METRIC_TCP_REFUSED_CLOSED, "closed before its first bytes");
        return;
    }
    metrics_inc(rc == -EPROTO ? METRIC_TLS_HANDSHAKES_PROTOCOL : METRIC_TLS_HANDSHAKES_CLOSED);
    log_limited(&tls_limit, LOG_LEVEL_INFO, "tls", "handshake failed", LF_ADDR("peer", &in->tuple.remote),
                LF_TEXT("reason", rc == -EPROTO ? tls_error_text(text, sizeof text) : "closed by the peer"));
    intake_end(in, true);
}

static void note_established(struct intake *in) {
    SSL *ssl = stream_ssl(in->stream);
    in->established = true;
    metrics_inc(SSL_session_reused(ssl) ? METRIC_TLS_HANDSHAKES_RESUMED : METRIC_TLS_HANDSHAKES_FULL);
    loop_timer_set(in->tcp->loop, &in->deadline, TCP_FIRST_BYTES_US);
}

static void on_decrypted(void *ctx) {
    struct intake *in = ctx;
    for (;;) {
        long n = stream_read(in->stream, in->head + in->head_len, sizeof in->head - in->head_len);
        if (!in->established && stream_is_established(in->stream)) {
            note_established(in);
        }
        if (n == -EAGAIN) {
            return;
        }
        if (n <= 0) {
            tls_failed(in, n);
            return;
        }
        size_t wanted = 0;
        in->head_len += (size_t)n;
        enum stream_class class = classify_stream(in->head, in->head_len, &wanted);
        if (class != STREAM_MORE) {
            decide_decrypted(in, class);
            return;
        }
    }
}

static void on_nothing(void *ctx) { (void)ctx; }

static void on_broken(void *ctx, int rc) { tls_failed(ctx, rc); }

static const struct stream_owner decrypting = {.readable = on_decrypted, .drained = on_nothing, .broken = on_broken};

static bool may_shake_hands(const struct intake *in) {
    struct handshakes *cap = in->tcp->options.handshakes;
    return !cap || source_rate_take(&cap->rate, &in->tuple.remote, cap->per_second, loop_refresh_now(in->tcp->loop));
}

static void start_tls(struct intake *in) {
    if (!may_shake_hands(in)) {
        refuse(in, METRIC_TCP_REFUSED_HANDSHAKE_RATE, "too many handshakes of the source");
        return;
    }
    SSL *ssl = in->tcp->options.tls ? tls_session_new(in->tcp->options.tls) : NULL;
    if (!ssl) {
        refuse_class(in, STREAM_TLS);
        return;
    }
    in->stream = make_stream(in, ssl);
    if (!in->stream) {
        return;
    }
    in->tuple.transport = TRANSPORT_TLS;
    loop_timer_set(in->tcp->loop, &in->deadline, TCP_FIRST_BYTES_US);
    stream_set_owner(in->stream, &decrypting, in);
    stream_resume(in->stream);
}

/* ---- plain */

static void set_low_water(struct intake *in, int n) {
    if (in->wanted != n) {
        setsockopt(in->fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof n);
        in->wanted = n;
    }
}

static void start_turn(struct intake *in) {
    struct tcp *tcp = in->tcp;
    struct five_tuple tuple = in->tuple;
    struct stream *stream = make_stream(in, NULL);
    if (stream) {
        intake_end(in, false);
        metrics_inc(METRIC_TCP_CONNECTIONS_TCP_TURN);
        conn_start(tcp, stream, &tuple);
    }
}

static void start_http(struct intake *in) {
    event_del(&in->on_peek); /* before the other thread may close it */
    int rc =
        http_adopt(in->tcp->options.http, in->fd, &in->tuple.remote, http_link_new(in->tcp->loop, NULL), in->proxy_tls);
    if (rc < 0) {
        refuse(in, METRIC_TCP_REFUSED_LIMIT, "the control thread is behind");
        return;
    }
    metrics_inc(METRIC_TCP_CONNECTIONS_TCP_HTTP);
    in->fd = -1;
    intake_end(in, false);
}

static void decide_plain(struct intake *in, enum stream_class class) {
    set_low_water(in, 1);
    if (class == STREAM_TLS) {
        start_tls(in);
    } else if (class == STREAM_TURN && may_carry_turn(in)) {
        start_turn(in);
    } else if (class == STREAM_HTTP && may_carry_http(in)) {
        start_http(in);
    } else {
        refuse_class(in, class);
    }
}

/* Woken although the wanted bytes are not there: the peer has closed its side, or the kernel counts otherwise. */
static bool is_stuck(struct intake *in) {
    struct pollfd p = {.fd = in->fd, .events = POLLRDHUP};
    poll(&p, 1, 0);
    return (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) || ++in->short_wakes > SHORT_WAKES_MAX;
}

static void wait_for(struct intake *in, size_t wanted) {
    if ((int)wanted == in->wanted && is_stuck(in)) {
        refuse(in, METRIC_TCP_REFUSED_CLOSED, "closed within its first bytes");
    } else {
        set_low_water(in, (int)wanted);
    }
}

/* The client takes the proxy's place, and a seat of its own. */
static void become_client(struct intake *in, const struct proxy_header *header) {
    tcp_seat_leave(in->seat);
    in->tuple.remote = header->source;
    in->seat = tcp_seat_take(in->tcp, &in->tuple.remote, false);
    in->proxy_tls = header->tls;
    if (!in->seat) { /* counted */
        intake_end(in, true);
    }
}

static void take_header(struct intake *in, const struct proxy_header *header, uint8_t *head) {
    if (header->datagram || recv(in->fd, head, header->len, 0) != (ssize_t)header->len) {
        refuse(in, METRIC_TCP_REFUSED_PROXY, "PROXY header of no use");
        return;
    }
    metrics_inc(METRIC_PROXY_HEADERS_TCP);
    in->proxied = false;
    in->short_wakes = 0;
    set_low_water(in, 1);
    if (header->source.family != AF_UNSPEC) {
        become_client(in, header);
    }
}

static void peek_header(struct intake *in, uint8_t *head, size_t len) {
    struct proxy_header header;
    size_t wanted = 0;
    int rc = proxy_header_parse(&header, head, len, &wanted);
    if (rc == -EAGAIN) {
        wait_for(in, wanted);
    } else if (rc < 0) {
        refuse(in, METRIC_TCP_REFUSED_PROXY, "no PROXY header, but the source is in proxy-protocol");
    } else {
        take_header(in, &header, head);
    }
}

static void on_peek(evutil_socket_t fd, short events, void *arg) {
    struct intake *in = arg;
    uint8_t head[PROXY_HEADER_BYTES_MAX];
    size_t wanted = 0;
    (void)events;
    ssize_t n = recv(fd, head, in->proxied ? sizeof head : CLASSIFY_MAX_BYTES, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        refuse(in, METRIC_TCP_REFUSED_CLOSED, "closed before its first bytes");
        return;
    }
    if (in->proxied) {
        peek_header(in, head, (size_t)n);
        return;
    }
    enum stream_class class = classify_stream(head, (size_t)n, &wanted);
    if (class != STREAM_MORE) {
        decide_plain(in, class);
    } else {
        wait_for(in, wanted);
    }
}

static void on_deadline(void *ctx) {
    struct intake *in = ctx;
    if (in->stream && !in->established) {
        metrics_inc(METRIC_TLS_HANDSHAKES_DEADLINE);
    }
    refuse(in, METRIC_TCP_REFUSED_DEADLINE, "first bytes or TLS handshake took too long");
}

void tcp_intake_start(struct tcp *tcp, int fd, struct tcp_seat *seat, const struct five_tuple *tuple, unsigned accept) {
    struct intake *in = calloc(1, sizeof *in);
    if (!in) {
        close(fd);
        tcp_seat_leave(seat);
        return;
    }
    in->tcp = tcp;
    in->fd = fd;
    in->seat = seat;
    in->tuple = *tuple;
    in->accept = accept;
    in->wanted = 1;
    in->proxied = proxy_sources_contain(&tcp->proxies, &tuple->remote);
    list_push_back(&tcp->intakes, &in->node);
    loop_timer_init(&in->deadline, on_deadline, in);
    event_assign(&in->on_peek, loop_base(tcp->loop), fd, EV_READ | EV_PERSIST, on_peek, in);
    loop_timer_set(tcp->loop, &in->deadline, TCP_FIRST_BYTES_US);
    event_add(&in->on_peek, NULL);
}

void tcp_intake_close_all(struct tcp *tcp) {
    LIST_FOREACH_SAFE(node, after, &tcp->intakes) { intake_end(LIST_ENTRY(node, struct intake, node), true); }
}
