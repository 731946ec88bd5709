/* Prints the options of turnout.conf(5) in mdoc, from the schema. Runs while building. */
#include "config/value.h"

#include <ctype.h>
#include <string.h>

enum { COLUMNS = 76 };

static size_t column;

static void new_line(void) {
    if (column > 0) {
        putchar('\n');
    }
    column = 0;
}

/* One word of running text, escaped. */
static void print_word(const char *word, size_t len) {
    if (column > 0 && column + 1 + len > COLUMNS) {
        new_line();
    }
    if (column > 0) {
        putchar(' ');
        column++;
    } else if (word[0] == '.' || word[0] == '\'') {
        fputs("\\&", stdout);
    }
    for (size_t i = 0; i < len; i++) {
        fputs(word[i] == '\\' ? "\\e" : (char[]){word[i], '\0'}, stdout);
    }
    column += len;
}

/* "name(8)," becomes a cross reference. */
static bool print_reference(const char *word, size_t len) {
    const char *open = memchr(word, '(', len);
    size_t name = open ? (size_t)(open - word) : 0;
    if (name == 0 || len < name + 3 || !isdigit((unsigned char)open[1]) || open[2] != ')') {
        return false;
    }
    new_line();
    printf(".Xr %.*s %c", (int)name, word, open[1]);
    if (len > name + 3) {
        printf(" %.*s", (int)(len - name - 3), open + 3);
    }
    putchar('\n');
    return true;
}

/* Each sentence begins a line. */
static void print_text(const char *text) {
    while (*text) {
        size_t len = strcspn(text, " ");
        if (!print_reference(text, len)) {
            print_word(text, len);
            if (text[len - 1] == '.') {
                new_line();
            }
        }
        text += len + (text[len] == ' ');
    }
    new_line();
}

static void print_values(const struct config_key *key) {
    const char *word;
    size_t len;
    printf(".It Cm %s = ", key->name);
    if (key->type == CONFIG_TYPE_BOOL) {
        puts("Cm yes | no");
        return;
    }
    if (key->type != CONFIG_TYPE_CHOICE) {
        printf("Ar %s\n", config_type_name(key->type));
        return;
    }
    fputs("Cm", stdout);
    for (size_t i = 0; (word = config_word(key->words, i, &len)) != NULL; i++) {
        printf("%s %.*s", i > 0 ? " |" : "", (int)len, word);
    }
    putchar('\n');
}

static bool is_number(const struct config_key *key) {
    return key->type == CONFIG_TYPE_UINT || key->type == CONFIG_TYPE_DURATION || key->type == CONFIG_TYPE_BITRATE;
}

static void print_range(const struct config_key *key) {
    char text[128];
    FILE *out = fmemopen(text, sizeof text, "w");
    if (out) {
        config_number_format(key, key->min, out);
        fputs(" to ", out);
        config_number_format(key, key->max, out);
        fputs(key->words ? ", or " : "", out);
        fputs(key->words ? key->words : "", out);
        fputc('.', out);
        fclose(out);
        print_text(text);
    }
}

static void print_default(const struct config_key *key) {
    if (key->flags & CONFIG_HOSTNAME) {
        puts("The default is the name of the host.");
    } else if (key->flags & CONFIG_IN_STATE_DIR) {
        printf("The default is\n.Pa %s\nin\n.Cm state-dir .\n", key->fallback);
    } else if (key->fallback) {
        printf("The default is\n.Ql %s .\n", key->fallback);
    }
}

static void print_key(const struct config_key *key) {
    print_values(key);
    print_text(key->doc);
    if (is_number(key)) {
        print_range(key);
    }
    print_default(key);
    if (config_type_is_list(key->type)) {
        puts("May be repeated.");
    }
    if (key->flags & CONFIG_AHEAD) {
        puts("This version checks it, but makes no use of it yet.");
    } else if (key->flags & CONFIG_RESTART) {
        puts("A change needs a restart.");
    }
}

int main(void) {
    for (size_t s = 0; s < config_section_count; s++) {
        printf(".Ss Section Bq %s\n", config_sections[s].name);
        print_text(config_sections[s].doc);
        puts(".Bl -tag -width Ds");
        for (size_t k = 0; k < config_key_count; k++) {
            if (strcmp(config_keys[k].section, config_sections[s].name) == 0) {
                print_key(&config_keys[k]);
            }
        }
        puts(".El");
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
