/* Allocations as the control socket shows them. */
#include "relay/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void relay_session_describe(const struct relay *relay, const struct turn_allocation *a, struct relay_session *out) {
    uint64_t now = loop_now_us(relay->options.loop);
    *out = (struct relay_session){
        .client = a->client,
        .worker = relay->options.worker,
        .permissions = a->permission_count,
        .channels = a->channel_count,
        .tcp = a->tcp,
        .connections = a->connection_count,
        .age_s = (now - a->created_us) / 1000000,
        .expires_s = a->expiry_us > now ? (a->expiry_us - now) / 1000000 : 0,
        .packets_from_client = a->from_client.packets,
        .bytes_from_client = a->from_client.bytes,
        .packets_to_client = a->to_client.packets,
        .bytes_to_client = a->to_client.bytes,
        .dropped = a->dropped,
    };
    snprintf(out->id, sizeof out->id, "%s", a->id);
    snprintf(out->user, sizeof out->user, "%s", a->user);
    snprintf(out->realm, sizeof out->realm, "%s", a->realm);
    for (int i = 0; i < a->relay_count; i++) {
        out->relayed[i] = a->relays[i].addr;
    }
}

size_t relay_session_count(const struct relay *relay) { return turn_server_count(relay->server); }

size_t relay_sessions(const struct relay *relay, uint32_t *cursor, struct relay_session *out, size_t cap) {
    size_t count = 0;
    while (count < cap) {
        struct turn_allocation *a = turn_server_next(relay->server, cursor);
        if (!a) {
            break;
        }
        relay_session_look(relay, a, &out[count++]);
    }
    return count;
}

int relay_session_find(const struct relay *relay, const char *id, struct relay_session *out) {
    struct turn_allocation *a = turn_server_find_id(relay->server, id);
    if (!a) {
        return -ENOENT;
    }
    relay_session_look(relay, a, out);
    return 0;
}

int relay_session_kill(struct relay *relay, const char *id) {
    struct turn_allocation *a = turn_server_find_id(relay->server, id);
    if (!a) {
        return -ENOENT;
    }
    turn_server_kill(relay->server, a);
    relay_drain(relay);
    return 0;
}
