#include "net/tls.h"

#include "base/error.h"
#include "base/log.h"
#include "net/tls_tickets.h"
#include "proto/dtls/session.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tls_context {
    pthread_mutex_t lock; /* guards the contexts; the paths are the reloader's own */
    SSL_CTX *ctx;
    SSL_CTX *datagram_ctx;
    struct tls_tickets *tickets, *datagram_tickets; /* stay the same over reloads */
    char *certificate;
    char *private_key;
    int min_version;
};

/* Length-prefixed names in our order of preference (RFC 7443, RFC 7301). */
static const unsigned char alpn_names[] = "\x08http/1.1\x09stun.turn\x12stun.nat-discovery";

const char *tls_error_text(char *out, size_t cap) {
    size_t len = 0;
    unsigned long code;
    const char *data;
    int flags;
    out[0] = '\0';
    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        const char *reason = ERR_reason_error_string(code);
        bool has_data = (flags & ERR_TXT_STRING) && data && data[0];
        int n = snprintf(out + len, cap - len, "%s%s%s%s%s", len ? "; " : "", reason ? reason : "error",
                         has_data ? " (" : "", has_data ? data : "", has_data ? ")" : "");
        if (n < 0 || (size_t)n >= cap - len) {
            ERR_clear_error();
            break;
        }
        len += (size_t)n;
    }
    if (len == 0) {
        snprintf(out, cap, "unknown");
    }
    return out;
}

/* ALPN is a hint: without a common name the connection goes on and its first bytes decide. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                       unsigned int in_len, void *arg) {
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, alpn_names, sizeof alpn_names - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int refuse_passphrase(char *buf, int size, int rwflag, void *arg) {
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1; /* a daemon has nobody to ask */
}

/* What to do about a file that cannot be loaded, as far as can be told. */
static const char *remedy_of(const char *file) {
    if (access(file, R_OK) == 0) {
        return "it must be PEM, a key without a pass phrase (openssl pkey -in OLD -out NEW takes it off)";
    }
    switch (errno) {
    case EACCES:
        return "chgrp turnout and chmod 640, in a folder that this account may enter; for certbot a deploy hook that "
               "copies it";
    case ENOENT:
        return "correct [tls] certificate and private-key, or put the file there";
    default:
        return "correct [tls] certificate and private-key";
    }
}

static int fail(const char *what, const char *file, const char *remedy) {
    char text[512];
    log_error("tls", what, LF_TEXT("file", file), LF_TEXT("reason", tls_error_text(text, sizeof text)),
              LF_TEXT("remedy", remedy));
    return -ERR_CONFIG;
}

static int min_version_number(const char *text) {
    if (!text || strcmp(text, "1.2") == 0) {
        return TLS1_2_VERSION;
    }
    return strcmp(text, "1.3") == 0 ? TLS1_3_VERSION : -1;
}

static void warn_about_dates(SSL_CTX *ctx, const char *file) {
    const X509 *cert = SSL_CTX_get0_certificate(ctx);
    time_t soon = time(NULL) + 7 * 24 * 3600;
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        log_warning("tls", "certificate is not valid yet: clients refuse it", LF_TEXT("file", file),
                    LF_TEXT("remedy", "look at this machine's clock"));
    } else if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        log_warning("tls", "certificate has expired: clients refuse it", LF_TEXT("file", file),
                    LF_TEXT("remedy", "renew it; the new file is taken by itself"));
    } else if (X509_cmp_time(X509_get0_notAfter(cert), &soon) < 0) {
        log_warning("tls", "certificate expires within 7 days", LF_TEXT("file", file),
                    LF_TEXT("remedy", "renew it; the new file is taken by itself"));
    }
}

static int fail_mismatch(const char *private_key) {
    return fail("private key does not belong to the certificate", private_key,
                "name the key that the certificate was made for; of certbot's, fullchain.pem and privkey.pem");
}

static int fail_key(const char *private_key) {
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    return reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH
               ? fail_mismatch(private_key)
               : fail("cannot load private key", private_key, remedy_of(private_key));
}

static int load_pair(SSL_CTX *ctx, const char *certificate, const char *private_key) {
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(ctx, refuse_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1) {
        return fail("cannot load certificate", certificate, remedy_of(certificate));
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, private_key, SSL_FILETYPE_PEM) != 1) {
        return fail_key(private_key);
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        return fail_mismatch(private_key);
    }
    warn_about_dates(ctx, certificate);
    return 0;
}

static int make_context(SSL_CTX **out, const struct tls_context *tls) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx) {
        return -ENOMEM;
    }
    SSL_CTX_set_min_proto_version(ctx, tls->min_version);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Resumption by tickets only: they hold no state here and work on every worker. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"turnout", 7);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    int rc = tls_tickets_use(ctx, tls->tickets);
    rc = rc < 0 ? rc : load_pair(ctx, tls->certificate, tls->private_key);
    if (rc < 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *out = ctx;
    return 0;
}

/* With the pair that was loaded for streams: the files may have changed since. */
static int make_datagram_context(SSL_CTX **out, const struct tls_context *tls) {
    SSL_CTX *ctx = dtls_context_new();
    STACK_OF(X509) *chain = NULL;
    SSL_CTX_get0_chain_certs(tls->ctx, &chain);
    if (!ctx || tls_tickets_use(ctx, tls->datagram_tickets) < 0 ||
        SSL_CTX_use_cert_and_key(ctx, SSL_CTX_get0_certificate(tls->ctx), SSL_CTX_get0_privatekey(tls->ctx), chain,
                                 1) != 1) {
        ERR_clear_error();
        SSL_CTX_free(ctx);
        return -ENOMEM;
    }
    *out = ctx;
    return 0;
}

static int set_options(struct tls_context *tls, const struct tls_options *options) {
    int version = min_version_number(options->min_version);
    if (version < 0) {
        log_error("tls", "unknown min-version", LF_TEXT("value", options->min_version));
        return -ERR_CONFIG;
    }
    tls->min_version = version;
    tls->certificate = strdup(options->certificate);
    tls->private_key = strdup(options->private_key);
    return tls->certificate && tls->private_key ? 0 : -ENOMEM;
}

/* The files, with these ticket keys or, where there are none, new ones. */
static int context_new(struct tls_context **out, const struct tls_options *options, const struct tls_context *old) {
    struct tls_context *tls = calloc(1, sizeof *tls);
    if (!tls) {
        return -ENOMEM;
    }
    pthread_mutex_init(&tls->lock, NULL);
    tls->tickets = old ? tls_tickets_ref(old->tickets) : tls_tickets_new();
    tls->datagram_tickets = old ? tls_tickets_ref(old->datagram_tickets) : tls_tickets_new();
    int rc = tls->tickets && tls->datagram_tickets ? set_options(tls, options) : -ENOMEM;
    if (rc == 0) {
        rc = make_context(&tls->ctx, tls);
    }
    if (rc == 0) {
        rc = make_datagram_context(&tls->datagram_ctx, tls);
    }
    if (rc < 0) {
        tls_context_free(tls);
        return rc;
    }
    *out = tls;
    return 0;
}

int tls_context_new(struct tls_context **out, const struct tls_options *options) {
    return context_new(out, options, NULL);
}

void tls_context_free(struct tls_context *tls) {
    if (tls) {
        SSL_CTX_free(tls->ctx);
        SSL_CTX_free(tls->datagram_ctx);
        tls_tickets_unref(tls->tickets);
        tls_tickets_unref(tls->datagram_tickets);
        pthread_mutex_destroy(&tls->lock);
        free(tls->certificate);
        free(tls->private_key);
        free(tls);
    }
}

static void swap_contexts(struct tls_context *tls, struct tls_context *fresh) {
    struct tls_context old = *tls;
    pthread_mutex_lock(&tls->lock);
    tls->ctx = fresh->ctx;
    tls->datagram_ctx = fresh->datagram_ctx;
    pthread_mutex_unlock(&tls->lock);
    tls->certificate = fresh->certificate;
    tls->private_key = fresh->private_key;
    tls->min_version = fresh->min_version;
    fresh->ctx = old.ctx;
    fresh->datagram_ctx = old.datagram_ctx;
    fresh->certificate = old.certificate;
    fresh->private_key = old.private_key;
}

int tls_context_reload(struct tls_context *tls, const struct tls_options *options) {
    struct tls_options same = {tls->certificate, tls->private_key, tls->min_version == TLS1_3_VERSION ? "1.3" : "1.2"};
    struct tls_context *fresh;
    int rc = context_new(&fresh, options ? options : &same, tls);
    if (rc < 0) {
        return rc;
    }
    swap_contexts(tls, fresh);
    tls_context_free(fresh);
    log_info("tls", "certificate loaded", LF_TEXT("file", tls->certificate));
    return 0;
}

int64_t tls_context_expiry_s(const struct tls_context *tls) {
    struct tm tm = {0};
    return ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(tls->ctx)), &tm) == 1 ? timegm(&tm) : 0;
}

struct ssl_st *tls_session_new(struct tls_context *tls) {
    pthread_mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->ctx);
    pthread_mutex_unlock(&tls->lock);
    if (ssl) {
        SSL_set_accept_state(ssl);
    }
    return ssl;
}

struct ssl_st *tls_datagram_session_new(struct tls_context *tls) {
    pthread_mutex_lock(&tls->lock);
    SSL *ssl = SSL_new(tls->datagram_ctx);
    pthread_mutex_unlock(&tls->lock);
    return ssl;
}

int tls_check(const struct tls_options *options) {
    struct tls_context *tls;
    int rc = tls_context_new(&tls, options);
    if (rc == 0) {
        tls_context_free(tls);
    }
    return rc;
}
