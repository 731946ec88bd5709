/* The keys of session tickets (RFC 5077, RFC 8446 section 4.6.1): ours, not OpenSSL's own per context, so that tickets
 * survive a reload of the certificate, and one set for all workers. New keys by time; the ones before are still taken. */
#pragma once

#include <stdint.h>

struct ssl_ctx_st;
struct tls_tickets;

enum { TLS_TICKET_LIFETIME_S = 12 * 3600 }; /* how long a key makes tickets, and for how long a ticket is offered */

/* One reference. NULL: no memory. */
struct tls_tickets *tls_tickets_new(void);
struct tls_tickets *tls_tickets_ref(struct tls_tickets *tickets);
void tls_tickets_unref(struct tls_tickets *tickets); /* NULL is ignored */

/* Tickets of this context and its sessions are made with these keys; the context keeps a reference. -ENOMEM. */
int tls_tickets_use(struct ssl_ctx_st *ctx, struct tls_tickets *tickets);
/* Makes new keys when those in use have lived their time, as of now (seconds of
 * the monotonic clock). Done by itself whenever a key is needed. */
void tls_tickets_rotate(struct tls_tickets *tickets, uint64_t now_s);
