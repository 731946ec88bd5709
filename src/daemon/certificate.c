/* The certificate of the running daemon: taken anew when its files change, and what operators see of it. */
#include "base/log.h"
#include "base/metrics.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "daemon/services.h"
#include "net/file_watch.h"
#include "net/tls.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void show_expiry(struct daemon *d) {
    int64_t expiry_s = tls_context_expiry_s(d->tls);
    metrics_add(METRIC_TLS_CERTIFICATE_EXPIRY, expiry_s - d->certificate_expiry_s);
    d->certificate_expiry_s = expiry_s;
}

static void files_changed(void *ctx) {
    struct daemon *d = ctx;
    if (tls_context_reload(d->tls, NULL) < 0) {
        metrics_inc(METRIC_TLS_CERTIFICATE_LOADS_FAILED);
        log_error("tls", "the certificate in force stays; the files are read again when they change");
        return;
    }
    metrics_inc(METRIC_TLS_CERTIFICATE_LOADS_OK);
    show_expiry(d);
}

/* Read by root at the start, and not by the account that serves: then a new one cannot be taken. */
static void warn_unreadable(const char *path) {
    if (access(path, R_OK) < 0 && errno == EACCES) {
        log_warning("tls", "file cannot be read again, so a new one will not be taken", LF_TEXT("file", path),
                    LF_TEXT("remedy", "chgrp turnout and chmod 640, in a folder that this account may enter; for "
                                      "certbot a deploy hook that copies it"));
    }
}

static int watch_files(struct daemon *d) {
    const char *const paths[] = {d->config->tls.certificate, d->config->tls.private_key};
    return file_watch_set(d->certificate_files, paths, 2);
}

int daemon_watch_certificate(struct daemon *d) {
    if (!d->tls) {
        return 0;
    }
    d->certificate_files = file_watch_new(d->control, files_changed, d);
    if (!d->certificate_files) {
        return -ENOMEM;
    }
    warn_unreadable(d->config->tls.certificate);
    warn_unreadable(d->config->tls.private_key);
    metrics_inc(METRIC_TLS_CERTIFICATE_LOADS_OK);
    show_expiry(d);
    return watch_files(d);
}

static bool same_tls(const struct config *a, const struct config *b) {
    return strcmp(a->tls.certificate, b->tls.certificate) == 0 && strcmp(a->tls.private_key, b->tls.private_key) == 0 &&
           a->tls.min_version == b->tls.min_version;
}

int daemon_reload_certificate(struct daemon *d, const struct config *now) {
    struct tls_options tls = daemon_tls_options(now);
    if (!d->tls) {
        if (now->tls.certificate[0]) {
            log_warning("tls", "there was no certificate at the start, so TLS begins with the next one: restart");
        }
        return 0;
    }
    if (access(now->tls.private_key, R_OK) < 0 && errno == EACCES && same_tls(d->config, now)) {
        warn_unreadable(now->tls.private_key); /* what else has changed need not wait for that */
        return 0;
    }
    int rc = tls_context_reload(d->tls, &tls);
    metrics_inc(rc == 0 ? METRIC_TLS_CERTIFICATE_LOADS_OK : METRIC_TLS_CERTIFICATE_LOADS_FAILED);
    return rc;
}

void daemon_certificate_reloaded(struct daemon *d) {
    if (d->tls) {
        show_expiry(d);
        if (watch_files(d) < 0) {
            log_error("tls", "no memory to watch the files: reload after they change");
        }
    }
}
