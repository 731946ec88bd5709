/* Ports kept for a second Allocate (EVEN-PORT with its R bit, RESERVATION-TOKEN; RFC 8656 section 7). The token's
 * first byte is the number of the worker that holds the port, three are random and four a MAC: a stranger cannot make up
 * one that another worker is asked about. */
#include "proto/turn/internal.h"

#include "base/rng.h"

#include <errno.h>
#include <stdlib.h>

enum { TOKEN_BODY_BYTES = 4, TOKEN_MAC_BYTES = 4 };

static bool seal(struct turn_server *s, const uint8_t token[TOKEN_BODY_BYTES], uint8_t mac[STUN_SHA1_BYTES]) {
    return token_mac(s, "reservation", (struct stun_span){token, TOKEN_BODY_BYTES}, mac);
}

int reservation_owner(struct turn_server *s, const uint8_t token[8]) {
    uint8_t mac[STUN_SHA1_BYTES];
    bool ours = seal(s, token, mac) && bytes_equal_ct(mac, token + TOKEN_BODY_BYTES, TOKEN_MAC_BYTES);
    return ours ? token[0] : -1;
}

static struct reservation *find(struct turn_server *s, const uint8_t token[8]) {
    LIST_FOREACH(node, &s->reservations) {
        struct reservation *v = LIST_ENTRY(node, struct reservation, held.node);
        if (bytes_equal_ct(v->token, token, sizeof v->token)) {
            return v;
        }
    }
    return NULL;
}

int reservation_add(struct turn_server *s, const struct turn_relay *relay, uint8_t token[8]) {
    if (s->reservation_count >= TURN_RESERVATIONS_MAX) {
        return -ENOSPC;
    }
    uint8_t mac[STUN_SHA1_BYTES];
    struct reservation *v = calloc(1, sizeof *v);
    if (!v) {
        return -ENOMEM;
    }
    v->held.relay = *relay;
    v->token[0] = s->settings->plain.worker;
    do {
        rng_bytes(v->token + 1, TOKEN_BODY_BYTES - 1);
        if (!seal(s, v->token, mac)) {
            free(v);
            return -ENOMEM;
        }
        memcpy(v->token + TOKEN_BODY_BYTES, mac, TOKEN_MAC_BYTES);
    } while (find(s, v->token)); /* 24 random bits can meet again */
    wheel_timer_init(&v->timer);
    wheel_set(&s->reservation_wheel, &v->timer, s->now_us + RESERVATION_LIFETIME_S * US_PER_S);
    list_push_back(&s->reservations, &v->held.node);
    s->reservation_count++;
    memcpy(token, v->token, sizeof v->token);
    return 0;
}

static void unlink_reservation(struct turn_server *s, struct reservation *v) {
    wheel_cancel(&s->reservation_wheel, &v->timer);
    list_remove(&v->held.node);
    s->reservation_count--;
}

int reservation_take(struct turn_server *s, const uint8_t token[8], struct turn_relay *out) {
    struct reservation *v = find(s, token);
    if (!v) {
        return -ENOENT;
    }
    *out = v->held.relay;
    unlink_reservation(s, v);
    free(v);
    return 0;
}

void reservation_fired(struct wheel_timer *timer, void *ctx) {
    struct turn_server *s = ctx;
    struct reservation *v = LIST_ENTRY(timer, struct reservation, timer);
    unlink_reservation(s, v);
    list_push_back(&s->dead, &v->held.node);
}
