/* Verbs done without the daemon, on the database and the configuration files. */
#pragma once

#include "ctl/cli.h"

struct config;
struct config_source;
struct json_t;

/* Does the verb and makes an answer as the daemon would: {"ok":...}. Opens the database of the
 * configuration. NULL: no memory. config is NULL only for `config check`. */
struct json_t *ctl_offline_run(const struct ctl_command *command, const struct config_source *source,
                               const struct config *config);
