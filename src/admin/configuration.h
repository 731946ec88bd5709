/* The `config` verbs as functions of snapshots and files, for the daemon and for turnoutctl without it. */
#pragma once

#include "config/config.h"

struct json_t;

/* {"section":{"key":value}}; section NULL: all; changed: only what differs from the defaults. Secrets are
 * masked. NULL: no memory. */
struct json_t *admin_config_show(const struct config *config, const char *section, bool changed);

/* {"valid","messages":[{"severity","file","line","text"}],"changes":[{"name","needs_restart"}]} for reading
 * the source now. changes are those against running (NULL: none are listed). NULL: no memory. */
struct json_t *admin_config_check(const struct config_source *source, const struct config *running);

/* The parts of the above, for a reload. now may be NULL: no changes. */
struct json_t *admin_config_outcome(const struct config_report *report, const struct config *old,
                                    const struct config *now);

/* What a firewall must let in: [{"first","last","protocol","purpose"}], a row per port and protocol. Listeners
 * on loopback are left out. NULL: no memory. */
struct json_t *admin_config_ports(const struct config *config);
