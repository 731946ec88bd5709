#include "ctl/client.h"

#include "admin/socket.h"
#include "admin/verbs.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_S = 90, LINE_MAX_BYTES = 64 * 1024 * 1024 };

struct ctl_client {
    int fd;
    char *buf;
    size_t len, cap;
};

int ctl_client_open(struct ctl_client **out, const char *path) {
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = admin_socket_connect(path);
    if (fd < 0) {
        return fd;
    }
    struct ctl_client *client = calloc(1, sizeof *client);
    if (!client) {
        close(fd);
        return -ENOMEM;
    }
    client->fd = fd;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    *out = client;
    return 0;
}

void ctl_client_close(struct ctl_client *client) {
    if (!client) {
        return;
    }
    close(client->fd);
    free(client->buf);
    free(client);
}

static int send_all(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN ? -ETIMEDOUT : -errno;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static json_t *public_args(const struct admin_verb *verb, const json_t *args) {
    json_t *copy = json_copy((json_t *)(uintptr_t)args);
    for (const struct admin_arg *arg = verb->args; copy && arg->name; arg++) {
        if (arg->flags & ADMIN_ARG_LOCAL) {
            json_object_del(copy, arg->name);
        }
    }
    return copy;
}

static int send_request(struct ctl_client *client, const struct admin_verb *verb, const json_t *args) {
    json_t *request = json_pack("{s:s,s:o}", "verb", verb->name, "args", public_args(verb, args));
    char *text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (!text) {
        return -ENOMEM;
    }
    size_t len = strlen(text);
    int rc = send_all(client->fd, text, len);
    rc = rc == 0 ? send_all(client->fd, "\n", 1) : rc;
    explicit_bzero(text, len);
    free(text);
    return rc;
}

static int grow(struct ctl_client *client) {
    size_t cap = client->cap > 0 ? client->cap * 2 : 65536;
    char *buf = cap <= LINE_MAX_BYTES ? realloc(client->buf, cap) : NULL;
    if (!buf) {
        return -ENOMEM;
    }
    client->buf = buf;
    client->cap = cap;
    return 0;
}

static int receive(struct ctl_client *client) {
    if (client->len == client->cap) {
        int rc = grow(client);
        if (rc < 0) {
            return rc;
        }
    }
    ssize_t n = recv(client->fd, client->buf + client->len, client->cap - client->len, 0);
    if (n <= 0) {
        return n == 0 || errno == ECONNRESET ? -EPIPE : errno == EAGAIN ? -ETIMEDOUT : -errno;
    }
    client->len += (size_t)n;
    return 0;
}

/* The next line as JSON. */
static int read_line(struct ctl_client *client, json_t **line) {
    char *newline = NULL;
    while (!newline) {
        newline = client->len > 0 ? memchr(client->buf, '\n', client->len) : NULL;
        int rc = newline ? 0 : receive(client);
        if (rc < 0) {
            return rc;
        }
    }
    size_t used = (size_t)(newline - client->buf) + 1;
    *line = json_loadb(client->buf, used - 1, 0, NULL);
    client->len -= used;
    memmove(client->buf, newline + 1, client->len);
    return json_is_object(*line) ? 0 : -EBADMSG;
}

/* Lines marked "more" are put in front of the last one's data. */
static int read_answer(struct ctl_client *client, json_t **answer) {
    json_t *rows = NULL;
    int rc;
    for (;;) {
        json_t *line = NULL;
        rc = read_line(client, &line);
        if (rc < 0) {
            json_decref(line);
            break;
        }
        if (rows) {
            json_array_extend(rows, json_object_get(line, "data"));
        }
        if (!json_is_true(json_object_get(line, "more"))) {
            if (rows && json_is_true(json_object_get(line, "ok"))) {
                json_object_set(line, "data", rows);
            }
            *answer = line;
            break;
        }
        rows = rows ? rows : json_incref(json_object_get(line, "data"));
        json_decref(line);
    }
    json_decref(rows);
    return rc;
}

int ctl_client_call(struct ctl_client *client, const struct admin_verb *verb, const json_t *args, json_t **answer) {
    int rc = send_request(client, verb, args);
    return rc < 0 ? rc : read_answer(client, answer);
}
