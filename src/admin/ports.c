/* The firewall table: `config ports`. */
#include "admin/configuration.h"

#include <jansson.h>
#include <string.h>

/* A port that serves twice is one row with both purposes. */
static void add_row(json_t *rows, const struct config_ports *ports, const char *protocol, const char *purpose) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        json_t *old = json_object_get(row, "purpose");
        if (json_integer_value(json_object_get(row, "first")) != ports->first ||
            json_integer_value(json_object_get(row, "last")) != ports->last ||
            strcmp(json_string_value(json_object_get(row, "protocol")), protocol) != 0) {
            continue;
        }
        if (!strstr(json_string_value(old), purpose)) {
            json_object_set_new(row, "purpose", json_sprintf("%s, %s", json_string_value(old), purpose));
        }
        return;
    }
    json_array_append_new(rows, json_pack("{s:i,s:i,s:s,s:s}", "first", (int)ports->first, "last", (int)ports->last,
                                          "protocol", protocol, "purpose", purpose));
}

static void add_listeners(json_t *rows, const struct config_addrs *listeners, const char *protocol,
                          const char *purpose) {
    for (size_t i = 0; i < listeners->count; i++) {
        const struct addr *a = &listeners->items[i];
        const struct config_ports one = {a->port, a->port};
        if (!addr_is_loopback(a)) {
            add_row(rows, &one, protocol, purpose);
        }
    }
}

static void add_discovery(json_t *rows, const struct config_discoveries *list) {
    for (size_t i = 0; i < list->count; i++) {
        struct addr both[] = {list->items[i].first, list->items[i].second};
        const struct config_addrs listeners = {.count = 2, .items = both};
        add_listeners(rows, &listeners, "udp", "NAT behaviour discovery");
    }
}

json_t *admin_config_ports(const struct config *config) {
    json_t *rows = json_array();
    bool tls = config->tls.certificate[0] != '\0';
    add_listeners(rows, &config->listen.udp, "udp", "STUN and TURN");
    add_discovery(rows, &config->listen.nat_discovery);
    add_listeners(rows, &config->listen.tcp, "tcp", "STUN and TURN");
    if (tls) {
        add_listeners(rows, &config->listen.tls, "tcp", "STUN and TURN over TLS");
        add_listeners(rows, &config->listen.dtls, "udp", "STUN and TURN over DTLS");
    }
    add_row(rows, &config->relay.ports, "udp", "relayed media");
    if (config->relay.tcp) {
        add_row(rows, &config->relay.ports, "tcp", "relayed connections");
    }
    add_listeners(rows, &config->http.listen, "tcp", "web page and signaling");
    if (tls) {
        add_listeners(rows, &config->http.tls_listen, "tcp", "web page and signaling over TLS");
    }
    add_listeners(rows, &config->stats.listen, "tcp", "statistics");
    return rows;
}
