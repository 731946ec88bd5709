#include "ctl/certificate.h"

#include "ctl/findings.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { SOON_DAYS = 14 };

/* What the mode lets that user and group do; the daemon's other groups are not known here. */
static bool may_read(const struct stat *st, uid_t uid, gid_t gid) {
    if (uid == 0) {
        return true;
    }
    if (st->st_uid == uid) {
        return st->st_mode & S_IRUSR;
    }
    return st->st_mode & (st->st_gid == gid ? S_IRGRP : S_IROTH);
}

static bool check_file(struct ctl_findings *f, const struct ctl_certificate *c, const char *path, bool secret) {
    struct stat st;
    if (stat(path, &st) < 0) {
        ctl_findings_add(f, CTL_BAD, "Correct [tls] certificate and private-key, or put the files there.", "%s: %s.",
                         path, strerrordesc_np(errno));
        return false;
    }
    if (!may_read(&st, c->uid, c->gid)) {
        ctl_findings_add(f, CTL_BAD,
                         "Give it to root and the daemon's group with mode 0640; certbot's files are best copied to "
                         "/etc/turnout/tls by a deploy hook.",
                         "%s cannot be read by the daemon's user.", path);
        return false;
    }
    if (secret && (st.st_mode & S_IROTH)) {
        ctl_findings_add(f, CTL_DOUBTFUL, "chmod o-r takes that right away.", "%s can be read by everybody.", path);
    }
    return true;
}

static X509 *read_certificate(const char *path) {
    FILE *file = fopen(path, "re");
    X509 *cert = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (file) {
        fclose(file);
    }
    return cert;
}

static EVP_PKEY *read_key(const char *path) {
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (file) {
        fclose(file);
    }
    return key;
}

static void check_dates(struct ctl_findings *f, const X509 *cert, const char *path) {
    int days = 0, seconds = 0;
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        ctl_findings_add(f, CTL_BAD, "Look at this machine's clock, or wait.", "%s is not valid yet.", path);
    } else if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        ctl_findings_add(f, CTL_BAD, "Renew it; the daemon takes the new file by itself.", "%s has expired.", path);
    } else if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(cert)) == 1 && days < SOON_DAYS) {
        ctl_findings_add(f, CTL_DOUBTFUL, "Renew it; the daemon takes the new file by itself.",
                         "%s expires in %d days.", path, days);
    } else {
        ctl_findings_add(f, CTL_GOOD, NULL, "The certificate is valid for %d more days.", days);
    }
}

void ctl_certificate_check(struct ctl_findings *f, const struct ctl_certificate *c) {
    if (!check_file(f, c, c->certificate, false) || !check_file(f, c, c->private_key, true)) {
        return;
    }
    X509 *cert = read_certificate(c->certificate);
    EVP_PKEY *key = read_key(c->private_key);
    if (!cert || !key) {
        ctl_findings_add(f, CTL_BAD, "It must be a PEM file, the key without a pass phrase.", "%s cannot be used.",
                         cert ? c->private_key : c->certificate);
    } else if (X509_check_private_key(cert, key) != 1) {
        ctl_findings_add(f, CTL_BAD, "Name the key that the certificate was made for.", "%s is not the key of %s.",
                         c->private_key, c->certificate);
    } else {
        check_dates(f, cert, c->certificate);
    }
    ERR_clear_error();
    X509_free(cert);
    EVP_PKEY_free(key);
}
