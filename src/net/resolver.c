#include "net/resolver.h"

#include "net/loop.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdbool.h>
#include <stdlib.h>

/* Lives until evdns has answered, also when nobody wants to know any more. */
struct query {
    struct resolver *owner;
    struct evdns_getaddrinfo_request *request;
    unsigned tag;
    uint16_t port;
    bool wanted;
};

struct resolver {
    struct loop *loop;
    struct evdns_base *dns; /* made anew for a question when no other waits: name servers may change (DHCP) */
    struct query *queries[RESOLVER_QUERIES_MAX];
    unsigned waiting; /* in evdns, wanted or not */
    resolver_done *done;
    void *ctx;
};

struct resolver *resolver_new(struct loop *loop, resolver_done *done, void *ctx) {
    struct resolver *r = calloc(1, sizeof *r);
    if (r) {
        r->loop = loop;
        r->done = done;
        r->ctx = ctx;
    }
    return r;
}

static void drop_query(struct resolver *r, unsigned tag) {
    struct query *q = r->queries[tag];
    if (q) {
        r->queries[tag] = NULL;
        q->wanted = false;
        evdns_getaddrinfo_cancel(q->request); /* answers with an error from the loop */
    }
}

void resolver_free(struct resolver *r) {
    enum { TURNS_MAX = 16 };
    if (!r) {
        return;
    }
    for (unsigned i = 0; i < RESOLVER_QUERIES_MAX; i++) {
        drop_query(r, i);
    }
    for (int i = 0; i < TURNS_MAX && r->waiting > 0; i++) {
        event_base_loop(loop_base(r->loop), EVLOOP_NONBLOCK);
    }
    if (r->dns) {
        evdns_base_free(r->dns, 0);
    }
    free(r);
}

static void collect(struct addr out[2], const struct evutil_addrinfo *list, uint16_t port) {
    for (const struct evutil_addrinfo *i = list; i; i = i->ai_next) {
        struct addr a;
        if (addr_from_sockaddr(&a, i->ai_addr, (socklen_t)i->ai_addrlen) == 0) {
            struct addr *slot = &out[a.family == AF_INET6];
            a.port = port;
            *slot = slot->family == AF_UNSPEC ? a : *slot;
        }
    }
}

static void answered(int rc, struct evutil_addrinfo *list, void *arg) {
    struct query *q = arg;
    struct resolver *r = q->owner;
    struct addr addrs[2] = {0};
    unsigned tag = q->tag;
    bool wanted = q->wanted;
    if (rc == 0) {
        collect(addrs, list, q->port);
        evutil_freeaddrinfo(list);
    }
    r->waiting--;
    free(q);
    if (wanted) {
        r->queries[tag] = NULL;
        r->done(r->ctx, tag, addrs);
    }
}

static struct evdns_base *fresh_dns(struct resolver *r) {
    if (r->dns && r->waiting > 0) {
        return r->dns;
    }
    if (r->dns) {
        evdns_base_free(r->dns, 0);
    }
    r->dns = evdns_base_new(loop_base(r->loop), EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (r->dns) {
        (void)evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf"); /* else 127.0.0.1 */
        (void)evdns_base_load_hosts(r->dns, "/etc/hosts");
    }
    return r->dns;
}

static int ask_dns(struct resolver *r, unsigned tag, const char *host, uint16_t port) {
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_protocol = IPPROTO_UDP};
    struct evdns_base *dns = fresh_dns(r);
    struct query *q = dns ? malloc(sizeof *q) : NULL;
    if (!q) {
        return -ENOMEM;
    }
    *q = (struct query){.owner = r, .tag = tag, .port = port, .wanted = true};
    r->queries[tag] = q;
    r->waiting++;
    struct evdns_getaddrinfo_request *request = evdns_getaddrinfo(dns, host, NULL, &hints, answered, q);
    if (request) { /* else it has answered already, and q is gone */
        q->request = request;
    }
    return 0;
}

void resolver_ask(struct resolver *r, unsigned tag, const char *host, uint16_t port) {
    struct addr addrs[2] = {0}, number;
    drop_query(r, tag);
    if (addr_parse_ip(&number, host) == 0) {
        number.port = port;
        addrs[number.family == AF_INET6] = number;
        r->done(r->ctx, tag, addrs);
    } else if (ask_dns(r, tag, host, port) < 0) {
        r->done(r->ctx, tag, addrs);
    }
}
