#include "daemon/external.h"

#include "base/log.h"
#include "base/metrics.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/udp.h"
#include "proto/stun/survey.h"
#include "relay/addresses.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The socket that asks from one local address. */
struct asker {
    struct external *owner;
    struct addr local;
    struct udp_socket socket;
    struct event *event; /* NULL: it could not be opened, and its questions are lost */
};

struct external {
    struct loop *loop;
    const struct config *config;
    struct resolver *resolver;
    struct stun_survey survey;
    struct asker askers[STUN_SURVEY_LOCALS_MAX];
    size_t asker_count;
    struct loop_timer timer;
    void (*changed)(void *ctx);
    void *ctx;
    bool polling; /* answers may come while it is drained */
};

static void poll_survey(struct external *e);

/* ---- sockets */

static void readable(evutil_socket_t fd, short events, void *arg) {
    enum { BATCH = 32, MESSAGE_MAX = 1500 };
    struct asker *a = arg;
    struct external *e = a->owner;
    uint8_t data[MESSAGE_MAX];
    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage sa;
        struct addr from;
        socklen_t sa_len = sizeof sa;
        ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&sa, &sa_len);
        if (n < 0) {
            break;
        }
        if (addr_from_sockaddr(&from, (struct sockaddr *)&sa, sa_len) == 0) {
            stun_survey_input(&e->survey, &a->local, &from, data, (size_t)n, loop_refresh_now(e->loop));
        }
    }
    poll_survey(e);
}

static void close_asker(struct asker *a) {
    if (a->event) {
        event_free(a->event);
        udp_socket_close(&a->socket);
    }
    a->event = NULL;
}

static void open_asker(struct external *e, struct asker *a, const struct addr *local) {
    char text[ADDR_TEXT_MAX];
    *a = (struct asker){.owner = e, .local = *local};
    int rc = udp_socket_open(&a->socket, local, &(struct udp_options){0});
    if (rc < 0) {
        log_warning("external", "cannot ask from an address", LF_TEXT("local", addr_format_ip(local, text)),
                    LF_ERROR(rc));
        return;
    }
    a->event = event_new(loop_base(e->loop), a->socket.fd, EV_READ | EV_PERSIST, readable, a);
    if (!a->event || event_add(a->event, NULL) < 0) {
        udp_socket_close(&a->socket);
        if (a->event) {
            event_free(a->event);
        }
        a->event = NULL;
    }
}

static void send_request(struct external *e, const struct stun_survey_output *out) {
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&out->to, &sa);
    for (size_t i = 0; i < e->asker_count; i++) {
        struct asker *a = &e->askers[i];
        if (a->event && addr_equal_ip(&a->local, &out->finding->local)) {
            metrics_inc(METRIC_EXTERNAL_REQUESTS);
            (void)sendto(a->socket.fd, out->bytes, out->len, MSG_DONTWAIT, (struct sockaddr *)&sa,
                         len); /* again later */
        }
    }
}

/* ---- what comes of it */

static const char *server_name(const struct external *e, unsigned number, char *out, size_t size) {
    const struct config_servers *list = &e->config->server.stun_server;
    if (number >= list->count) {
        return "?";
    }
    const struct config_server *s = &list->items[number];
    snprintf(out, size, strchr(s->host, ':') ? "[%s]:%u" : "%s:%u", s->host, (unsigned)s->port);
    return out;
}

static void report(const struct stun_survey_output *out) {
    const struct stun_finding *f = out->finding;
    char local[ADDR_TEXT_MAX], seen[ADDR_TEXT_MAX], before[ADDR_TEXT_MAX] = "";
    addr_format_ip(&f->local, local);
    if (f->seen.family != AF_UNSPEC) {
        addr_format_ip(&f->seen, seen);
    } else {
        snprintf(seen, sizeof seen, "%s", local);
    }
    if (out->type == STUN_SURVEY_CHANGED) {
        bool first = out->before.family == AF_UNSPEC;
        metrics_inc(METRIC_EXTERNAL_CHANGES);
        log_info("external", first ? "public address found" : "public address changed", LF_TEXT("local", local),
                 LF_TEXT("address", seen), LF_TEXT("before", first ? "unknown" : addr_format_ip(&out->before, before)));
    } else if (out->type == STUN_SURVEY_DISAGREE) {
        log_warning("external", "STUN servers disagree", LF_TEXT("local", local), LF_TEXT("address", seen),
                    LF_UINT("agreeing", f->agreeing), LF_UINT("answers", f->answers));
    } else {
        log_warning("external", "no STUN server answers", LF_TEXT("local", local), LF_TEXT("told", seen));
    }
}

static void set_timer(struct external *e) {
    uint64_t now = loop_now_us(e->loop);
    uint64_t due = stun_survey_deadline(&e->survey);
    uint64_t latest = now + e->survey.interval_us; /* to look at the interfaces again */
    due = due < latest ? due : latest;
    loop_timer_set(e->loop, &e->timer, due > now ? due - now : 0);
}

static void poll_survey(struct external *e) {
    struct stun_survey_output out;
    bool changed = false;
    if (e->polling) {
        return;
    }
    e->polling = true;
    while (stun_survey_poll(&e->survey, &out, loop_now_us(e->loop))) {
        if (out.type == STUN_SURVEY_RESOLVE) {
            const struct config_server *s = &e->config->server.stun_server.items[out.server];
            resolver_ask(e->resolver, out.server, s->host, s->port);
        } else if (out.type == STUN_SURVEY_SEND) {
            send_request(e, &out);
        } else {
            report(&out);
            changed = changed || out.type == STUN_SURVEY_CHANGED;
        }
    }
    e->polling = false;
    set_timer(e);
    if (changed) {
        e->changed(e->ctx);
    }
}

static void resolved(void *ctx, unsigned tag, const struct addr addrs[2]) {
    struct external *e = ctx;
    stun_survey_resolved(&e->survey, tag, addrs, loop_refresh_now(e->loop));
    poll_survey(e);
}

/* ---- following configuration and interfaces */

static bool is_automatic(const struct config *config) {
    const struct config_externals *list = &config->server.external_address;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].automatic) {
            return true;
        }
    }
    return false;
}

static bool same_locals(const struct external *e, const struct addr *locals, size_t count) {
    bool same = count == e->asker_count;
    for (size_t i = 0; same && i < count; i++) {
        same = addr_equal_ip(&locals[i], &e->askers[i].local);
    }
    return same;
}

/* True when this machine's addresses are others than before. */
static bool follow_locals(struct external *e) {
    struct addr locals[STUN_SURVEY_LOCALS_MAX];
    size_t count = is_automatic(e->config) ? relay_addresses_unnamed(e->config, locals, STUN_SURVEY_LOCALS_MAX) : 0;
    if (same_locals(e, locals, count)) {
        return false;
    }
    for (size_t i = 0; i < e->asker_count; i++) {
        close_asker(&e->askers[i]);
    }
    for (size_t i = 0; i < count; i++) {
        open_asker(e, &e->askers[i], &locals[i]);
    }
    e->asker_count = count;
    stun_survey_set_locals(&e->survey, locals, count, loop_refresh_now(e->loop));
    return true;
}

/* A fresh source port for each round: a NAT may lead an old one through its former public address for as long as it is
 * used. */
static void reopen_askers(struct external *e) {
    for (size_t i = 0; i < e->asker_count; i++) {
        struct addr local = e->askers[i].local;
        close_asker(&e->askers[i]);
        open_asker(e, &e->askers[i], &local);
    }
}

static void timer_fired(void *ctx) {
    struct external *e = ctx;
    uint64_t now = loop_refresh_now(e->loop);
    uint64_t due = stun_survey_deadline(&e->survey);
    bool round = !e->survey.running || (due == e->survey.round_us && now >= due);
    if (round && follow_locals(e)) {
        log_info("external", "addresses of this machine changed");
        e->changed(e->ctx);
    } else if (round) {
        reopen_askers(e);
    }
    stun_survey_timeout(&e->survey, now);
    poll_survey(e);
}

void external_configure(struct external *e, const struct config *config) {
    const struct config *old = e->config;
    uint64_t now = loop_refresh_now(e->loop);
    e->config = config_ref(config);
    config_unref(old);
    if (!is_automatic(config)) {
        (void)follow_locals(e);
        loop_timer_cancel(e->loop, &e->timer);
        return;
    }
    stun_survey_configure(&e->survey, config->server.stun_interval_us, config->server.stun_server.count, now);
    (void)follow_locals(e);
    poll_survey(e);
}

/* ---- for others */

size_t external_mappings(const struct external *e, struct relay_mapping *out, size_t cap) {
    size_t count = 0;
    for (size_t i = 0; e && i < e->survey.local_count && count < cap; i++) {
        const struct stun_finding *f = &e->survey.findings[i];
        if (f->seen.family != AF_UNSPEC) {
            out[count++] = (struct relay_mapping){.local = f->local, .seen = f->seen};
        }
    }
    return count;
}

static json_t *row(const struct addr *local, const struct addr *told, const char *by) {
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];
    const char *of = local->family != AF_UNSPEC ? addr_format_ip(local, a) : told->family == AF_INET6 ? "IPv6" : "IPv4";
    return json_pack("{s:s,s:s,s:s}", "local", of, "told", addr_format_ip(told, b), "by", by);
}

static json_t *finding_row(const struct external *e, const struct stun_finding *f) {
    char name[300];
    if (f->seen.family == AF_UNSPEC) {
        return row(&f->local, &f->local, f->silent ? "nobody: no STUN server answers" : "nobody yet");
    }
    json_t *r = row(&f->local, &f->seen, server_name(e, f->server, name, sizeof name));
    json_object_set_new(r, "agreeing", json_integer(f->agreeing));
    json_object_set_new(r, "answers", json_integer(f->answers));
    json_object_set_new(r, "silent", json_boolean(f->silent));
    return r;
}

json_t *external_report(const struct external *e) {
    const struct config_externals *list = &e->config->server.external_address;
    json_t *rows = json_array();
    for (size_t i = 0; i < list->count; i++) {
        if (!list->items[i].automatic) {
            json_array_append_new(rows,
                                  row(&list->items[i].private_addr, &list->items[i].public_addr, "configuration"));
        }
    }
    for (size_t i = 0; i < e->survey.local_count; i++) {
        json_array_append_new(rows, finding_row(e, &e->survey.findings[i]));
    }
    return rows;
}

/* ---- life */

struct external *external_new(struct loop *loop, void (*changed)(void *ctx), void *ctx) {
    struct external *e = calloc(1, sizeof *e);
    if (!e) {
        return NULL;
    }
    e->loop = loop;
    e->changed = changed;
    e->ctx = ctx;
    e->resolver = resolver_new(loop, resolved, e);
    stun_survey_init(&e->survey, 0);
    loop_timer_init(&e->timer, timer_fired, e);
    if (!e->resolver) {
        free(e);
        return NULL;
    }
    return e;
}

void external_free(struct external *e) {
    if (!e) {
        return;
    }
    loop_timer_cancel(e->loop, &e->timer);
    resolver_free(e->resolver);
    for (size_t i = 0; i < e->asker_count; i++) {
        close_asker(&e->askers[i]);
    }
    config_unref(e->config);
    free(e);
}
