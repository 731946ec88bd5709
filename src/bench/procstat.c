#include "bench/procstat.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 4096 };

/* Reads a small file of /proc as text. -errno. */
static int read_text(char *out, size_t cap, const char *path) {
    FILE *f = fopen(path, "re");
    if (!f) {
        return -errno;
    }
    size_t n = fread(out, 1, cap - 1, f);
    int rc = ferror(f) ? -EIO : 0;
    fclose(f);
    out[n] = '\0';
    return rc;
}

static int add_thread(struct procstat_cpu *out, pid_t pid, const char *tid) {
    char path[300];
    char text[128];
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, tid);
    int rc = read_text(text, sizeof text, path);
    if (rc == -ENOENT || rc == -ESRCH) {
        return 0; /* the thread ended between listing and reading */
    }
    uint64_t run = 0, wait = 0;
    if (rc < 0 || sscanf(text, "%" SCNu64 " %" SCNu64, &run, &wait) != 2) {
        return rc < 0 ? rc : -EBADMSG;
    }
    out->run_ns += run;
    out->wait_ns += wait;
    out->threads++;
    return 0;
}

int procstat_read_cpu(struct procstat_cpu *out, pid_t pid) {
    memset(out, 0, sizeof *out);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    if (!dir) {
        return -errno;
    }
    int rc = 0;
    struct dirent *entry;
    while (rc == 0 && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            rc = add_thread(out, pid, entry->d_name);
        }
    }
    closedir(dir);
    return rc == 0 && out->threads == 0 ? -ESRCH : rc;
}

int procstat_find_kb(uint64_t *bytes_out, const char *text, const char *name) {
    size_t n = strlen(name);
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            uint64_t kb;
            if (sscanf(line + n + 1, "%" SCNu64, &kb) != 1) {
                return -EBADMSG;
            }
            *bytes_out = kb * 1024;
            return 0;
        }
    }
    return -ENOENT;
}

int procstat_read_memory(struct procstat_memory *out, pid_t pid) {
    char path[64];
    char text[FILE_MAX_BYTES];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    int rc = read_text(text, sizeof text, path);
    if (rc == 0) {
        rc = procstat_find_kb(&out->resident_bytes, text, "Rss");
    }
    return rc == 0 ? procstat_find_kb(&out->anonymous_bytes, text, "Anonymous") : rc;
}

double procstat_uptime_s(pid_t pid) {
    char path[64];
    char text[FILE_MAX_BYTES];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int rc = read_text(text, sizeof text, path);
    if (rc < 0) {
        return rc;
    }
    /* Field 22, start time in ticks since boot; the name in field 2 may hold spaces (proc(5)). */
    const char *p = strrchr(text, ')');
    unsigned long long ticks = 0;
    if (!p || sscanf(p + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
                     &ticks) != 1) {
        return -EBADMSG;
    }
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)ticks / (double)sysconf(_SC_CLK_TCK);
}
