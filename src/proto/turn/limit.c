/* Caps on what strangers are answered, so that a server is no use as a reflector: their sources may be forged. */
#include "proto/turn/internal.h"

/* Other transports have shown that their source is real. */
static bool may_be_forged(const struct five_tuple *client) { return client->transport == TRANSPORT_UDP; }

bool limit_error(struct turn_server *s, const struct five_tuple *client) {
    return !may_be_forged(client) ||
           source_rate_take(&s->error_rate, &client->remote, s->settings->plain.challenge_rate, s->now_us);
}

bool limit_binding(struct turn_server *s, const struct five_tuple *client) {
    return !may_be_forged(client) ||
           source_rate_take(&s->binding_rate, &client->remote, s->settings->plain.binding_rate, s->now_us);
}
