/* external-address = auto: asks STUN servers for the public side of each local address (proto/stun/survey.h), on the
 * control thread. */
#pragma once

#include <stddef.h>

struct config;
struct external;
struct json_t;
struct loop;
struct relay_mapping;

/* changed is called when other addresses are known than before, or when this machine has others. NULL: no memory. */
struct external *external_new(struct loop *loop, void (*changed)(void *ctx), void *ctx);
/* May run the loop for a moment (net/resolver.h). NULL is allowed. */
void external_free(struct external *e);
/* Follows the configuration, of which it keeps a reference; what was found stays. Asks nobody without auto. */
void external_configure(struct external *e, const struct config *config);
/* What is known now. Writes at most cap and returns the number. */
size_t external_mappings(const struct external *e, struct relay_mapping *out, size_t cap);
/* [{"local":"10.0.0.1","told":"203.0.113.1","by":"stun.example.org:3478","agreeing":2,"answers":3}], lines of the
 * configuration too, by "configuration" and without numbers. A new reference. */
struct json_t *external_report(const struct external *e);
