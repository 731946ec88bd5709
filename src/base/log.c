#include "base/log.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static const char *const level_names[LOG_LEVEL_COUNT] = {"error", "warning", "info", "debug"};

static struct {
    pthread_mutex_t lock; /* guards path, fd switch */
    _Atomic int level;
    _Atomic int format;
    _Atomic int journal;
    _Atomic int fd;
    int file_fd; /* 0: no file was opened yet */
    char path[512];
} target = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO};

static int open_target(const char *path) {
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    return fd < 0 ? -errno : fd;
}

/* The number of the file's descriptor is kept with dup3 once there is one, so that a writer in another thread
 * never meets a closed one, also while the target is stderr. */
static void switch_fd(int fd) {
    if (fd != STDERR_FILENO && target.file_fd > 0) {
        dup3(fd, target.file_fd, O_CLOEXEC);
        close(fd);
        fd = target.file_fd;
    } else if (fd != STDERR_FILENO) {
        target.file_fd = fd;
    }
    atomic_store(&target.fd, fd);
}

int log_configure(const struct log_options *options) {
    int rc = 0;
    int fd = STDERR_FILENO;
    pthread_mutex_lock(&target.lock);
    if (options->path) {
        fd = strlen(options->path) < sizeof target.path ? open_target(options->path) : -ENAMETOOLONG;
    }
    if (fd < 0) {
        rc = fd;
    } else {
        snprintf(target.path, sizeof target.path, "%s", options->path ? options->path : "");
        switch_fd(fd);
        atomic_store(&target.level, options->level);
        atomic_store(&target.format, options->format);
        atomic_store(&target.journal, options->journal);
    }
    pthread_mutex_unlock(&target.lock);
    return rc;
}

int log_reopen(void) {
    int rc = 0;
    pthread_mutex_lock(&target.lock);
    if (target.path[0]) {
        int fd = open_target(target.path);
        if (fd < 0) {
            rc = fd;
        } else {
            switch_fd(fd);
        }
    }
    pthread_mutex_unlock(&target.lock);
    return rc;
}

void log_set_level(enum log_level level) { atomic_store(&target.level, level); }

enum log_level log_get_level(void) { return (enum log_level)atomic_load(&target.level); }

bool log_enabled(enum log_level level) {
    return (int)level <= atomic_load_explicit(&target.level, memory_order_relaxed);
}

int log_level_parse(enum log_level *out, const char *text) {
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *log_level_name(enum log_level level) {
    return (unsigned)level < LOG_LEVEL_COUNT ? level_names[level] : "unknown";
}

static void put_text(struct writer *w, const char *text) { writer_bytes(w, text, strlen(text)); }

/* Control characters, quotes and bytes outside ASCII become escapes valid in JSON as well. */
static void put_escaped(struct writer *w, const char *text, size_t n) {
    for (size_t i = 0; i < n && w->cap - w->len > 16; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            writer_u8(w, '\\');
            writer_u8(w, c);
        } else if (c < 0x20 || c >= 0x7f) {
            char escape[8];
            snprintf(escape, sizeof escape, "\\u%04x", c);
            put_text(w, escape);
        } else {
            writer_u8(w, c);
        }
    }
}

static bool is_plain(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=') {
            return false;
        }
    }
    return n > 0;
}

static void put_string(struct writer *w, const char *text, size_t n, bool json) {
    bool quote = json || !is_plain(text, n);
    if (quote) {
        writer_u8(w, '"');
    }
    put_escaped(w, text, n);
    if (quote) {
        writer_u8(w, '"');
    }
}

static void put_value(struct writer *w, const struct log_field *f, bool json) {
    char text[ADDR_TEXT_MAX];
    switch (f->type) {
    case LOG_TYPE_TEXT: {
        const char *value = f->value.text ? f->value.text : "-";
        put_string(w, value, strlen(value), json);
        break;
    }
    case LOG_TYPE_BYTES:
        put_string(w, f->value.text, f->len, json);
        break;
    case LOG_TYPE_INT:
        snprintf(text, sizeof text, "%" PRId64, f->value.i);
        put_text(w, text);
        break;
    case LOG_TYPE_UINT:
        snprintf(text, sizeof text, "%" PRIu64, f->value.u);
        put_text(w, text);
        break;
    case LOG_TYPE_ADDR:
        addr_format(f->value.addr, text);
        put_string(w, text, strlen(text), json);
        break;
    case LOG_TYPE_ERROR: {
        const char *value = error_text((int)f->value.i);
        put_string(w, value, strlen(value), json);
        break;
    }
    case LOG_TYPE_END:
        break;
    }
}

static void put_time(struct writer *w) {
    struct timespec ts;
    struct tm tm;
    char text[40];
    char millis[8];
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(millis, sizeof millis, ".%03uZ", (unsigned)(ts.tv_nsec / 1000000) % 1000);
    put_text(w, text);
    put_text(w, millis);
}

static void put_line_text(struct writer *w, enum log_level level, const char *subsystem, const char *event,
                          const struct log_field *f) {
    static const char *const journal_prefix[LOG_LEVEL_COUNT] = {"<3>", "<4>", "<6>", "<7>"};
    if (atomic_load(&target.journal)) {
        put_text(w, journal_prefix[level]);
    } else {
        put_time(w);
        writer_u8(w, ' ');
        put_text(w, level_names[level]);
        writer_u8(w, ' ');
    }
    put_text(w, subsystem);
    put_text(w, ": ");
    put_text(w, event);
    for (; f->type != LOG_TYPE_END; f++) {
        writer_u8(w, ' ');
        put_text(w, f->key);
        writer_u8(w, '=');
        put_value(w, f, false);
    }
}

static void put_line_json(struct writer *w, enum log_level level, const char *subsystem, const char *event,
                          const struct log_field *f) {
    put_text(w, "{\"time\":\"");
    put_time(w);
    put_text(w, "\",\"level\":\"");
    put_text(w, level_names[level]);
    put_text(w, "\",\"subsystem\":\"");
    put_text(w, subsystem);
    put_text(w, "\",\"event\":\"");
    put_text(w, event);
    writer_u8(w, '"');
    for (; f->type != LOG_TYPE_END && w->cap - w->len > 160; f++) {
        put_text(w, ",\"");
        put_text(w, f->key);
        put_text(w, "\":");
        put_value(w, f, true);
    }
    writer_u8(w, '}');
}

void log_write(enum log_level level, const char *subsystem, const char *event, const struct log_field *fields) {
    char line[LINE_MAX_BYTES];
    struct writer w;
    writer_init(&w, line, sizeof line - 8); /* room for the closing quote, brace and newline */
    if (atomic_load(&target.format) == LOG_FORMAT_JSON) {
        put_line_json(&w, level, subsystem, event, fields);
    } else {
        put_line_text(&w, level, subsystem, event, fields);
    }
    if (w.failed) {
        w.cap = sizeof line;
        w.failed = false;
        put_text(&w, "...");
    }
    w.cap = sizeof line;
    w.failed = false;
    writer_u8(&w, '\n');
    ssize_t ignored = write(atomic_load(&target.fd), line, w.len);
    (void)ignored; /* a log that cannot be written must not stop calls */
}

bool log_limit_pass(struct log_limit *limit) {
    uint32_t second = (uint32_t)(clock_now_us() / 1000000) + 1;
    if (atomic_exchange(&limit->second, second) != second) {
        atomic_store(&limit->passed, 0);
        uint32_t held = atomic_exchange(&limit->held, 0);
        if (held > 0) {
            log_write(LOG_LEVEL_WARNING, "log", "lines held back",
                      (const struct log_field[]){LF_UINT("count", held), {0}});
        }
    }
    if (atomic_fetch_add(&limit->passed, 1) < limit->burst) {
        return true;
    }
    atomic_fetch_add(&limit->held, 1);
    metrics_inc(METRIC_LOG_LINES_HELD);
    return false;
}
