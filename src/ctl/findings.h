/* What a self-test found, in order. */
#pragma once

#include "ctl/cli.h"

struct json_t;

enum ctl_level { CTL_GOOD, CTL_DOUBTFUL, CTL_BAD };

struct ctl_findings {
    struct json_t *rows; /* [{"result":"ok|warning|failed","text","remedy"}] */
    unsigned counts[3];  /* by level */
};

/* -ENOMEM. */
int ctl_findings_init(struct ctl_findings *f);
void ctl_findings_deinit(struct ctl_findings *f);
/* remedy: what to do about it, or NULL. The text is a format for what follows. */
void ctl_findings_add(struct ctl_findings *f, enum ctl_level level, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* One line each, coloured on a terminal unless NO_COLOR is set, with a summary; or the rows as JSON. */
void ctl_findings_print(const struct ctl_findings *f, FILE *out, bool json);
