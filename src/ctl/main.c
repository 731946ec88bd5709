/* turnoutctl(8): speaks to the daemon, or does what it can without it. */
#include "ctl/cli.h"
#include "ctl/client.h"
#include "ctl/import_verb.h"
#include "ctl/offline.h"
#include "ctl/secret.h"
#include "ctl/selftest.h"
#include "ctl/table.h"
#include "ctl/top.h"
#include "ctl/view.h"

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

#include <errno.h>
#include <jansson.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

struct session {
    struct ctl_command command;
    struct config_source source;
    const struct config *config; /* NULL: it has errors or is not there */
    char config_error[256];      /* the first of them */
    struct ctl_client *client;   /* NULL: no daemon */
};

static const char *socket_path(const struct session *s) {
    if (s->command.socket) {
        return s->command.socket;
    }
    return s->config ? s->config->server.control_socket : TURNOUT_RUNDIR "/turnout.sock";
}

/* Passwords are asked for only when all else is in order. */
static enum ctl_exit ask_secrets(struct ctl_command *command) {
    char secret[256];
    for (const struct admin_arg *arg = command->verb->args; arg->name; arg++) {
        if (arg->type != ADMIN_ARG_SECRET || json_object_get(command->args, arg->name)) {
            continue;
        }
        if (ctl_secret_read(secret, sizeof secret, "Password") < 0) {
            return CTL_USAGE;
        }
        json_t *text = json_string(secret);
        explicit_bzero(secret, sizeof secret);
        if (!text) {
            fprintf(stderr, "turnoutctl: the password is not UTF-8 text.\n");
            return CTL_USAGE;
        }
        json_object_set_new(command->args, arg->name, text);
    }
    if (command->secret_on_argv) {
        fprintf(stderr, "turnoutctl: warning: a password on the command line can be seen by others on this "
                        "machine; leave it out to be asked for it.\n");
    }
    return CTL_OK;
}

static enum ctl_exit say_unreachable(const struct session *s, int rc) {
    const char *path = socket_path(s);
    if (rc == -EACCES || rc == -EPERM) {
        fprintf(stderr, "turnoutctl: %s: permission denied. Run this as root or as a member of the daemon's group.\n",
                path);
    } else if (rc == -ENOENT || rc == -ECONNREFUSED) {
        fprintf(stderr,
                "turnoutctl: the daemon is not running (nobody answers at %s). `systemctl start turnout` "
                "starts it.\n",
                path);
    } else {
        fprintf(stderr, "turnoutctl: %s: %s.\n", path, error_text(rc));
    }
    if (!s->config && !s->command.socket) {
        fprintf(stderr, "turnoutctl: the configuration cannot be used, so the socket may be elsewhere (--socket): %s\n",
                s->config_error);
    }
    return CTL_UNREACHABLE;
}

static enum ctl_exit print_failure(const struct ctl_command *command, const json_t *answer) {
    const json_t *error = json_object_get(answer, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    if (command->json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        fputs("turnoutctl: ", stderr);
        ctl_put_text(stderr, message ? message : "The answer makes no sense.");
        fputc('\n', stderr);
    }
    return CTL_REFUSED;
}

static enum ctl_exit print_answer(const struct ctl_command *command, const json_t *answer) {
    const json_t *data = json_object_get(answer, "data");
    if (!json_is_true(json_object_get(answer, "ok"))) {
        return print_failure(command, answer);
    }
    if (!command->json) {
        return ctl_view_print(command, data);
    }
    json_dumpf(data, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
    return json_is_false(json_object_get(data, "valid")) || json_is_false(json_object_get(data, "ready")) ? CTL_REFUSED
                                                                                                          : CTL_OK;
}

/* The daemon when it runs, else the files. */
static enum ctl_exit run_verb(struct session *s, int open_rc) {
    json_t *answer = NULL;
    bool offline =
        !s->client && (open_rc == -ENOENT || open_rc == -ECONNREFUSED) && (s->command.verb->flags & ADMIN_VERB_OFFLINE);
    if (!s->client && !offline) {
        return say_unreachable(s, open_rc);
    }
    if (offline && !s->config && s->command.verb->id != ADMIN_VERB_CONFIG_CHECK) {
        fprintf(stderr, "turnoutctl: the configuration cannot be used: %s\n", s->config_error);
        return CTL_REFUSED;
    }
    enum ctl_exit status = ask_secrets(&s->command);
    if (status != CTL_OK) {
        return status;
    }
    if (offline) {
        answer = ctl_offline_run(&s->command, &s->source, s->config);
    } else {
        int rc = ctl_client_call(s->client, s->command.verb, s->command.args, &answer);
        if (rc < 0) {
            return say_unreachable(s, rc);
        }
    }
    status = print_answer(&s->command, answer);
    json_decref(answer);
    return status;
}

static enum ctl_exit run(struct session *s) {
    if (s->command.verb->id == ADMIN_VERB_IMPORT_COTURN) {
        return import_coturn_run(&s->command);
    }
    struct config_report report = {0};
    s->source.file = s->command.config;
    (void)config_load(&s->config, &s->source, &report); /* errors are shown by the verb that needs it */
    if (!s->config && report.count > 0) {
        const struct config_message *m = &report.items[0];
        snprintf(s->config_error, sizeof s->config_error, "%s:%u: %s", m->file ? m->file : "", m->line, m->text);
    }
    config_report_deinit(&report);
    int rc = ctl_client_open(&s->client, socket_path(s));
    enum ctl_exit status;
    if (s->command.verb->id == ADMIN_VERB_SELFTEST) {
        const struct ctl_selftest test = {
            .client = s->client, .open_rc = rc, .socket = socket_path(s), .config = s->config, .source = &s->source};
        status = ctl_selftest_run(&test, s->command.json);
    } else if (s->command.verb->id == ADMIN_VERB_TOP && s->client) {
        status = ctl_top_run(&s->command, s->client);
    } else {
        status = run_verb(s, rc);
    }
    ctl_client_close(s->client);
    config_unref(s->config);
    return status;
}

/* Asked for on stdout; in the place of a missing verb on stderr. */
static enum ctl_exit print_help(const struct ctl_command *command) {
    FILE *out = command->help ? stdout : stderr;
    if (command->verb) {
        ctl_help_verb(out, command->verb);
    } else if (command->group) {
        ctl_help_group(out, command->group);
    } else {
        ctl_help_program(out);
    }
    return command->help ? CTL_OK : CTL_USAGE;
}

static enum ctl_exit start(struct session *s, int argc, char **argv) {
    char why[256];
    int rc = ctl_cli_parse(&s->command, argc, argv, why, sizeof why);
    if (rc < 0) {
        fprintf(stderr, "turnoutctl: %s\n", rc == -ENOMEM ? "out of memory." : why);
        if (s->command.verb) {
            fprintf(stderr, "`turnoutctl %s --help` shows what it takes.\n", s->command.verb->name);
        }
        return CTL_USAGE;
    }
    if (s->command.version) {
        printf("turnoutctl %s\n", PACKAGE_VERSION);
        return CTL_OK;
    }
    if (s->command.help || !s->command.verb) {
        return print_help(&s->command);
    }
    return run(s);
}

int main(int argc, char **argv) {
    struct session s = {0};
    setlocale(LC_ALL, "");
    log_set_level(LOG_LEVEL_ERROR);
    if (argc > 1 && strcmp(argv[1], "--complete") == 0) {
        ctl_complete(stdout, argc - 2, argv + 2);
        return CTL_OK;
    }
    enum ctl_exit status = start(&s, argc, argv);
    json_decref(s.command.args);
    if (fflush(stdout) == EOF) {
        return CTL_REFUSED;
    }
    return (int)status;
}
