/* Shared by the files of src/relay only. */
#pragma once

#include "base/hash.h"
#include "net/loop.h"
#include "proto/turn/server.h"
#include "relay/relay.h"

#include <event2/event.h>

enum { RELAY_LISTENERS_MAX = 64, RELAY_OWN = -1 };

/* How to reach a client: one of these is set, or none when its connection is gone. */
struct relay_path {
    struct udp_socket *udp;
    struct conn *conn;
    struct dtls_peer *dtls;
    bool steered; /* the connection is another worker's */
};

/* A bound relay port: what the machine knows as a handle. */
struct relay_port {
    struct udp_socket socket;
    struct relay *relay;
    struct event *event;
    struct turn_allocation *allocation; /* NULL while the port is only reserved */
    struct relay_path path;             /* to the allocation's client */
};

/* A client's TCP or TLS connection, or its DTLS session. */
struct relay_stream {
    struct relay *relay;
    struct conn *conn;      /* or */
    struct dtls_peer *dtls; /* one of these */
    struct five_tuple tuple;
    uint64_t hash;
    uint64_t opened_us;
    int owner;        /* the worker its messages are forwarded to, or RELAY_OWN */
    struct list node; /* in idle_streams, oldest first */
};

struct relay {
    struct relay_options options;
    const struct relay_settings *settings;
    struct turn_server *server;
    struct udp_socket *listeners[RELAY_LISTENERS_MAX];
    unsigned listener_count;
    struct hash_table streams;
    struct list idle_streams;
    struct hash_key key;
    struct loop_timer timer;
    uint64_t timer_due_us;
    /* The message being put into the machine, for FORWARD. */
    const uint8_t *input;
    size_t input_len;
};

/* service.c: carries out what the machine wants, until it wants nothing, and sets the timer. */
void relay_drain(struct relay *relay);
void relay_input(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len);
struct relay_path relay_path_to(struct relay *relay, const struct five_tuple *client);

/* port.c */
int relay_port_open(struct relay *relay, const struct turn_output *out, struct turn_opened *opened);
void relay_port_close(struct relay_port *port);

/* data.c: the packet path. Payload bytes must stay valid until udp_io_flush unless copy is set. */
enum relay_hold { RELAY_BORROW, RELAY_COPY };
void relay_port_readable(evutil_socket_t fd, short events, void *arg);
void relay_channel_data(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len,
                        enum relay_hold hold);
void relay_send_indication(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len,
                           enum relay_hold hold);

/* stream.c */
struct relay_stream *relay_stream_find(const struct relay *relay, const struct five_tuple *tuple);
void relay_streams_expire(struct relay *relay, uint64_t now_us);

/* report.c: log lines and metrics of the machine's events. */
void relay_report_event(struct relay *relay, const struct turn_output *out);
void relay_report_reply(const struct turn_output *out);
