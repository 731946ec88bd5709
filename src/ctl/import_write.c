/* The text of the new configuration. What turnout's own check refuses is turned into a finding. */
#include "ctl/import_internal.h"

#include "base/error.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 64 };

struct page {
    FILE *out;
    unsigned line; /* the next one's number */
};

static void put_output(struct page *page, struct import_output *o) {
    if (o->line > 0) {
        fprintf(page->out, "# %s, line %u\n", o->from, o->line);
    } else {
        fprintf(page->out, "# %s\n", o->from);
    }
    fprintf(page->out, "%s = ", o->key);
    config_text_write(o->value, page->out);
    fputc('\n', page->out);
    o->at = page->line + 1;
    page->line += 2;
}

static void put_section(struct page *page, struct import *im, const char *section) {
    bool begun = false;
    for (size_t i = 0; i < im->output_count; i++) {
        struct import_output *o = &im->outputs[i];
        if (o->refused || strcmp(o->section, section) != 0) {
            continue;
        }
        if (!begun) {
            fprintf(page->out, "\n[%s]\n", section);
            page->line += 2;
            begun = true;
        }
        put_output(page, o);
    }
}

static char *write_text(struct import *im) {
    static const char *const sections[] = {"server", "listen", "tls",   "relay", "auth",
                                           "realms", "http",   "stats", "log"};
    char *text = NULL;
    size_t len = 0;
    struct page page = {.out = open_memstream(&text, &len), .line = 3};
    if (!page.out) {
        return NULL;
    }
    fputs("# Made from a configuration of coturn by turnoutctl import-coturn; turnout.conf(5) tells all keys.\n"
          "# The comments name the option that a line comes from. The end tells what was not taken over.\n",
          page.out);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        put_section(&page, im, sections[i]);
    }
    fputs("\n# Not taken over, or of no effect here:\n", page.out);
    import_print_findings(im, page.out, "#   ", true);
    if (fclose(page.out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Takes out the line that a complaint is about. */
static bool refuse(struct import *im, const struct config_message *m) {
    for (size_t i = 0; i < im->output_count; i++) {
        struct import_output *o = &im->outputs[i];
        if (!o->refused && m->line > 0 && o->at == m->line) {
            o->refused = true;
            (void)import_note(im, IMPORT_UNSUPPORTED, o->line, o->from, m->text);
            return true;
        }
    }
    return false;
}

/* What is accepted, but does nothing yet or is doubtful. */
static void note_warnings(struct import *im, const struct config_report *report) {
    for (size_t i = 0; i < report->count; i++) {
        const struct import_output *o = NULL;
        for (size_t k = 0; k < im->output_count && !o; k++) {
            o = im->outputs[k].at == report->items[i].line && !im->outputs[k].refused ? &im->outputs[k] : NULL;
        }
        (void)import_note(im, IMPORT_LATER, o ? o->line : 0, o ? o->from : "this configuration", report->items[i].text);
    }
}

/* One round: 0 when it passes, 1 when something was taken out, or a failure. */
static int check_text(struct import *im, char *why, size_t size) {
    struct config_report report = {0};
    const struct config *config;
    const struct config_source source = {.text = im->text, .text_len = strlen(im->text)};
    int rc = config_load(&config, &source, &report);
    bool changed = false;
    for (size_t i = 0; rc == -ERR_CONFIG && i < report.count; i++) {
        if (report.items[i].severity == CONFIG_ERROR) {
            changed |= refuse(im, &report.items[i]);
            snprintf(why, size, "%s", report.items[i].text);
        }
    }
    if (rc == 0) {
        note_warnings(im, &report);
    }
    config_unref(config);
    config_report_deinit(&report);
    return changed ? 1 : rc;
}

static int rewrite(struct import *im) {
    free(im->text);
    im->text = im->no_memory ? NULL : write_text(im);
    return im->text ? 0 : -ENOMEM;
}

int import_compose(struct import *im, char *why, size_t size) {
    import_compose_options(im);
    int rc = 1;
    for (int round = 0; rc == 1 && round < ROUNDS; round++) {
        rc = rewrite(im);
        rc = rc < 0 ? rc : check_text(im, why, size);
    }
    if (rc != 0) {
        return rc == 1 ? -ERR_CONFIG : rc;
    }
    why[0] = '\0'; /* of an earlier round */
    return rewrite(im);
}
