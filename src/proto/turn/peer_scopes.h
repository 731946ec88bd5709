/* Peer rules of realms and users, beside those for everybody. All that concern a client are looked at together: the
 * most specific prefix wins; of equal prefixes the one of the narrower scope (user of a realm, user, realm, everybody);
 * within one scope allow beats deny. Immutable: threads may share it. Only realms and users with rules of their own
 * take memory. */
#pragma once

#include "proto/turn/peer_rules.h"

struct peer_scopes;

struct peer_scoped_rule {
    const char *realm; /* "": every realm */
    const char *user;  /* "": every user */
    struct prefix prefix;
    bool allow;
};

/* Rules without realm and user are left out: they belong into the table for everybody. Texts are copied. *out is NULL when
 * there is nothing to hold. -ENOMEM, -ENOBUFS. */
int peer_scopes_new(struct peer_scopes **out, const struct peer_scoped_rule *rules, size_t count);
void peer_scopes_free(struct peer_scopes *scopes); /* NULL is allowed */

/* The rules for that user of that realm; no allocation. scopes may be NULL. Valid as long as both. */
struct peer_scope peer_scopes_find(const struct peer_scopes *scopes, const struct peer_rules *everybody,
                                   const char *realm, const char *user);
