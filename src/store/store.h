/* The store thread: runs database work off everybody's loop and hands the results back. Full disks, locks
 * and broken files make jobs fail; the thread goes on and opens the database anew by itself. */
#pragma once

#include "store/db.h"

struct loop;
struct store;

/* Owned by the submitter, usually the head of a larger struct; untouched by the submitter between
 * store_submit and done. */
struct store_job {
    /* On the store thread. Returns a code for result. Not called while the database cannot be used. */
    int (*run)(struct store_db *db, struct store_job *job);
    /* On reply_to's thread, exactly once, also for jobs that the stopping store cancels. The job may be freed here. */
    void (*done)(struct store_job *job);
    struct loop *reply_to;  /* NULL: done runs on the store thread */
    int result;             /* run's return, or -ERR_DATABASE, or -ECANCELED when the store stops */
    struct store_job *next; /* the store's */
};

/* Starts the thread and opens path (made on demand). A database that cannot be opened is not an error
 * here: it is logged, counted and tried again. -ENOMEM, -EAGAIN (no thread). */
int store_start(struct store **out, const char *path);
/* Finishes the job at hand, cancels the others, ends the thread. Loops that wait for done must still exist;
 * one that does not run any more never calls done. NULL is allowed. */
void store_stop(struct store *store);

/* Queues a job. -ENOBUFS when 4096 wait already: done is then not called. Any thread, wait-free. */
int store_submit(struct store *store, struct store_job *job);

/* True while the database is open and usable. Any thread. */
bool store_is_up(const struct store *store);

/* Runs changed(ctx) on loop within about a second of any change to the database by anybody (turnoutctl beside
 * the daemon too), after every re-opening, and once soon after this call. At most 64 watchers, for the
 * store's life. -ENOBUFS. */
int store_watch(struct store *store, struct loop *loop, void (*changed)(void *ctx), void *ctx);
