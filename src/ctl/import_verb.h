/* turnoutctl import-coturn. */
#pragma once

#include "ctl/cli.h"

struct import;

/* Runs the verb: reads coturn's files, writes the configuration, says what was not taken over, and imports users when
 * asked to. */
enum ctl_exit import_coturn_run(const struct ctl_command *command);

/* Reads coturn's SQLite database into im. Opened for reading only. -ENOENT, -ERR_DATABASE, -EFBIG, -ENOMEM; a sentence
 * is in why. */
int import_database_read(struct import *im, const char *path, char *why, size_t size);
