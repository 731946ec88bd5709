/* Usage records of sessions that have ended, on their way to the database: a bounded queue, batches on the store
 * thread. Workers never wait, and memory is bounded: what the database cannot take for half a minute is dropped and
 * counted. */
#pragma once

#include <stdint.h>

struct config;
struct loop;
struct relay_session;
struct store;
struct usage;

/* -ENOMEM. Begins to write when usage_start has been called. */
int usage_new(struct usage **out, const struct config *config);
/* On the control thread; store outlives the loop's thread, not the records: see usage_finish. */
void usage_start(struct usage *usage, struct loop *control, struct store *store);
/* After a reload. */
void usage_configure(struct usage *usage, const struct config *config);

/* Any thread. */
void usage_session_ended(struct usage *usage, const struct relay_session *session, const char *reason);

/* For the end, when the store and all other threads have stopped: from now on whoever finds the queue full writes it
 * to the database himself. path: borrowed. NULL is allowed. */
void usage_stopping(struct usage *usage, const char *path);
/* Writes what is left, and frees. */
void usage_finish(struct usage *usage);
