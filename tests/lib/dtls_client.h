/* OpenSSL's DTLS client in memory, for tests of our server: what it sends lies in a queue of datagrams. */
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { QUEUE = 64, DATAGRAM = 2048 };

struct queue {
    unsigned count;
    struct {
        size_t len;
        uint8_t data[DATAGRAM];
    } items[QUEUE];
};

struct dtls_client {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO_METHOD *method;
    BIO *in;
    struct queue out;
    uint8_t got[DATAGRAM]; /* the last plaintext */
    long got_len;
};

static inline void push(struct queue *q, const void *data, size_t len) {
    assert_true(q->count < QUEUE && len <= DATAGRAM);
    memcpy(q->items[q->count].data, data, len);
    q->items[q->count++].len = len;
}

static inline int dtls_client_write(BIO *bio, const char *data, int len) {
    push(BIO_get_data(bio), data, (size_t)len);
    return len;
}

static inline long dtls_client_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

/* A fresh self-signed one. */
static inline void give_certificate(SSL_CTX *ctx) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static inline void dtls_client_init(struct dtls_client *c) {
    c->ctx = SSL_CTX_new(DTLS_client_method());
    c->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "client");
    BIO_meth_set_write(c->method, dtls_client_write);
    BIO_meth_set_ctrl(c->method, dtls_client_ctrl);
}

/* Makes the session; the context may be changed before. */
static inline void dtls_client_start(struct dtls_client *c, long mtu) {
    BIO *out = BIO_new(c->method);
    BIO_set_data(out, &c->out);
    BIO_set_init(out, 1);
    c->in = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c->in, -1);
    c->ssl = SSL_new(c->ctx);
    SSL_set_options(c->ssl, SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(c->ssl, mtu);
    SSL_set_bio(c->ssl, c->in, out);
    SSL_set_connect_state(c->ssl);
}

static inline void dtls_client_deinit(struct dtls_client *c) {
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    BIO_meth_free(c->method);
}

/* Lets it work on what it was given, or begin. */
static inline void dtls_client_turn(struct dtls_client *c) {
    long n = SSL_read(c->ssl, c->got, sizeof c->got);
    if (n > 0) {
        c->got_len = n;
    }
}

static inline void dtls_client_input(struct dtls_client *c, const void *data, size_t len) {
    BIO_write(c->in, data, (int)len);
    dtls_client_turn(c);
}
