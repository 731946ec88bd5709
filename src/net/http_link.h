/* What ties an HTTP connection on the control thread to the worker that accepted it. */
#pragma once

#include "base/addr.h"

#include <stdatomic.h>
#include <stdbool.h>

struct http_server;
struct loop;
struct pump;

struct http_link {
    _Atomic unsigned refs;
    struct loop *worker;
    struct pump *pump; /* the worker's alone: NULL for plain connections and when the client is gone */
};

/* One reference. NULL: no memory. */
struct http_link *http_link_new(struct loop *worker, struct pump *pump);
void http_link_ref(struct http_link *link);
void http_link_unref(struct http_link *link); /* NULL is ignored */

/* Gives a connection to the server: the client's own socket (plain) or one end of a pump's pair (tls). Any
 * thread. Takes fd on success; takes the reference to link in any case (NULL: -ENOMEM). -ENOBUFS. */
int http_adopt(struct http_server *server, int fd, const struct addr *peer, struct http_link *link, bool tls);
