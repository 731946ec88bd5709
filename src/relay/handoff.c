/* From one relayed address of this process to another: through no socket, but with the permissions and counters of both
 * sides. A packet goes from its client to one other client and no further, so relays cannot loop. */
#include "base/metrics.h"
#include "net/owners.h"
#include "relay/internal.h"

/* How the receiver names the sender: by the address clients were told, or by the one bound behind it. */
static int arrival(const struct turn_allocation *a, const struct relay_handed *handed, const struct addr **named) {
    int how = turn_peer_to_client(a, &handed->from);
    *named = &handed->from;
    if (how < 0 && !addr_equal(&handed->from, &handed->bound)) {
        how = turn_peer_to_client(a, &handed->bound);
        *named = &handed->bound;
    }
    return how;
}

static void take(struct relay_port *port, const struct relay_handed *handed) {
    struct turn_allocation *a = port->allocation;
    const struct addr *from;
    if (!a) {
        relay_drop(NULL, METRIC_RELAY_DROPPED_ALLOCATION); /* only reserved */
        return;
    }
    int how = arrival(a, handed, &from);
    struct udp_packet packet = {.data = handed->data, .len = handed->len, .remote = *from, .alone = handed->alone};
    if (relay_to_client(port, &packet, how)) {
        relay_count_to_client(a, 1, handed->len);
    }
}

/* The payload where it stays. */
static uint8_t *writable(struct relay *relay, const struct relay_outgoing *out) {
    return out->hold == RELAY_COPY ? udp_io_hold(relay->options.io, out->data, out->len)
                                   : (uint8_t *)(uintptr_t)out->data;
}

static void pass_on(struct relay *relay, struct turn_allocation *a, const struct owner *owner,
                    struct relay_handed *handed) {
    const struct relay_hooks *hooks = &relay->options.hooks;
    if (owner->kind == OWNER_RELAY && owner->worker == relay->options.worker) {
        metrics_inc(METRIC_RELAY_HANDOFFS_DIRECT);
        take(owner->handle, handed);
    } else if (hooks->hand_off(hooks->ctx, owner->worker, handed) == 0) {
        metrics_inc(METRIC_RELAY_HANDOFFS_RING);
    } else {
        relay_drop(a, METRIC_RELAY_DROPPED_HANDOFF);
    }
}

bool relay_hand_off(struct relay *relay, struct turn_allocation *a, const struct turn_relay *from,
                    const struct relay_outgoing *out) {
    const struct relay_port *port = from->handle;
    struct owner owner;
    if (!owners_find(relay->options.owners, out->peer, &owner)) {
        return false;
    }
    if (out->len > UDP_DATAGRAM_MAX) {
        relay_drop(a, METRIC_RELAY_DROPPED_TOO_BIG);
        return true;
    }
    if (!relay_may_pass(relay, a, out->len)) {
        return true;
    }
    relay_count_from_client(a, out->len);
    struct relay_handed handed = {.to = *out->peer,
                                  .from = port->told,
                                  .bound = port->socket.local,
                                  .data = writable(relay, out),
                                  .len = out->len,
                                  .alone = out->hold != RELAY_TIGHT};
    pass_on(relay, a, &owner, &handed);
    return true;
}

void relay_take(struct relay *relay, const struct relay_handed *handed) {
    struct owner owner;
    if (owners_find(relay->options.owners, &handed->to, &owner) && owner.kind == OWNER_RELAY &&
        owner.worker == relay->options.worker) {
        take(owner.handle, handed);
    } else {
        relay_drop(NULL, METRIC_RELAY_DROPPED_ALLOCATION); /* it ended meanwhile */
    }
}
