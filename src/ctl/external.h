/* Self-test: is what clients are told the address by which this machine is seen from outside? */
#pragma once

struct config;
struct ctl_findings;
struct json_t;

/* Asks the servers of [server] stun-server about each address of external-address, from the local address it stands
 * for; blocking, some seconds at most. rows: what the daemon knows of auto (admin.h), NULL when it does not answer. */
void ctl_external_check(struct ctl_findings *f, const struct config *config, const struct json_t *rows);
