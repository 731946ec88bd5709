#include "admin/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t count_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (!dir) {
        return 0;
    }
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count > 0 ? count - 1 : 0; /* without the folder's own */
}

/* Fields of /proc/self/stat (proc(5)): 14 utime, 15 stime, 22 starttime in ticks since boot, 23 vsize in
 * bytes, 24 rss in pages. The second may hold spaces and parentheses, so reading starts after the last ')'. */
struct stat_fields {
    uint64_t utime, stime, starttime, vsize, rss;
};

static void read_stat(struct stat_fields *out) {
    char text[1024];
    memset(out, 0, sizeof *out);
    FILE *f = fopen("/proc/self/stat", "re");
    if (!f) {
        return;
    }
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    if (at && sscanf(at + 1,
                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                     " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64 " %" SCNu64,
                     &out->utime, &out->stime, &out->starttime, &out->vsize, &out->rss) != 5) {
        memset(out, 0, sizeof *out);
    }
}

/* Unix time at which the machine started. */
static double boot_time(void) {
    struct timespec real, boot;
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    return (double)(real.tv_sec - boot.tv_sec) + (double)(real.tv_nsec - boot.tv_nsec) / 1e9;
}

void admin_process_read(struct admin_process *out) {
    struct stat_fields fields;
    struct rlimit limit = {0};
    double ticks = (double)sysconf(_SC_CLK_TCK);
    read_stat(&fields);
    getrlimit(RLIMIT_NOFILE, &limit);
    out->resident_bytes = fields.rss * (uint64_t)sysconf(_SC_PAGESIZE);
    out->virtual_bytes = fields.vsize;
    out->open_fds = count_fds();
    out->max_fds = limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
    out->cpu_s = (double)(fields.utime + fields.stime) / ticks;
    out->started_s = boot_time() + (double)fields.starttime / ticks;
}
