#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_MAKE_CERTIFICATE = 256 };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"set", required_argument, NULL, 's'},
    {"check", no_argument, NULL, 'k'},
    {"make-certificate", required_argument, NULL, OPTION_MAKE_CERTIFICATE},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

void options_print_help(void) {
    puts("usage: turnoutd [--config FILE] [--set SECTION.KEY=VALUE]... [--check]\n"
         "\n"
         "Serves STUN, TURN, signaling and the web client in the foreground.\n"
         "\n"
         "  -c, --config FILE            read FILE and FILE's conf.d/*.conf (" TURNOUT_CONFDIR "/turnout.conf)\n"
         "  -s, --set SECTION.KEY=VALUE  override one setting; repeat for several\n"
         "  -k, --check                  check the configuration, say what is wrong, and exit\n"
         "      --make-certificate DIR   write a self-signed cert.pem and key.pem into DIR and exit\n"
         "  -V, --version                print the version\n"
         "  -h, --help                   print this\n"
         "\n"
         "Signals: HUP reloads, TERM and INT drain and stop (twice: at once), USR1 reopens the log file.\n"
         "See turnoutd(8), turnout.conf(5), turnoutctl(8).");
}

static int take(struct options *out, int option) {
    switch (option) {
    case 'c':
        out->config_file = optarg;
        return 0;
    case 's':
        if (out->override_count == OPTIONS_OVERRIDES_MAX) {
            fprintf(stderr, "turnoutd: more than %d --set options\n", OPTIONS_OVERRIDES_MAX);
            return -EINVAL;
        }
        out->overrides[out->override_count++] = optarg;
        return 0;
    case 'k':
        out->check = true;
        return 0;
    case OPTION_MAKE_CERTIFICATE:
        out->certificate_dir = optarg;
        return 0;
    case 'V':
        out->show_version = true;
        return 0;
    case 'h':
        out->show_help = true;
        return 0;
    default:
        fputs("Try `turnoutd --help'.\n", stderr);
        return -EINVAL;
    }
}

int options_parse(struct options *out, int argc, char **argv) {
    int option;
    memset(out, 0, sizeof *out);
    while ((option = getopt_long(argc, argv, "c:s:kVh", long_options, NULL)) != -1) {
        int rc = take(out, option);
        if (rc < 0) {
            return rc;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "turnoutd: unexpected argument `%s'\nTry `turnoutd --help'.\n", argv[optind]);
        return -EINVAL;
    }
    return 0;
}
