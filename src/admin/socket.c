#include "admin/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fill_address(struct sockaddr_un *sun, const char *path) {
    memset(sun, 0, sizeof *sun);
    sun->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof sun->sun_path) {
        return -ENAMETOOLONG;
    }
    memcpy(sun->sun_path, path, strlen(path));
    return 0;
}

int admin_socket_connect(const char *path) {
    struct sockaddr_un sun;
    int rc = fill_address(&sun, path);
    if (rc < 0) {
        return rc;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&sun, sizeof sun) < 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

/* A socket left behind by a dead daemon is removed; one that answers is somebody's. */
static int clear_path(const char *path) {
    struct stat st;
    if (lstat(path, &st) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return -EEXIST;
    }
    int fd = admin_socket_connect(path);
    if (fd >= 0) {
        close(fd);
        return -EADDRINUSE;
    }
    return unlink(path) < 0 ? -errno : 0;
}

/* The mode is set before bind, so that the path is at no time open to more than it should be. */
static int bind_private(int fd, const char *path, gid_t group) {
    struct sockaddr_un sun;
    int rc = fill_address(&sun, path);
    if (rc < 0) {
        return rc;
    }
    if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&sun, sizeof sun) < 0) {
        return -errno;
    }
    if ((group != (gid_t)-1 && chown(path, (uid_t)-1, group) < 0) || chmod(path, 0660) < 0 || listen(fd, 16) < 0) {
        rc = -errno;
        unlink(path);
        return rc;
    }
    return 0;
}

int admin_socket_listen(const char *path, gid_t group) {
    int rc = clear_path(path);
    if (rc < 0) {
        return rc;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    rc = bind_private(fd, path, group);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

/* Is group among the peer's supplementary groups (SO_PEERGROUPS, Linux 4.13)? */
static bool peer_has_group(int fd, gid_t group) {
    socklen_t len = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE || len == 0) {
        return false;
    }
    gid_t *groups = malloc(len);
    bool found = false;
    if (groups && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0) {
        for (size_t i = 0; i < len / sizeof *groups; i++) {
            found = found || groups[i] == group;
        }
    }
    free(groups);
    return found;
}

int admin_socket_authorize(int fd, gid_t group, uid_t *uid) {
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        return -errno;
    }
    *uid = peer.uid;
    gid_t wanted = group == (gid_t)-1 ? getegid() : group;
    bool allowed = peer.uid == 0 || peer.uid == geteuid() || peer.gid == wanted || peer_has_group(fd, wanted);
    return allowed ? 0 : -EACCES;
}
