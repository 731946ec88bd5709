#include "ctl/certificate.h"

#include "ctl/findings.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

struct fixture {
    char dir[64];
    char certificate[96];
    char key[96];
    struct ctl_findings findings;
};

static EVP_PKEY *write_key(const char *path) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = fopen(path, "w");
    assert_true(key && file);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    assert_int_equal(chmod(path, 0640), 0);
    return key;
}

/* Valid from then until then, in seconds from now. */
static void write_certificate(const char *path, EVP_PKEY *key, long from, long until) {
    X509 *cert = X509_new();
    FILE *file = fopen(path, "w");
    assert_true(cert && file);
    X509_gmtime_adj(X509_getm_notBefore(cert), from);
    X509_gmtime_adj(X509_getm_notAfter(cert), until);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    X509_free(cert);
}

static int start(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/turnout-certificate-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->certificate, sizeof f->certificate, "%s/cert.pem", f->dir);
    snprintf(f->key, sizeof f->key, "%s/key.pem", f->dir);
    assert_int_equal(ctl_findings_init(&f->findings), 0);
    *state = f;
    return 0;
}

static int stop(void **state) {
    struct fixture *f = *state;
    ctl_findings_deinit(&f->findings);
    unlink(f->certificate);
    unlink(f->key);
    rmdir(f->dir);
    free(f);
    return 0;
}

static void expect(struct fixture *f, uid_t uid, enum ctl_level level, const char *says) {
    const struct ctl_certificate c = {f->certificate, f->key, uid, uid};
    ctl_certificate_check(&f->findings, &c);
    size_t count = json_array_size(f->findings.rows);
    assert_true(count > 0);
    const char *text = json_string_value(json_object_get(json_array_get(f->findings.rows, count - 1), "text"));
    if (f->findings.counts[level] != 1 || !strstr(text, says)) {
        fail_msg("%s", text);
    }
}

static void a_good_pair_passes(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = write_key(f->key);
    write_certificate(f->certificate, key, -60, 90 * 86400 + 60);
    EVP_PKEY_free(key);
    expect(f, getuid(), CTL_GOOD, "90 more days");
    assert_int_equal(f->findings.counts[CTL_BAD] + f->findings.counts[CTL_DOUBTFUL], 0);
}

static void expiry_is_told(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = write_key(f->key);
    write_certificate(f->certificate, key, -60, 3 * 86400 + 60);
    expect(f, getuid(), CTL_DOUBTFUL, "expires in 3 days");
    write_certificate(f->certificate, key, -120, -60);
    expect(f, getuid(), CTL_BAD, "has expired");
    EVP_PKEY_free(key);
}

static void a_certificate_of_the_future_is_told(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = write_key(f->key);
    write_certificate(f->certificate, key, 3600, 7200);
    EVP_PKEY_free(key);
    expect(f, getuid(), CTL_BAD, "not valid yet");
}

static void another_key_is_told(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = write_key(f->key);
    write_certificate(f->certificate, key, -60, 90 * 86400);
    EVP_PKEY_free(key);
    EVP_PKEY_free(write_key(f->key));
    expect(f, getuid(), CTL_BAD, "is not the key of");
}

static void a_key_the_daemon_cannot_read_is_told(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = write_key(f->key);
    write_certificate(f->certificate, key, -60, 90 * 86400);
    EVP_PKEY_free(key);
    expect(f, 12345, CTL_BAD, "cannot be read by the daemon's user");
}

static void a_key_everybody_can_read_is_told(void **state) {
    struct fixture *f = *state;
    EVP_PKEY *key = write_key(f->key);
    write_certificate(f->certificate, key, -60, 90 * 86400 + 60);
    EVP_PKEY_free(key);
    assert_int_equal(chmod(f->key, 0644), 0);
    expect(f, getuid(), CTL_DOUBTFUL, "more days");
}

static void a_missing_or_broken_file_is_told(void **state) {
    struct fixture *f = *state;
    EVP_PKEY_free(write_key(f->key));
    expect(f, getuid(), CTL_BAD, "No such file");
    FILE *file = fopen(f->certificate, "w");
    assert_non_null(file);
    fputs("hello\n", file);
    fclose(file);
    f->findings.counts[CTL_BAD] = 0;
    expect(f, getuid(), CTL_BAD, "cannot be used");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_good_pair_passes),
        CASE(expiry_is_told),
        CASE(a_certificate_of_the_future_is_told),
        CASE(another_key_is_told),
        CASE(a_key_the_daemon_cannot_read_is_told),
        CASE(a_key_everybody_can_read_is_told),
        CASE(a_missing_or_broken_file_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
