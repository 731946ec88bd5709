#include "admin/internal.h"
#include "admin/socket.h"

#include "base/log.h"
#include "base/metrics.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 32,
    IDLE_US = 60 * 1000000,   /* for a whole request to arrive */
    ANSWER_US = 60 * 1000000, /* for the handler */
    STALL_S = 30,             /* for the client to take some of the output */
};

struct admin_control {
    struct admin *admin;
    struct event *listener;
    struct list clients;
    size_t count;
    int fd;
};

struct admin_client {
    struct list node;
    struct admin_control *control;
    struct bufferevent *bev;
    struct admin_call *call; /* the request being answered */
    struct loop_timer deadline;
    uid_t uid;
    bool closing; /* handle no more; close when the output is out */
    bool eof;     /* no more will come; answer what came, then close */
    bool broken;  /* close at the next chance, whatever waits */
};

static struct log_limit refused_limit = {.burst = 5};

static void client_free(struct admin_client *client) {
    struct admin_call *call = client->call;
    client->call = NULL;
    loop_timer_cancel(client->control->admin->options.loop, &client->deadline);
    bufferevent_free(client->bev);
    list_remove(&client->node);
    client->control->count--;
    metrics_add(METRIC_CONTROL_CLIENTS, -1);
    free(client);
    if (call) {
        admin_call_abandon(call);
    }
}

static size_t output_waiting(const struct admin_client *client) {
    return evbuffer_get_length(bufferevent_get_output(client->bev));
}

size_t admin_client_waiting(const struct admin_client *client) {
    return client->broken ? SIZE_MAX : output_waiting(client);
}

void admin_client_want_resume(struct admin_client *client) {
    bufferevent_trigger(client->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

void admin_client_set_call(struct admin_client *client, struct admin_call *call) { client->call = call; }

/* Not freed here: the caller may still be using the client. The write callback does it. */
static void client_break(struct admin_client *client) {
    client->broken = true;
    bufferevent_trigger(client->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
}

static int append_chunk(const char *data, size_t len, void *ctx) { return evbuffer_add(ctx, data, len); }

void admin_client_write(struct admin_client *client, const json_t *line, bool more) {
    struct evbuffer *out = bufferevent_get_output(client->bev);
    if (client->broken) {
        return;
    }
    if (!line || json_dump_callback(line, append_chunk, out, JSON_COMPACT) < 0 || evbuffer_add(out, "\n", 1) < 0 ||
        evbuffer_get_length(out) > ADMIN_OUTPUT_MAX) {
        client_break(client);
        return;
    }
    loop_timer_set(client->control->admin->options.loop, &client->deadline, more ? ANSWER_US : IDLE_US);
    if (!more) {
        /* The next request may already be waiting in the input. */
        bufferevent_trigger(client->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
    }
}

static void write_error(struct admin_client *client, const char *code, const char *message) {
    json_t *line = admin_error_line(code, message);
    admin_client_write(client, line, false);
    json_decref(line);
}

static void refuse_and_close(struct admin_client *client, const char *code, const char *message) {
    write_error(client, code, message);
    client->closing = true;
    bufferevent_disable(client->bev, EV_READ);
}

static void handle_line(struct admin_client *client, const char *line, size_t len) {
    struct admin_request request;
    const char *code;
    char why[256];
    if (admin_request_parse(&request, line, len, &code, why, sizeof why) < 0) {
        metrics_inc(METRIC_CONTROL_REQUESTS_ERROR);
        write_error(client, code, why);
        return;
    }
    loop_timer_set(client->control->admin->options.loop, &client->deadline, ANSWER_US);
    admin_call_start(client->control->admin, client, &request, client->uid);
}

static void on_read(struct bufferevent *bev, void *ctx) {
    struct admin_client *client = ctx;
    struct evbuffer *in = bufferevent_get_input(bev);
    if (client->call || client->closing || client->broken) {
        return; /* one request at a time; the rest waits, bounded by the read watermark */
    }
    size_t len;
    char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
    if (line && len <= ADMIN_REQUEST_MAX) {
        handle_line(client, line, len);
        explicit_bzero(line, len); /* it may hold a password */
    } else if (line || evbuffer_get_length(in) > ADMIN_REQUEST_MAX) {
        refuse_and_close(client, "too-large", "A request has at most 65536 bytes.");
    }
    free(line);
}

static bool is_finished(const struct admin_client *client) {
    if (client->call || output_waiting(client) > 0) {
        return client->broken;
    }
    struct evbuffer *in = bufferevent_get_input(client->bev);
    bool more = evbuffer_search(in, "\n", 1, NULL).pos >= 0;
    return client->broken || client->closing || (client->eof && !more);
}

static void on_write(struct bufferevent *bev, void *ctx) {
    struct admin_client *client = ctx;
    (void)bev;
    if (is_finished(client)) {
        client_free(client);
    } else if (client->call) {
        admin_call_resume(client->call);
    }
}

static void on_event(struct bufferevent *bev, short what, void *ctx) {
    struct admin_client *client = ctx;
    bool half_closed = (what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING);
    if (!half_closed) {
        client_free(client);
        return;
    }
    client->eof = true;
    on_read(bev, client);
    bufferevent_trigger(client->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
}

static void on_deadline(void *ctx) {
    struct admin_client *client = ctx;
    struct admin_call *call = client->call;
    if (!call || client->closing) {
        client_free(client);
        return;
    }
    admin_client_set_call(client, NULL);
    refuse_and_close(client, "unavailable", "The daemon did not answer in time.");
    admin_call_abandon(call);
}

static int client_setup(struct admin_client *client, int fd) {
    static const struct timeval stall = {.tv_sec = STALL_S};
    struct loop *loop = client->control->admin->options.loop;
    client->bev = bufferevent_socket_new(loop_base(loop), fd, BEV_OPT_CLOSE_ON_FREE);
    if (!client->bev) {
        return -ENOMEM;
    }
    bufferevent_setcb(client->bev, on_read, on_write, on_event, client);
    bufferevent_setwatermark(client->bev, EV_READ, 0, ADMIN_REQUEST_MAX + 1);
    bufferevent_setwatermark(client->bev, EV_WRITE, ADMIN_OUTPUT_LOW, 0);
    bufferevent_set_timeouts(client->bev, NULL, &stall);
    loop_timer_init(&client->deadline, on_deadline, client);
    loop_timer_set(loop, &client->deadline, IDLE_US);
    return bufferevent_enable(client->bev, EV_READ | EV_WRITE) < 0 ? -ENOMEM : 0;
}

/* Takes fd. */
static struct admin_client *client_new(struct admin_control *control, int fd, uid_t uid) {
    struct admin_client *client = calloc(1, sizeof *client);
    if (!client) {
        close(fd);
        return NULL;
    }
    client->control = control;
    client->uid = uid;
    if (client_setup(client, fd) < 0) {
        if (client->bev) {
            loop_timer_cancel(control->admin->options.loop, &client->deadline);
            bufferevent_free(client->bev);
        } else {
            close(fd);
        }
        free(client);
        return NULL;
    }
    list_push_back(&control->clients, &client->node);
    control->count++;
    metrics_inc(METRIC_CONTROL_CLIENTS);
    return client;
}

static void accept_one(struct admin_control *control, int fd) {
    uid_t uid = (uid_t)-1;
    int rc = admin_socket_authorize(fd, control->admin->options.control_group, &uid);
    bool full = control->count >= CLIENTS_MAX;
    if (rc < 0) {
        log_limited(&refused_limit, LOG_LEVEL_WARNING, "admin", "control client refused", LF_UINT("uid", uid));
    }
    if (full || (rc < 0 && control->count >= CLIENTS_MAX / 2)) {
        metrics_inc(METRIC_CONTROL_CLIENTS_REFUSED);
        close(fd);
        return;
    }
    struct admin_client *client = client_new(control, fd, uid);
    if (client && rc < 0) {
        metrics_inc(METRIC_CONTROL_CLIENTS_REFUSED);
        refuse_and_close(client, "forbidden", "Only root and members of the daemon's group may use this socket.");
    }
}

static void on_accept(evutil_socket_t fd, short events, void *ctx) {
    struct admin_control *control = ctx;
    (void)events;
    int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
        accept_one(control, client);
    } else if (errno == EMFILE || errno == ENFILE) {
        log_limited(&refused_limit, LOG_LEVEL_WARNING, "admin", "no descriptor for a control client", LF_ERROR(-errno));
    }
}

int admin_control_open(struct admin *admin) {
    struct admin_control *control = calloc(1, sizeof *control);
    if (!control) {
        return -ENOMEM;
    }
    control->admin = admin;
    list_init(&control->clients);
    control->fd = admin_socket_listen(admin->options.control_path, admin->options.control_group);
    int rc = control->fd < 0 ? control->fd : 0;
    if (rc == 0) {
        control->listener =
            event_new(loop_base(admin->options.loop), control->fd, EV_READ | EV_PERSIST, on_accept, control);
        rc = !control->listener || event_add(control->listener, NULL) < 0 ? -ENOMEM : 0;
    }
    admin->control = control;
    if (rc < 0) {
        admin_control_close(admin);
    }
    return rc;
}

void admin_control_close(struct admin *admin) {
    struct admin_control *control = admin->control;
    if (!control) {
        return;
    }
    if (control->listener) {
        event_free(control->listener);
    }
    LIST_FOREACH_SAFE(node, after, &control->clients) { client_free(LIST_ENTRY(node, struct admin_client, node)); }
    if (control->fd >= 0) {
        close(control->fd);
        unlink(admin->options.control_path);
    }
    free(control);
    admin->control = NULL;
}
