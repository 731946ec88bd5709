/* The daemon: what main wires together. Shared by the files of src/daemon; all fields belong to the control
 * thread unless their own headers say otherwise. */
#pragma once

#include "daemon/listen.h"
#include "daemon/options.h"
#include "daemon/worker.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct admin;
struct auth_keys;
struct auth_limiter;
struct auth_quota;
struct auth_secrets;
struct config_report;
struct external;
struct event;
struct file_watch;
struct http_server;
struct peer_scoped_rule;
struct signal_service;
struct static_site;
struct usage;

enum { DAEMON_WORKERS_MAX = 64, DAEMON_SIGNALS = 4 };

/* What the relays need of the database: peer rules, and which realms have users. */
struct daemon_rules {
    struct peer_scoped_rule *items;
    size_t count;
    char **populated;
    size_t populated_count;
};

struct daemon {
    struct options options;
    const struct config *config;
    struct loop *control;
    struct event *signals[DAEMON_SIGNALS];

    struct store *store;
    struct auth_keys *keys;
    const struct auth_secrets *secrets;
    struct auth_quota *quota;
    struct usage *usage;
    struct auth_limiter *requests; /* credential and token requests per source and subject */
    struct auth_limiter *refusals; /* wrong tokens and keys per source */
    struct daemon_rules rules;
    bool rules_loading, rules_again; /* something changed while they were read */
    uint8_t nonce_key[32];

    struct tls_context *tls;
    struct file_watch *certificate_files;
    int64_t certificate_expiry_s; /* as shown in the metrics */
    struct http_server *http;
    struct http_server *stats;
    struct static_site *site;
    struct signal_service *signal;
    struct admin *admin;

    struct listen_list listen;
    struct relay_ports *ports;
    struct owners *owners;
    const struct relay_settings *relay_settings;
    struct external *external;
    struct worker *workers[DAEMON_WORKERS_MAX];
    struct worker_shared shared;
    unsigned worker_count;

    _Atomic bool draining; /* read by the workers */
    uint64_t drain_deadline_us;
    struct loop_timer drain_timer;
    uint64_t started_wall_s;
};

/* Opens everything up to the listeners, drops privileges, starts the threads. Logs what is wrong. On failure
 * daemon_free still has to be called. */
int daemon_start(struct daemon *d, const struct options *options);
/* Runs the control thread until the daemon stops. */
int daemon_run(struct daemon *d);
void daemon_free(struct daemon *d);

/* Reads the configuration as the options say, printing or logging what is wrong. */
int daemon_load_config(const struct options *options, const struct config **out, struct config_report *report);

/* reload.c: makes the running daemon follow another configuration, certificates and secrets. -ERR_CONFIG: everything
 * stays as it was. */
int daemon_reload(struct daemon *d);
/* reload.c: the secrets alone, after they were rotated. */
int daemon_reload_secrets(struct daemon *d);
/* reload.c: makes new relay settings from configuration, secrets and rules, and hands them to the workers. */
int daemon_update_relays(struct daemon *d);
/* Are the relay addresses this machine's? Logs and returns -EADDRNOTAVAIL; asked at start and at reload only, so that
 * an address that goes away while running stops neither secrets nor peer rules. */
int daemon_check_addresses(const struct config *config);
/* reload.c: begins to look for public addresses (external-address = auto). */
int daemon_start_external(struct daemon *d);
/* Stops taking new work; ends when nothing is left or after drain-timeout. A second call ends at once. */
void daemon_drain(struct daemon *d);

/* certificate.c: after the TLS context; takes the files whenever they change. -ENOMEM. */
int daemon_watch_certificate(struct daemon *d);
/* The certificate and what else [tls] says in another configuration. -ERR_CONFIG, -ENOMEM: the old one stays. */
int daemon_reload_certificate(struct daemon *d, const struct config *now);
/* Once that configuration is in force. */
void daemon_certificate_reloaded(struct daemon *d);

/* services.c */
/* Before the workers, then after them. */
int daemon_start_auth(struct daemon *d);
int daemon_start_services(struct daemon *d);
/* rules.c: reads the peer rules of the database now and whenever they change. */
int daemon_watch_rules(struct daemon *d);
int daemon_load_rules(struct daemon *d);
/* They have been changed: now, not when the store notices. */
void daemon_rules_changed(struct daemon *d);
void daemon_rules_free(struct daemon_rules *rules);
/* verbs.c: the control socket and the stats pages. */
int daemon_start_admin(struct daemon *d);
