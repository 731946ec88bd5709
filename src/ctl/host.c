#include "ctl/host.h"

#include "base/addr.h"
#include "base/clock.h"
#include "config/config.h"
#include "ctl/findings.h"

#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>

enum {
    BUFFER_BYTES = 4 * 1024 * 1024,
    BUILT_AFTER_S = 1735689600, /* 2025-01-01: no clock of a machine that runs this is earlier */
    CLOCK_SKEW_S = 2,
    DESCRIPTORS_MIN = 4096,
};

static bool read_number(const char *path, int64_t *out) {
    FILE *file = fopen(path, "re");
    bool good = file && fscanf(file, "%" SCNd64, out) == 1;
    if (file) {
        fclose(file);
    }
    return good;
}

static void check_limit(struct ctl_findings *f, const char *name, const char *path) {
    int64_t value = 0;
    char remedy[160];
    if (!read_number(path, &value)) {
        return; /* a container may hide it */
    }
    if (value < BUFFER_BYTES) {
        snprintf(remedy, sizeof remedy, "Put `%s = %d` into /etc/sysctl.d/turnout.conf and run `sysctl --system`.",
                 name, BUFFER_BYTES);
        ctl_findings_add(f, CTL_DOUBTFUL, remedy, "%s is %" PRId64 ": bursts of packets may be lost.", name, value);
    } else {
        ctl_findings_add(f, CTL_GOOD, NULL, "%s is %" PRId64 ".", name, value);
    }
}

void ctl_host_check_buffers(struct ctl_findings *f) {
    check_limit(f, "net.core.rmem_max", "/proc/sys/net/core/rmem_max");
    check_limit(f, "net.core.wmem_max", "/proc/sys/net/core/wmem_max");
}

void ctl_host_check_clock(struct ctl_findings *f, uint64_t daemon_s) {
    static const char remedy[] = "Run a time service such as systemd-timesyncd or chrony; credentials and tokens "
                                 "expire by the clock.";
    struct timex state = {0};
    uint64_t now = clock_wall_s();
    uint64_t apart = daemon_s > now ? daemon_s - now : now - daemon_s;
    if (now < BUILT_AFTER_S) {
        ctl_findings_add(f, CTL_BAD, remedy, "This machine's clock is wrong: it stands before 2025.");
    } else if (daemon_s > 0 && apart > CLOCK_SKEW_S) {
        ctl_findings_add(f, CTL_BAD, remedy, "The daemon's clock and ours are %" PRIu64 " seconds apart.", apart);
    } else if (adjtimex(&state) == TIME_ERROR) {
        ctl_findings_add(f, CTL_DOUBTFUL, remedy, "Nothing keeps this machine's clock right.");
    } else {
        ctl_findings_add(f, CTL_GOOD, NULL, "The clock is set and kept right.");
    }
}

/* Not reachable from the Internet (RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291). */
static bool is_private(const struct addr *a) {
    static const char *const prefixes[] = {"10.0.0.0/8",    "172.16.0.0/12", "192.168.0.0/16",
                                           "100.64.0.0/10", "127.0.0.0/8",   "169.254.0.0/16",
                                           "::1/128",       "fe80::/10",     "fc00::/7"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        struct prefix p;
        if (prefix_parse(&p, prefixes[i]) == 0 && prefix_contains(&p, a)) {
            return true;
        }
    }
    return false;
}

/* Calls for each address of this machine that is up; stops at the first true. */
static bool any_own_address(bool (*wanted)(const struct addr *own, const void *ctx), const void *ctx) {
    struct ifaddrs *all = NULL;
    bool found = false;
    if (getifaddrs(&all) < 0) {
        return false;
    }
    for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        struct addr a;
        bool inet = i->ifa_addr && (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6);
        socklen_t len =
            inet && i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        found = inet && (i->ifa_flags & IFF_UP) && addr_from_sockaddr(&a, i->ifa_addr, len) == 0 && wanted(&a, ctx);
    }
    freeifaddrs(all);
    return found;
}

static bool is_public(const struct addr *own, const void *ctx) {
    (void)ctx;
    return !is_private(own);
}

static bool is_same(const struct addr *own, const void *ctx) {
    const struct addr *wanted = ctx;
    return addr_equal_ip(own, wanted);
}

static void check_private_side(struct ctl_findings *f, const struct config_external *external) {
    char text[ADDR_TEXT_MAX];
    if (external->private_addr.family == AF_UNSPEC || any_own_address(is_same, &external->private_addr)) {
        return;
    }
    ctl_findings_add(
        f, CTL_BAD, "Correct [server] external-address: PUBLIC/PRIVATE, the private one is this machine's.",
        "No interface has the address %s that external-address names.", addr_format_ip(&external->private_addr, text));
}

void ctl_host_check_addresses(struct ctl_findings *f, const struct config *config) {
    const struct config_externals *externals = &config->server.external_address;
    char text[ADDR_TEXT_MAX];
    bool known = false;
    for (size_t i = 0; i < externals->count; i++) {
        const struct config_external *e = &externals->items[i];
        check_private_side(f, e);
        known = true; /* what auto found is looked at in external.c */
        if (!e->automatic && is_private(&e->public_addr)) {
            ctl_findings_add(f, CTL_DOUBTFUL, "Right for a test or inside one network only.",
                             "external-address %s is not reachable from the Internet.",
                             addr_format_ip(&e->public_addr, text));
        } else if (!e->automatic) {
            ctl_findings_add(f, CTL_GOOD, NULL, "Clients are told the address %s.",
                             addr_format_ip(&e->public_addr, text));
        }
    }
    if (!known && any_own_address(is_public, NULL)) {
        ctl_findings_add(f, CTL_GOOD, NULL, "This machine has a public address of its own.");
    } else if (!known) {
        ctl_findings_add(f, CTL_DOUBTFUL,
                         "If it is behind NAT set [server] external-address to PUBLIC/PRIVATE and forward the ports of "
                         "`turnoutctl config ports`.",
                         "This machine has private addresses only and external-address is not set.");
    }
}

void ctl_host_check_descriptors(struct ctl_findings *f, const struct config *config, int64_t open, int64_t max) {
    int64_t relay = config->relay.ports.last - config->relay.ports.first + 1;
    int64_t wanted = relay < DESCRIPTORS_MIN ? DESCRIPTORS_MIN : relay;
    if (config->relay.total_quota > 0 && (int64_t)config->relay.total_quota < wanted) {
        wanted = (int64_t)config->relay.total_quota + 1024;
    }
    if (max < 0 || max >= wanted) {
        ctl_findings_add(f, CTL_GOOD, NULL, "The daemon has %" PRId64 " descriptors open and may open %s.", open,
                         max < 0 ? "any number" : "enough");
        return;
    }
    ctl_findings_add(f, CTL_DOUBTFUL, "Raise LimitNOFILE in the unit: `systemctl edit turnout`.",
                     "The daemon may open %" PRId64 " descriptors; as many allocations as there are relay ports need "
                     "%" PRId64 ".",
                     max, wanted);
}
