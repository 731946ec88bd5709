#include "auth/secret.h"

#include "base/log.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/text.h"
#include "config/config.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SECRETS_MAX = 8,
    SECRET_MIN = 8,   /* bytes, as in the configuration */
    FRESH_CHARS = 43, /* 256 bits */
    FILE_BYTES_MAX = 4096,
};

struct auth_secrets {
    atomic_uint refs;
    size_t count;
    char *items[SECRETS_MAX];
    uint64_t retired_s[SECRETS_MAX]; /* of the state folder: when it was replaced; 0: it signs, or nobody knows */
};

static struct auth_secrets *secrets_new(void) {
    struct auth_secrets *s = calloc(1, sizeof *s);
    if (s) {
        atomic_init(&s->refs, 1);
    }
    return s;
}

static int add(struct auth_secrets *s, const char *text, size_t len) {
    if (s->count == SECRETS_MAX || len < SECRET_MIN || memchr(text, '\0', len)) {
        return -EINVAL;
    }
    s->items[s->count] = strndup(text, len);
    return s->items[s->count++] ? 0 : -ENOMEM;
}

const struct auth_secrets *auth_secrets_ref(const struct auth_secrets *secrets) {
    struct auth_secrets *s = (struct auth_secrets *)(uintptr_t)secrets;
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return secrets;
}

void auth_secrets_unref(const struct auth_secrets *secrets) {
    struct auth_secrets *s = (struct auth_secrets *)(uintptr_t)secrets;
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < s->count; i++) {
        if (s->items[i]) {
            explicit_bzero(s->items[i], strlen(s->items[i]));
        }
        free(s->items[i]);
    }
    free(s);
}

size_t auth_secrets_count(const struct auth_secrets *secrets) { return secrets->count; }

const char *auth_secrets_get(const struct auth_secrets *secrets, size_t i, size_t *len) {
    *len = strlen(secrets->items[i]);
    return secrets->items[i];
}

/* --- the file in the state folder --------------------------------------------------------------------- */

static void secret_path(char out[PATH_MAX], const struct config *config, const char *end) {
    snprintf(out, PATH_MAX, "%s/secret%s", config->server.state_dir, end);
}

/* The fresh one, then those before it: "SECRET TIME". */
static int write_lines(int fd, const char *fresh, const struct auth_secrets *kept) {
    char text[FILE_BYTES_MAX];
    size_t len = (size_t)snprintf(text, sizeof text, "%s\n", fresh);
    for (size_t i = 0; kept && i < kept->count && len < sizeof text; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s %" PRIu64 "\n", kept->items[i], kept->retired_s[i]);
    }
    ssize_t written = len < sizeof text ? write(fd, text, len) : -1;
    int rc = written == (ssize_t)len && fsync(fd) == 0 ? 0 : errno ? -errno : -EIO;
    explicit_bzero(text, sizeof text);
    return rc;
}

/* Writes beside and renames, so that a reader sees the old file or the new one. */
static int replace_file(const struct config *config, const char *fresh_secret, const struct auth_secrets *kept) {
    char path[PATH_MAX], fresh[PATH_MAX];
    secret_path(path, config, "");
    secret_path(fresh, config, ".new");
    unlink(fresh); /* left by a crash */
    int fd = store_file_make(fresh);
    if (fd < 0) {
        return fd;
    }
    int rc = write_lines(fd, fresh_secret, kept);
    close(fd);
    if (rc == 0 && rename(fresh, path) < 0) {
        rc = -errno;
    }
    if (rc < 0) {
        unlink(fresh);
    }
    return rc;
}

static int add_line(struct auth_secrets *s, const char *text, size_t len) {
    const char *blank = memrchr(text, ' ', len);
    uint64_t retired_s = 0;
    size_t end = blank ? (size_t)(blank - text) : len;
    if (blank && text_parse_u64(&retired_s, blank + 1, len - end - 1) < 0) {
        end = len; /* a secret with a blank in it */
        retired_s = 0;
    }
    int rc = add(s, text, end);
    if (rc == 0) {
        s->retired_s[s->count - 1] = retired_s;
    }
    return rc;
}

static int parse_file(struct auth_secrets *s, const char *text) {
    while (*text) {
        size_t len = strcspn(text, "\r\n");
        int rc = len > 0 ? add_line(s, text, len) : 0;
        if (rc < 0) {
            return rc;
        }
        text += len + (text[len] != '\0');
    }
    return s->count > 0 ? 0 : -EINVAL;
}

static int read_file(struct auth_secrets *s, const char *path) {
    char text[FILE_BYTES_MAX];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t len = read(fd, text, sizeof text - 1);
    int rc = len < 0 ? -errno : memchr(text, '\0', (size_t)len) ? -EINVAL : 0;
    if (fstat(fd, &st) == 0 && (st.st_mode & 077) != 0) {
        log_warning("auth", "secret-file-is-readable-by-others", LF_TEXT("path", path));
    }
    close(fd);
    if (rc == 0) {
        text[len] = '\0';
        rc = parse_file(s, text);
    }
    explicit_bzero(text, sizeof text);
    return rc;
}

static int make_first(const struct config *config, const char *path) {
    char fresh[FRESH_CHARS + 1];
    if (mkdir(config->server.state_dir, 0750) < 0 && errno != EEXIST) {
        return -errno;
    }
    rng_token(fresh, FRESH_CHARS);
    int rc = replace_file(config, fresh, NULL);
    explicit_bzero(fresh, sizeof fresh);
    if (rc == 0) {
        log_info("auth", "secret-made", LF_TEXT("path", path));
    }
    return rc;
}

static int load_from_file(struct auth_secrets *s, const struct config *config) {
    char path[PATH_MAX];
    secret_path(path, config, "");
    int rc = read_file(s, path);
    if (rc == -ENOENT) {
        rc = make_first(config, path);
        rc = rc < 0 ? rc : read_file(s, path);
    }
    if (rc < 0) {
        log_error("auth", "secret-file-failed", LF_TEXT("path", path), LF_ERROR(rc));
    }
    return rc;
}

/* What the server made itself before [auth] secret was set: what it handed out stays good. */
static void add_earlier(struct auth_secrets *s, const struct config *config) {
    char path[PATH_MAX];
    struct auth_secrets *own = secrets_new();
    secret_path(path, config, "");
    int rc = own ? read_file(own, path) : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < own->count && s->count < SECRETS_MAX; i++) {
        (void)add(s, own->items[i], strlen(own->items[i]));
    }
    if (rc < 0 && rc != -ENOENT) {
        log_warning("auth", "secret-file-ignored", LF_TEXT("path", path), LF_ERROR(rc));
    }
    auth_secrets_unref(own);
}

int auth_secrets_load(const struct auth_secrets **out, const struct config *config) {
    struct auth_secrets *s = secrets_new();
    int rc = s ? 0 : -ENOMEM;
    *out = NULL;
    for (size_t i = 0; rc == 0 && i < config->auth.secret.count; i++) {
        rc = add(s, config->auth.secret.items[i], strlen(config->auth.secret.items[i]));
    }
    if (rc == 0 && s->count == 0) {
        rc = load_from_file(s, config);
    } else if (rc == 0) {
        add_earlier(s, config);
    }
    if (rc < 0) {
        auth_secrets_unref(s);
        return rc;
    }
    *out = s;
    return 0;
}

/* The one that signed until now, and those before it whose credentials may still be about. */
static int keep_used(struct auth_secrets *out, const struct auth_secrets *old, const struct config *config) {
    uint64_t now_s = clock_wall_s();
    uint64_t lifetime_s = config->auth.credential_lifetime_us / 1000000;
    for (size_t i = 0; i < old->count && out->count < SECRETS_MAX - 1; i++) {
        uint64_t retired_s = i == 0 ? now_s : old->retired_s[i];
        if (retired_s + lifetime_s >= now_s) {
            int rc = add(out, old->items[i], strlen(old->items[i]));
            if (rc < 0) {
                return rc;
            }
            out->retired_s[out->count - 1] = retired_s;
        }
    }
    return 0;
}

int auth_secrets_rotate(const struct config *config) {
    const struct auth_secrets *old = NULL;
    char fresh[FRESH_CHARS + 1];
    if (config->auth.secret.count > 0) {
        return -EPERM;
    }
    struct auth_secrets *kept = secrets_new();
    int rc = kept ? auth_secrets_load(&old, config) : -ENOMEM;
    rc = rc < 0 ? rc : keep_used(kept, old, config);
    if (rc == 0) {
        rng_token(fresh, FRESH_CHARS);
        rc = replace_file(config, fresh, kept);
        explicit_bzero(fresh, sizeof fresh);
    }
    auth_secrets_unref(kept);
    auth_secrets_unref(old);
    return rc;
}
