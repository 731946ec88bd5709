/* Answers as text for people. */
#pragma once

#include "admin/verbs.h"
#include "ctl/cli.h"

struct json_t;

/* Prints the data of a successful answer. Returns the exit status: CTL_REFUSED when the answer itself says no
 * (a configuration with errors). */
enum ctl_exit ctl_view_print(const struct ctl_command *command, const struct json_t *data);

/* `config ports` as text, nft or ufw. */
void ctl_view_ports(const char *format, const struct json_t *rows);
/* `config show` in the form of the file. */
void ctl_view_config(const struct json_t *sections);
/* `config check` and `config reload`. */
enum ctl_exit ctl_view_outcome(const struct json_t *outcome, bool reload);
