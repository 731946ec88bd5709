#include "net/file_watch.h"

#include "base/log.h"
#include "net/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINKS_MAX = 20,
    QUIET_US = 1000000,
    PATIENCE = 5, /* times as long as it should be quiet */
    LOOK_US = 60000000,
};

static const uint32_t changes = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
                                IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

/* Which file it is, and in what state; zero: there is none. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct file_watch {
    struct loop *loop;
    void (*changed)(void *ctx);
    void *ctx;
    int inotify;
    struct event *event;
    struct loop_timer timer;
    uint64_t quiet_us;
    uint64_t first_us; /* the first event not looked at yet; 0: none */
    size_t count;
    char *paths[FILE_WATCH_PATHS_MAX];
    struct stamp stamps[FILE_WATCH_PATHS_MAX];
};

static struct stamp stamp_of(const char *path) {
    struct stat st;
    struct stamp stamp;
    memset(&stamp, 0, sizeof stamp); /* the gaps too: stamps are compared whole */
    if (stat(path, &st) == 0) {
        stamp.device = st.st_dev;
        stamp.inode = st.st_ino;
        stamp.size = st.st_size;
        stamp.modified = st.st_mtim;
        stamp.changed = st.st_ctim;
    }
    return stamp;
}

/* True when one is another than before. */
static bool take_stamps(struct file_watch *w) {
    bool differ = false;
    for (size_t i = 0; i < w->count; i++) {
        struct stamp now = stamp_of(w->paths[i]);
        differ = differ || memcmp(&now, &w->stamps[i], sizeof now) != 0;
        w->stamps[i] = now;
    }
    return differ;
}

/* ---- inotify ---- */

/* A way to a file, with the links on it resolved as far as done. */
struct way {
    char done[PATH_MAX];
    char todo[PATH_MAX];
    unsigned links;
};

/* Moves the next component from todo into name. False: there is none. */
static bool next_component(struct way *way, char name[NAME_MAX + 1]) {
    const char *p = way->todo + strspn(way->todo, "/");
    size_t len = strcspn(p, "/");
    if (len == 0 || len > NAME_MAX) {
        return false;
    }
    memcpy(name, p, len);
    name[len] = '\0';
    memmove(way->todo, p + len, strlen(p + len) + 1);
    return true;
}

/* The link's target takes its place in todo. False: too long or too many. */
static bool follow_link(struct way *way, const char *target) {
    char rest[PATH_MAX];
    memcpy(rest, way->todo, sizeof rest);
    if (target[0] == '/') {
        way->done[0] = '\0';
    }
    int n = snprintf(way->todo, sizeof way->todo, "%s/%s", target, rest);
    return n >= 0 && (size_t)n < sizeof way->todo && ++way->links <= LINKS_MAX;
}

/* Watches each folder in which a name on the way could be replaced: those of symbolic links, and the file's own. */
static void watch_way(int inotify, const char *path) {
    static _Thread_local struct way way;
    char name[NAME_MAX + 1], target[PATH_MAX], folder[PATH_MAX] = "/";
    snprintf(way.done, sizeof way.done, "%s", path[0] == '/' ? "" : ".");
    snprintf(way.todo, sizeof way.todo, "%s", path);
    way.links = 0;
    while (next_component(&way, name)) {
        char step[PATH_MAX];
        int n = snprintf(step, sizeof step, "%s/%s", way.done, name);
        if (n < 0 || (size_t)n >= sizeof step) {
            return;
        }
        snprintf(folder, sizeof folder, "%s", way.done[0] ? way.done : "/");
        ssize_t len = readlink(step, target, sizeof target - 1);
        if (len <= 0) {
            memcpy(way.done, step, sizeof step);
            continue;
        }
        target[len] = '\0';
        inotify_add_watch(inotify, folder, changes); /* failing that, there is the look of every minute */
        if (!follow_link(&way, target)) {
            return;
        }
    }
    inotify_add_watch(inotify, folder, changes);
}

static void on_event(evutil_socket_t fd, short events, void *arg);

/* Everything anew: what was watched may be gone, and new links may lead elsewhere. */
static void rearm(struct file_watch *w) {
    if (w->event) {
        event_free(w->event);
        close(w->inotify);
        w->event = NULL;
    }
    w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->inotify < 0) {
        return;
    }
    for (size_t i = 0; i < w->count; i++) {
        watch_way(w->inotify, w->paths[i]);
    }
    w->event = event_new(loop_base(w->loop), w->inotify, EV_READ | EV_PERSIST, on_event, w);
    if (!w->event || event_add(w->event, NULL) < 0) {
        close(w->inotify);
        w->event = w->event ? (event_free(w->event), NULL) : NULL;
    }
}

/* ---- time ---- */

static void on_event(evutil_socket_t fd, short events, void *arg) {
    struct file_watch *w = arg;
    char buffer[4096];
    (void)events;
    while (read(fd, buffer, sizeof buffer) > 0) {
    }
    uint64_t now = loop_refresh_now(w->loop);
    if (w->first_us == 0) {
        w->first_us = now;
    }
    uint64_t end = w->first_us + PATIENCE * w->quiet_us;
    uint64_t left = end > now ? end - now : 0;
    loop_timer_set(w->loop, &w->timer, left < w->quiet_us ? left : w->quiet_us);
}

static void look(void *ctx) {
    struct file_watch *w = ctx;
    w->first_us = 0;
    rearm(w);
    loop_timer_set(w->loop, &w->timer, LOOK_US);
    if (take_stamps(w)) {
        w->changed(w->ctx);
    }
}

/* ---- life ---- */

struct file_watch *file_watch_new(struct loop *loop, void (*changed)(void *ctx), void *ctx) {
    struct file_watch *w = calloc(1, sizeof *w);
    if (w) {
        w->loop = loop;
        w->changed = changed;
        w->ctx = ctx;
        w->quiet_us = QUIET_US;
        loop_timer_init(&w->timer, look, w);
    }
    return w;
}

void file_watch_set_quiet(struct file_watch *w, uint64_t quiet_us) { w->quiet_us = quiet_us; }

static void forget_paths(struct file_watch *w) {
    for (size_t i = 0; i < w->count; i++) {
        free(w->paths[i]);
    }
    w->count = 0;
}

int file_watch_set(struct file_watch *w, const char *const *paths, size_t count) {
    char *copies[FILE_WATCH_PATHS_MAX];
    if (count > FILE_WATCH_PATHS_MAX) {
        return -E2BIG;
    }
    for (size_t i = 0; i < count; i++) {
        copies[i] = strdup(paths[i]);
        if (!copies[i]) {
            while (i > 0) {
                free(copies[--i]);
            }
            return -ENOMEM;
        }
    }
    forget_paths(w);
    memcpy(w->paths, copies, count * sizeof copies[0]);
    w->count = count;
    rearm(w);
    (void)take_stamps(w);
    w->first_us = 0;
    loop_timer_set(w->loop, &w->timer, LOOK_US);
    return 0;
}

void file_watch_free(struct file_watch *w) {
    if (w) {
        loop_timer_cancel(w->loop, &w->timer);
        if (w->event) {
            event_free(w->event);
            close(w->inotify);
        }
        forget_paths(w);
        free(w);
    }
}
