#include "net/static.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATH_BYTES = 1024, ETAG_BYTES = 64 };

struct static_site {
    int root;
};

static const struct {
    const char *suffix;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/vnd.microsoft.icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".txt", "text/plain; charset=utf-8"},
    {".ts", "text/plain; charset=utf-8"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".wav", "audio/wav"},
    {".webm", "video/webm"},
    {".mp4", "video/mp4"},
    {".tgz", "application/gzip"},
};

/* The app needs its own scripts, styles and sockets, media from blobs, and nothing of anybody else. */
static const char content_security_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob: mediastream:; connect-src 'self'; font-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
static const char permissions_policy[] =
    "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), autoplay=(self), "
    "fullscreen=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=()";

static const char *type_of(const char *path) {
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t n = strlen(types[i].suffix);
        if (len > n && strcmp(path + len - n, types[i].suffix) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

int static_site_new(struct static_site **out, const char *root) {
    struct static_site *site = calloc(1, sizeof *site);
    if (!site) {
        return -ENOMEM;
    }
    site->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (site->root < 0) {
        int rc = -errno;
        free(site);
        return rc;
    }
    *out = site;
    return 0;
}

void static_site_free(struct static_site *site) {
    if (site) {
        close(site->root);
        free(site);
    }
}

/* Opens beneath the root, whatever the path and the links on it say. */
static int open_beneath(int root, const char *path) {
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    return fd < 0 ? -errno : (int)fd;
}

static bool has_hidden_part(const char *path) { return path[0] == '.' || strstr(path, "/.") != NULL; }

/* The file a path means. -ENOENT for what is not served. Pages of rooms lie one deeper than the first page, and what they
 * load is named relative to them: so the app works below any path of a proxy's. */
static int file_path(char *out, const char *path) {
    size_t len = strlen(path);
    bool is_room = strncmp(path, "r/", 2) == 0 && !strchr(path + 2, '/') && path[2];
    bool is_folder = len == 0 || path[len - 1] == '/';
    if (has_hidden_part(path) || len + sizeof "index.html" > PATH_BYTES) {
        return -ENOENT;
    }
    snprintf(out, PATH_BYTES, "%s%s", is_room ? "room.html" : path, is_folder ? "index.html" : "");
    return 0;
}

static void make_etag(char *out, const struct stat *st) {
    snprintf(out, ETAG_BYTES, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%lx\"", (uint64_t)st->st_ino,
             (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec);
}

/* RFC 9110 section 13.1.2: a list of validators, compared weakly. */
static bool etag_matches(const char *list, const char *etag) {
    size_t len = strlen(etag);
    if (!list) {
        return false;
    }
    if (strcmp(list, "*") == 0) {
        return true;
    }
    for (const char *at = strstr(list, etag); at; at = strstr(at + 1, etag)) {
        char next = at[len];
        if (next == '\0' || next == ',' || next == ' ') {
            return true;
        }
    }
    return false;
}

/* Versioned copies of the SDK ("sdk/1.2.3/…") never change. */
static bool is_versioned(const char *path) {
    return strncmp(path, "sdk/", 4) == 0 && path[4] >= '0' && path[4] <= '9' && strchr(path + 4, '/');
}

static void send_file(struct http_request *req, int fd, const struct stat *st, const char *file) {
    char etag[ETAG_BYTES];
    make_etag(etag, st);
    struct http_header headers[12] = {
        {"ETag", etag},
        {"Cache-Control", is_versioned(file) ? "public, max-age=31536000, immutable" : "no-cache"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy", content_security_policy},
        {"Permissions-Policy", permissions_policy},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    if (strncmp(file, "sdk/", 4) == 0) { /* other sites may embed the SDK */
        headers[6].value = "cross-origin";
        headers[7] = (struct http_header){"Access-Control-Allow-Origin", "*"};
    }
    if (etag_matches(http_request_header(req, "If-None-Match"), etag)) {
        close(fd);
        http_reply(req, 304, NULL, NULL, 0, headers);
        return;
    }
    http_reply_file(req, type_of(file), fd, (uint64_t)st->st_size, headers);
}

void static_site_handle(void *ctx, struct http_request *req) {
    const struct static_site *site = ctx;
    const char *path = http_request_param(req, "path");
    char file[PATH_BYTES];
    struct stat st;
    int fd = file_path(file, path ? path : "") == 0 ? open_beneath(site->root, file) : -ENOENT;
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -ENOENT;
    }
    if (fd == -EMFILE || fd == -ENFILE) {
        http_reply_error(req, 503, "unavailable", NULL);
    } else if (fd < 0) {
        http_reply_error(req, 404, "not-found", NULL);
    } else {
        send_file(req, fd, &st, file);
    }
}
