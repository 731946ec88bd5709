/* Tells when files change, whatever way they are replaced: written in place, renamed over, or by a symbolic link on the
 * way to them that is swapped, as certbot and Kubernetes do. On its loop's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct file_watch;
struct loop;

enum { FILE_WATCH_PATHS_MAX = 4 };

/* changed is called once things have been quiet for a second (or busy for five) and one of the files is another than at
 * the last call, is gone or is back, or has other rights. Besides, files are looked at every minute, for file systems
 * that tell nothing. NULL: no memory. */
struct file_watch *file_watch_new(struct loop *loop, void (*changed)(void *ctx), void *ctx);
void file_watch_free(struct file_watch *watch); /* NULL is ignored */

/* Quiet for so long instead, and five times that when busy; for tests. */
void file_watch_set_quiet(struct file_watch *watch, uint64_t quiet_us);

/* Watches these files, as they are now, and no others. -ENOMEM, -E2BIG. */
int file_watch_set(struct file_watch *watch, const char *const *paths, size_t count);
