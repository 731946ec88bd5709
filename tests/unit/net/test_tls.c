#include "net/tls.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct files {
    char folder[32];
    char certificate[64];
    char key[64];
};

static int setup(void **state) {
    struct files *f = calloc(1, sizeof *f);
    if (!f) {
        return -1;
    }
    snprintf(f->folder, sizeof f->folder, "/tmp/tls-test-XXXXXX");
    *state = f;
    if (!mkdtemp(f->folder)) {
        return -1;
    }
    snprintf(f->certificate, sizeof f->certificate, "%s/cert.pem", f->folder);
    snprintf(f->key, sizeof f->key, "%s/key.pem", f->folder);
    return tls_make_self_signed(f->folder, NULL, 0);
}

static int teardown(void **state) {
    struct files *f = *state;
    unlink(f->certificate);
    unlink(f->key);
    rmdir(f->folder);
    free(f);
    return 0;
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void own_certificate_loads_and_makes_sessions(void **state) {
    const struct files *f = *state;
    struct tls_context *tls;
    assert_int_equal(tls_check(&(struct tls_options){f->certificate, f->key, "1.3"}), 0);
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){f->certificate, f->key, NULL}), 0);
    SSL *ssl = tls_session_new(tls);
    assert_non_null(ssl);
    tls_context_free(tls); /* the session outlives it */
    assert_true(SSL_is_server(ssl));
    SSL_free(ssl);
}

static void names_of_the_caller_are_in_the_certificate(void **state) {
    const struct files *f = *state;
    const char *names[] = {"calls.example.org", "192.0.2.7", "2001:db8::7"};
    assert_int_equal(tls_make_self_signed(f->folder, names, 3), 0);
    struct tls_context *tls;
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){f->certificate, f->key, NULL}), 0);
    SSL *ssl = tls_session_new(tls);
    X509 *cert = SSL_get_certificate(ssl);
    assert_int_equal(X509_check_host(cert, "calls.example.org", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(cert, "192.0.2.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "2001:db8::7", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_host(cert, "other.example.org", 0, 0, NULL), 0);
    SSL_free(ssl);
    tls_context_free(tls);
    const char *bad[] = {"a,IP:1.2.3.4"};
    assert_int_equal(tls_make_self_signed(f->folder, bad, 1), -EINVAL);
}

static void unusable_files_are_refused(void **state) {
    const struct files *f = *state;
    struct tls_context *tls;
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){"/nonexistent", f->key, NULL}), -ERR_CONFIG);
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){f->certificate, "/nonexistent", NULL}), -ERR_CONFIG);
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){f->key, f->certificate, NULL}), -ERR_CONFIG);
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){f->certificate, f->key, "1.1"}), -ERR_CONFIG);
    write_file(f->key, "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n");
    assert_int_equal(tls_check(&(struct tls_options){f->certificate, f->key, NULL}), -ERR_CONFIG);
}

static void foreign_key_is_refused(void **state) {
    const struct files *f = *state;
    struct tls_context *tls;
    char saved[80];
    snprintf(saved, sizeof saved, "%s/old.pem", f->folder);
    assert_int_equal(rename(f->certificate, saved), 0);
    assert_int_equal(tls_make_self_signed(f->folder, NULL, 0), 0);
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){saved, f->key, NULL}), -ERR_CONFIG);
    unlink(saved);
}

static void failed_reload_keeps_the_old_context(void **state) {
    const struct files *f = *state;
    struct tls_context *tls;
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){f->certificate, f->key, NULL}), 0);
    SSL *before = tls_session_new(tls);
    write_file(f->certificate, "not a certificate\n");
    assert_int_equal(tls_context_reload(tls, NULL), -ERR_CONFIG);
    SSL *after = tls_session_new(tls);
    assert_int_equal(X509_cmp(SSL_get_certificate(before), SSL_get_certificate(after)), 0);
    assert_int_equal(tls_make_self_signed(f->folder, NULL, 0), 0);
    assert_int_equal(tls_context_reload(tls, NULL), 0);
    SSL *renewed = tls_session_new(tls);
    assert_int_not_equal(X509_cmp(SSL_get_certificate(before), SSL_get_certificate(renewed)), 0);
    SSL_free(before);
    SSL_free(after);
    SSL_free(renewed);
    tls_context_free(tls);
}

int main(void) {
    log_configure(&(struct log_options){.path = "/dev/null"});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_certificate_loads_and_makes_sessions, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_the_caller_are_in_the_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(unusable_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_key_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_reload_keeps_the_old_context, setup, teardown),
    };
    return cmocka_run_group_tests_name("net/tls", tests, NULL, NULL);
}
