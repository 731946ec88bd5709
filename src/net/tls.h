/* TLS for streams and DTLS for datagrams: one pair of server contexts per certificate, shared by all workers and replaced whole when
 * the files change. OpenSSL is the only TLS stack. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssl_st;
struct tls_context;

struct tls_options {
    const char *certificate; /* PEM file: the certificate, then its chain */
    const char *private_key; /* PEM file, not encrypted */
    const char *min_version; /* "1.2" or "1.3"; NULL: 1.2 */
};

/* Reads the files and makes the context. The strings are copied. -ERR_CONFIG when a file cannot be used
 * (one log line says which and why), -ENOMEM. */
int tls_context_new(struct tls_context **out, const struct tls_options *options);
/* Sessions made from it stay valid. NULL is ignored. */
void tls_context_free(struct tls_context *tls);

/* Reads the files anew (options: new paths, or NULL for the same) and swaps the context for connections to
 * come. Sessions go on, and tickets made before are still taken. Any thread. On failure the old context stays: -ERR_CONFIG, -ENOMEM. */
int tls_context_reload(struct tls_context *tls, const struct tls_options *options);
/* When the certificate in force ends, in seconds since 1970; 0: that cannot be said. On the thread that reloads. */
int64_t tls_context_expiry_s(const struct tls_context *tls);

/* A server session for one connection; the caller owns it (SSL_free). Any thread. NULL: no memory. */
struct ssl_st *tls_session_new(struct tls_context *tls);
/* The same for datagrams: what proto/dtls/session.h takes. */
struct ssl_st *tls_datagram_session_new(struct tls_context *tls);

/* Checks that the pair can be loaded, without keeping it; for `--check`. Logs what is wrong. -ERR_CONFIG. */
int tls_check(const struct tls_options *options);

/* Writes dir/cert.pem and dir/key.pem (0600): a fresh P-256 key and a certificate for localhost, the
 * machine's host name and addresses, and names (DNS names or IP addresses; NULL: none), valid for 397 days.
 * For development. Existing files are replaced. -errno, -EINVAL for a bad name. */
int tls_make_self_signed(const char *dir, const char *const *names, size_t count);

/* Takes what is in this thread's OpenSSL error queue as one line into out, oldest first; "unknown" when the
 * queue is empty. Returns out. */
const char *tls_error_text(char *out, size_t cap);
