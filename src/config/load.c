#include "config/check.h"
#include "config/lines.h"
#include "config/value.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 256, OVERRIDES = -1 /* their number as a file */ };

struct snapshot {
    struct config config; /* first: what callers hold */
    atomic_uint refs;
    struct arena arena;
};

/* A value as found. */
struct raw {
    struct raw *next;
    const char *file;
    const char *text;
    unsigned line;
};

struct key_state {
    struct raw *first, *last;
    size_t count;
    bool set;
    int file_number; /* of the last one */
};

struct loader {
    struct config_report *report;
    struct snapshot *snapshot;
    struct arena scratch;
    struct key_state keys[CONFIG_KEY_MAX];
    const char *file; /* being read, in scratch */
    int file_number;
    bool no_memory;
};

const struct config *config_ref(const struct config *config) {
    struct snapshot *s = (struct snapshot *)(void *)(uintptr_t)config;
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return config;
}

void config_unref(const struct config *config) {
    struct snapshot *s = (struct snapshot *)(void *)(uintptr_t)config;
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        arena_free(&s->arena);
        free(s);
    }
}

static struct config_place place_of(const struct raw *raw) {
    return (struct config_place){.file = raw->file, .line = raw->line};
}

static struct raw *raw_new(struct loader *l, unsigned line, const char *value) {
    struct raw *raw = arena_alloc(&l->scratch, sizeof *raw);
    char *text = arena_text(&l->scratch, value, strlen(value));
    if (!raw || !text) {
        l->no_memory = true;
        return NULL;
    }
    *raw = (struct raw){.file = l->file, .line = line, .text = text};
    return raw;
}

static void set_scalar(struct loader *l, const struct config_key *key, struct key_state *state, struct raw *raw) {
    if (state->set && state->file_number == l->file_number) {
        config_report_add(l->report, CONFIG_ERROR, place_of(raw), "[%s] %s is set twice, first in line %u",
                          key->section, key->name, state->first->line);
        return;
    }
    state->first = state->last = raw;
    state->count = 1;
}

static void add_item(struct loader *l, const struct config_key *key, struct key_state *state, struct raw *raw) {
    bool overrides = l->file_number == OVERRIDES && state->file_number != OVERRIDES;
    bool none = strcmp(raw->text, "none") == 0 && key->type != CONFIG_TYPE_SECRETS;
    if (none || overrides) {
        state->first = state->last = NULL;
        state->count = 0;
    }
    if (none) {
        return;
    }
    if (state->count++ == key->max) {
        config_report_add(l->report, CONFIG_ERROR, place_of(raw), "[%s] %s stands more than %zu times", key->section,
                          key->name, (size_t)key->max);
    }
    if (state->last) {
        state->last->next = raw;
    } else {
        state->first = raw;
    }
    state->last = raw;
}

static void value_found(void *ctx, const struct config_key *key, unsigned line, const char *value) {
    struct loader *l = ctx;
    struct key_state *state = &l->keys[key - config_keys];
    struct raw *raw = raw_new(l, line, value);
    if (!raw) {
        return;
    }
    if (config_type_is_list(key->type)) {
        add_item(l, key, state, raw);
    } else {
        set_scalar(l, key, state, raw);
    }
    state->set = true;
    state->file_number = l->file_number;
}

/* The bytes of a file, at most one more than allowed. -errno. The caller frees. */
static int read_file(const char *path, char **out, size_t *len) {
    enum { CAP = CONFIG_FILE_MAX + 1 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *data = malloc(CAP);
    ssize_t n = fd < 0 ? -1 : 0;
    int rc = fd < 0 ? -errno : data ? 0 : -ENOMEM;
    *len = 0;
    while (rc == 0 && *len < CAP && (n = read(fd, data + *len, CAP - *len)) != 0) {
        if (n > 0) {
            *len += (size_t)n;
        } else if (errno != EINTR) {
            rc = -errno;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    if (rc < 0) {
        free(data);
        data = NULL;
    }
    *out = data;
    return rc;
}

static void begin_file(struct loader *l, const char *name) {
    l->file = arena_text(&l->scratch, name, strlen(name));
    l->file_number++;
    if (!l->file) {
        l->file = "";
        l->no_memory = true;
    }
}

static void load_file(struct loader *l, const char *path) {
    char *data;
    size_t len;
    begin_file(l, path);
    int rc = read_file(path, &data, &len);
    if (rc < 0) {
        config_report_add(l->report, CONFIG_ERROR, (struct config_place){path, 0}, "cannot read it: %s", strerror(-rc));
        return;
    }
    config_lines_read(data, len, l->file, l->report, value_found, l);
    explicit_bzero(data, len);
    free(data);
}

static int is_conf(const struct dirent *entry) {
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static void load_dir(struct loader *l, const char *dir) {
    struct dirent **entries;
    int n = scandir(dir, &entries, is_conf, by_name);
    if (n < 0) {
        if (errno != ENOENT) {
            config_report_add(l->report, CONFIG_ERROR, (struct config_place){dir, 0}, "cannot read it: %s",
                              strerror(errno));
        }
        return;
    }
    if (n > FILES_MAX) {
        config_report_add(l->report, CONFIG_ERROR, (struct config_place){dir, 0}, "more than %d files", FILES_MAX);
    }
    for (int i = 0; i < n; i++) {
        char *path = NULL;
        if (n <= FILES_MAX && asprintf(&path, "%s/%s", dir, entries[i]->d_name) >= 0) {
            load_file(l, path);
            free(path);
        }
        free(entries[i]);
    }
    free(entries);
}

static void load_files(struct loader *l, const struct config_source *source) {
    const char *file = source->file ? source->file : TURNOUT_CONFDIR "/turnout.conf";
    char *beside = NULL;
    if (source->text) {
        begin_file(l, source->file ? source->file : "text");
        config_lines_read(source->text, source->text_len, l->file, l->report, value_found, l);
        return;
    }
    load_file(l, file);
    const char *slash = strrchr(file, '/');
    int len = slash ? (int)(slash - file) + 1 : 0;
    if (source->dir) {
        load_dir(l, source->dir);
    } else if (asprintf(&beside, "%.*sconf.d", len, file) >= 0) {
        load_dir(l, beside);
        free(beside);
    }
}

static void parse_one(struct loader *l, const struct config_key *key, const struct raw *raw, size_t room) {
    struct config_parse parse = {.arena = &l->snapshot->arena, .room = room};
    int rc = config_value_parse(key, raw->text, &l->snapshot->config, &parse);
    if (rc == -ENOMEM) {
        l->no_memory = true;
    } else if (rc < 0) {
        config_report_add(l->report, CONFIG_ERROR, place_of(raw), "[%s] %s: %s", key->section, key->name, parse.error);
    }
}

static const char *host_name(struct loader *l) {
    char name[256];
    bool known = gethostname(name, sizeof name) == 0 && memchr(name, '\0', 64) && name[0] > ' ';
    return known ? arena_text(&l->scratch, name, strlen(name)) : "localhost";
}

static const char *in_state_dir(struct loader *l, const char *name) {
    const char *dir = l->snapshot->config.server.state_dir ? l->snapshot->config.server.state_dir : "";
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = arena_alloc(&l->scratch, size);
    if (path) {
        snprintf(path, size, "%s/%s", dir, name);
    }
    return path;
}

/* Texts are never left NULL. Runs in the table's order: state-dir comes before what lies in it. */
static void parse_default(struct loader *l, const struct config_key *key) {
    struct raw raw = {.file = "default", .text = key->fallback ? key->fallback : ""};
    if (key->flags & CONFIG_HOSTNAME) {
        raw.text = host_name(l);
    } else if (key->flags & CONFIG_IN_STATE_DIR) {
        raw.text = in_state_dir(l, key->fallback);
    }
    if (!raw.text) {
        l->no_memory = true;
    } else if (raw.text[0] || !config_type_is_list(key->type)) {
        parse_one(l, key, &raw, 1);
    }
}

static void parse_values(struct loader *l) {
    for (size_t i = 0; i < config_key_count; i++) {
        const struct key_state *state = &l->keys[i];
        if (!state->set) {
            parse_default(l, &config_keys[i]);
        } else if ((config_keys[i].flags & CONFIG_AHEAD) && state->last) {
            config_report_add(l->report, CONFIG_WARNING, place_of(state->last), "[%s] %s has no effect yet",
                              config_keys[i].section, config_keys[i].name);
        }
        size_t n = 0;
        for (const struct raw *raw = state->first; raw && n++ < config_keys[i].max + 1; raw = raw->next) {
            parse_one(l, &config_keys[i], raw, state->count);
        }
    }
}

static struct config_place place_of_key(const void *ctx, size_t offset) {
    const struct loader *l = ctx;
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].offset == offset && l->keys[i].last) {
            return place_of(l->keys[i].last);
        }
    }
    return (struct config_place){.file = l->file};
}

static void load_all(struct loader *l, const struct config_source *source) {
    load_files(l, source);
    const char *last_file = l->file;
    l->file = CONFIG_OVERRIDE_NAME;
    l->file_number = OVERRIDES;
    for (size_t i = 0; i < source->override_count; i++) {
        config_lines_read_override(source->overrides[i], l->report, value_found, l);
    }
    l->file = last_file;
    parse_values(l);
    if (l->report->errors == 0 && !l->no_memory) {
        struct config_check check = {
            .config = &l->snapshot->config, .report = l->report, .place = place_of_key, .ctx = l};
        config_check(&check);
    }
}

int config_load(const struct config **out, const struct config_source *source, struct config_report *report) {
    struct loader *l = calloc(1, sizeof *l);
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    *out = NULL;
    if (!l || !snapshot) {
        free(l);
        free(snapshot);
        return -ENOMEM;
    }
    atomic_init(&snapshot->refs, 1);
    l->report = report;
    l->snapshot = snapshot;
    load_all(l, source);
    int rc = l->no_memory ? -ENOMEM : report->errors > 0 ? -ERR_CONFIG : 0;
    if (rc == 0) {
        *out = &snapshot->config;
    } else {
        config_unref(&snapshot->config);
    }
    arena_free(&l->scratch);
    free(l);
    return rc;
}
