/* Carries the plaintext of an HTTPS connection between its TLS stream, which stays on the worker, and the HTTP
 * server on the control thread, through a socket pair. Bounded both ways: whoever is slow stops the other. */
#pragma once

#include "base/addr.h"

struct list;
struct pump;
struct stream;
struct tcp;

/* Takes the stream. */
void pump_start(struct tcp *tcp, struct stream *stream, const struct addr *remote);
void pump_close_all(struct list *pumps);

/* Ends the pump for a WebSocket: the server's answer is passed on, and what the client sent beyond its request
 * is put back into the stream in order: extra (what the server had read too far), then what still lies in the
 * pair, read from server_end (the server's end, duplicated), then what the pump held. The stream is the
 * caller's, paused. NULL: it broke. */
struct stream *pump_detach(struct pump *p, int server_end, const void *extra, size_t extra_len);
