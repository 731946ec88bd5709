#include "bench/options.h"

#include "base/text.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { S = 1 << BENCH_STUN, T = 1 << BENCH_TURN, K = 1 << BENCH_SINK, ALL = S | T | K };

enum kind { FLAG, COUNT, SECONDS, PERCENT, CHOICE, TEXT, TEXT_FILE, ADDRESS };

struct choice {
    const char *name;
    uint64_t value;
};

struct option {
    const char *name;
    const char *arg;      /* NULL: a flag */
    const char *fallback; /* the default as text, NULL: none */
    const char *help;
    const struct choice *choices;
    uint64_t min, max; /* COUNT: of the value; SECONDS: of nanoseconds */
    size_t offset;
    enum kind kind;
    uint32_t commands;
};

static const struct choice transports[] = {{"udp", TRANSPORT_UDP}, {"tcp", TRANSPORT_TCP}, {"tls", TRANSPORT_TLS}, {0}};
static const struct choice directions[] = {{"up", BENCH_UP}, {"down", BENCH_DOWN}, {"both", BENCH_BOTH}, {0}};
static const struct choice modes[] = {
    {"traffic", BENCH_MODE_TRAFFIC}, {"allocate", BENCH_MODE_ALLOCATE}, {"saturate", BENCH_MODE_SATURATE}, {0}};
static const struct choice families[] = {{"ipv4", AF_INET}, {"ipv6", AF_INET6}, {0}};

#define AT(field) .offset = offsetof(struct bench_options, field)
#define NS        UINT64_C(1000000000)

static const struct option table[] = {
    {"allocations", "NUMBER", "50", "allocations, each with one client and one peer socket", NULL, 1, BENCH_FLOWS_MAX,
     AT(flows), COUNT, T},
    {"flows", "NUMBER", "50", "client sockets that send Binding requests", NULL, 1, BENCH_FLOWS_MAX, AT(flows), COUNT,
     S},
    {"rate", "PACKETS", "60000", "packets per second, all flows and directions together", NULL, 1, 100000000, AT(rate),
     COUNT, S | T},
    {"burst", "NUMBER", "8", "packets sent back to back per flow", NULL, 1, BENCH_BURST_MAX, AT(burst), COUNT, S | T},
    {"size", "BYTES", "1000", "payload of each packet", NULL, BENCH_SIZE_MIN, BENCH_SIZE_MAX, AT(size), COUNT, T},
    {"direction", "up|down|both", "both", "up is client to peer, down is peer to client", directions, 0, 0,
     AT(direction), CHOICE, T},
    {"transport", "udp|tcp|tls", "udp", "between client and server; a TLS certificate is not verified", transports, 0,
     0, AT(transport), CHOICE, S | T},
    {"relay-family", "ipv4|ipv6", NULL, "family of the relayed addresses; by default that of the server", families, 0,
     0, AT(relay_family), CHOICE, T},
    {"indications", NULL, NULL, "use Send and Data indications instead of channels", NULL, 0, 0, AT(indications), FLAG,
     T},
    {"peer-address", "ADDRESS", NULL, "local address of the peers; by default that of the client sockets", NULL, 0, 0,
     AT(peer_address), ADDRESS, T},
    {"spread", "NUMBER", "1", "local addresses of the client sockets; more than one only with a server in 127.0.0.0/8",
     NULL, 1, 1 << 20, AT(spread), COUNT, S | T},
    {"lifetime", "SECONDS", "600", "lifetime to ask for in Allocate and Refresh", NULL, 60, 86400, AT(lifetime_s),
     COUNT, T},
    {"mode", "traffic|allocate|saturate", "traffic",
     "relay at a rate; count authenticated allocations per second; or find the highest rate", modes, 0, 0, AT(mode),
     CHOICE, S | T},
    {"window", "NUMBER", "32", "allocations in the making at once", NULL, 1, 4096, AT(window), COUNT, T},
    {"loss", "PERCENT", "0.1", "loss that the saturate mode accepts", NULL, 0, 0, AT(loss_ppm), PERCENT, S | T},
    {"duration", "SECONDS", "5", "length of the measured part", NULL, NS / 10, 86400 * NS, AT(duration_ns), SECONDS,
     ALL},
    {"warmup", "SECONDS", "0.5", "traffic before the measured part", NULL, 0, 3600 * NS, AT(warmup_ns), SECONDS, S | T},
    {"user", "NAME", "bench", "user name; with a shared secret the part after the expiry time", NULL, 0, 0, AT(user),
     TEXT, T},
    {"password", "TEXT", NULL, "long-term password", NULL, 0, 0, AT(password), TEXT, T},
    {"password-file", "FILE", NULL, "read the password from the first line of FILE", NULL, 0, 0, AT(password),
     TEXT_FILE, T},
    {"secret", "TEXT", NULL, "shared secret to make time-limited credentials from", NULL, 0, 0, AT(secret), TEXT, T},
    {"secret-file", "FILE", NULL, "read the shared secret from the first line of FILE", NULL, 0, 0, AT(secret),
     TEXT_FILE, T},
    {"realm", "NAME", NULL, "refuse a server that names another realm", NULL, 0, 0, AT(realm), TEXT, T},
    {"pid", "PID", NULL, "the server's process: report its CPU time and memory", NULL, 1, INT32_MAX, AT(pid), COUNT,
     S | T},
    {"cpu", "NUMBER", NULL, "pin the load generator to this CPU", NULL, 0, 1023, AT(cpu), COUNT, ALL},
    {"prove", NULL, NULL, "first measure the load generator's own limit against a sink", NULL, 0, 0, AT(prove), FLAG,
     S | T},
    {"sink-cpu", "NUMBER", NULL, "pin the sink of --prove to this CPU", NULL, 0, 1023, AT(sink_cpu), COUNT, S | T},
    {"no-gso", NULL, NULL, "send every packet with a system call of its own", NULL, 0, 0, AT(no_gso), FLAG, ALL},
    {"no-gro", NULL, NULL, "do not let the kernel merge received packets", NULL, 0, 0, AT(no_gro), FLAG, ALL},
    {"json", NULL, NULL, "print the result as one JSON object", NULL, 0, 0, AT(json), FLAG, S | T},
    {"quiet", NULL, NULL, "no progress line", NULL, 0, 0, AT(quiet), FLAG, ALL},
};
enum { OPTION_COUNT = sizeof table / sizeof table[0] };

static const struct {
    const char *name, *usage, *help;
} commands[BENCH_COMMAND_COUNT] = {
    [BENCH_STUN] = {"stun", "stun [options] SERVER", "Binding requests: round trips, loss, CPU per request"},
    [BENCH_TURN] = {"turn", "turn [options] SERVER", "allocations and relayed packets"},
    [BENCH_SINK] = {"sink", "sink [options] ADDRESS:PORT",
                    "echo every UDP datagram, as a counterpart to measure the generator"},
};

static int parse_count(uint64_t *out, const struct option *o, const char *text) {
    uint64_t v;
    if (text_parse_u64(&v, text, strlen(text)) < 0 || v < o->min || v > o->max) {
        return -EINVAL;
    }
    *out = v;
    return 0;
}

/* "1.5" times unit, as a whole number. -EINVAL. */
static int parse_decimal(uint64_t *out, const char *text, double unit, double max) {
    if (*text < '0' || *text > '9') {
        return -EINVAL; /* strtod would take signs, spaces, "inf" and "nan" */
    }
    char *end;
    double v = strtod(text, &end);
    if (*end != '\0' || v * unit > max) {
        return -EINVAL;
    }
    *out = (uint64_t)(v * unit + 0.5);
    return 0;
}

static int parse_choice(uint64_t *out, const struct option *o, const char *text) {
    for (const struct choice *c = o->choices; c->name; c++) {
        if (strcmp(c->name, text) == 0) {
            *out = c->value;
            return 0;
        }
    }
    return -EINVAL;
}

/* A secret in a file is not seen in the process list. */
static int read_first_line(char *out, const char *path) {
    FILE *f = fopen(path, "re");
    if (!f) {
        return -errno;
    }
    char line[BENCH_TEXT_MAX + 1] = "";
    bool got = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    size_t n = strcspn(line, "\r\n");
    return got && n > 0 ? text_copy(out, BENCH_TEXT_MAX, line, n) : -EINVAL;
}

static int set_option(struct bench_options *out, const struct option *o, const char *value) {
    void *field = (char *)out + o->offset;
    switch (o->kind) {
    case FLAG:
        *(bool *)field = true;
        return 0;
    case COUNT:
        return parse_count(field, o, value);
    case SECONDS: {
        uint64_t ns;
        if (parse_decimal(&ns, value, 1e9, (double)o->max) < 0 || ns < o->min) {
            return -EINVAL;
        }
        *(uint64_t *)field = ns;
        return 0;
    }
    case PERCENT:
        return parse_decimal(field, value, 1e4, 1e6);
    case CHOICE:
        return parse_choice(field, o, value);
    case TEXT:
        return text_copy(field, BENCH_TEXT_MAX, value, strlen(value));
    case TEXT_FILE:
        return read_first_line(field, value);
    case ADDRESS:
        return addr_parse_ip(field, value);
    }
    return -EINVAL;
}

static void set_defaults(struct bench_options *out, enum bench_command command) {
    memset(out, 0, sizeof *out);
    out->command = command;
    out->cpu = BENCH_NO_CPU;
    out->sink_cpu = BENCH_NO_CPU;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (table[i].fallback) {
            set_option(out, &table[i], table[i].fallback);
        }
    }
}

/* The option named by "--name" or "--name=value" for this command, and where the value starts. */
static const struct option *find_option(const char *word, enum bench_command command, const char **value) {
    size_t n = strcspn(word + 2, "=");
    *value = word[2 + n] == '=' ? word + 3 + n : NULL;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(table[i].name) == n && strncmp(table[i].name, word + 2, n) == 0 &&
            table[i].commands & 1U << command) {
            return &table[i];
        }
    }
    return NULL;
}

static int parse_words(struct bench_options *out, int argc, char **argv, FILE *err) {
    for (int i = 2; i < argc; i++) {
        const char *word = argv[i];
        if (strncmp(word, "--", 2) != 0) {
            if (out->server[0] || text_copy(out->server, sizeof out->server, word, strlen(word)) < 0) {
                fprintf(err, "turnout-bench: unexpected argument: %s\n", word);
                return -EINVAL;
            }
            continue;
        }
        const char *value;
        const struct option *o = find_option(word, out->command, &value);
        if (!o) {
            fprintf(err, "turnout-bench: %s has no option %s\n", commands[out->command].name, word);
            return -EINVAL;
        }
        if (o->kind == FLAG ? value != NULL : !value && ++i >= argc) {
            fprintf(err, "turnout-bench: --%s takes %s argument\n", o->name, o->arg ? "an" : "no");
            return -EINVAL;
        }
        if (set_option(out, o, o->kind == FLAG || value ? value : argv[i]) < 0) {
            fprintf(err, "turnout-bench: --%s %s: %s\n", o->name, value ? value : argv[i],
                    o->kind == TEXT_FILE ? "cannot be read" : "not a valid value");
            return -EINVAL;
        }
    }
    return 0;
}

static int check(const struct bench_options *o, FILE *err) {
    const char *what = NULL;
    if (!o->server[0]) {
        what = "no server given";
    } else if (o->password[0] && o->secret[0]) {
        what = "give a password or a shared secret, not both";
    } else if (o->command == BENCH_STUN && o->mode == BENCH_MODE_ALLOCATE) {
        what = "STUN has no allocations";
    }
    if (what) {
        fprintf(err, "turnout-bench: %s; see turnout-bench --help\n", what);
    }
    return what ? -EINVAL : 0;
}

int bench_options_parse(struct bench_options *out, int argc, char **argv, FILE *err) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            bench_options_help(stdout);
            return 1;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("turnout-bench " PACKAGE_VERSION);
            return 1;
        }
    }
    for (uint32_t c = 0; argc > 1 && c < BENCH_COMMAND_COUNT; c++) {
        if (strcmp(argv[1], commands[c].name) == 0) {
            set_defaults(out, c);
            int rc = parse_words(out, argc, argv, err);
            return rc < 0 ? rc : check(out, err);
        }
    }
    fprintf(err, "turnout-bench: say stun, turn or sink first; see turnout-bench --help\n");
    return -EINVAL;
}

static void help_command(FILE *out, enum bench_command c) {
    fprintf(out, "\n%s\n    %s\n", commands[c].usage, commands[c].help);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *o = &table[i];
        if (!(o->commands & 1U << c)) {
            continue;
        }
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        fprintf(out, "  %-34s %s%s%s%s\n", left, o->help, o->fallback ? " [" : "", o->fallback ? o->fallback : "",
                o->fallback ? "]" : "");
    }
}

void bench_options_help(FILE *out) {
    fputs("usage: turnout-bench stun|turn|sink [options] SERVER\n"
          "       turnout-bench --help | --version\n",
          out);
    for (uint32_t c = 0; c < BENCH_COMMAND_COUNT; c++) {
        help_command(out, c);
    }
}

uint16_t bench_options_default_port(const struct bench_options *o) {
    return o->transport == TRANSPORT_TLS ? 5349 : 3478;
}
