/* A development certificate: self-signed, P-256, for every name and address of this machine. */
#include "net/tls.h"

#include "base/addr.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VALID_DAYS = 397, SAN_BYTES = 4096, PATH_BYTES = 4096 };

struct names {
    char text[SAN_BYTES]; /* "DNS:a,IP:b", as X509V3_EXT_conf_nid reads it */
    size_t len;
};

static bool is_dns_name(const char *name) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*");
    return n > 0 && n < 254 && name[n] == '\0';
}

/* A name that does not fit is left out: -ENOBUFS. */
static int add_name(struct names *names, const char *name) {
    struct addr ip;
    bool is_ip = addr_parse_ip(&ip, name) == 0;
    if (!is_ip && !is_dns_name(name)) {
        return -EINVAL;
    }
    char entry[300];
    int n = snprintf(entry, sizeof entry, "%s%s:%s", names->len ? "," : "", is_ip ? "IP" : "DNS", name);
    if (n < 0 || names->len + (size_t)n >= sizeof names->text) {
        return -ENOBUFS;
    }
    memcpy(names->text + names->len, entry, (size_t)n + 1);
    names->len += (size_t)n;
    return 0;
}

static void add_machine(struct names *names) {
    char host[256] = "";
    struct ifaddrs *list = NULL;
    if (gethostname(host, sizeof host - 1) == 0 && is_dns_name(host)) {
        add_name(names, host);
    }
    if (getifaddrs(&list) < 0) {
        return;
    }
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        struct addr a;
        char text[ADDR_TEXT_MAX];
        bool is_ip = i->ifa_addr && (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6);
        socklen_t len =
            is_ip && i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        if (is_ip && addr_from_sockaddr(&a, i->ifa_addr, len) == 0 && a.scope == 0) {
            add_name(names, addr_format_ip(&a, text));
        }
    }
    freeifaddrs(list);
}

static int add_extension(X509 *cert, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    int ok = extension && X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

static int fill(X509 *cert, EVP_PKEY *key, const struct names *names) {
    uint64_t serial = 0;
    X509_NAME *subject = X509_get_subject_name(cert);
    RAND_bytes((unsigned char *)&serial, sizeof serial);
    int ok = X509_set_version(cert, X509_VERSION_3) &&
             ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) &&
             X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
             X509_time_adj_ex(X509_getm_notAfter(cert), VALID_DAYS, 0, NULL) && X509_set_pubkey(cert, key) &&
             X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"turnout development", -1,
                                        -1, 0) &&
             X509_set_issuer_name(cert, subject) && add_extension(cert, NID_subject_alt_name, names->text) &&
             add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
             add_extension(cert, NID_ext_key_usage, "serverAuth") && X509_sign(cert, key, EVP_sha256());
    return ok ? 0 : -EIO;
}

/* Through a new file and a rename, so that a reader sees the old pair or the new one. */
static int write_pem(const char *path, X509 *cert, EVP_PKEY *key) {
    char temporary[PATH_BYTES + 8];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, key ? 0600 : 0644);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        return -errno;
    }
    int ok = key ? PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) : PEM_write_X509(file, cert);
    if (fclose(file) != 0 || !ok || rename(temporary, path) < 0) {
        int rc = ok && errno ? -errno : -EIO;
        unlink(temporary);
        return rc;
    }
    return 0;
}

static int write_pair(const char *dir, X509 *cert, EVP_PKEY *key) {
    char path[PATH_BYTES];
    if (strlen(dir) > sizeof path - sizeof "/cert.pem") {
        return -ENAMETOOLONG;
    }
    snprintf(path, sizeof path, "%s/key.pem", dir);
    int rc = write_pem(path, NULL, key);
    if (rc == 0) {
        snprintf(path, sizeof path, "%s/cert.pem", dir);
        rc = write_pem(path, cert, NULL);
    }
    return rc;
}

int tls_make_self_signed(const char *dir, const char *const *names, size_t count) {
    struct names san = {.len = 0};
    int rc = add_name(&san, "localhost");
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = add_name(&san, names[i]);
    }
    if (rc < 0) {
        return rc;
    }
    add_machine(&san);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    rc = key && cert ? fill(cert, key, &san) : -ENOMEM;
    if (rc == 0) {
        rc = write_pair(dir, cert, key);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}
