/* The control socket as a file: who may reach it, and how both programs open it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* A connected, blocking descriptor. -ENOENT, -ECONNREFUSED: nobody is there; -EACCES; -ENAMETOOLONG. */
int admin_socket_connect(const char *path);

/* A listening, non-blocking descriptor of mode 0660 and that group ((gid_t)-1: left alone). A path left by
 * a dead daemon is replaced. -EADDRINUSE somebody answers there, -EEXIST it is another kind of file. */
int admin_socket_listen(const char *path, gid_t group);

/* Root, our own user and members of group ((gid_t)-1: our own) may; others -EACCES. *uid is set. */
int admin_socket_authorize(int fd, gid_t group, uid_t *uid);
