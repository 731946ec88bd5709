/* Switches, numbers and what carries a unit. */
#include "config/value.h"

#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Largest first, for writing. */
static const struct unit duration_units[] = {{"d", 86400000000}, {"h", 3600000000}, {"m", 60000000}, {"s", 1000000},
                                             {"ms", 1000},       {"", 1000000},     {NULL, 0}};
static const struct unit bitrate_units[] = {{"G", 1000000000}, {"M", 1000000}, {"k", 1000}, {"", 1},
                                            {"g", 1000000000}, {"m", 1000000}, {"K", 1000}, {NULL, 0}};

static int parse_bool(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    (void)key;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *(bool *)out = i % 2;
            return 1;
        }
    }
    return config_complain(parse, "expected yes or no, found \"%.60s\"", text);
}

static void format_bool(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    (void)key, (void)reveal;
    fputs(*(const bool *)item ? "yes" : "no", out);
}

/* The largest unit that leaves no remainder. */
static void format_scaled(const struct unit *units, uint64_t value, FILE *out) {
    const struct unit *unit = units;
    while (unit->factor > 1 && (value == 0 || value % unit->factor != 0 || unit->suffix[0] == '\0')) {
        unit++;
    }
    fprintf(out, "%" PRIu64 "%s", value / unit->factor, unit->suffix);
}

static void format_duration(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    uint64_t value = *(const uint64_t *)item;
    (void)key, (void)reveal;
    if (value == 0) {
        fputs("0s", out);
    } else {
        format_scaled(duration_units, value, out);
    }
}

static void format_bitrate(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    uint64_t value = *(const uint64_t *)item;
    (void)reveal;
    if (value == 0 && key->words) {
        fputs(key->words, out);
    } else {
        format_scaled(bitrate_units, value, out);
    }
}

static void format_uint(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    uint64_t value = *(const uint64_t *)item;
    (void)reveal;
    if (value == 0 && key->words) {
        fputs(key->words, out);
    } else {
        fprintf(out, "%" PRIu64, value);
    }
}

/* 0, -EINVAL for a bad shape, -ERANGE when it does not fit. */
static int scale(uint64_t *out, const char *text, const struct unit *units) {
    size_t digits = strspn(text, "0123456789");
    uint64_t number;
    int rc = text_parse_u64(&number, text, digits);
    for (const struct unit *unit = units; rc == 0 && unit->suffix; unit++) {
        if (strcmp(text + digits, unit->suffix) == 0) {
            return __builtin_mul_overflow(number, unit->factor, out) ? -ERANGE : 0;
        }
    }
    return rc == 0 ? -EINVAL : rc;
}

typedef void format_fn(const struct config_key *key, const void *item, bool reveal, FILE *out);

static format_fn *format_of(const struct config_key *key) {
    return key->type == CONFIG_TYPE_DURATION  ? format_duration
           : key->type == CONFIG_TYPE_BITRATE ? format_bitrate
                                              : format_uint;
}

void config_number_format(const struct config_key *key, uint64_t value, FILE *out) {
    struct config_key plain = *key;
    plain.words = NULL;
    format_of(key)(&plain, &value, true, out);
}

static int complain_range(const struct config_key *key, const char *text, struct config_parse *parse) {
    char range[128] = "";
    FILE *mem = fmemopen(range, sizeof range, "w");
    if (!mem) {
        return -ENOMEM;
    }
    config_number_format(key, key->min, mem);
    fputs(" to ", mem);
    config_number_format(key, key->max, mem);
    fclose(mem);
    return config_complain(parse, "%.40s is outside %s", text, range);
}

static int parse_scaled(const struct config_key *key, const char *text, uint64_t *out, const struct unit *units,
                        struct config_parse *parse) {
    static const struct unit plain[] = {{"", 1}, {NULL, 0}};
    if (key->words && strcmp(text, key->words) == 0) {
        *out = 0;
        return 1;
    }
    int rc = scale(out, text, units ? units : plain);
    if (rc == -EINVAL) {
        const char *what = units == duration_units  ? "a duration such as 30s, 10m or 1h"
                           : units == bitrate_units ? "a rate such as 500k or 2M"
                                                    : "a number";
        return config_complain(parse, "expected %s%s%s, found \"%.60s\"", what, key->words ? " or " : "",
                               key->words ? key->words : "", text);
    }
    if (rc < 0 || *out < key->min || *out > key->max) {
        return complain_range(key, text, parse);
    }
    return 1;
}

static int parse_uint(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    return parse_scaled(key, text, out, NULL, parse);
}

static int parse_duration(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    return parse_scaled(key, text, out, duration_units, parse);
}

static int parse_bitrate(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    return parse_scaled(key, text, out, bitrate_units, parse);
}

static int parse_ports(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    struct config_ports *ports = out;
    const char *dash = strchr(text, '-');
    uint64_t first, last;
    if (!dash || text_parse_u64(&first, text, (size_t)(dash - text)) < 0 ||
        text_parse_u64(&last, dash + 1, strlen(dash + 1)) < 0) {
        return config_complain(parse, "expected a port range such as 49152-65535, found \"%.60s\"", text);
    }
    if (first > last || first < key->min || last > key->max) {
        return config_complain(parse, "the port range %.40s is empty or outside %" PRIu64 "-%" PRIu64, text, key->min,
                               key->max);
    }
    *ports = (struct config_ports){.first = (uint16_t)first, .last = (uint16_t)last};
    return 1;
}

static void format_ports(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    const struct config_ports *ports = item;
    (void)key, (void)reveal;
    fprintf(out, "%u-%u", ports->first, ports->last);
}

/* Enumerations are ints that count the words. */
static int parse_choice(const struct config_key *key, const char *text, void *out, struct config_parse *parse) {
    const char *word;
    size_t len;
    for (size_t i = 0; (word = config_word(key->words, i, &len)) != NULL; i++) {
        if (strlen(text) == len && memcmp(text, word, len) == 0) {
            unsigned value = (unsigned)i;
            memcpy(out, &value, sizeof value);
            return 1;
        }
    }
    return config_complain(parse, "expected one of: %s; found \"%.60s\"", key->words, text);
}

static void format_choice(const struct config_key *key, const void *item, bool reveal, FILE *out) {
    unsigned value;
    size_t len;
    (void)reveal;
    memcpy(&value, item, sizeof value);
    const char *word = config_word(key->words, value, &len);
    fprintf(out, "%.*s", word ? (int)len : 0, word ? word : "");
}
_Static_assert(sizeof(enum log_level) == sizeof(unsigned) && sizeof(enum log_format) == sizeof(unsigned) &&
                   sizeof(enum config_tls_version) == sizeof(unsigned),
               "parse_choice writes all of them");

const struct config_value_ops config_bool_ops = {"yes or no", sizeof(bool), false, parse_bool, format_bool};
const struct config_value_ops config_uint_ops = {"number", sizeof(uint64_t), false, parse_uint, format_uint};
const struct config_value_ops config_duration_ops = {"duration", sizeof(uint64_t), false, parse_duration,
                                                     format_duration};
const struct config_value_ops config_bitrate_ops = {"rate", sizeof(uint64_t), false, parse_bitrate, format_bitrate};
const struct config_value_ops config_ports_ops = {"port range", sizeof(struct config_ports), false, parse_ports,
                                                  format_ports};
const struct config_value_ops config_choice_ops = {"choice", sizeof(unsigned), false, parse_choice, format_choice};
