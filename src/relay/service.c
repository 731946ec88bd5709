/* Runs the machine of proto/turn: puts messages in, carries out what it wants. */
#include "base/cacheline.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "net/owners.h"
#include "relay/internal.h"
#include "relay/settings.h"

#include <errno.h>
#include <stdlib.h>

enum { HOUSEKEEPING_US = 10 * 1000000, HELD_US = 60 * 1000000 /* longer than anything waits in the machine */ };

struct turn_time relay_time_now(const struct relay *relay) {
    return (struct turn_time){.now_us = loop_refresh_now(relay->options.loop), .wall_s = clock_wall_s()};
}

/* ---- output ---- */

static bool listener_serves(const struct udp_socket *s, const struct addr *local) {
    return s->local.port == local->port && s->local.family == local->family &&
           (s->wildcard || addr_equal_ip(&s->local, local));
}

struct relay_path relay_path_to(struct relay *relay, const struct five_tuple *client) {
    struct relay_path path = {0};
    if (client->transport == TRANSPORT_UDP) {
        for (unsigned i = 0; i < relay->listener_count; i++) {
            if (listener_serves(relay->listeners[i], &client->local)) {
                path.udp = relay->listeners[i];
                return path;
            }
        }
        return path;
    }
    struct relay_stream *stream = relay_stream_find(relay, client);
    path.conn = stream ? stream->conn : NULL;
    path.dtls = stream ? stream->dtls : NULL;
    path.steered = !stream;
    return path;
}

static void send_bytes(struct relay *relay, const struct turn_output *out) {
    struct relay_path path = relay_path_to(relay, &out->client);
    if (path.udp) {
        udp_io_send_copy(relay->options.io, path.udp, out->reply.bytes, out->reply.len, &out->client.remote,
                         &out->client.local);
    } else if (path.dtls) {
        (void)dtls_peer_send(path.dtls, out->reply.bytes, out->reply.len); /* lost, like any datagram */
    } else if (path.steered) {
        const struct relay_hooks *hooks = &relay->options.hooks;
        hooks->deliver(hooks->ctx, &out->client, out->reply.bytes, out->reply.len);
    } else if (path.conn && conn_send_alone(path.conn, out->reply.bytes, out->reply.len) < 0) {
        conn_close(path.conn, 0); /* a client that reads no replies is gone */
    }
}

static void open_relay(struct relay *relay, const struct turn_output *out) {
    struct turn_opened opened;
    struct turn_time now = relay_time_now(relay);
    uint64_t request = out->request;
    int rc = relay_port_open(relay, out, &opened);
    if (rc < 0) {
        static struct log_limit limit = {.burst = 5};
        log_limited(&limit, LOG_LEVEL_WARNING, "relay", "no relay port", LF_ERROR(rc));
        metrics_inc(METRIC_TURN_PORT_FAILURES);
        turn_server_relay_failed(relay->server, request, &now);
    } else if (turn_server_relay_opened(relay->server, request, &opened, &now) < 0) {
        relay_port_close(opened.relay.handle);
        if (opened.reserved.handle) {
            relay_port_close(opened.reserved.handle);
        }
    }
}

static void link_allocation(struct relay *relay, struct turn_allocation *a) {
    struct relay_path path = relay_path_to(relay, &a->client);
    for (int i = 0; i < a->relay_count; i++) {
        struct relay_port *port = a->relays[i].handle;
        port->allocation = a;
        port->path = path;
    }
}

static void lookup_key(struct relay *relay, const struct turn_output *out) {
    const struct relay_hooks *hooks = &relay->options.hooks;
    struct relay_user_query query = {out->lookup.realm, out->lookup.user, out->lookup.userhash, out->lookup.sha256};
    if (hooks->lookup_user(hooks->ctx, out->request, &query) < 0) {
        metrics_inc(METRIC_TURN_LOOKUP_FAILURES);
    }
}

/* From here on all that comes from this flow goes to the owner. */
static void forward(struct relay *relay, const struct turn_output *out) {
    const struct relay_hooks *hooks = &relay->options.hooks;
    struct relay_stream *stream =
        out->client.transport == TRANSPORT_UDP ? NULL : relay_stream_find(relay, &out->client);
    if (stream) {
        stream->owner = (int)out->forward.worker;
    }
    hooks->forward(hooks->ctx, out->forward.worker, &out->client, relay->input, relay->input_len);
}

static void handle_event(struct relay *relay, const struct turn_output *out) {
    if (out->event.event == TURN_EVENT_CREATED || out->event.event == TURN_EVENT_MOVED) {
        link_allocation(relay, out->allocation);
    }
    if (out->event.event == TURN_EVENT_CREATED) {
        relay_limits_begin(relay, out->allocation);
    }
    relay_report_event(relay, out);
    if (out->event.event == TURN_EVENT_DELETED) {
        relay_limits_end(relay, out->allocation);
        relay_session_forget(out->allocation);
    }
    if (out->event.event == TURN_EVENT_DELETED && out->event.reason == TURN_REASON_KILLED) {
        relay_stream_end(relay, &out->client);
    }
}

static void carry_out(struct relay *relay, const struct turn_output *out) {
    switch (out->type) {
    case TURN_OUTPUT_REPLY:
        relay_report_reply(out);
        send_bytes(relay, out);
        break;
    case TURN_OUTPUT_INDICATION:
        send_bytes(relay, out);
        break;
    case TURN_OUTPUT_CONNECT:
        relay_peer_connect(relay, out);
        break;
    case TURN_OUTPUT_TAKE_CONNECTION:
        relay_ask_connection(relay, out);
        break;
    case TURN_OUTPUT_CLOSE_CONNECTION:
        relay_peer_close(relay, out);
        break;
    case TURN_OUTPUT_OPEN_RELAY:
        open_relay(relay, out);
        break;
    case TURN_OUTPUT_CLOSE_RELAY:
        relay_port_close(out->close);
        break;
    case TURN_OUTPUT_LOOKUP_KEY:
        lookup_key(relay, out);
        break;
    case TURN_OUTPUT_FORWARD:
        forward(relay, out);
        break;
    case TURN_OUTPUT_EVENT:
        handle_event(relay, out);
        break;
    }
}

static void set_timer(struct relay *relay) {
    uint64_t now = loop_now_us(relay->options.loop);
    uint64_t due = turn_server_deadline(relay->server);
    if (due > now + HOUSEKEEPING_US) {
        due = now + HOUSEKEEPING_US;
    }
    if (due < relay->timer_due_us || relay->timer_due_us <= now) {
        relay->timer_due_us = due;
        loop_timer_set(relay->options.loop, &relay->timer, due > now ? due - now : 0);
    }
}

void relay_drain(struct relay *relay) {
    struct turn_output out;
    while (turn_server_poll(relay->server, &out)) {
        carry_out(relay, &out);
    }
    set_timer(relay);
}

static void timer_fired(void *ctx) {
    struct relay *relay = ctx;
    uint64_t now = loop_refresh_now(relay->options.loop);
    relay->timer_due_us = 0;
    turn_server_timeout(relay->server, now);
    relay_drain(relay);
    relay_streams_expire(relay, now);
}

/* ---- input ---- */

static void report_malformed(const struct five_tuple *client, size_t len) {
    static struct log_limit limit = {.burst = 5};
    metrics_inc(METRIC_STUN_MALFORMED);
    log_limited(&limit, LOG_LEVEL_INFO, "turn", "message dropped", LF_TEXT("reason", "malformed"),
                LF_ADDR("client", &client->remote),
                LF_TEXT("transport", transport_name((enum transport)client->transport)), LF_UINT("bytes", len));
}

void relay_input(struct relay *relay, const struct five_tuple *client, const uint8_t *data, size_t len) {
    struct turn_time now = relay_time_now(relay);
    relay->input = data;
    relay->input_len = len;
    int rc = turn_server_input(relay->server, client, data, len, &now);
    if (rc == -EBADMSG) {
        report_malformed(client, len);
    } else if (rc == -EDQUOT) {
        metrics_inc(METRIC_STUN_SILENCED);
    } else if (rc < 0) {
        metrics_inc(METRIC_STUN_IGNORED);
    }
    relay_drain(relay);
    relay->input = NULL;
    relay->input_len = 0;
}

bool relay_has_client(const struct relay *relay, const struct five_tuple *client) {
    return turn_client_find(relay->server, client) != NULL;
}

void relay_client_stun(struct relay *relay, const struct five_tuple *client, const struct udp_packet *packet) {
    if (turn_is_send_indication(packet->data, packet->len)) {
        enum relay_hold hold = packet->alone ? RELAY_BORROW : RELAY_TIGHT;
        relay_send_indication(relay, client, packet->data, packet->len, hold);
    } else {
        relay_input(relay, client, packet->data, packet->len);
    }
}

void relay_client_channel(struct relay *relay, const struct five_tuple *client, const struct udp_packet *packet) {
    enum relay_hold hold = packet->alone ? RELAY_BORROW : RELAY_TIGHT;
    relay_channel_data(relay, client, packet->data, packet->len, hold);
}

void relay_user_key(struct relay *relay, uint64_t request, const struct turn_key *key) {
    struct turn_time now = relay_time_now(relay);
    turn_server_key(relay->server, request, key, &now);
    relay_drain(relay);
}

/* ---- life ---- */

static bool is_own_address(void *ctx, const struct addr *peer) {
    struct owner owner;
    return peer->port == 0 ? owners_tell_ip(ctx, peer) : owners_tell_ip(ctx, peer) && owners_find(ctx, peer, &owner);
}

/* A client's connection may be another worker's: by then its realm is known by its nonce. */
static const char *server_name(void *ctx, const struct five_tuple *client) {
    const struct relay_stream *stream = client->transport == TRANSPORT_UDP ? NULL : relay_stream_find(ctx, client);
    return !stream ? NULL : stream->dtls ? dtls_peer_server_name(stream->dtls) : conn_server_name(stream->conn);
}

static struct turn_settings settings_for(struct relay *relay, const struct relay_settings *settings) {
    struct turn_settings turn = *relay_settings_turn(settings);
    turn.server_name = (struct turn_server_name){.find = server_name, .ctx = relay};
    turn.worker = (uint8_t)relay->options.worker;
    turn.own = (struct turn_own){.has = is_own_address, .ctx = relay->options.owners};
    turn.tcp = turn.tcp && relay->options.hooks.post;
    return turn;
}

int relay_new(struct relay **out, const struct relay_options *options, const struct relay_settings *settings) {
    struct relay *relay = cacheline_alloc(sizeof *relay);
    if (!relay) {
        return -ENOMEM;
    }
    relay->options = *options;
    hash_table_init(&relay->streams);
    hash_key_random(&relay->key);
    list_init(&relay->idle_streams);
    relay_bandwidth_init(&relay->bandwidth, &relay->options.hooks);
    hash_table_init(&relay->peers);
    hash_table_init(&relay->joins);
    list_init(&relay->unclosed);
    list_init(&relay->open_joins);
    list_init(&relay->joined_streams);
    list_init(&relay->paused_ports);
    loop_timer_init(&relay->tick, relay_tick, relay);
    loop_timer_init(&relay->timer, timer_fired, relay);
    struct turn_settings turn = settings_for(relay, settings);
    relay->server = turn_server_new(&turn, loop_refresh_now(options->loop));
    if (!relay->server) {
        free(relay);
        return -ENOMEM;
    }
    relay->settings = relay_settings_ref(settings);
    relay_limits_configure(relay);
    set_timer(relay);
    *out = relay;
    return 0;
}

int relay_configure(struct relay *relay, const struct relay_settings *settings) {
    struct turn_settings turn = settings_for(relay, settings);
    int rc = turn_server_configure(relay->server, &turn);
    if (rc < 0) {
        return rc;
    }
    const struct relay_settings *old = relay->settings;
    relay->settings = relay_settings_ref(settings);
    relay_settings_unref(old);
    relay_limits_configure(relay);
    relay_drain(relay);
    return 0;
}

static void kill_all(struct relay *relay) {
    for (;;) {
        uint32_t cursor = 0;
        struct turn_allocation *a = turn_server_next(relay->server, &cursor);
        if (!a) {
            return;
        }
        turn_server_kill(relay->server, a);
        relay_drain(relay);
    }
}

void relay_free(struct relay *relay) {
    if (!relay) {
        return;
    }
    relay_close_joins(relay);
    kill_all(relay);
    turn_server_timeout(relay->server, loop_refresh_now(relay->options.loop) + HELD_US); /* ports only reserved */
    relay_drain(relay);
    relay_peers_free(relay);
    loop_timer_cancel(relay->options.loop, &relay->tick);
    loop_timer_cancel(relay->options.loop, &relay->timer);
    udp_io_flush(relay->options.io);
    turn_server_free(relay->server);
    hash_table_deinit(&relay->streams);
    relay_bandwidth_deinit(&relay->bandwidth);
    hash_table_deinit(&relay->peers);
    hash_table_deinit(&relay->joins);
    relay_settings_unref(relay->settings);
    free(relay);
}

int relay_add_listener(struct relay *relay, struct udp_socket *socket) {
    if (relay->listener_count == RELAY_LISTENERS_MAX) {
        return -ENOBUFS;
    }
    relay->listeners[relay->listener_count++] = socket;
    return 0;
}
