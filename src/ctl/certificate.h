/* A look at the TLS certificate and key, as the daemon will need them. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct ctl_findings;

struct ctl_certificate {
    const char *certificate; /* paths */
    const char *private_key;
    uid_t uid; /* who the daemon runs as */
    gid_t gid;
};

/* Readable by the daemon, valid now and for a while, key and certificate of one pair. */
void ctl_certificate_check(struct ctl_findings *f, const struct ctl_certificate *c);
