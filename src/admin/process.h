/* What the kernel knows about this process. */
#pragma once

#include <stdint.h>

struct admin_process {
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
    uint64_t open_fds;
    uint64_t max_fds; /* the soft limit; UINT64_MAX: none */
    double cpu_s;     /* user and system */
    double started_s; /* unix time */
};

/* Reads /proc/self; what cannot be read is 0. */
void admin_process_read(struct admin_process *out);
