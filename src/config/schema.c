#include "config/schema.h"

#include <string.h>

/* clang-format off */
#define SECOND 1000000ULL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define MEGA   1000000ULL
#define MANY   1024 /* items of a list */

#define KEY(section_, field, name_, type_, ...)                                                                \
    { .section = #section_, .name = name_, .dotted = #section_ "." name_, .type = CONFIG_TYPE_##type_,        \
      .offset = offsetof(struct config, section_.field), __VA_ARGS__ }

const struct config_section config_sections[] = {
    {"server", "The process as a whole."},
    {"listen", "Where clients reach STUN and TURN. "
               "Every port recognises what arrives by its first bytes, so HTTP and WebSocket connections are served on the TCP and TLS ports too."},
    {"tls", "The certificate for TLS and DTLS. Without one nothing speaks TLS, and the ports for it stay closed."},
    {"relay", "The TURN relay."},
    {"auth", "Who may use the relay. Users with a password of their own are kept in the database; see turnoutctl(8)."},
    {"realms", "Other realms beside [server] realm: several tenants on one server. A realm exists when it is named here. "
               "Each has its own users (turnoutctl user add --realm), secrets, quotas and peer rules; credentials of one are of no use in another. "
               "Each value begins with the realm's name and a blank."},
    {"http", "The web page, signaling and the credential endpoints."},
    {"stats", "Metrics and health checks."},
    {"database", "Users, API keys, peer rules, room definitions and usage records."},
    {"log", "Log lines."},
    {"rooms", "Defaults for rooms. A room defined in the database or by a token may narrow them."},
    {"webhooks", "Events about rooms, posted to other servers."},
    {"forward", "The forwarding of media in rooms that are too large for direct connections."},
    {"cluster", "Several servers as one. Without this section nothing of it runs."},
};
const size_t config_section_count = sizeof config_sections / sizeof config_sections[0];

const struct config_key config_keys[] = {
    KEY(server, realm, "realm", STRING, .flags = CONFIG_HOSTNAME, .min = 1, .max = 127,
        .doc = "The realm of long-term credentials, usually the domain name. "
               "Keys in the database are bound to it: after a change users need their passwords set anew. "
               "Running sessions keep the realm they began with."),
    KEY(server, workers, "workers", UINT, .flags = CONFIG_RESTART, .fallback = "auto", .max = 128, .words = "auto",
        .doc = "Threads that move media. The default is one per processor core."),
    KEY(server, user, "user", ACCOUNT, .flags = CONFIG_RESTART, .fallback = "turnout",
        .doc = "The account to run as when started by root, with an optional group after a colon. Ignored otherwise."),
    KEY(server, external_address, "external-address", EXTERNALS, .max = 64,
        .doc = "The address that clients must use when this host is behind network address translation. "
               "ADDR stands for every local address of its family, PUBLIC/PRIVATE for one. "
               "With auto the server asks the servers of stun-server for the public address of each local one that no other line names, and notices changes; "
               "until the first answer, and where none comes, a local address is told as it is. "
               "Allocations keep the address they were told. "
               "Without this key local addresses are told as they are."),
    KEY(server, stun_server, "stun-server", SERVERS, .max = 8,
        .doc = "A STUN server outside of this network, asked for the public address when external-address is auto, and by the self-test of turnoutctl(8). "
               "The port is 3478 unless given. What it says is believed, so name servers that you trust: when three or more are named, no one of them decides alone. "
               "There is no default: no foreign server is asked unless you name it."),
    KEY(server, stun_interval_us, "stun-interval", DURATION, .fallback = "60s", .min = SECOND, .max = DAY,
        .doc = "How often they are asked, give or take a tenth."),
    KEY(server, software_name, "software-name", STRING, .max = 127,
        .doc = "Sent as SOFTWARE in STUN answers. Empty by default, because it helps nobody but attackers and makes answers longer."),
    KEY(server, drain_timeout_us, "drain-timeout", DURATION, .fallback = "1h", .max = 7 * DAY,
        .doc = "How long established sessions may go on after SIGTERM or a drain by turnoutctl(8)."),
    KEY(server, control_socket, "control-socket", PATH, .flags = CONFIG_RESTART, .fallback = TURNOUT_RUNDIR "/turnout.sock", .min = 1, .max = 107,
        .doc = "The Unix socket through which turnoutctl(8) reaches the server."),
    KEY(server, state_dir, "state-dir", PATH, .flags = CONFIG_RESTART, .fallback = TURNOUT_STATEDIR, .min = 1, .max = 3000,
        .doc = "The folder for what the server keeps itself: the database and the generated secret."),

    KEY(listen, udp, "udp", LISTEN, .flags = CONFIG_RESTART, .fallback = "3478", .max = 64,
        .doc = "STUN and TURN over UDP."),
    KEY(listen, tcp, "tcp", LISTEN, .flags = CONFIG_RESTART, .fallback = "3478", .max = 64,
        .doc = "STUN and TURN over TCP."),
    KEY(listen, tls, "tls", LISTEN, .flags = CONFIG_RESTART, .fallback = "5349", .max = 64,
        .doc = "STUN and TURN over TLS. Port 443 passes most firewalls."),
    KEY(listen, dtls, "dtls", LISTEN, .flags = CONFIG_RESTART, .fallback = "5349", .max = 64,
        .doc = "STUN and TURN over DTLS, and nothing in the clear. The addresses of the key udp take DTLS beside plain STUN when there is a certificate."),
    KEY(listen, nat_discovery, "nat-discovery", DISCOVERIES, .flags = CONFIG_RESTART, .max = 2,
        .doc = "Lets clients find out how their NAT maps and filters (RFC 5780), over UDP. "
               "Takes two addresses of this machine and two ports, such as 203.0.113.1:3478/203.0.113.2:3479, one such line per family: "
               "the server then listens at all four combinations, beside the key udp where that has one of them already, and answers from each. "
               "Behind a NAT both addresses need a public one of their own in external-address. "
               "Off by default: answers grow from 32 to 68 bytes, and few clients ask."),
    KEY(listen, proxy_protocol, "proxy-protocol", PREFIXES, .max = MANY,
        .doc = "Load balancers in front of this server. "
               "Their TCP connections must begin with a PROXY header (version 1 or 2) that names the real client; nobody else's may. "
               "Each of their UDP datagrams must begin with one of version 2; answers go back to the address it came from, without a header. "
               "Whoever can send packets with such a source address can name any client, so let them come from inside only. "
               "The stats listener takes no headers."),
    KEY(listen, challenge_rate, "challenge-rate", UINT, .fallback = "200", .max = 1000000, .words = "unlimited",
        .doc = "Refusals per second that one source gets over UDP from each worker without having shown valid credentials, the usual 401 and 438 among them; beyond that there is silence. "
               "Sources of datagrams can be forged, and so nobody can be flooded with answers. "
               "An IPv6 source is its /64, as for the keys below."),
    KEY(listen, binding_rate, "binding-rate", UINT, .fallback = "unlimited", .max = 1000000, .words = "unlimited",
        .doc = "The same for answers to Binding requests. "
               "Such an answer is 12 bytes longer than the request (24 with IPv6), so it is little use to an attacker, "
               "while thousands of browsers may share the address of one provider."),
    KEY(listen, handshake_rate, "handshake-rate", UINT, .fallback = "200", .max = 1000000, .words = "unlimited",
        .doc = "TLS and DTLS handshakes that one source may begin per second with each worker. "
               "Connections beyond it are closed, datagrams are ignored."),
    KEY(listen, source_connections, "source-connections", UINT, .fallback = "1000", .max = 1000000, .words = "unlimited",
        .doc = "TCP connections that one source may hold with each worker."),

    KEY(tls, certificate, "certificate", PATH, .max = 3000,
        .doc = "The certificate and its chain, in PEM. Read again when it or its key changes, also by a symbolic link on the way to it; "
               "a pair that does not fit is not taken. Established sessions go on, and session tickets stay good."),
    KEY(tls, private_key, "private-key", PATH, .max = 3000,
        .doc = "The certificate's private key, in PEM, readable by the account the server runs as."),
    KEY(tls, min_version, "min-version", CHOICE, .fallback = "1.2", .words = "1.2 1.3",
        .doc = "The oldest version of TLS that is accepted. DTLS is always version 1.2."),

    KEY(relay, address, "address", ADDRESSES, .max = 64,
        .doc = "Local addresses that relay sockets are bound to, of one or both families. "
               "A client gets the one it came to when that is among them, else always the same of the others. "
               "The default is the address at which the client reached the server."),
    KEY(relay, ports, "ports", PORTS, .fallback = "49152-65535", .min = 1024, .max = 65535,
        .doc = "The UDP ports for relayed addresses, and the TCP ports when the key tcp is yes. The firewall must let them in."),
    KEY(relay, allow_peer, "allow-peer", PREFIXES, .max = MANY,
        .doc = "Peers that relays may talk to although they are denied by default. "
               "The most specific prefix decides; allow wins over deny for equal ones."),
    KEY(relay, deny_peer, "deny-peer", PREFIXES, .max = MANY,
        .doc = "Peers that relays must not talk to, beyond the private, loopback, link-local, multicast and reserved ranges that are always denied unless allowed. Clients reach each other's relayed addresses unless this denies those."),
    KEY(relay, max_lifetime_us, "max-lifetime", DURATION, .fallback = "1h", .min = 10 * MINUTE, .max = DAY,
        .doc = "The longest lifetime an allocation gets in one step; clients refresh it."),
    KEY(relay, user_quota, "user-quota", UINT, .fallback = "200", .max = 1000000, .words = "unlimited",
        .doc = "Allocations that one user may hold. "
               "A browser makes one per TURN URL, network interface and connection, so allow some dozens."),
    KEY(relay, total_quota, "total-quota", UINT, .fallback = "unlimited", .max = 10000000, .words = "unlimited",
        .doc = "Allocations that all users together may hold."),
    KEY(relay, user_bandwidth_bps, "user-bandwidth", BITRATE, .fallback = "unlimited", .max = 1000000 * MEGA, .words = "unlimited",
        .doc = "What one user may relay with all his allocations, both directions together, in bits of payload per second. "
               "After a quiet time a quarter of a second's worth passes at once. Packets beyond that are dropped and counted."),
    KEY(relay, total_bandwidth_bps, "total-bandwidth", BITRATE, .fallback = "unlimited", .max = 1000000 * MEGA, .words = "unlimited",
        .doc = "What all users together may relay, counted in the same way."),
    KEY(relay, tcp, "tcp", BOOL, .fallback = "no",
        .doc = "Whether relayed TCP connections are offered (RFC 6062), to clients that come by TCP or TLS. "
               "Their ports are those of the key ports, of TCP; the firewall must let them in. Video calls do not need them. "
               "After a change to no what is relayed goes on."),
    KEY(relay, mobility, "mobility", BOOL, .fallback = "no",
        .doc = "Whether an allocation may move to another address of its client (RFC 8016), when the client asks for a ticket. "
               "Without that a client that comes from a new address or port, say behind a NAT that has forgotten it, is a new client."),
    KEY(relay, alternate_server, "alternate-server", LISTEN, .max = 16,
        .doc = "Servers to which new clients are sent instead (300 Try Alternate), one of their own address family at random. "
               "Give full addresses; a client keeps its transport, so each must serve all of them at that port. "
               "A list that names this server, too, divides the clients by their addresses: with the same list on all of them nobody is sent on twice. "
               "Sessions that are there stay. A server that is full or drains sends clients away to the others."),

    KEY(auth, secret, "secret", SECRETS, .min = 8, .max = 8,
        .doc = "The secret of credentials of the form expiry:user, shared with whoever else hands them out. "
               "The first signs and all are accepted, so a secret can be replaced without a gap. "
               "Without this key the server makes a secret of its own and keeps it in the state folder."),
    KEY(auth, credential_lifetime_us, "credential-lifetime", DURATION, .fallback = "12h", .min = MINUTE, .max = 30 * DAY,
        .doc = "How long handed-out credentials may be used to begin a session."),
    KEY(auth, strict_expiry, "strict-expiry", BOOL, .fallback = "no",
        .doc = "Whether an expired credential also ends a running session at its next refresh, and permits nothing new before."),
    KEY(auth, sha256, "sha256", BOOL, .fallback = "yes",
        .doc = "Whether SHA-256 is offered beside SHA-1 (RFC 8489). Browsers use SHA-1 only."),
    KEY(auth, oauth_key, "oauth-key", OAUTH_KEYS, .max = 16,
        .doc = "A key shared with an authorization server (RFC 7635): its name, a colon and 16 or 32 bytes in base64, for AES-GCM. "
               "With one, clients may show access tokens sealed with it instead of a name and password. Without this key nobody can."),
    KEY(auth, oauth_server_name, "oauth-server-name", STRING, .max = 127,
        .doc = "The name by which authorization servers know this server; tokens for another name are refused. The default is the realm."),
    KEY(auth, development, "development", BOOL, .fallback = "no",
        .doc = "Whether the web page may make its own room tokens, so that anybody who reaches it can join any room. For trying things out only."),

    KEY(realms, address, "address", REALM_ADDRESSES, .max = 256,
        .doc = "Clients that reach the server at this local address, perhaps with a port, belong to the realm."),
    KEY(realms, server_name, "server-name", REALM_NAMES, .max = 256,
        .doc = "Clients whose TLS or DTLS handshake asks for this name belong to the realm, whatever the address."),
    KEY(realms, origin, "origin", REALM_ORIGINS, .max = 256,
        .doc = "Clients that send this ORIGIN belong to the realm, whatever else. Browsers of today do not send it."),
    KEY(realms, secret, "secret", REALM_SECRETS, .max = 512,
        .doc = "A secret of credentials of the form expiry:user in that realm, up to 8 for each. "
               "The secrets of [auth] count in the default realm only."),
    KEY(realms, oauth_key, "oauth-key", REALM_OAUTH_KEYS, .max = 256,
        .doc = "A key of an authorization server of the realm, as [auth] oauth-key, up to 16 for each."),
    KEY(realms, user_quota, "user-quota", REALM_NUMBERS, .max = 65,
        .doc = "Allocations that one user of the realm may hold, in the place of [relay] user-quota."),
    KEY(realms, total_quota, "total-quota", REALM_NUMBERS, .max = 65,
        .doc = "Allocations that all users of the realm together may hold, besides [relay] total-quota."),

    KEY(http, listen, "listen", LISTEN, .flags = CONFIG_RESTART, .fallback = "8080", .max = 64,
        .doc = "Plain HTTP. Browsers open cameras only on pages from localhost or over TLS."),
    KEY(http, tls_listen, "tls-listen", LISTEN, .flags = CONFIG_RESTART, .fallback = "8443", .max = 64,
        .doc = "HTTP over TLS, and TURN over TLS on the same ports. Set it to 443 when no other web server runs on this host: "
               "clients are then told of TURN there, too, which passes most firewalls."),
    KEY(http, public_url, "public-url", URL, .max = 1024, .words = "http https",
        .doc = "The address under which browsers reach this server, when a proxy makes it differ. It may have a path, which the proxy takes off."),
    KEY(http, allowed_origin, "allowed-origin", ORIGINS, .max = MANY,
        .doc = "Origins of other web pages that may use signaling and the credential endpoints. "
               "The server's own page always may. An asterisk allows every page."),
    KEY(http, trusted_proxy, "trusted-proxy", PREFIXES, .max = MANY,
        .doc = "Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto headers are believed."),
    KEY(http, web_root, "web-root", PATH, .fallback = TURNOUT_WEBDIR, .min = 1, .max = 3000,
        .doc = "The folder of the web page and the client library."),
    KEY(http, request_rate, "request-rate", UINT, .fallback = "60", .max = 1000000, .words = "unlimited",
        .doc = "Requests for credentials or tokens that one source may make per minute. An IPv6 source is its /64."),

    KEY(stats, listen, "listen", LISTEN, .flags = CONFIG_RESTART, .fallback = "127.0.0.1:9478", .max = 16,
        .doc = "The paths /metrics, /stats, /livez and /readyz. Numbers only, but keep it from strangers."),
    KEY(stats, coturn_names, "coturn-names", BOOL, .fallback = "no",
        .doc = "Whether /metrics also shows the names that coturn uses."),

    KEY(database, path, "path", PATH, .flags = CONFIG_RESTART | CONFIG_IN_STATE_DIR, .fallback = "turnout.db", .min = 1, .max = 3000,
        .doc = "The SQLite file. Made when it is missing."),
    KEY(database, usage_retention_us, "usage-retention", DURATION, .fallback = "90d", .max = 3650 * DAY,
        .doc = "How long the record of a relay session is kept that turnoutctl(8) shows by the verb usage: user, times, bytes, packets and why it ended. "
               "With 0s none is made."),
    KEY(database, usage_limit, "usage-limit", UINT, .fallback = "1000000", .max = 1000000000, .words = "unlimited",
        .doc = "Records that are kept at the most; the oldest go first. A million takes about 200 MB."),
    KEY(database, usage_address, "usage-address", BOOL, .fallback = "no",
        .doc = "Whether a record tells the client's address. The log does in any case."),

    KEY(log, level, "level", CHOICE, .fallback = "info", .words = "error warning info debug",
        .doc = "The least important lines to write."),
    KEY(log, target, "target", LOG_TARGET, .fallback = "stderr",
        .doc = "Where lines go: stderr, journal (stderr with priorities, as systemd reads them), or file: and a path."),
    KEY(log, format, "format", CHOICE, .fallback = "text", .words = "text json",
        .doc = "The form of lines."),

    KEY(rooms, mesh_limit, "mesh-limit", UINT, .flags = CONFIG_AHEAD, .fallback = "2", .max = 4,
        .doc = "Up to this many participants are connected directly, without forwarding. With 0 media is always forwarded."),
    KEY(rooms, max_participants, "max-participants", UINT, .fallback = "100", .min = 1, .max = 100000,
        .doc = "Participants that one room admits."),
    KEY(rooms, empty_timeout_us, "empty-timeout", DURATION, .fallback = "5m", .max = 7 * DAY,
        .doc = "How long a room that everybody has left is kept."),
    KEY(rooms, auto_create, "auto-create", BOOL, .fallback = "yes",
        .doc = "Whether a room comes into being when the first participant joins. Otherwise it must be made before."),
    KEY(rooms, resume_timeout_us, "resume-timeout", DURATION, .fallback = "60s", .min = SECOND, .max = HOUR,
        .doc = "How long a participant whose connection broke may come back to the same session."),

    KEY(webhooks, url, "url", URLS, .flags = CONFIG_AHEAD, .max = 16, .words = "http https",
        .doc = "Where events are posted."),
    KEY(webhooks, key, "key", STRING, .flags = CONFIG_AHEAD, .max = 32,
        .doc = "The identifier of the API key that signs them."),

    KEY(forward, media_port, "media-port", UINT, .flags = CONFIG_AHEAD | CONFIG_RESTART, .fallback = "3480", .min = 1, .max = 65535,
        .doc = "The UDP port for media of the first worker; each further worker uses the next one."),
    KEY(forward, media_address, "media-address", ADDRESSES, .flags = CONFIG_AHEAD | CONFIG_RESTART, .max = 64,
        .doc = "Local addresses for media. The default is all."),
    KEY(forward, max_bitrate_bps, "max-bitrate", BITRATE, .flags = CONFIG_AHEAD, .fallback = "unlimited", .max = 1000 * MEGA, .words = "unlimited",
        .doc = "What one participant may send."),
    KEY(forward, tcp_candidates, "tcp-candidates", BOOL, .flags = CONFIG_AHEAD, .fallback = "yes",
        .doc = "Whether media may also come over TCP."),

    KEY(cluster, redis, "redis", URLS, .flags = CONFIG_AHEAD, .max = 16, .words = "redis rediss sentinel",
        .doc = "The Redis server that the nodes share, or its sentinels."),
    KEY(cluster, node_name, "node-name", STRING, .flags = CONFIG_RESTART | CONFIG_HOSTNAME, .min = 1, .max = 63,
        .doc = "This node's name, different from every other's."),
    KEY(cluster, node_address, "node-address", ADDRESSES, .flags = CONFIG_AHEAD | CONFIG_RESTART, .max = 2,
        .doc = "The address at which other nodes reach this one, one per family."),
    KEY(cluster, link_listen, "link-listen", LISTEN, .flags = CONFIG_AHEAD | CONFIG_RESTART, .max = 16,
        .doc = "The UDP address for media between nodes."),
    KEY(cluster, region, "region", STRING, .flags = CONFIG_AHEAD, .max = 63,
        .doc = "Nodes of one region take over each other's clients first."),
};
/* clang-format on */
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEY_MAX, "raise CONFIG_KEY_MAX");

const struct config_key *config_key_find(const char *section, const char *name) {
    for (size_t i = 0; i < config_key_count; i++) {
        if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}
