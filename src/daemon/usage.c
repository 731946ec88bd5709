#include "daemon/usage.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/ring.h"
#include "base/text.h"
#include "config/config.h"
#include "net/loop.h"
#include "proto/turn/server.h"
#include "relay/relay.h"
#include "store/store.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_RECORDS = 4096,
    BATCH_RECORDS = 256,
    PRUNE_ROWS = 1000,
    TICK_US = 1000000,
    PRUNE_US = 300 * 1000000, /* between looks for records that are too old or too many */
    TRIES_MAX = 5,            /* 1, 2, 4 ... seconds apart: half a minute */
};

/* What the store thread works on; the control thread's while no job is under way. */
struct batch {
    struct store_job job;
    struct store_usage *records[BATCH_RECORDS];
    size_t count;
    bool prune;
    uint64_t ended_before, keep, pruned;
};

struct usage {
    struct ring *queue; /* of struct store_usage * */
    _Atomic bool on, with_address;
    _Atomic uint64_t retention_s, keep;
    struct loop *control;
    struct store *store;
    struct loop_timer timer;
    bool busy;
    unsigned tries; /* of the batch at hand */
    uint64_t prune_at_us;
    const char *path_at_end; /* of the database; NULL while the store runs */
    struct batch batch;
};

/* ---- the batch ---- */

static void take_from_queue(struct usage *usage) {
    struct batch *b = &usage->batch;
    struct store_usage **slot;
    while (b->count < BATCH_RECORDS && (slot = ring_peek(usage->queue)) != NULL) {
        b->records[b->count++] = *slot;
        ring_release(usage->queue);
    }
}

static void drop_batch(struct batch *b, enum metric_id counted_as) {
    metrics_add(counted_as, (int64_t)b->count);
    for (size_t i = 0; i < b->count; i++) {
        free(b->records[i]);
    }
    b->count = 0;
}

/* For the end only. */
static void write_rest(struct usage *usage) {
    struct store_db *db = NULL;
    take_from_queue(usage);
    int rc = usage->batch.count > 0 ? store_db_open(&db, usage->path_at_end, STORE_OPEN_WRITE) : 0;
    while (usage->batch.count > 0) {
        rc = rc < 0
                 ? rc
                 : store_db_usage_add(db, (const struct store_usage *const *)usage->batch.records, usage->batch.count);
        if (rc < 0) {
            log_warning("usage", "records dropped", LF_UINT("records", usage->batch.count), LF_ERROR(rc));
        }
        drop_batch(&usage->batch, rc < 0 ? METRIC_USAGE_DROPPED_STORE : METRIC_USAGE_RECORDS);
        take_from_queue(usage);
    }
    store_db_close(db);
}

/* ---- from the workers ---- */

static struct store_usage *make_record(const struct usage *usage, const struct relay_session *s, const char *reason) {
    struct store_usage *u = calloc(1, sizeof *u);
    if (!u) {
        return NULL;
    }
    u->kind = STORE_USAGE_RELAY;
    u->ended = clock_wall_s();
    u->started = u->ended - s->age_s;
    snprintf(u->session, sizeof u->session, "%s", s->id);
    snprintf(u->realm, sizeof u->realm, "%s", s->realm);
    snprintf(u->user, sizeof u->user, "%s", turn_quota_name(s->user));
    text_make_utf8(u->user); /* bytes of a client, perhaps cut */
    snprintf(u->transport, sizeof u->transport, "%s", transport_name((enum transport)s->client.transport));
    if (atomic_load(&usage->with_address)) {
        addr_format(&s->client.remote, u->client);
    }
    snprintf(u->reason, sizeof u->reason, "%s", reason);
    u->bytes_received = s->bytes_from_client;
    u->bytes_sent = s->bytes_to_client;
    u->packets_received = s->packets_from_client;
    u->packets_sent = s->packets_to_client;
    u->dropped = s->dropped;
    return u;
}

void usage_session_ended(struct usage *usage, const struct relay_session *session, const char *reason) {
    if (!atomic_load(&usage->on)) {
        return;
    }
    struct store_usage *record = make_record(usage, session, reason);
    struct store_usage **slot = record ? ring_claim(usage->queue) : NULL;
    if (record && !slot && usage->path_at_end) {
        write_rest(usage);
        slot = ring_claim(usage->queue);
    }
    if (!slot) {
        free(record);
        metrics_inc(METRIC_USAGE_DROPPED_QUEUE);
        return;
    }
    *slot = record;
    ring_commit(usage->queue, slot);
}

/* ---- on the store thread ---- */

static int run(struct store_db *db, struct store_job *job) {
    struct batch *b = (struct batch *)(void *)job;
    int rc = b->count == 0 ? 0 : store_db_usage_add(db, (const struct store_usage *const *)b->records, b->count);
    if (rc == 0 && b->prune) {
        /* Too busy to delete is no reason to insert again. */
        (void)store_db_usage_prune(db, b->ended_before, b->keep, PRUNE_ROWS, &b->pruned);
    }
    return rc;
}

/* ---- on the control thread ---- */

static void set_timer(struct usage *usage, uint64_t delay_us) {
    loop_timer_set(usage->control, &usage->timer, delay_us);
}

static void failed(struct usage *usage, int rc) {
    static struct log_limit limit = {.burst = 1};
    if (++usage->tries >= TRIES_MAX) {
        log_limited(&limit, LOG_LEVEL_WARNING, "usage", "records dropped", LF_UINT("records", usage->batch.count),
                    LF_ERROR(rc));
        drop_batch(&usage->batch, METRIC_USAGE_DROPPED_STORE);
        usage->tries = 0;
    }
    set_timer(usage, (uint64_t)TICK_US << usage->tries);
}

static void done(struct store_job *job) {
    struct batch *b = (struct batch *)(void *)job;
    struct usage *usage = LIST_ENTRY(b, struct usage, batch);
    usage->busy = false;
    if (job->result < 0) {
        failed(usage, job->result);
        return;
    }
    bool more = b->count == BATCH_RECORDS || b->pruned > 0;
    if (b->prune && b->pruned == 0) {
        usage->prune_at_us = loop_now_us(usage->control) + PRUNE_US;
    }
    metrics_add(METRIC_USAGE_PRUNED, (int64_t)b->pruned);
    drop_batch(b, METRIC_USAGE_RECORDS);
    usage->tries = 0;
    set_timer(usage, more ? 0 : TICK_US);
}

static void prepare_prune(struct usage *usage) {
    struct batch *b = &usage->batch;
    uint64_t now_s = clock_wall_s();
    uint64_t retention_s = atomic_load(&usage->retention_s);
    b->prune = usage->prune_at_us <= loop_now_us(usage->control);
    b->pruned = 0;
    b->ended_before = now_s > retention_s ? now_s - retention_s : 0;
    b->keep = atomic_load(&usage->keep);
}

static void tick(void *ctx) {
    struct usage *usage = ctx;
    struct batch *b = &usage->batch;
    if (usage->busy) {
        return;
    }
    take_from_queue(usage);
    prepare_prune(usage);
    if (b->count == 0 && !b->prune) {
        set_timer(usage, TICK_US);
        return;
    }
    b->job = (struct store_job){.run = run, .done = done, .reply_to = usage->control};
    usage->busy = true;
    int rc = store_submit(usage->store, &b->job);
    if (rc < 0) {
        usage->busy = false;
        failed(usage, rc);
    }
}

/* ---- life ---- */

void usage_configure(struct usage *usage, const struct config *config) {
    atomic_store(&usage->retention_s, config->database.usage_retention_us / 1000000);
    atomic_store(&usage->keep, config->database.usage_limit);
    atomic_store(&usage->with_address, config->database.usage_address);
    atomic_store(&usage->on, config->database.usage_retention_us > 0);
    usage->prune_at_us = 0; /* what is too much now goes soon */
}

int usage_new(struct usage **out, const struct config *config) {
    struct usage *usage = calloc(1, sizeof *usage);
    if (!usage) {
        return -ENOMEM;
    }
    usage->queue = ring_new(QUEUE_RECORDS, sizeof(struct store_usage *));
    if (!usage->queue) {
        free(usage);
        return -ENOMEM;
    }
    usage_configure(usage, config);
    loop_timer_init(&usage->timer, tick, usage);
    *out = usage;
    return 0;
}

void usage_start(struct usage *usage, struct loop *control, struct store *store) {
    usage->control = control;
    usage->store = store;
    set_timer(usage, TICK_US);
}

void usage_stopping(struct usage *usage, const char *path) {
    if (usage) {
        usage->path_at_end = path;
    }
}

void usage_finish(struct usage *usage) {
    if (!usage) {
        return;
    }
    if (usage->control) {
        loop_timer_cancel(usage->control, &usage->timer);
    }
    write_rest(usage);
    ring_free(usage->queue);
    free(usage);
}
