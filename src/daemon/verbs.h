/* The verbs of the control socket that reach into the daemon: each file sets its own in the table. */
#pragma once

#include "admin/admin.h"

struct config_source;
struct daemon;

/* The contexts of all handlers is the daemon. */
void verbs_set_database(struct admin_hooks *hooks);
void verbs_set_sessions(struct admin_hooks *hooks);
void verbs_set_rooms(struct admin_hooks *hooks);
void verbs_set_config(struct admin_hooks *hooks);
void verbs_set_top(struct admin_hooks *hooks);

struct relay_session;
/* The row of `sessions list`; a new reference. */
struct json_t *verbs_session_row(struct relay_session *session);
