/* The schema of the database and how older ones become it. Private to src/store. */
#pragma once

#include "store/sql.h"

enum { STORE_APPLICATION_ID = 0x7475726e /* "turn" */ };

/* Brings an open database to STORE_SCHEMA_VERSION, one transaction per step. -ERR_DATABASE when it is newer
 * or belongs to another program. */
int store_migrate(struct store_db *db);
/* 0 when the schema is ours and current, else -ERR_DATABASE with a log line. */
int store_check_schema(struct store_db *db);
