/* The control socket with a real loop in a thread and handlers of our own. */
#include "admin/admin.h"
#include "admin/socket.h"
#include "base/log.h"
#include "net/loop.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

struct fixture {
    char dir[64];
    char path[96];
    struct loop *loop;
    struct loop *loops[1];
    struct admin *admin;
    pthread_t thread;
    struct admin_call *held; /* by the handler that answers later */
    uint64_t rows_made;
    uint64_t pauses;
    bool told_gone;
};

static void answer_status(void *ctx, struct admin_call *call) {
    (void)ctx;
    admin_call_reply(call, json_pack("{s:i}", "uid", (int)admin_call_uid(call)));
}

static void refuse_show(void *ctx, struct admin_call *call) {
    (void)ctx;
    admin_call_error(call, -ENOENT, admin_call_text(call, "id"));
}

/* As many rows as "limit" says, with pauses whenever asked. */
static void make_rows(void *ctx, struct admin_call *call) {
    struct fixture *f = ctx;
    uint64_t limit = admin_call_uint(call, "limit", 3);
    while (f->rows_made < limit) {
        char text[200];
        memset(text, 'r', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        int rc = admin_call_row(call, json_pack("{s:I,s:s}", "n", (json_int_t)f->rows_made, "text", text));
        f->rows_made++;
        if (rc == -EPIPE) {
            f->told_gone = true;
            break;
        }
        if (rc == -EAGAIN) {
            f->pauses++;
            admin_call_on_resume(call, make_rows, f);
            return;
        }
    }
    f->rows_made = 0;
    admin_call_done(call);
}

static void hold(void *ctx, struct admin_call *call) {
    struct fixture *f = ctx;
    f->held = call;
}

static void answer_held(void *data) {
    struct fixture *f = *(struct fixture **)data;
    admin_call_reply(f->held, json_string("late"));
    f->held = NULL;
}

static void *run_loop(void *arg) {
    struct fixture *f = arg;
    loop_run(f->loop);
    return NULL;
}

static int start(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/turnout-control-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/sock", f->dir);
    f->loop = loop_new("control", 64);
    assert_non_null(f->loop);
    f->loops[0] = f->loop;
    struct admin_options options = {.loop = f->loop,
                                    .loops = f->loops,
                                    .loop_count = 1,
                                    .control_path = f->path,
                                    .control_group = (gid_t)-1,
                                    .version = "1"};
    struct admin_hooks hooks = {.ctx = f};
    hooks.verbs[ADMIN_VERB_STATUS] = answer_status;
    hooks.verbs[ADMIN_VERB_SESSIONS_SHOW] = refuse_show;
    hooks.verbs[ADMIN_VERB_SESSIONS_LIST] = make_rows;
    hooks.verbs[ADMIN_VERB_ROOMS_SHOW] = hold;
    assert_int_equal(admin_new(&f->admin, &options, &hooks), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, run_loop, f), 0);
    *state = f;
    return 0;
}

static int stop(void **state) {
    struct fixture *f = *state;
    loop_stop(f->loop);
    pthread_join(f->thread, NULL);
    admin_free(f->admin);
    if (f->held) {
        admin_call_reply(f->held, NULL); /* a call outlives client and admin */
    }
    loop_free(f->loop);
    assert_int_equal(rmdir(f->dir), 0); /* the socket is gone */
    free(f);
    return 0;
}

/* ---- a client ---- */

struct client {
    int fd;
    char *buf;
    size_t len, cap;
};

static struct client connect_to(const struct fixture *f) {
    struct client c = {.fd = admin_socket_connect(f->path), .cap = 1 << 20};
    struct timeval limit = {.tv_sec = 10};
    assert_true(c.fd >= 0);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    c.buf = malloc(c.cap);
    assert_non_null(c.buf);
    return c;
}

static void say(const struct client *c, const char *text) {
    assert_int_equal(send(c->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* The next line as JSON, or NULL at the end of the stream. */
static json_t *hear(struct client *c) {
    for (;;) {
        char *newline = memchr(c->buf, '\n', c->len);
        if (newline) {
            size_t line = (size_t)(newline - c->buf);
            json_t *json = json_loadb(c->buf, line, 0, NULL);
            assert_non_null(json);
            c->len -= line + 1;
            memmove(c->buf, newline + 1, c->len);
            return json;
        }
        assert_true(c->len < c->cap);
        ssize_t n = recv(c->fd, c->buf + c->len, c->cap - c->len, 0);
        if (n <= 0) {
            assert_true(n == 0 || errno == ECONNRESET);
            return NULL;
        }
        c->len += (size_t)n;
    }
}

static void hang_up(struct client *c) {
    close(c->fd);
    free(c->buf);
}

static const char *error_code(const json_t *answer) {
    assert_true(json_is_false(json_object_get(answer, "ok")));
    assert_true(strlen(json_string_value(json_object_get(json_object_get(answer, "error"), "message"))) > 10);
    return json_string_value(json_object_get(json_object_get(answer, "error"), "code"));
}

static void expect_error(struct client *c, const char *code) {
    json_t *answer = hear(c);
    assert_string_equal(error_code(answer), code);
    json_decref(answer);
}

static void expect_data(struct client *c, const char *want) {
    json_t *answer = hear(c);
    json_t *wanted = json_loads(want, JSON_DECODE_ANY, NULL);
    assert_true(json_is_true(json_object_get(answer, "ok")));
    assert_true(json_equal(json_object_get(answer, "data"), wanted));
    json_decref(answer);
    json_decref(wanted);
}

/* ---- tests ---- */

static void a_verb_is_answered_on_one_line(void **state) {
    struct client c = connect_to(*state);
    char want[40];
    snprintf(want, sizeof want, "{\"uid\":%d}", (int)getuid());
    say(&c, "{\"verb\":\"status\"}\n");
    expect_data(&c, want);
    say(&c, "{\"verb\":\"status\",\"args\":{}}\n");
    expect_data(&c, want);
    hang_up(&c);
}

static void the_socket_is_closed_to_others(void **state) {
    const struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_true(S_ISSOCK(st.st_mode));
}

static void bad_requests_get_an_error_and_the_client_stays(void **state) {
    static const struct {
        const char *line, *code;
    } cases[] = {
        {"\n", "bad-request"},
        {"hello\n", "bad-request"},
        {"[]\n", "bad-request"},
        {"\"status\"\n", "bad-request"},
        {"{\"verb\":7}\n", "bad-request"},
        {"{\"verb\":\"status\",\"verb\":\"drain\"}\n", "bad-request"},
        {"{\"verb\":\"status\",\"args\":[]}\n", "bad-request"},
        {"{\"verb\":\"status\",\"args\":{\"x\":1}}\n", "bad-request"},
        {"{\"verb\":\"sessions\"}\n", "unknown-verb"},
        {"{\"verb\":\"rooms close\",\"args\":{\"room\":\"r\"}}\n", "unavailable"},
        {"{\"verb\":\"sessions show\",\"args\":{\"id\":\"x\"}}\n", "not-found"},
    };
    struct client c = connect_to(*state);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say(&c, cases[i].line);
        expect_error(&c, cases[i].code);
    }
    hang_up(&c);
}

static void a_request_over_64_kib_is_refused_and_the_client_cut(void **state) {
    struct client c = connect_to(*state);
    char *flood = malloc(70000);
    assert_non_null(flood);
    memset(flood, 'x', 70000);
    send(c.fd, flood, 70000, MSG_NOSIGNAL);
    free(flood);
    expect_error(&c, "too-large");
    assert_null(hear(&c));
    hang_up(&c);
}

static void requests_sent_together_are_answered_in_order(void **state) {
    struct client c = connect_to(*state);
    say(&c, "{\"verb\":\"sessions list\"}\n{\"verb\":\"drain\"}\n{\"verb\":\"sessions");
    say(&c, " show\",\"args\":{\"id\":\"x\"}}\n");
    json_t *rows = hear(&c);
    assert_int_equal(json_array_size(json_object_get(rows, "data")), 3);
    json_decref(rows);
    expect_error(&c, "unavailable");
    expect_error(&c, "not-found");
    hang_up(&c);
}

static void what_came_before_the_end_of_input_is_answered(void **state) {
    struct client c = connect_to(*state);
    say(&c, "{\"verb\":\"sessions show\",\"args\":{\"id\":\"x\"}}\n{\"verb\":\"sessions list\"}\n");
    shutdown(c.fd, SHUT_WR);
    expect_error(&c, "not-found");
    json_decref(hear(&c));
    assert_null(hear(&c));
    hang_up(&c);
}

static void a_long_list_comes_in_lines_and_waits_for_the_reader(void **state) {
    struct fixture *f = *state;
    struct client c = connect_to(f);
    json_int_t seen = 0;
    bool more = true;
    say(&c, "{\"verb\":\"sessions list\",\"args\":{\"limit\":20000}}\n");
    usleep(200000); /* 4 MB do not fit: the handler must be waiting now */
    while (more) {
        json_t *line = hear(&c);
        size_t i;
        json_t *row;
        assert_non_null(line);
        json_array_foreach(json_object_get(line, "data"), i, row) {
            assert_int_equal(json_integer_value(json_object_get(row, "n")), seen);
            seen++;
        }
        more = json_is_true(json_object_get(line, "more"));
        json_decref(line);
    }
    assert_int_equal(seen, 20000);
    assert_true(f->pauses > 0);
    hang_up(&c);
}

static void a_reader_that_leaves_ends_the_list(void **state) {
    struct fixture *f = *state;
    struct client c = connect_to(f);
    say(&c, "{\"verb\":\"sessions list\",\"args\":{\"limit\":1000000}}\n");
    json_decref(hear(&c));
    hang_up(&c);
    for (int i = 0; i < 200 && !f->told_gone; i++) {
        usleep(10000);
    }
    assert_true(f->told_gone);
}

static void a_handler_may_answer_later(void **state) {
    struct fixture *f = *state;
    struct client c = connect_to(f);
    struct client other = connect_to(f);
    say(&c, "{\"verb\":\"rooms show\",\"args\":{\"room\":\"r\"}}\n");
    say(&other, "{\"verb\":\"sessions show\",\"args\":{\"id\":\"x\"}}\n");
    expect_error(&other, "not-found");
    for (int i = 0; i < 200 && !f->held; i++) {
        usleep(10000);
    }
    assert_int_equal(loop_post(f->loop, answer_held, &f, sizeof f), 0);
    expect_data(&c, "\"late\"");
    hang_up(&c);
    hang_up(&other);
}

static void an_answer_after_the_client_left_is_dropped(void **state) {
    struct fixture *f = *state;
    struct client c = connect_to(f);
    say(&c, "{\"verb\":\"rooms show\",\"args\":{\"room\":\"r\"}}\n");
    for (int i = 0; i < 200 && !f->held; i++) {
        usleep(10000);
    }
    hang_up(&c);
    usleep(50000);
    assert_int_equal(loop_post(f->loop, answer_held, &f, sizeof f), 0);
    a_verb_is_answered_on_one_line(state);
    assert_null(f->held);
}

static void clients_beyond_the_bound_are_turned_away(void **state) {
    struct client c[33];
    for (size_t i = 0; i < 33; i++) {
        c[i] = connect_to(*state);
    }
    say(&c[31], "{\"verb\":\"drain\"}\n");
    expect_error(&c[31], "unavailable");
    assert_null(hear(&c[32]));
    for (size_t i = 0; i < 33; i++) {
        hang_up(&c[i]);
    }
}

static void a_second_daemon_is_refused_and_a_dead_ones_socket_replaced(void **state) {
    const struct fixture *f = *state;
    char path[128];
    assert_int_equal(admin_socket_listen(f->path, (gid_t)-1), -EADDRINUSE);
    snprintf(path, sizeof path, "%s/dead", f->dir);
    int fd = admin_socket_listen(path, (gid_t)-1);
    assert_true(fd >= 0);
    close(fd);
    fd = admin_socket_listen(path, (gid_t)-1);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(admin_socket_listen(path, (gid_t)-1), -EEXIST);
    unlink(path);
}

/* Another user that reaches the socket in spite of its mode is told off. */
static void a_stranger_is_refused_by_his_credentials(void **state) {
    const struct fixture *f = *state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chmod(f->dir, 0755), 0);
    assert_int_equal(chmod(f->path, 0666), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char text[256];
        int fd = setregid(65534, 65534) < 0 || setreuid(65534, 65534) < 0 ? -1 : admin_socket_connect(f->path);
        ssize_t n = fd < 0 ? -1 : recv(fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        _exit(strstr(text, "\"forbidden\"") ? 0 : 1);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_verb_is_answered_on_one_line),
        CASE(the_socket_is_closed_to_others),
        CASE(bad_requests_get_an_error_and_the_client_stays),
        CASE(a_request_over_64_kib_is_refused_and_the_client_cut),
        CASE(requests_sent_together_are_answered_in_order),
        CASE(what_came_before_the_end_of_input_is_answered),
        CASE(a_long_list_comes_in_lines_and_waits_for_the_reader),
        CASE(a_reader_that_leaves_ends_the_list),
        CASE(a_handler_may_answer_later),
        CASE(an_answer_after_the_client_left_is_dropped),
        CASE(clients_beyond_the_bound_are_turned_away),
        CASE(a_second_daemon_is_refused_and_a_dead_ones_socket_replaced),
        CASE(a_stranger_is_refused_by_his_credentials),
    };
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
