/* Log lines: `subsystem: event key=value ...`, as text or JSON, to stderr, the journal's stderr or a
 * file. Thread-safe; a line is one write. Whatever a stranger can trigger goes through log_limited. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_COUNT };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_type {
    LOG_TYPE_END,
    LOG_TYPE_TEXT,
    LOG_TYPE_BYTES,
    LOG_TYPE_INT,
    LOG_TYPE_UINT,
    LOG_TYPE_ADDR,
    LOG_TYPE_ERROR
};

struct log_field {
    const char *key;
    enum log_type type;
    size_t len; /* LOG_TYPE_BYTES */
    union {
        const char *text;
        int64_t i;
        uint64_t u;
        const struct addr *addr;
    } value;
};

#define LF_TEXT(k, v)     ((struct log_field){.key = (k), .type = LOG_TYPE_TEXT, .value.text = (v)})
#define LF_BYTES(k, v, n) ((struct log_field){.key = (k), .type = LOG_TYPE_BYTES, .len = (n), .value.text = (v)})
#define LF_INT(k, v)      ((struct log_field){.key = (k), .type = LOG_TYPE_INT, .value.i = (v)})
#define LF_UINT(k, v)     ((struct log_field){.key = (k), .type = LOG_TYPE_UINT, .value.u = (v)})
#define LF_ADDR(k, v)     ((struct log_field){.key = (k), .type = LOG_TYPE_ADDR, .value.addr = (v)})
#define LF_ERROR(rc)      ((struct log_field){.key = "error", .type = LOG_TYPE_ERROR, .value.i = (rc)})

/* At most `burst` lines per second through one limiter; the next line that passes says how many were
 * held back. Zero-initialised apart from burst. */
struct log_limit {
    uint32_t burst;
    _Atomic uint32_t second;
    _Atomic uint32_t passed;
    _Atomic uint32_t held;
};

struct log_options {
    enum log_level level;
    enum log_format format;
    const char *path; /* NULL: stderr */
    bool journal;     /* prefix <N> for sd-daemon, no time stamp */
};

/* Opens the target. -errno when the file cannot be opened; the old target then stays. */
int log_configure(const struct log_options *options);
/* Opens the file anew (after logrotate). */
int log_reopen(void);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool log_enabled(enum log_level level);
/* "error", "warning", "info", "debug"; -EINVAL. */
int log_level_parse(enum log_level *out, const char *text);
const char *log_level_name(enum log_level level);

/* fields ends with LOG_TYPE_END. Values are escaped: a hostile name cannot forge a line. */
void log_write(enum log_level level, const char *subsystem, const char *event, const struct log_field *fields);
/* True when this line may be written; counts it otherwise. */
bool log_limit_pass(struct log_limit *limit);

#define log_at(level, subsystem, event, ...)                                                               \
    do {                                                                                                   \
        if (log_enabled(level)) {                                                                          \
            log_write(level, subsystem, event, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
        }                                                                                                  \
    } while (0)
#define log_error(subsystem, event, ...)   log_at(LOG_LEVEL_ERROR, subsystem, event, __VA_ARGS__)
#define log_warning(subsystem, event, ...) log_at(LOG_LEVEL_WARNING, subsystem, event, __VA_ARGS__)
#define log_info(subsystem, event, ...)    log_at(LOG_LEVEL_INFO, subsystem, event, __VA_ARGS__)
#define log_debug(subsystem, event, ...)   log_at(LOG_LEVEL_DEBUG, subsystem, event, __VA_ARGS__)
#define log_limited(limit, level, subsystem, event, ...)                                                   \
    do {                                                                                                   \
        if (log_enabled(level) && log_limit_pass(limit)) {                                                 \
            log_write(level, subsystem, event, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}}); \
        }                                                                                                  \
    } while (0)
