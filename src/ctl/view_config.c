/* The views of the `config` verbs. */
#include "ctl/table.h"
#include "ctl/view.h"

#include <jansson.h>
#include <string.h>

static void put_value(const char *key, const json_t *value) {
    char text[1024];
    printf("%s = ", key);
    ctl_put_text(stdout, ctl_value_text(text, sizeof text, CTL_TEXT, value));
    putchar('\n');
}

void ctl_view_config(const json_t *sections) {
    const char *section, *key;
    json_t *keys, *value, *item;
    size_t i;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)sections, section, keys) {
        printf("%s[%s]\n", first ? "" : "\n", section);
        first = false;
        json_object_foreach(keys, key, value) {
            if (!json_is_array(value)) {
                put_value(key, value);
                continue;
            }
            json_array_foreach(value, i, item) { put_value(key, item); }
        }
    }
}

static void put_messages(const json_t *messages) {
    size_t i;
    json_t *message;
    json_array_foreach((json_t *)(uintptr_t)messages, i, message) {
        const char *file = json_string_value(json_object_get(message, "file"));
        json_int_t line = json_integer_value(json_object_get(message, "line"));
        ctl_put_text(stdout, file ? file : "configuration");
        if (line > 0) {
            printf(":%" JSON_INTEGER_FORMAT, line);
        }
        printf(": %s: ", json_string_value(json_object_get(message, "severity")));
        ctl_put_text(stdout, json_string_value(json_object_get(message, "text")));
        putchar('\n');
    }
}

static void put_changes(const json_t *changes) {
    size_t i;
    json_t *change;
    json_array_foreach((json_t *)(uintptr_t)changes, i, change) {
        printf("  %s%s\n", json_string_value(json_object_get(change, "name")),
               json_is_true(json_object_get(change, "needs_restart")) ? " (takes a restart)" : "");
    }
}

enum ctl_exit ctl_view_outcome(const json_t *outcome, bool reload) {
    const json_t *changes = json_object_get(outcome, "changes");
    put_messages(json_object_get(outcome, "messages"));
    if (!json_is_true(json_object_get(outcome, "valid"))) {
        puts(reload ? "Nothing was changed: the configuration has errors." : "The configuration has errors.");
        return CTL_REFUSED;
    }
    if (json_array_size(changes) == 0) {
        puts(reload ? "The configuration was read again; nothing in it has changed." : "The configuration is good.");
    } else {
        puts(reload ? "The configuration is in force. Changed:"
                    : "The configuration is good. Not yet in force (`turnoutctl config reload`):");
        put_changes(changes);
    }
    return CTL_OK;
}

/* "3478" or "49152-65535" with the separator the tool wants. */
static const char *port_text(char out[16], const json_t *row, char between) {
    int first = (int)json_integer_value(json_object_get(row, "first"));
    int last = (int)json_integer_value(json_object_get(row, "last"));
    if (first == last) {
        snprintf(out, 16, "%d", first);
    } else {
        snprintf(out, 16, "%d%c%d", first, between, last);
    }
    return out;
}

static void put_nft(const json_t *rows) {
    size_t i;
    json_t *row;
    char ports[16];
    puts("table inet turnout {\n    chain input {\n        type filter hook input priority filter; policy accept;");
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
        printf("        %s dport %s accept comment \"%s\"\n", json_string_value(json_object_get(row, "protocol")),
               port_text(ports, row, '-'), json_string_value(json_object_get(row, "purpose")));
    }
    puts("    }\n}");
}

static void put_ufw(const json_t *rows) {
    size_t i;
    json_t *row;
    char ports[16];
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
        printf("ufw allow %s/%s comment 'turnout: %s'\n", port_text(ports, row, ':'),
               json_string_value(json_object_get(row, "protocol")), json_string_value(json_object_get(row, "purpose")));
    }
}

static void put_port_table(const json_t *rows) {
    size_t i;
    json_t *row;
    char ports[16];
    printf("%-12s %-9s %s\n", "PORT", "PROTOCOL", "PURPOSE");
    json_array_foreach((json_t *)(uintptr_t)rows, i, row) {
        printf("%-12s %-9s %s\n", port_text(ports, row, '-'), json_string_value(json_object_get(row, "protocol")),
               json_string_value(json_object_get(row, "purpose")));
    }
}

void ctl_view_ports(const char *format, const json_t *rows) {
    if (format && strcmp(format, "nft") == 0) {
        put_nft(rows);
    } else if (format && strcmp(format, "ufw") == 0) {
        put_ufw(rows);
    } else {
        put_port_table(rows);
    }
}
