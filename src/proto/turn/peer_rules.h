/* Which peers a relay may talk to. The most specific prefix wins, allow beats deny on a tie, a rule for one
 * transport address (with port) is more specific than any prefix. Built-in rules deny what is not public:
 * private, loopback, link-local, multicast and metadata addresses, and IPv4 embedded in IPv6; an embedded
 * IPv4 address must besides be allowed itself. A compiled table is immutable: threads may share it. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>

struct peer_rules;
struct peer_rules_builder;

/* A builder that holds the built-in rules. NULL: no memory. */
struct peer_rules_builder *peer_rules_builder_new(void);
/* One without them, for rules that stand above others (struct peer_scope). */
struct peer_rules_builder *peer_rules_builder_empty(void);
void peer_rules_builder_free(struct peer_rules_builder *b);

/* Adds a rule: "10.0.0.0/8", "192.0.2.7", "192.0.2.1-192.0.2.9", "[2001:db8::1]:3480", "192.0.2.1:3480".
 * -EINVAL: none of these, host bits set beyond a prefix, a range that runs backwards; -ENOMEM;
 * -ENOBUFS: more than a million prefixes. */
int peer_rules_add(struct peer_rules_builder *b, const char *text, bool allow);
int peer_rules_add_prefix(struct peer_rules_builder *b, const struct prefix *prefix, bool allow);
/* Adds a rule for one address; port 0 means every port. */
int peer_rules_add_addr(struct peer_rules_builder *b, const struct addr *a, bool allow);

/* Makes the table and frees the builder. NULL: no memory (the builder is then still freed). */
struct peer_rules *peer_rules_compile(struct peer_rules_builder *b);
void peer_rules_free(struct peer_rules *rules);

enum peer_verdict {
    PEER_DENIED,
    PEER_ALLOWED,
    PEER_BY_PORT, /* some ports of this address are allowed and some are not: ask for each */
};

/* Tables that count together: of equal prefixes the one of the later table wins (peer_scopes.h). Rules with a port
 * count in the first table alone. */
enum { PEER_TABLES_MAX = 4 };
struct peer_scope {
    const struct peer_rules *tables[PEER_TABLES_MAX];
    unsigned count;
};
enum peer_verdict peer_scope_judge_ip(const struct peer_scope *scope, const struct addr *ip);
bool peer_scope_allow(const struct peer_scope *scope, const struct addr *peer);
/* Is it denied by a rule that was added, not only by a built-in one? Port 0: whatever the port. What is built in does not
 * keep clients from each other's relayed addresses (turn_settings.own), what was added does. */
bool peer_scope_forbid(const struct peer_scope *scope, const struct addr *peer);

/* May a permission, which has no port, be made for this address? */
enum peer_verdict peer_rules_judge_ip(const struct peer_rules *rules, const struct addr *ip);
/* May data go to this transport address? */
bool peer_rules_allow(const struct peer_rules *rules, const struct addr *peer);
