#include "ctl/external.h"

#include "base/addr.h"
#include "config/config.h"
#include "ctl/findings.h"
#include "ctl/probe.h"

#include <errno.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

static const char remedy_wrong[] =
    "Correct [server] external-address, or write auto; a wrong one makes every relayed call fail.";
static const char remedy_silent[] =
    "Look whether the firewall lets UDP out to [server] stun-server and whether its name resolves.";

/* The first address of a family. */
static int resolve(const struct config_server *server, int family, struct addr *out) {
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM}, *list = NULL;
    if (getaddrinfo(server->host, NULL, &hints, &list) != 0) {
        return -ENOENT;
    }
    int rc = addr_from_sockaddr(out, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    out->port = server->port;
    return rc;
}

/* The local address to ask from: the private side, or the first relay address; "any" lets the system choose. */
static struct addr local_side(const struct config *config, const struct config_external *e) {
    if (e->private_addr.family != AF_UNSPEC) {
        return e->private_addr;
    }
    for (size_t i = 0; i < config->relay.address.count; i++) {
        if (config->relay.address.items[i].family == e->public_addr.family) {
            return config->relay.address.items[i];
        }
    }
    return (struct addr){.family = e->public_addr.family};
}

struct tally {
    unsigned agreeing, answers;
    struct addr other; /* what a server said that does not agree */
    const char *other_host;
};

static struct tally ask_all(const struct config *config, const struct config_external *e) {
    struct tally t = {0};
    struct addr from = local_side(config, e), to, seen;
    for (size_t i = 0; i < config->server.stun_server.count; i++) {
        const struct config_server *server = &config->server.stun_server.items[i];
        if (resolve(server, from.family, &to) < 0 || probe_mapping(&from, &to, &seen) < 0) {
            continue;
        }
        t.answers++;
        if (addr_equal_ip(&seen, &e->public_addr)) {
            t.agreeing++;
        } else {
            t.other = seen;
            t.other_host = server->host;
        }
    }
    return t;
}

static void check_line(struct ctl_findings *f, const struct config *config, const struct config_external *e) {
    char told[ADDR_TEXT_MAX], other[ADDR_TEXT_MAX];
    struct tally t = ask_all(config, e);
    addr_format_ip(&e->public_addr, told);
    if (t.answers == 0) {
        ctl_findings_add(f, CTL_DOUBTFUL, remedy_silent,
                         "No STUN server answers, so nobody confirms external-address %s.", told);
    } else if (t.agreeing == 0) {
        ctl_findings_add(f, CTL_BAD, remedy_wrong, "external-address says %s, but %s sees this machine as %s.", told,
                         t.other_host, addr_format_ip(&t.other, other));
    } else if (t.agreeing < t.answers) {
        ctl_findings_add(f, CTL_DOUBTFUL, "Look which of the STUN servers is wrong, or whether there are two ways out.",
                         "external-address says %s, and so do %u of %u STUN servers; %s says %s.", told, t.agreeing,
                         t.answers, t.other_host, addr_format_ip(&t.other, other));
    } else {
        ctl_findings_add(f, CTL_GOOD, NULL, "STUN servers see this machine as %s, as external-address says.", told);
    }
}

/* Of machines with bridges and tunnels not every address leads outside. */
static void report_unknown(struct ctl_findings *f, const char *local, bool others_known) {
    if (others_known) {
        ctl_findings_add(
            f, CTL_DOUBTFUL,
            "It does not matter when no client comes to that address; [relay] address names those that do.",
            "No public address is known for %s, but for another address of this machine.", local);
    } else {
        ctl_findings_add(f, CTL_BAD, remedy_silent,
                         "No public address is known for %s: clients are told the local one.", local);
    }
}

static bool any_known(const json_t *rows) {
    const json_t *row;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
        if (json_object_get(row, "answers")) {
            return true;
        }
    }
    return false;
}

/* What the daemon found by itself. */
static void check_found(struct ctl_findings *f, const json_t *row, bool others_known) {
    const char *local = json_string_value(json_object_get(row, "local"));
    const char *told = json_string_value(json_object_get(row, "told"));
    const char *by = json_string_value(json_object_get(row, "by"));
    json_int_t agreeing = json_integer_value(json_object_get(row, "agreeing"));
    json_int_t answers = json_integer_value(json_object_get(row, "answers"));
    if (!local || !told || !by || strcmp(by, "configuration") == 0) {
        return;
    }
    if (!json_object_get(row, "answers")) {
        report_unknown(f, local, others_known);
    } else if (json_is_true(json_object_get(row, "silent"))) {
        ctl_findings_add(f, CTL_DOUBTFUL, remedy_silent, "No STUN server answers any more; clients are told %s for %s.",
                         told, local);
    } else if (agreeing < answers) {
        ctl_findings_add(f, CTL_DOUBTFUL, "Look which of the STUN servers is wrong, or whether there are two ways out.",
                         "Only %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
                         " STUN servers say that %s is %s outside.",
                         agreeing, answers, local, told);
    } else {
        ctl_findings_add(f, CTL_GOOD, NULL, "%s is %s outside, says %s.", local, told, by);
    }
}

void ctl_external_check(struct ctl_findings *f, const struct config *config, const struct json_t *rows) {
    const struct config_externals *list = &config->server.external_address;
    const json_t *row;
    size_t i;
    for (i = 0; config->server.stun_server.count > 0 && i < list->count; i++) {
        if (!list->items[i].automatic) {
            check_line(f, config, &list->items[i]);
        }
    }
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) { check_found(f, row, any_known(rows)); }
}
