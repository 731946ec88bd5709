/* Statements: prepared once per connection, bound by position, read by column. Private to src/store. */
#pragma once

#include "store/db.h"

#include <sqlite3.h>

enum { SQL_STATEMENTS_MAX = 48, SQL_BUSY_WAIT_MS = 2000 };

struct store_db {
    sqlite3 *sqlite;
    struct {
        const char *text; /* a literal: its address is the key */
        sqlite3_stmt *stmt;
    } cache[SQL_STATEMENTS_MAX];
    size_t cached;
    uint64_t quiet_changes; /* rows of usage that we wrote: no change for those who watch */
};

struct sql {
    struct store_db *db;
    sqlite3_stmt *stmt; /* NULL after a failure */
    int rc;             /* the first failure, as our code */
    int bound;
};

/* Our code for a failed call; logs what is no plain refusal and counts it. */
int sql_error(struct store_db *db, int rc, const char *doing);

/* text must be a string literal or static. */
void sql_begin(struct sql *q, struct store_db *db, const char *text);
/* Bind the next parameter. What is bound must live until sql_end. */
void sql_bind_text(struct sql *q, const char *text); /* NULL binds NULL */
void sql_bind_bytes_as_text(struct sql *q, const void *bytes, size_t n);
void sql_bind_blob(struct sql *q, const void *bytes, size_t n);
void sql_bind_int(struct sql *q, int64_t value);

/* 1: a row is there; 0: no further; negative: failed. */
int sql_step(struct sql *q);
/* Lets the statement go; returns the first failure or 0. */
int sql_end(struct sql *q);
/* Steps a statement without rows and ends it. Returns how many rows it changed. */
long sql_run(struct sql *q);
/* The same, where exactly one row should change: 0 or -ENOENT. */
int sql_run_one(struct sql *q);

/* Columns of the current row; what does not fit makes the statement fail with -EBADMSG. */
void sql_column_text(struct sql *q, int column, char *out, size_t cap);
void sql_column_blob(struct sql *q, int column, void *out, size_t n);
int64_t sql_column_int(struct sql *q, int column);

/* Runs statements without parameters. */
int sql_exec(struct store_db *db, const char *text);

/* Rules for what comes in: 0 or -EINVAL. */
int store_check_text(const char *text, size_t max, bool may_be_empty);
