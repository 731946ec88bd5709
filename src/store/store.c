#include "store/store.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/ring.h"
#include "net/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    QUEUE_MAX = 4096,
    WATCHERS_MAX = 64,
    LOOK_US = 1000000,       /* between looks for changes */
    RETRY_FIRST_US = 500000, /* after a failure; doubles */
    RETRY_LAST_US = 10000000,
    DELIVER_RETRY_MS = 5, /* while a loop's inbox is full */
    STOP_PATIENCE_US = 1000000,
};

struct watcher {
    struct loop *loop;
    void (*changed)(void *ctx);
    void *ctx;
    bool pending;
};

struct store {
    char *path;
    struct ring *queue; /* of struct store_job * */
    int wake_fd;
    pthread_t thread;
    atomic_bool stopping;
    atomic_bool up;

    pthread_mutex_t watch_lock;
    struct watcher watchers[WATCHERS_MAX];
    size_t watcher_count;

    /* the thread's own */
    struct store_db *db;
    dev_t device; /* of the file that is open */
    ino_t inode;
    uint64_t version;
    bool distrust; /* look for damage after opening */
    uint64_t retry_at_us, retry_us;
    uint64_t look_at_us;
    struct store_job *undelivered, **undelivered_end;
};

/* --- handing over ---------------------------------------------------------------------------------- */

static void call_done(void *data) {
    struct store_job *job;
    memcpy(&job, data, sizeof job);
    job->done(job);
}

static int hand_over(struct store_job *job) {
    if (job->reply_to) {
        return loop_post(job->reply_to, call_done, &job, sizeof job);
    }
    job->done(job);
    return 0;
}

/* In order: nothing overtakes a job whose loop has no room. */
static void deliver(struct store *store, struct store_job *job) {
    if (!store->undelivered && hand_over(job) == 0) {
        return;
    }
    job->next = NULL;
    *store->undelivered_end = job;
    store->undelivered_end = &job->next;
}

static void deliver_late(struct store *store) {
    while (store->undelivered) {
        struct store_job *next = store->undelivered->next;
        if (hand_over(store->undelivered) < 0) {
            return;
        }
        store->undelivered = next;
    }
    store->undelivered_end = &store->undelivered;
}

/* --- telling of changes ------------------------------------------------------------------------------ */

static void call_watcher(void *data) {
    struct watcher watcher;
    memcpy(&watcher, data, sizeof watcher);
    watcher.changed(watcher.ctx);
}

static void mark_changed(struct store *store) {
    pthread_mutex_lock(&store->watch_lock);
    for (size_t i = 0; i < store->watcher_count; i++) {
        store->watchers[i].pending = true;
    }
    pthread_mutex_unlock(&store->watch_lock);
}

/* Tries those again whose loop had no room. */
static void tell_watchers(struct store *store) {
    pthread_mutex_lock(&store->watch_lock);
    for (size_t i = 0; i < store->watcher_count; i++) {
        struct watcher *w = &store->watchers[i];
        if (w->pending && loop_post(w->loop, call_watcher, w, sizeof *w) == 0) {
            w->pending = false;
        }
    }
    pthread_mutex_unlock(&store->watch_lock);
}

/* --- the database's health ------------------------------------------------------------------------------ */

static void go_down(struct store *store, uint64_t now_us) {
    if (store->db) {
        store_db_close(store->db);
        store->db = NULL;
    }
    if (atomic_exchange(&store->up, false)) {
        metrics_add(METRIC_STORE_UP, -1);
        log_error("store", "database-down", LF_TEXT("path", store->path));
    }
    store->retry_us = store->retry_us == 0 ? RETRY_FIRST_US : store->retry_us * 2;
    store->retry_us = store->retry_us > RETRY_LAST_US ? RETRY_LAST_US : store->retry_us;
    store->retry_at_us = now_us + store->retry_us;
}

static int open_file(struct store *store) {
    struct stat st;
    int rc = store_db_open(&store->db, store->path, STORE_OPEN_CREATE);
    if (rc == 0 && store->distrust) {
        rc = store_db_check(store->db);
    }
    rc = rc < 0 ? rc : store_db_version(store->db, &store->version);
    if (rc == 0) {
        rc = stat(store->path, &st) < 0 ? -errno : 0;
    }
    if (rc == 0) {
        store->device = st.st_dev;
        store->inode = st.st_ino;
    }
    return rc;
}

static void come_up(struct store *store, uint64_t now_us) {
    if (store->db || now_us < store->retry_at_us) {
        return;
    }
    int rc = open_file(store);
    if (rc < 0) {
        log_error("store", "database-cannot-be-opened", LF_TEXT("path", store->path), LF_ERROR(rc));
        store->distrust = true;
        go_down(store, now_us);
        return;
    }
    store->distrust = false;
    atomic_store(&store->up, true);
    metrics_inc(METRIC_STORE_UP);
    log_info("store", "database-open", LF_TEXT("path", store->path));
    mark_changed(store);
}

/* Somebody may have put another file in the place of the one that is open. */
static bool file_was_replaced(const struct store *store) {
    struct stat st;
    return stat(store->path, &st) < 0 || st.st_dev != store->device || st.st_ino != store->inode;
}

static void look_for_changes(struct store *store, uint64_t now_us) {
    uint64_t version;
    if (!store->db) {
        return;
    }
    int rc = store_db_version(store->db, &version);
    if (rc == -ERR_DATABASE) {
        store->distrust = true;
        go_down(store, now_us);
    } else if (rc == 0 && version != store->version) {
        store->version = version;
        store->retry_us = 0;
        mark_changed(store);
    }
}

static void look(struct store *store) {
    uint64_t now_us = clock_now_us();
    if (now_us < store->look_at_us) {
        return;
    }
    store->look_at_us = now_us + LOOK_US;
    if (store->db && file_was_replaced(store)) {
        log_warning("store", "database-replaced", LF_TEXT("path", store->path));
        store->retry_us = 0;
        go_down(store, now_us);
        store->retry_at_us = now_us;
    }
    come_up(store, now_us);
    look_for_changes(store, now_us);
}

/* --- work ------------------------------------------------------------------------------------------------- */

static void run_job(struct store *store, struct store_job *job) {
    if (!store->db) {
        come_up(store, clock_now_us());
    }
    if (!store->db) {
        job->result = -ERR_DATABASE;
        metrics_inc(METRIC_STORE_JOBS_REFUSED_DOWN);
        return;
    }
    job->result = job->run(store->db, job);
    metrics_inc(METRIC_STORE_JOBS);
    if (job->result == -ERR_DATABASE) {
        store->distrust = true;
        go_down(store, clock_now_us());
    } else if (job->result == 0) {
        store->retry_us = 0;
    }
}

static void drain_queue(struct store *store, bool cancel) {
    struct store_job **slot;
    bool worked = false;
    while ((slot = ring_peek(store->queue)) != NULL) {
        struct store_job *job = *slot;
        ring_release(store->queue);
        if (cancel || atomic_load(&store->stopping)) {
            job->result = -ECANCELED;
        } else {
            run_job(store, job);
            worked = true;
        }
        deliver(store, job);
    }
    if (worked) {
        look_for_changes(store, clock_now_us());
    }
}

static void *run_thread(void *arg) {
    struct store *store = arg;
    struct pollfd wake = {.fd = store->wake_fd, .events = POLLIN};
    pthread_setname_np(pthread_self(), "store");
    while (!atomic_load(&store->stopping)) {
        uint64_t count;
        look(store);
        drain_queue(store, false);
        deliver_late(store);
        tell_watchers(store);
        if (poll(&wake, 1, store->undelivered ? DELIVER_RETRY_MS : LOOK_US / 1000) > 0 &&
            read(store->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN) {
            log_error("store", "wake-failed", LF_ERROR(-errno));
        }
    }
    drain_queue(store, true);
    uint64_t give_up_us = clock_now_us() + STOP_PATIENCE_US;
    while (store->undelivered && clock_now_us() < give_up_us) {
        deliver_late(store);
        poll(NULL, 0, DELIVER_RETRY_MS);
    }
    return NULL;
}

static void wake(struct store *store) {
    uint64_t one = 1;
    /* EAGAIN: the counter is at its end, so the thread is awake already. */
    if (write(store->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN) {
        log_error("store", "wake-failed", LF_ERROR(-errno));
    }
}

/* --- life ---------------------------------------------------------------------------------------------------- */

static void store_free(struct store *store) {
    if (store->db) {
        store_db_close(store->db);
    }
    if (atomic_load(&store->up)) {
        metrics_add(METRIC_STORE_UP, -1);
    }
    if (store->wake_fd >= 0) {
        close(store->wake_fd);
    }
    ring_free(store->queue);
    pthread_mutex_destroy(&store->watch_lock);
    free(store->path);
    free(store);
}

static int start_thread(struct store *store) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the control thread's matter */
    int rc = pthread_create(&store->thread, NULL, run_thread, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

int store_start(struct store **out, const char *path) {
    struct store *store = calloc(1, sizeof *store);
    *out = NULL;
    if (!store) {
        return -ENOMEM;
    }
    store->undelivered_end = &store->undelivered;
    pthread_mutex_init(&store->watch_lock, NULL);
    store->path = strdup(path);
    store->queue = ring_new(QUEUE_MAX, sizeof(struct store_job *));
    store->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = store->path && store->queue ? 0 : -ENOMEM;
    rc = rc < 0 ? rc : store->wake_fd < 0 ? -errno : start_thread(store);
    if (rc < 0) {
        store_free(store);
        return rc;
    }
    *out = store;
    return 0;
}

void store_stop(struct store *store) {
    if (store) {
        atomic_store(&store->stopping, true);
        wake(store);
        pthread_join(store->thread, NULL);
        store_free(store);
    }
}

int store_submit(struct store *store, struct store_job *job) {
    struct store_job **slot = ring_claim(store->queue);
    if (!slot) {
        metrics_inc(METRIC_STORE_JOBS_REFUSED);
        return -ENOBUFS;
    }
    *slot = job;
    ring_commit(store->queue, slot);
    wake(store);
    return 0;
}

bool store_is_up(const struct store *store) { return atomic_load(&store->up); }

int store_watch(struct store *store, struct loop *loop, void (*changed)(void *ctx), void *ctx) {
    pthread_mutex_lock(&store->watch_lock);
    bool room = store->watcher_count < WATCHERS_MAX;
    if (room) {
        store->watchers[store->watcher_count++] =
            (struct watcher){.loop = loop, .changed = changed, .ctx = ctx, .pending = true};
    }
    pthread_mutex_unlock(&store->watch_lock);
    wake(store);
    return room ? 0 : -ENOBUFS;
}
