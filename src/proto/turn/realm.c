/* Which realm a request belongs to. Nothing is kept for a client that has not authenticated: the realm follows from the
 * way it came (ORIGIN, TLS server name, local address), and a nonce is good for the realm it was made for. So a client
 * stays in the realm it was challenged for by showing that nonce, and in that of its allocation once it has one. */
#include "proto/turn/internal.h"

#include <strings.h>

const struct turn_realm *realm_find(const struct settings *settings, const void *name, size_t len) {
    for (size_t i = 0; i < settings->realm_count; i++) {
        const struct turn_realm *realm = &settings->realms[i];
        if (strlen(realm->name) == len && memcmp(realm->name, name, len) == 0) {
            return realm;
        }
    }
    return NULL;
}

static void enter(struct request *r, const struct turn_realm *realm) {
    r->in = realm;
    memcpy(r->realm, realm->name, strlen(realm->name) + 1);
}

/* An allocation keeps the realm it was made under, so that a reload does not break its refreshes. */
static void enter_named(struct request *r, const void *name, size_t len) {
    r->in = realm_find(r->server->settings, name, len);
    len = len < sizeof r->realm ? len : sizeof r->realm - 1;
    memcpy(r->realm, name, len);
    r->realm[len] = '\0';
}

static bool text_equals(const char *text, const void *bytes, size_t len) {
    return strlen(text) == len && strncasecmp(text, bytes, len) == 0;
}

static bool leads(const struct request *r, const struct turn_realm_way *way) {
    const struct turn_settings *plain = &r->server->settings->plain;
    const struct addr *local = &r->client->local;
    const uint8_t *origin;
    size_t len;
    const char *name;
    switch (way->kind) {
    case TURN_WAY_ORIGIN:
        return stun_msg_bytes(r->msg, STUN_ATTR_ORIGIN, &origin, &len) == 0 && text_equals(way->text, origin, len);
    case TURN_WAY_SERVER_NAME:
        name = plain->server_name.find ? plain->server_name.find(plain->server_name.ctx, r->client) : NULL;
        return name && text_equals(way->text, name, strlen(name));
    case TURN_WAY_ADDRESS:
        return addr_equal_ip(&way->addr, local) && (way->addr.port == 0 || way->addr.port == local->port);
    }
    return false;
}

/* The first that leads here, by the caller's order; else the default realm. */
static const struct turn_realm *realm_of_way(const struct request *r) {
    const struct settings *settings = r->server->settings;
    for (size_t i = 0; i < settings->plain.way_count; i++) {
        if (leads(r, &settings->plain.ways[i])) {
            return &settings->realms[1 + settings->plain.ways[i].realm];
        }
    }
    return &settings->realms[0];
}

void realm_choose(struct request *r) {
    if (r->allocation) {
        enter_named(r, r->allocation->realm, strlen(r->allocation->realm));
    } else {
        enter(r, realm_of_way(r));
    }
}

void realm_resume(struct request *r) {
    const uint8_t *name;
    size_t len;
    if (stun_msg_bytes(r->msg, STUN_ATTR_REALM, &name, &len) == 0) {
        enter_named(r, name, len); /* it was found equal before the request was stored */
    }
}

enum nonce_state realm_check_nonce(struct request *r, struct stun_span realm, struct stun_span nonce) {
    const struct turn_realm *usual = r->in;
    const struct turn_realm *claimed = r->allocation ? NULL : realm_find(r->server->settings, realm.bytes, realm.len);
    if (claimed && claimed != usual) {
        enter(r, claimed);
        enum nonce_state state = nonce_check(r, nonce.bytes, nonce.len);
        if (state != NONCE_FOREIGN) {
            return state;
        }
        enter(r, usual);
    }
    return nonce_check(r, nonce.bytes, nonce.len);
}

static bool oauth_fits(const struct turn_oauth_key *keys, size_t count, const char *name) {
    bool fits = count == 0 || (name && name[0] && strlen(name) <= TURN_REALM_MAX);
    for (size_t i = 0; i < count && fits; i++) {
        size_t len = strlen(keys[i].kid);
        fits = len > 0 && len <= TURN_OAUTH_KID_MAX && (keys[i].key_len == 16 || keys[i].key_len == 32);
    }
    return fits;
}

int realm_settings_check(const struct turn_settings *in) {
    if (!oauth_fits(in->oauth_keys, in->oauth_key_count, in->oauth_name)) {
        return -1;
    }
    for (size_t i = 0; i < in->realm_count; i++) {
        size_t len = strlen(in->realms[i].name);
        const struct turn_realm *realm = &in->realms[i];
        if (len == 0 || len > TURN_REALM_MAX ||
            !oauth_fits(realm->oauth_keys, realm->oauth_key_count, realm->oauth_name)) {
            return -1;
        }
    }
    for (size_t i = 0; i < in->way_count; i++) {
        if (in->ways[i].realm >= in->realm_count) {
            return -1;
        }
    }
    return 0;
}
