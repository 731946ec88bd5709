#include "ctl/top.h"

#include "ctl/table.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { REFRESH_MS = 1000, ROWS_DEFAULT = 20, ROWS_MAX = 100, HEAD_LINES = 7, PLAIN_WIDTH = 160 };

static const char *const orders[] = {"bitrate", "packets", "up", "down", "dropped"};
enum { ORDERS = sizeof orders / sizeof orders[0] };

struct top {
    const struct ctl_command *command;
    struct ctl_client *client;
    size_t order;
    bool terminal;        /* both ends are one */
    struct termios saved; /* the terminal as it was */
    json_t *now, *before;
};

static volatile sig_atomic_t stop;

static void on_signal(int number) { stop = number == SIGWINCH ? stop : 1; }

/* ---- asking ---- */

static size_t rows_wanted(const struct top *t, size_t lines) {
    const json_t *limit = json_object_get(t->command->args, "limit");
    size_t fit = lines > HEAD_LINES ? lines - HEAD_LINES : 1;
    size_t rows = limit ? (size_t)json_integer_value(limit) : t->terminal ? fit : ROWS_DEFAULT;
    return rows < ROWS_MAX ? rows : ROWS_MAX;
}

/* 0, or the reason is printed. */
static int ask(struct top *t, size_t lines) {
    json_t *answer = NULL;
    json_t *args = json_pack("{s:s,s:I}", "sort", orders[t->order], "limit", (json_int_t)rows_wanted(t, lines));
    int rc = ctl_client_call(t->client, t->command->verb, args, &answer);
    json_decref(args);
    const json_t *data = json_object_get(answer, "data");
    if (rc == 0 && !json_is_object(data)) {
        rc = -EBADMSG;
    }
    if (rc == 0) {
        json_decref(t->before);
        t->before = t->now;
        t->now = json_incref((json_t *)(uintptr_t)data);
    }
    json_decref(answer);
    return rc;
}

/* ---- the terminal ---- */

static void size_of_terminal(size_t *width, size_t *lines) {
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    *width = known ? size.ws_col : 80;
    *lines = known ? size.ws_row : 24;
}

static void catch_signals(void) {
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGPIPE};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

static void begin_screen(struct top *t) {
    struct termios raw = t->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs("\033[?1049h\033[?25l", stdout);
}

static void end_screen(const struct top *t) {
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
}

/* Waits a second or for a key. False: the user has enough. */
static bool wait_for_key(struct top *t) {
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;
    if (poll(&in, 1, REFRESH_MS) <= 0) {
        return true;
    }
    if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q') {
        return false;
    }
    static const char keys[ORDERS + 1] = "bpudx"; /* one per order */
    const char *at = key ? strchr(keys, key) : NULL;
    t->order = at ? (size_t)(at - keys) : key == 's' ? (t->order + 1) % ORDERS : t->order;
    return true;
}

/* ---- frames ---- */

static void print_frame(const struct top *t, size_t width, size_t lines) {
    const struct ctl_top_frame frame = {.now = t->now,
                                        .before = t->before,
                                        .order = orders[t->order],
                                        .width = width,
                                        .lines = t->terminal ? lines - 1 : 0,
                                        .styled = t->terminal};
    if (t->terminal) {
        fputs("\033[H\033[J", stdout);
    }
    ctl_top_print(stdout, &frame);
    if (t->terminal) {
        printf("\033[%zu;1Hq quit  s order  b bitrate  p packets  u up  d down  x dropped", lines);
    } else {
        putchar('\n');
    }
    fflush(stdout);
}

static int watch_screen(struct top *t) {
    size_t width, lines;
    int rc = 0;
    begin_screen(t);
    do {
        size_of_terminal(&width, &lines);
        rc = ask(t, lines);
        if (rc == 0 && t->before) {
            print_frame(t, width, lines);
        }
    } while (rc == 0 && !stop && wait_for_key(t) && !stop);
    end_screen(t);
    return rc;
}

static void pause_once(void) {
    const struct timespec second = {.tv_sec = REFRESH_MS / 1000};
    nanosleep(&second, NULL);
}

/* For a file or a pipe: one frame a second, or one. */
static int watch_plain(struct top *t, bool once) {
    int rc = ask(t, 0);
    do {
        pause_once();
        rc = rc < 0 || stop ? rc : ask(t, 0);
        if (rc == 0 && t->before && t->command->json) {
            json_t *data = ctl_top_rates(t->now, t->before);
            json_dumpf(data, stdout, JSON_INDENT(2));
            putchar('\n');
            json_decref(data);
        } else if (rc == 0 && t->before) {
            print_frame(t, PLAIN_WIDTH, 0);
        }
    } while (rc == 0 && !once && !stop && !ferror(stdout));
    return rc;
}

enum ctl_exit ctl_top_run(const struct ctl_command *command, struct ctl_client *client) {
    struct top t = {.command = command, .client = client};
    const char *order = json_string_value(json_object_get(command->args, "sort"));
    bool once = command->json || json_is_true(json_object_get(command->args, "once"));
    for (size_t i = 0; order && i < ORDERS; i++) {
        t.order = strcmp(orders[i], order) == 0 ? i : t.order;
    }
    catch_signals();
    t.terminal = !once && isatty(STDOUT_FILENO) && tcgetattr(STDIN_FILENO, &t.saved) == 0;
    int rc = t.terminal ? watch_screen(&t) : watch_plain(&t, once);
    json_decref(t.now);
    json_decref(t.before);
    if (rc < 0 && !stop) {
        fprintf(stderr, "turnoutctl: the daemon has gone or gives no answer.\n");
        return CTL_UNREACHABLE;
    }
    return CTL_OK;
}
