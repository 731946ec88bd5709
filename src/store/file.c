#include "store/file.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void give_to_folder_owner(int fd, const char *path) {
    char folder[PATH_MAX + 1];
    struct stat st;
    const char *slash = strrchr(path, '/');
    int len = slash ? (int)(slash - path) + 1 : 0;
    snprintf(folder, sizeof folder, "%.*s.", len, path);
    if (geteuid() == 0 && (stat(folder, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0)) {
        log_warning("store", "cannot-give-away", LF_TEXT("path", path), LF_ERROR(-errno));
    }
}

int store_file_make(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -errno;
    }
    give_to_folder_owner(fd, path);
    return fd;
}
