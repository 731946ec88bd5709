#include "ctl/selftest.h"

#include "admin/verbs.h"
#include "base/clock.h"
#include "base/error.h"
#include "config/config.h"
#include "ctl/certificate.h"
#include "ctl/client.h"
#include "ctl/external.h"
#include "ctl/findings.h"
#include "ctl/host.h"
#include "ctl/probe.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* One kind of listener and how to try it. */
struct trial {
    const char *kind; /* as the daemon names it */
    enum probe_stream how;
    const char *path; /* HTTP: to GET; NULL: STUN */
    const char *what;
};

static const struct trial trials[] = {
    {"udp", PROBE_UDP, NULL, "STUN over UDP"},
    {"nat-discovery", PROBE_UDP, NULL, "STUN for NAT discovery"},
    {"tcp", PROBE_TCP, NULL, "STUN over TCP"},
    {"tls", PROBE_TLS, NULL, "STUN over TLS"},
    {"dtls", PROBE_DTLS, NULL, "STUN over DTLS"},
    {"http", PROBE_TCP, "/v1/config", "the web server"},
    {"https", PROBE_TLS, "/v1/config", "the web server over TLS"},
    {"stats", PROBE_TCP, "/readyz", "the statistics page /readyz"},
};

static const char listener_remedy[] =
    "`turnoutctl status` and the daemon's log say what it listens on; on this machine "
    "look for a firewall rule that blocks loopback.";

/* ---- the daemon ---- */

static json_t *ask(const struct ctl_selftest *test, enum admin_verb_id verb) {
    json_t *answer = NULL;
    json_t *none = json_object();
    json_t *data = NULL;
    if (test->client && ctl_client_call(test->client, &admin_verb_table[verb], none, &answer) == 0 &&
        json_is_true(json_object_get(answer, "ok"))) {
        data = json_incref(json_object_get(answer, "data"));
    }
    json_decref(answer);
    json_decref(none);
    return data;
}

static void check_daemon(struct ctl_findings *f, const struct ctl_selftest *test, const json_t *daemon) {
    size_t i;
    json_t *check;
    if (!test->client) {
        ctl_findings_add(f, CTL_BAD,
                         test->open_rc == -EACCES
                             ? "Run this as root or as a member of the daemon's group."
                             : "Start it: `systemctl start turnout`; why it stopped: `journalctl -u "
                               "turnout`.",
                         "The daemon cannot be reached at %s: %s.", test->socket, error_text(test->open_rc));
        return;
    }
    const char *version = json_string_value(json_object_get(daemon, "version"));
    if (!version || strcmp(version, PACKAGE_VERSION) != 0) {
        ctl_findings_add(f, CTL_DOUBTFUL, "Restart the daemon: `systemctl restart turnout`.",
                         "The daemon is version %s, turnoutctl is %s.", version ? version : "unknown", PACKAGE_VERSION);
    } else {
        ctl_findings_add(f, CTL_GOOD, NULL, "The daemon answers on %s, version %s.", test->socket, version);
    }
    json_array_foreach(json_object_get(daemon, "checks"), i, check) {
        const char *name = json_string_value(json_object_get(check, "name"));
        const char *detail = json_string_value(json_object_get(check, "detail"));
        if (!json_is_true(json_object_get(check, "ok"))) {
            ctl_findings_add(f, CTL_BAD, "The daemon's log says more.", "%s: %s", name ? name : "?",
                             detail ? detail : "");
        }
    }
}

/* ---- listeners ---- */

static void report_listener(struct ctl_findings *f, const struct trial *trial, const char *address, int rc) {
    if (rc == -ETIMEDOUT) {
        ctl_findings_add(f, CTL_BAD, listener_remedy, "No answer from %s at %s.", trial->what, address);
    } else if (rc == -EPROTO) {
        ctl_findings_add(f, CTL_BAD, "Look at [tls] certificate and private-key.", "The TLS handshake at %s failed.",
                         address);
    } else if (rc < 0) {
        ctl_findings_add(f, CTL_BAD, listener_remedy, "%s at %s: %s.", trial->what, address, error_text(rc));
    } else {
        ctl_findings_add(f, CTL_GOOD, NULL, "An answer from %s at %s.", trial->what, address);
    }
}

static void try_listener(struct ctl_findings *f, const struct trial *trial, const char *address) {
    struct addr to, seen;
    if (addr_parse(&to, address) < 0) {
        return;
    }
    if (!trial->path) {
        report_listener(f, trial, address, probe_binding(&to, trial->how, &seen));
        return;
    }
    int status = probe_http(&to, trial->how, trial->path);
    if (status >= 400) {
        ctl_findings_add(f, CTL_BAD, "The page itself says why: open it with curl.", "%s at %s says status %d.",
                         trial->what, address, status);
    } else {
        report_listener(f, trial, address, status < 0 ? status : 0);
    }
}

static void check_listeners(struct ctl_findings *f, const json_t *listeners) {
    size_t i;
    json_t *listener;
    if (json_array_size(listeners) == 0) {
        ctl_findings_add(f, CTL_BAD, "See [listen] in turnout.conf(5).", "The daemon listens on nothing.");
    }
    json_array_foreach((json_t *)(uintptr_t)listeners, i, listener) {
        const char *kind = json_string_value(json_object_get(listener, "kind"));
        const char *address = json_string_value(json_object_get(listener, "address"));
        for (size_t t = 0; kind && address && t < sizeof trials / sizeof trials[0]; t++) {
            if (strcmp(trials[t].kind, kind) == 0) {
                try_listener(f, &trials[t], address);
            }
        }
    }
}

/* ---- a relay ---- */

static const char *first_listener(const json_t *listeners, const char *kind) {
    size_t i;
    json_t *listener;
    json_array_foreach((json_t *)(uintptr_t)listeners, i, listener) {
        const char *own = json_string_value(json_object_get(listener, "kind"));
        if (own && strcmp(own, kind) == 0) {
            return json_string_value(json_object_get(listener, "address"));
        }
    }
    return NULL;
}

static void report_allocation(struct ctl_findings *f, int rc, int code, const struct addr *relayed) {
    char text[ADDR_TEXT_MAX];
    if (rc == 0) {
        ctl_findings_add(f, CTL_GOOD, NULL, "An allocation with fresh credentials got the relay address %s.",
                         addr_format(relayed, text));
    } else if (code == 486 || code == 508) {
        ctl_findings_add(f, CTL_DOUBTFUL, "See [relay] user-quota, total-quota and ports.",
                         "The allocation was refused for lack of room (error %d).", code);
    } else if (code > 0) {
        ctl_findings_add(f, CTL_BAD, "The daemon's log gives the reason of the refusal.",
                         "An allocation with fresh credentials was refused with error %d.", code);
    } else {
        ctl_findings_add(f, CTL_BAD, "See [relay] in turnout.conf(5) and the daemon's log.",
                         "An allocation failed: %s.", error_text(rc));
    }
}

static void check_relay(struct ctl_findings *f, const struct ctl_selftest *test, const json_t *listeners) {
    const char *address = first_listener(listeners, "udp");
    enum probe_stream how = PROBE_UDP;
    struct addr to, relayed;
    int code = 0;
    if (!address) {
        address = first_listener(listeners, "tcp");
        how = PROBE_TCP;
    }
    json_t *made = ask(test, ADMIN_VERB_CREDENTIALS_CREATE);
    const struct probe_login login = {json_string_value(json_object_get(made, "username")),
                                      json_string_value(json_object_get(made, "password"))};
    if (!login.username || !login.password) {
        ctl_findings_add(f, CTL_BAD, "See [auth] secret and the daemon's log.", "The daemon makes no credentials.");
    } else if (address && addr_parse(&to, address) == 0) {
        int rc = probe_allocation(&to, how, &login, &relayed, &code);
        report_allocation(f, rc, code, &relayed);
    }
    json_decref(made);
}

/* ---- configuration ---- */

static void check_config(struct ctl_findings *f, const struct ctl_selftest *test) {
    struct config_report report = {0};
    const struct config *now = NULL;
    (void)config_load(&now, test->source, &report);
    for (size_t i = 0; i < report.count && i < 10; i++) {
        const struct config_message *m = &report.items[i];
        ctl_findings_add(f, m->severity == CONFIG_ERROR ? CTL_BAD : CTL_DOUBTFUL,
                         "Correct the line; turnout.conf(5) explains the keys.", "%s:%u: %s",
                         m->file ? m->file : "configuration", m->line, m->text);
    }
    if (now) {
        ctl_findings_add(f, CTL_GOOD, NULL, "The configuration has no errors.");
    }
    config_unref(now);
    config_report_deinit(&report);
}

static void check_host(struct ctl_findings *f, const struct ctl_selftest *test, const json_t *daemon) {
    ctl_host_check_buffers(f);
    ctl_host_check_clock(f, (uint64_t)json_integer_value(json_object_get(daemon, "time")));
    if (!test->config) {
        return;
    }
    ctl_host_check_addresses(f, test->config);
    ctl_external_check(f, test->config, json_object_get(daemon, "external"));
    if (daemon) {
        ctl_host_check_descriptors(f, test->config, json_integer_value(json_object_get(daemon, "open_fds")),
                                   json_integer_value(json_object_get(daemon, "max_fds")));
    }
    if (test->config->tls.certificate[0]) {
        const json_t *uid = json_object_get(daemon, "uid");
        const json_t *gid = json_object_get(daemon, "gid");
        const struct ctl_certificate c = {.certificate = test->config->tls.certificate,
                                          .private_key = test->config->tls.private_key,
                                          .uid = uid ? (uid_t)json_integer_value(uid) : geteuid(),
                                          .gid = gid ? (gid_t)json_integer_value(gid) : getegid()};
        ctl_certificate_check(f, &c);
    } else {
        ctl_findings_add(f, CTL_DOUBTFUL,
                         "Set [tls] certificate and private-key: browsers give cameras to https pages only.",
                         "There is no certificate, so no TLS.");
    }
}

enum ctl_exit ctl_selftest_run(const struct ctl_selftest *test, bool json) {
    struct ctl_findings f;
    if (ctl_findings_init(&f) < 0) {
        return CTL_REFUSED;
    }
    signal(SIGPIPE, SIG_IGN);
    json_t *daemon = ask(test, ADMIN_VERB_SELFTEST);
    check_daemon(&f, test, daemon);
    check_config(&f, test);
    if (daemon) {
        check_listeners(&f, json_object_get(daemon, "listeners"));
        check_relay(&f, test, json_object_get(daemon, "listeners"));
    }
    check_host(&f, test, daemon);
    ctl_findings_print(&f, stdout, json);
    enum ctl_exit status = !test->client ? CTL_UNREACHABLE : f.counts[CTL_BAD] > 0 ? CTL_REFUSED : CTL_OK;
    ctl_findings_deinit(&f);
    json_decref(daemon);
    return status;
}
