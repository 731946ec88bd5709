/* What another process has used, from /proc: exact CPU time and resident memory. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct procstat_cpu {
    uint64_t run_ns;  /* on a CPU, all threads */
    uint64_t wait_ns; /* runnable but waiting for a CPU: large values mean a busy machine */
    uint32_t threads;
};

struct procstat_memory {
    uint64_t resident_bytes;  /* Rss */
    uint64_t anonymous_bytes; /* heap, stacks: what is the process's own */
};

/* Sums /proc/PID/task/TID/schedstat (nanoseconds, unlike the ticks of stat). -errno: no such process,
 * no permission. */
int procstat_read_cpu(struct procstat_cpu *out, pid_t pid);

/* From /proc/PID/smaps_rollup, which unlike statm is exact. -errno. */
int procstat_read_memory(struct procstat_memory *out, pid_t pid);

/* How long the process has been running, in seconds. Negative: -errno. */
double procstat_uptime_s(pid_t pid);

/* The line "Name:   123 kB" of a text in the form of smaps_rollup, in bytes. -ENOENT when it is missing. */
int procstat_find_kb(uint64_t *bytes_out, const char *text, const char *name);
