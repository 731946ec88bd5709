#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "net/tls.h"
#include "relay/addresses.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only a warning here: the file may be meant for another machine. The start refuses. */
static void warn_of_addresses(const struct config *config) {
    struct addr which;
    char text[ADDR_TEXT_MAX];
    if (relay_addresses_check(config, &which) < 0) {
        fprintf(stderr, "warning: [relay] address: this machine does not have %s; the daemon will not start with it\n",
                addr_format_ip(&which, text));
    }
}

static int check(const struct options *options) {
    const struct config *config = NULL;
    struct config_report report = {0};
    int rc = daemon_load_config(options, &config, &report);
    config_report_print(&report, stderr);
    config_report_deinit(&report);
    if (rc == 0) {
        warn_of_addresses(config);
    }
    if (rc == 0 && config->tls.certificate[0]) {
        struct tls_options tls = {.certificate = config->tls.certificate,
                                  .private_key = config->tls.private_key,
                                  .min_version = config->tls.min_version == CONFIG_TLS_1_3 ? "1.3" : "1.2"};
        rc = tls_check(&tls);
    }
    config_unref(config);
    if (rc == 0) {
        puts("configuration ok");
    }
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int make_certificate(const char *dir) {
    int rc = tls_make_self_signed(dir, NULL, 0);
    if (rc < 0) {
        fprintf(stderr, "turnoutd: cannot write a certificate into %s: %s\n", dir, error_text(rc));
        return EXIT_FAILURE;
    }
    printf("wrote %s/cert.pem and %s/key.pem\n", dir, dir);
    return EXIT_SUCCESS;
}

static int serve(const struct options *options) {
    static struct daemon daemon;
    int rc = daemon_start(&daemon, options);
    if (rc == 0) {
        rc = daemon_run(&daemon);
    }
    daemon_free(&daemon);
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    struct options options;
    signal(SIGPIPE, SIG_IGN);
    if (options_parse(&options, argc, argv) < 0) {
        return 2;
    }
    if (options.show_help) {
        options_print_help();
        return EXIT_SUCCESS;
    }
    if (options.show_version) {
        puts("turnoutd " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    if (options.certificate_dir) {
        return make_certificate(options.certificate_dir);
    }
    return options.check ? check(&options) : serve(&options);
}
