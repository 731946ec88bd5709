/* `turnoutctl selftest`: tries the server as a client would and says for each problem how to mend it. */
#pragma once

#include "ctl/cli.h"

struct config;
struct config_source;
struct ctl_client;

struct ctl_selftest {
    struct ctl_client *client; /* NULL: open_rc says why */
    int open_rc;
    const char *socket;
    const struct config *config; /* NULL: it has errors */
    const struct config_source *source;
};

/* CTL_OK, CTL_REFUSED when something is broken, CTL_UNREACHABLE when the daemon does not answer. */
enum ctl_exit ctl_selftest_run(const struct ctl_selftest *test, bool json);
