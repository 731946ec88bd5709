/* /metrics against a strict reader of both text formats, written from their specifications. */
#include "admin/exposition.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer.h>

enum { FAMILIES_MAX = 512, SAMPLES_MAX = 2048, NAME_SIZE = 128, LABELS_SIZE = 256 };

struct family {
    char name[NAME_SIZE];
    char type[16];
};

struct sample {
    char name[NAME_SIZE];
    char labels[LABELS_SIZE];
    double value;
    size_t family;
};

struct page {
    struct family families[FAMILIES_MAX];
    size_t family_count;
    struct sample samples[SAMPLES_MAX];
    size_t sample_count;
    bool ended;
    char why[200];
};

static bool wrong(struct page *p, const char *what, const char *line) {
    snprintf(p->why, sizeof p->why, "%s: %.120s", what, line);
    return false;
}

static size_t name_length(const char *s) {
    size_t n = 0;
    while (isalpha((unsigned char)s[n]) || s[n] == '_' || s[n] == ':' || (n > 0 && isdigit((unsigned char)s[n]))) {
        n++;
    }
    return n;
}

/* A text where only \\ and \n (and \" when quotes may be escaped) are escapes, up to end or the quote. */
static const char *skip_escaped(const char *s, bool quoted, bool quote_escape) {
    for (; *s && !(quoted && *s == '"'); s++) {
        if (*s == '\\') {
            s++;
            if (*s != '\\' && *s != 'n' && !(quote_escape && *s == '"')) {
                return NULL;
            }
        }
    }
    return s;
}

static struct family *current(struct page *p) { return p->family_count > 0 ? &p->families[p->family_count - 1] : NULL; }

static bool read_help(struct page *p, const char *rest, bool openmetrics) {
    size_t n = name_length(rest);
    if (n == 0 || n >= NAME_SIZE || rest[n] != ' ' || rest[n + 1] == '\0') {
        return wrong(p, "bad HELP", rest);
    }
    if (!skip_escaped(rest + n + 1, false, openmetrics)) {
        return wrong(p, "bad escape in HELP", rest);
    }
    for (size_t i = 0; i < p->family_count; i++) {
        if (strlen(p->families[i].name) == n && memcmp(p->families[i].name, rest, n) == 0) {
            return wrong(p, "family given twice", rest);
        }
    }
    assert_true(p->family_count < FAMILIES_MAX);
    struct family *f = &p->families[p->family_count++];
    snprintf(f->name, sizeof f->name, "%.*s", (int)n, rest);
    f->type[0] = '\0';
    return true;
}

static bool read_type(struct page *p, const char *rest, bool openmetrics) {
    struct family *f = current(p);
    size_t n = name_length(rest);
    if (!f || f->type[0] || strlen(f->name) != n || memcmp(f->name, rest, n) != 0 || rest[n] != ' ') {
        return wrong(p, "TYPE does not follow its HELP", rest);
    }
    const char *type = rest + n + 1;
    bool known = strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
                 (openmetrics && (strcmp(type, "info") == 0 || strcmp(type, "unknown") == 0));
    if (!known) {
        return wrong(p, "unknown type", rest);
    }
    snprintf(f->type, sizeof f->type, "%s", type);
    return true;
}

/* What a sample of this family is called. */
static void sample_name(char *out, size_t size, const struct family *f, bool openmetrics) {
    const char *suffix = !openmetrics                      ? ""
                         : strcmp(f->type, "counter") == 0 ? "_total"
                         : strcmp(f->type, "info") == 0    ? "_info"
                                                           : "";
    snprintf(out, size, "%s%s", f->name, suffix);
}

/* {name="value",...}: returns what follows, or NULL. */
static const char *skip_labels(const char *s) {
    for (;;) {
        size_t n = name_length(++s);
        if (n == 0 || memchr(s, ':', n) || s[n] != '=' || s[n + 1] != '"') {
            return NULL;
        }
        s = skip_escaped(s + n + 2, true, true);
        if (!s || *s != '"' || (s[1] != ',' && s[1] != '}')) {
            return NULL;
        }
        s++;
        if (*s == '}') {
            return s + 1;
        }
    }
}

static bool read_sample(struct page *p, const char *line, bool openmetrics) {
    const struct family *f = current(p);
    char want[NAME_SIZE + 8];
    size_t n = name_length(line);
    if (!f || !f->type[0]) {
        return wrong(p, "sample before HELP and TYPE", line);
    }
    sample_name(want, sizeof want, f, openmetrics);
    if (strlen(want) != n || memcmp(want, line, n) != 0) {
        return wrong(p, "sample outside its family", line);
    }
    const char *end = line[n] == '{' ? skip_labels(line + n) : line + n;
    if (!end || *end != ' ' || isspace((unsigned char)end[1])) {
        return wrong(p, "bad labels", line);
    }
    assert_true(p->sample_count < SAMPLES_MAX);
    struct sample *s = &p->samples[p->sample_count];
    char *after;
    s->value = strtod(end + 1, &after);
    if (after == end + 1 || *after || !isfinite(s->value) || (strcmp(f->type, "counter") == 0 && s->value < 0)) {
        return wrong(p, "bad value", line);
    }
    snprintf(s->name, sizeof s->name, "%.*s", (int)n, line);
    snprintf(s->labels, sizeof s->labels, "%.*s", (int)(end - line - (int)n), line + n);
    s->family = p->family_count;
    for (size_t i = 0; i < p->sample_count; i++) {
        if (strcmp(p->samples[i].name, s->name) == 0 && strcmp(p->samples[i].labels, s->labels) == 0) {
            return wrong(p, "sample given twice", line);
        }
    }
    p->sample_count++;
    return true;
}

static bool read_line(struct page *p, const char *line, bool openmetrics) {
    if (p->ended) {
        return wrong(p, "text after # EOF", line);
    }
    if (strncmp(line, "# HELP ", 7) == 0) {
        return read_help(p, line + 7, openmetrics);
    }
    if (strncmp(line, "# TYPE ", 7) == 0) {
        return read_type(p, line + 7, openmetrics);
    }
    if (openmetrics && strcmp(line, "# EOF") == 0) {
        p->ended = true;
        return true;
    }
    if (line[0] == '#' || line[0] == '\0') {
        return wrong(p, "a comment or an empty line", line);
    }
    return read_sample(p, line, openmetrics);
}

/* The whole page; text is cut into lines. */
static bool read_page(struct page *p, char *text, bool openmetrics) {
    memset(p, 0, sizeof *p);
    while (*text) {
        char *newline = strchr(text, '\n');
        if (!newline) {
            return wrong(p, "no newline at the end", text);
        }
        *newline = '\0';
        if (!read_line(p, text, openmetrics)) {
            return false;
        }
        text = newline + 1;
    }
    return !openmetrics || p->ended || wrong(p, "no # EOF", "");
}

static const struct sample *find(const struct page *p, const char *name, const char *labels) {
    for (size_t i = 0; i < p->sample_count; i++) {
        if (strcmp(p->samples[i].name, name) == 0 && strcmp(p->samples[i].labels, labels) == 0) {
            return &p->samples[i];
        }
    }
    return NULL;
}

/* The text of a page, terminated; the caller frees. */
static char *take_text(struct evbuffer *buffer) {
    size_t len = evbuffer_get_length(buffer);
    char *text = malloc(len + 1);
    assert_non_null(text);
    evbuffer_remove(buffer, text, len);
    text[len] = '\0';
    evbuffer_free(buffer);
    return text;
}

static struct page the_page;

static void read_whole_page(enum admin_format format, bool coturn_names) {
    struct evbuffer *buffer = evbuffer_new();
    assert_non_null(buffer);
    admin_expose_page(buffer, format, "1.2.3", coturn_names);
    char *text = take_text(buffer);
    bool good = read_page(&the_page, text, format == ADMIN_FORMAT_OPENMETRICS);
    free(text);
    if (!good) {
        fail_msg("%s", the_page.why);
    }
}

static void the_page_is_valid_prometheus_text(void **state) {
    (void)state;
    metrics_add(METRIC_CONTROL_REQUESTS_ERROR, 7);
    read_whole_page(ADMIN_FORMAT_PROMETHEUS, false);
    const struct sample *s = find(&the_page, "turnout_control_requests_total", "{result=\"error\"}");
    assert_non_null(s);
    assert_true(s->value == 7);
    assert_true(the_page.sample_count >= METRIC_COUNT);
    assert_non_null(find(&the_page, "process_resident_memory_bytes", ""));
    assert_true(find(&the_page, "process_open_fds", "")->value >= 3);
    assert_true(find(&the_page, "process_start_time_seconds", "")->value > 1.6e9);
    assert_true(find(&the_page, "process_cpu_seconds_total", "")->value >= 0);
}

static void the_page_is_valid_openmetrics(void **state) {
    (void)state;
    read_whole_page(ADMIN_FORMAT_OPENMETRICS, false);
    assert_non_null(find(&the_page, "turnout_control_requests_total", "{result=\"ok\"}"));
    assert_true(the_page.sample_count >= METRIC_COUNT);
}

static void the_build_is_named(void **state) {
    (void)state;
    read_whole_page(ADMIN_FORMAT_PROMETHEUS, false);
    bool found = false;
    for (size_t i = 0; i < the_page.sample_count; i++) {
        const struct sample *s = &the_page.samples[i];
        found = found || (strcmp(s->name, "turnout_build_info") == 0 && s->value == 1 &&
                          strncmp(s->labels, "{version=\"1.2.3\",", 17) == 0);
    }
    assert_true(found);
}

static void coturns_names_are_there_when_wanted(void **state) {
    (void)state;
    metrics_add(METRIC_RELAY_BYTES_TO_CLIENT_UDP, 100);
    metrics_add(METRIC_RELAY_BYTES_TO_CLIENT_TLS, 11);
    metrics_add(METRIC_STUN_BINDING_SUCCESS, 5);
    metrics_add(METRIC_STUN_BINDING_ERROR, 2);
    metrics_add(METRIC_TURN_ALLOCATIONS_TLS, 3);
    for (int format = ADMIN_FORMAT_PROMETHEUS; format <= ADMIN_FORMAT_OPENMETRICS; format++) {
        read_whole_page((enum admin_format)format, true);
        assert_true(find(&the_page, "turn_total_traffic_sentb", "")->value == 111);
        assert_true(find(&the_page, "turn_total_traffic_peer_rcvb", "")->value == 111);
        assert_true(find(&the_page, "stun_binding_request", "")->value == 7);
        assert_true(find(&the_page, "turn_total_allocations", "{type=\"TLS/TCP\"}")->value == 3);
        assert_true(find(&the_page, "turn_total_allocations", "{type=\"UDP\"}")->value == 0);
    }
    read_whole_page(ADMIN_FORMAT_PROMETHEUS, false);
    assert_null(find(&the_page, "stun_binding_request", ""));
}

static int64_t read_42(size_t index) { return 42 - (int64_t)index; }

static void help_is_escaped_and_a_name_has_one_head(void **state) {
    (void)state;
    static const struct metric_info table[] = {
        {"a_total", "x=\"1\"", "Back\\slash, \"quote\" and\nnewline", METRIC_TYPE_COUNTER},
        {"a_total", "x=\"2\"", "", METRIC_TYPE_COUNTER},
        {"b_bytes", "", "B", METRIC_TYPE_GAUGE},
    };
    const struct admin_series series = {table, 3, read_42};
    struct evbuffer *buffer = evbuffer_new();
    assert_non_null(buffer);
    admin_expose_series(buffer, ADMIN_FORMAT_PROMETHEUS, &series);
    char *text = take_text(buffer);
    assert_string_equal(text, "# HELP turnout_a_total Back\\\\slash, \"quote\" and\\nnewline\n"
                              "# TYPE turnout_a_total counter\n"
                              "turnout_a_total{x=\"1\"} 42\n"
                              "turnout_a_total{x=\"2\"} 41\n"
                              "# HELP turnout_b_bytes B\n"
                              "# TYPE turnout_b_bytes gauge\n"
                              "turnout_b_bytes 40\n");
    free(text);
}

static void openmetrics_families_lose_the_suffix(void **state) {
    (void)state;
    static const struct metric_info table[] = {{"a_total", "", "A \"quoted\" word", METRIC_TYPE_COUNTER}};
    const struct admin_series series = {table, 1, read_42};
    struct evbuffer *buffer = evbuffer_new();
    assert_non_null(buffer);
    admin_expose_series(buffer, ADMIN_FORMAT_OPENMETRICS, &series);
    char *text = take_text(buffer);
    assert_string_equal(text, "# HELP turnout_a A \\\"quoted\\\" word\n"
                              "# TYPE turnout_a counter\n"
                              "turnout_a_total 42\n");
    free(text);
}

/* The reader used above does refuse what is wrong. */
static void the_reader_is_strict(void **state) {
    (void)state;
    static const char *const pages[] = {
        "a 1\n",
        "# HELP a A\na 1\n",
        "# HELP a A\n# TYPE b gauge\n",
        "# HELP a A\n# TYPE a gauge\na 1",
        "# HELP a A\n# TYPE a gauge\na{b=1} 1\n",
        "# HELP a A\n# TYPE a gauge\na{b=\"\\x\"} 1\n",
        "# HELP a A\n# TYPE a gauge\na one\n",
        "# HELP a A\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a A\n# TYPE a counter\na -1\n",
        "# HELP a A\n# TYPE a gauge\nb 1\n",
        "# HELP a A\n# TYPE a gauge\na 1\n# HELP a A\n",
        "# HELP a A\n# TYPE a gauge\n\na 1\n",
        "# HELP a \n# TYPE a gauge\n",
        "# HELP a \\q\n",
    };
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s", pages[i]);
        assert_false(read_page(&the_page, text, false));
    }
    char good[] = "# HELP a A\n# TYPE a gauge\na{b=\"x,y} \\\"\",c=\"\"} 1.5\n";
    assert_true(read_page(&the_page, good, false));
    char unended[] = "# HELP a A\n# TYPE a gauge\na 1\n";
    assert_false(read_page(&the_page, unended, true));
}

static void the_accept_header_chooses_the_format(void **state) {
    (void)state;
    assert_int_equal(admin_format_wanted(NULL), ADMIN_FORMAT_PROMETHEUS);
    assert_int_equal(admin_format_wanted("text/plain;version=0.0.4"), ADMIN_FORMAT_PROMETHEUS);
    assert_int_equal(admin_format_wanted("Application/OpenMetrics-Text; version=1.0.0,text/plain;q=0.5"),
                     ADMIN_FORMAT_OPENMETRICS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_valid_prometheus_text),
        cmocka_unit_test(the_page_is_valid_openmetrics),
        cmocka_unit_test(the_build_is_named),
        cmocka_unit_test(coturns_names_are_there_when_wanted),
        cmocka_unit_test(help_is_escaped_and_a_name_has_one_head),
        cmocka_unit_test(openmetrics_families_lose_the_suffix),
        cmocka_unit_test(the_reader_is_strict),
        cmocka_unit_test(the_accept_header_chooses_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
