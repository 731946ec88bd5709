/* The table of coturn's options: what turnout does with each. docs/coturn.md shows it, a test compares. */
#include "ctl/import.h"

#include "base/addr.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *to_seconds(char *out, size_t size, const char *value) {
    uint64_t n;
    if (text_parse_u64(&n, value, strlen(value)) < 0) {
        return "it is not a number of seconds";
    }
    snprintf(out, size, "%" PRIu64 "s", n);
    return NULL;
}

static const char *to_quota(char *out, size_t size, const char *value) {
    uint64_t n;
    if (text_parse_u64(&n, value, strlen(value)) < 0) {
        return "it is not a number";
    }
    if (n == 0) {
        snprintf(out, size, "unlimited");
    } else {
        snprintf(out, size, "%" PRIu64, n);
    }
    return NULL;
}

/* Bytes per second in each direction -> bits per second in both. */
static const char *to_bits(char *out, size_t size, const char *value) {
    uint64_t n;
    if (text_parse_u64(&n, value, strlen(value)) < 0 || n > UINT64_MAX / 16) {
        return "it is not a number of bytes per second";
    }
    if (n == 0) {
        snprintf(out, size, "unlimited");
    } else {
        snprintf(out, size, "%" PRIu64, n * 16);
    }
    return NULL;
}

static const char *to_workers(char *out, size_t size, const char *value) {
    uint64_t n;
    if (text_parse_u64(&n, value, strlen(value)) < 0) {
        return "it is not a number";
    }
    snprintf(out, size, "%" PRIu64, n == 0 ? 1 : n);
    return NULL;
}

/* The port may be left out. */
static const char *to_server(char *out, size_t size, const char *value) {
    struct addr a;
    char text[ADDR_TEXT_MAX];
    if (addr_parse(&a, value) < 0) {
        return "it is not an address with a port";
    }
    a.port = a.port ? a.port : 3478;
    snprintf(out, size, "%s", addr_format(&a, text));
    return NULL;
}

static const char *to_yes(char *out, size_t size, const char *value) {
    (void)value;
    snprintf(out, size, "yes");
    return NULL;
}

static const char *to_no(char *out, size_t size, const char *value) {
    (void)value;
    snprintf(out, size, "no");
    return NULL;
}

static const char *only_colon(char *out, size_t size, const char *value) {
    (void)out, (void)size;
    return strcmp(value, ":") == 0 ? NULL : "turnout knows only the colon";
}

static const char *only_ipv4(char *out, size_t size, const char *value) {
    (void)out, (void)size;
    return strcmp(value, "ipv4") == 0 ? NULL : "the default is IPv4, as the standard says; clients ask for IPv6";
}

/* clang-format off */
#define VALUE(name, kind, section, key, convert, text) {name, IMPORT_##kind, false, section, key, convert, text}
#define FLAG(name, kind, section, key, convert, text) {name, IMPORT_##kind, true, section, key, convert, text}
#define BARE(name, kind, text) {name, IMPORT_##kind, true, NULL, NULL, NULL, text}
#define WITH(name, kind, text) {name, IMPORT_##kind, false, NULL, NULL, NULL, text}

const struct import_option import_options[] = {
    WITH("CA-file", UNSUPPORTED, "Clients are not asked for certificates; TURN credentials say who they are."),
    BARE("Verbose", TRANSLATED, "[log] level = debug."),
    WITH("acme-redirect", UNSUPPORTED, "Let the ACME client use port 80, or a challenge by DNS."),
    VALUE("allocation-default-address-family", IMPLIED, NULL, NULL, only_ipv4, "IPv4, as RFC 8656 says; clients ask for IPv6. Other values are not supported."),
    BARE("allow-loopback-peers", TRANSLATED, "[relay] allow-peer = 127.0.0.0/8 and ::1/128."),
    WITH("allowed-peer-ip", TRANSLATED, "[relay] allow-peer; a range becomes prefixes."),
    WITH("alt-listening-port", TRANSLATED, "The second port in [listen] nat-discovery, made of the first two listening-ip of a family."),
    WITH("alt-tls-listening-port", UNSUPPORTED, "NAT behaviour discovery is served over UDP, where an answer can come from another address."),
    VALUE("alternate-server", SAME, "relay", "alternate-server", to_server, "[relay] alternate-server."),
    WITH("aux-server", TRANSLATED, "One more line of [listen] udp and tcp."),
    VALUE("bps-capacity", TRANSLATED, "relay", "total-bandwidth", to_bits, "[relay] total-bandwidth, in bits per second and both directions together: 16 times the number."),
    VALUE("cert", SAME, "tls", "certificate", NULL, "[tls] certificate, a full path."),
    WITH("channel-lifetime", IMPLIED, "10 minutes, as the standard says."),
    BARE("check-origin-consistency", UNSUPPORTED, "Only the first ORIGIN of a session counts: it leads to a realm ([realms] origin). Which pages may use the server is [http] allowed-origin."),
    WITH("cipher-list", NOT_NEEDED, "OpenSSL's defaults for TLS 1.2 and 1.3; the system's openssl.cnf can narrow them."),
    WITH("cli-ip", NOT_NEEDED, "turnoutctl(8) uses a Unix socket, no port is open."),
    WITH("cli-max-output-sessions", NOT_NEEDED, "turnoutctl sessions list --limit."),
    WITH("cli-password", NOT_NEEDED, "The rights of the Unix socket say who may manage the server."),
    WITH("cli-port", NOT_NEEDED, "turnoutctl(8) uses a Unix socket, no port is open."),
    BARE("daemon", NOT_NEEDED, "systemd runs the server."),
    WITH("db", TRANSLATED, "Another name of userdb."),
    WITH("denied-peer-ip", TRANSLATED, "[relay] deny-peer; a range becomes prefixes. Private ranges are denied anyway."),
    BARE("dh1066", NOT_NEEDED, "Key exchange is by elliptic curves."),
    BARE("dh2066", NOT_NEEDED, "Key exchange is by elliptic curves."),
    BARE("dh566", NOT_NEEDED, "Key exchange is by elliptic curves."),
    WITH("dh-file", NOT_NEEDED, "Key exchange is by elliptic curves."),
    WITH("ec-curve-name", NOT_NEEDED, "OpenSSL agrees on a curve with the client."),
    VALUE("external-ip", SAME, "server", "external-address", NULL, "[server] external-address, with PUBLIC/PRIVATE too."),
    BARE("fingerprint", IMPLIED, "Answers carry a FINGERPRINT when the request did."),
    BARE("keep-address-family", UNSUPPORTED, "The default is IPv4, as the standard says; clients ask for IPv6."),
    WITH("listening-device", UNSUPPORTED, "Name addresses in [listen] instead of devices."),
    WITH("listening-ip", TRANSLATED, "The address in [listen] udp, tcp, tls and dtls."),
    WITH("listening-port", TRANSLATED, "The port in [listen] udp and tcp."),
    BARE("log-binding", UNSUPPORTED, "Binding requests are counted in the metrics, not logged."),
    WITH("log-file", TRANSLATED, "[log] target = file:PATH, stderr or journal. The name is used as it stands, without a number or a date."),
    BARE("lt-cred-mech", IMPLIED, "Always: users of the database, and credentials by the shared secret."),
    VALUE("max-allocate-lifetime", SAME, "relay", "max-lifetime", to_seconds, "[relay] max-lifetime, 10 minutes to a day."),
    WITH("max-allocate-timeout", NOT_NEEDED, "A stranger's request keeps no state, so nothing has to time out."),
    WITH("max-port", TRANSLATED, "The end of [relay] ports."),
    VALUE("max-bps", TRANSLATED, "relay", "user-bandwidth", to_bits, "[relay] user-bandwidth: per user instead of per session, in bits per second and both directions together: 16 times the number."),
    WITH("min-port", TRANSLATED, "The beginning of [relay] ports, 1024 at the least."),
    FLAG("mobility", SAME, "relay", "mobility", to_yes, "[relay] mobility."),
    WITH("mongo-userdb", UNSUPPORTED, "Users live in turnout's own SQLite file. Copy them into a database of turnadmin's and name it with --userdb."),
    WITH("mysql-userdb", UNSUPPORTED, "Users live in turnout's own SQLite file. Copy them into a database of turnadmin's and name it with --userdb."),
    WITH("ne", NOT_NEEDED, "There is one way of receiving: a socket per worker."),
    BARE("new-log-timestamp", IMPLIED, "Log lines begin with a full time; the journal has its own."),
    WITH("new-log-timestamp-format", UNSUPPORTED, "The form of the time is fixed; [log] format = json is for programs."),
    BARE("no-auth", UNSUPPORTED, "A relay without credentials serves attackers; give out credentials by the shared secret."),
    BARE("no-auth-pings", NOT_NEEDED, "The database is a local file."),
    BARE("no-cli", IMPLIED, "There is no telnet port."),
    BARE("no-dtls", TRANSLATED, "[listen] dtls = none."),
    BARE("no-dynamic-ip-list", NOT_NEEDED, "Peer rules of the database apply where there are any."),
    BARE("no-dynamic-realms", NOT_NEEDED, "Realms stand in the section [realms] of the configuration."),
    BARE("no-loopback-peers", IMPLIED, "Loopback peers are denied unless allowed."),
    BARE("no-multicast-peers", IMPLIED, "Multicast peers are always denied."),
    BARE("no-rfc5780", IMPLIED, "NAT behaviour discovery is off without [listen] nat-discovery."),
    BARE("no-software-attribute", IMPLIED, "[server] software-name is empty by default."),
    BARE("no-sslv2", IMPLIED, "TLS 1.2 is the oldest version."),
    BARE("no-sslv3", IMPLIED, "TLS 1.2 is the oldest version."),
    BARE("no-stdout-log", IMPLIED, "Lines go to one place: [log] target."),
    BARE("no-stun", UNSUPPORTED, "Binding requests are always answered; answers are small."),
    BARE("no-stun-backward-compatibility", IMPLIED, "RFC 3489 is not spoken; answers carry XOR-MAPPED-ADDRESS only."),
    BARE("no-tcp", TRANSLATED, "[listen] tcp = none."),
    FLAG("no-tcp-relay", SAME, "relay", "tcp", to_no, "[relay] tcp = no, which is the default here: coturn's is yes."),
    BARE("no-tls", TRANSLATED, "[listen] tls = none."),
    BARE("no-tlsv1", IMPLIED, "TLS 1.2 is the oldest version."),
    BARE("no-tlsv1_1", IMPLIED, "TLS 1.2 is the oldest version."),
    BARE("no-tlsv1_2", TRANSLATED, "[tls] min-version = 1.3."),
    BARE("no-udp", TRANSLATED, "[listen] udp = none."),
    BARE("no-udp-relay", UNSUPPORTED, "Relaying over UDP is what video calls need; it cannot be switched off."),
    BARE("oauth", TRANSLATED, "The keys in the database become [auth] oauth-key and [realms] oauth-key; with one, tokens are taken."),
    WITH("permission-lifetime", IMPLIED, "5 minutes, as the standard says."),
    WITH("pidfile", NOT_NEEDED, "systemd knows the process."),
    VALUE("pkey", SAME, "tls", "private-key", NULL, "[tls] private-key, a full path, readable by the account turnout."),
    WITH("pkey-pwd", UNSUPPORTED, "The key must be without a pass phrase: openssl pkey -in OLD -out NEW."),
    WITH("proc-group", NOT_NEEDED, "The server runs as its own account, turnout; [server] user names another."),
    WITH("proc-user", NOT_NEEDED, "The server runs as its own account, turnout; [server] user names another."),
    BARE("prod", IMPLIED, "[server] software-name is empty by default."),
    BARE("prometheus", TRANSLATED, "[stats] listen, with coturn-names = yes for the same names."),
    WITH("prometheus-port", TRANSLATED, "The port in [stats] listen."),
    BARE("prometheus-username-labels", UNSUPPORTED, "No label grows with users; turnoutctl sessions list shows them."),
    WITH("psql-userdb", UNSUPPORTED, "Users live in turnout's own SQLite file. Copy them into a database of turnadmin's and name it with --userdb."),
    VALUE("realm", SAME, "server", "realm", NULL, "[server] realm."),
    WITH("redis-statsdb", UNSUPPORTED, "Metrics are at /metrics and /stats of [stats] listen."),
    WITH("redis-userdb", UNSUPPORTED, "Users live in turnout's own SQLite file. Copy them into a database of turnadmin's and name it with --userdb."),
    WITH("relay-device", UNSUPPORTED, "Name addresses in [relay] address instead of devices."),
    VALUE("relay-ip", SAME, "relay", "address", NULL, "[relay] address."),
    VALUE("relay-threads", TRANSLATED, "server", "workers", to_workers, "[server] workers; 0 becomes 1."),
    BARE("response-origin-only-with-rfc5780", IMPLIED, "RESPONSE-ORIGIN is sent with [listen] nat-discovery only."),
    VALUE("rest-api-separator", IMPLIED, NULL, NULL, only_colon, "The colon. Other separators are not supported."),
    WITH("secret-key-file", UNSUPPORTED, "Belongs to mysql-userdb."),
    BARE("secure-stun", UNSUPPORTED, "Binding requests need no credentials; answers are small."),
    VALUE("server-name", SAME, "auth", "oauth-server-name", NULL, "[auth] oauth-server-name."),
    BARE("server-relay", UNSUPPORTED, "Packets of peers without a permission are always dropped."),
    BARE("simple-log", IMPLIED, "The log file's name is used as it stands."),
    WITH("sql-userdb", UNSUPPORTED, "Another name of psql-userdb."),
    WITH("stale-nonce", IMPLIED, "Nonces always expire; there is nothing to set."),
    VALUE("static-auth-secret", SAME, "auth", "secret", NULL, "[auth] secret, of 8 to 256 bytes; up to 8 of them."),
    BARE("stun-only", UNSUPPORTED, "The relay cannot be switched off; without users and with a secret that nobody knows it serves nobody."),
    BARE("syslog", TRANSLATED, "[log] target = journal."),
    WITH("syslog-facility", NOT_NEEDED, "The journal tells the lines by the unit, turnout.service."),
    WITH("tcp-proxy-port", TRANSLATED, "One more line of [listen] tcp. Name the load balancers in [listen] proxy-protocol: their PROXY headers are believed on every port, and nobody else's."),
    WITH("tls-alternate-server", UNSUPPORTED, "[relay] alternate-server is one list for all transports; turnout takes TLS at the port of plain TCP, too."),
    WITH("tls-listening-port", TRANSLATED, "The port in [listen] tls and dtls."),
    VALUE("total-quota", SAME, "relay", "total-quota", to_quota, "[relay] total-quota."),
    BARE("udp-self-balance", NOT_NEEDED, "The kernel spreads clients over the workers."),
    BARE("use-auth-secret", IMPLIED, "Always; without [auth] secret the server makes one of its own."),
    WITH("user", TRANSLATED, "A user in the database, made by import-coturn --import-users."),
    VALUE("user-quota", SAME, "relay", "user-quota", to_quota, "[relay] user-quota."),
    WITH("userdb", TRANSLATED, "Its users and peer rules go into turnout's database with import-coturn --import-users; its secrets become [auth] secret."),
    BARE("verbose", IMPLIED, "[log] level = info is the default."),
    BARE("web-admin", NOT_NEEDED, "turnoutctl(8) manages the server, also from programs: --json."),
    WITH("web-admin-ip", NOT_NEEDED, "turnoutctl(8) manages the server."),
    BARE("web-admin-listen-on-workers", NOT_NEEDED, "turnoutctl(8) manages the server."),
    WITH("web-admin-port", NOT_NEEDED, "turnoutctl(8) manages the server."),
};
/* clang-format on */
const size_t import_option_count = sizeof import_options / sizeof import_options[0];

const char *import_kind_name(enum import_kind kind) {
    static const char *const names[IMPORT_KINDS] = {
        [IMPORT_SAME] = "same",         [IMPORT_TRANSLATED] = "translated",
        [IMPORT_IMPLIED] = "always so", [IMPORT_NOT_NEEDED] = "not needed",
        [IMPORT_LATER] = "later",       [IMPORT_UNSUPPORTED] = "not supported",
    };
    return names[kind];
}

const struct import_option *import_option_find(const char *name) {
    for (size_t i = 0; i < import_option_count; i++) {
        if (strcmp(import_options[i].name, name) == 0) {
            return &import_options[i];
        }
    }
    return NULL;
}
