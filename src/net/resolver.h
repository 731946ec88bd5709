/* Names to addresses without waiting, on one loop: numbers, /etc/hosts, then DNS (libevent's evdns). */
#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

struct loop;
struct resolver;

enum { RESOLVER_QUERIES_MAX = 16 };

/* By family: [0] IPv4, [1] IPv6; AF_UNSPEC where there is none. */
typedef void resolver_done(void *ctx, unsigned tag, const struct addr addrs[2]);

/* done is called for each question, now or later. NULL: no memory. */
struct resolver *resolver_new(struct loop *loop, resolver_done *done, void *ctx);
/* What was asked and not answered stays unanswered. Runs the loop for a moment when evdns still holds something, so
 * call it while all that hangs on the loop is whole. NULL is allowed. */
void resolver_free(struct resolver *r);
/* Looks up a host for the first address of each family and adds the port. The tag, below RESOLVER_QUERIES_MAX, comes
 * back with the answer; a question of the same tag replaces the one before. A failure is an answer without addresses. */
void resolver_ask(struct resolver *r, unsigned tag, const char *host, uint16_t port);
