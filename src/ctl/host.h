/* What the self-test looks at on the machine itself. */
#pragma once

#include <stdint.h>

struct config;
struct ctl_findings;

/* Socket buffer limits of the kernel. */
void ctl_host_check_buffers(struct ctl_findings *f);
/* Is the clock set and kept? Credentials live by it. daemon_s: the daemon's time, 0 unknown. */
void ctl_host_check_clock(struct ctl_findings *f, uint64_t daemon_s);
/* Can clients on the Internet reach what the relay tells them? */
void ctl_host_check_addresses(struct ctl_findings *f, const struct config *config);
/* Descriptors the daemon may open against the relay ports of the configuration. */
void ctl_host_check_descriptors(struct ctl_findings *f, const struct config *config, int64_t open, int64_t max);
