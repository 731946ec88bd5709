/* Configurations of coturn: whatever is read, turnout accepts what is made of it, or it is refused with a sentence.
 * covers: src/ctl/import.c src/ctl/import_compose.c src/ctl/import_range.c src/ctl/import_write.c
 * covers: src/ctl/import_options.c */
#include "config/config.h"
#include "ctl/import.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_text(const char *text) {
    struct config_report report = {0};
    const struct config *config;
    const struct config_source source = {.text = text, .text_len = strlen(text)};
    check(text_is_utf8(text, source.text_len));
    check(config_load(&config, &source, &report) == 0);
    config_unref(config);
    config_report_deinit(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct import *im;
    char why[256] = "";
    check(import_new(&im) == 0);
    int rc = import_read(im, (const char *)data, size);
    check(rc == 0 || rc == -EFBIG);
    if (rc == 0) {
        rc = import_compose(im, why, sizeof why);
        check(rc == 0 || (rc == -ERR_CONFIG && why[0]));
    }
    if (rc == 0) {
        check_text(import_text(im));
    }
    import_free(im);
    return 0;
}
