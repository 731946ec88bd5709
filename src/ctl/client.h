/* turnoutctl's end of the control socket. */
#pragma once

struct admin_verb;
struct ctl_client;
struct json_t;

/* -ENOENT, -ECONNREFUSED: no daemon; -EACCES; -ENOMEM. */
int ctl_client_open(struct ctl_client **out, const char *path);
void ctl_client_close(struct ctl_client *client); /* NULL is allowed */

/* One request. *answer is {"ok":true,"data":...} or {"ok":false,"error":...}; the lines of a list are joined
 * into one. -EPIPE the daemon hung up, -ETIMEDOUT, -EBADMSG. */
int ctl_client_call(struct ctl_client *client, const struct admin_verb *verb, const struct json_t *args,
                    struct json_t **answer);
