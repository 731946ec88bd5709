#include "ctl/import_verb.h"

#include "auth/password.h"
#include "base/error.h"
#include "config/config.h"
#include "ctl/account.h"
#include "ctl/import.h"
#include "ctl/table.h"
#include "store/db.h"
#include "store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char default_userdb[] = "/var/lib/turn/turndb";

struct wishes {
    const char *file, *output, *userdb;
    bool force, users;
};

/* How the users went. */
struct tally {
    size_t added, changed, kept, refused, elsewhere, rules;
};

static enum ctl_exit say(const char *subject, const char *what) {
    fputs("turnoutctl: ", stderr);
    ctl_put_text(stderr, subject);
    fprintf(stderr, ": %s.\n", what);
    return CTL_REFUSED;
}

/* The whole file, one byte more than allowed at most. The caller frees. */
static int read_file(const char *path, char **out, size_t *len) {
    enum { CAP = IMPORT_FILE_MAX + 1 };
    FILE *file = fopen(path, "re");
    *out = NULL;
    if (!file) {
        return -errno;
    }
    *out = malloc(CAP);
    *len = *out ? fread(*out, 1, CAP, file) : 0;
    int rc = !*out ? -ENOMEM : ferror(file) ? -EIO : 0;
    fclose(file);
    return rc;
}

static enum ctl_exit read_configuration(struct import *im, const char *path) {
    char *text;
    size_t len;
    int rc = read_file(path, &text, &len);
    rc = rc < 0 ? rc : import_read(im, text, len);
    if (text) {
        explicit_bzero(text, len);
    }
    free(text);
    if (rc == -EFBIG) {
        return say(path, "larger than a megabyte, or more than 20000 options");
    }
    return rc < 0 ? say(path, error_text(rc)) : CTL_OK;
}

/* One that is named must be there; the usual one need not. */
static enum ctl_exit read_userdb(struct import *im, const struct wishes *w) {
    char why[512];
    const char *path = w->userdb ? w->userdb : import_userdb(im);
    int rc = import_database_read(im, path ? path : default_userdb, why, sizeof why);
    if (rc == 0 || (!path && rc == -ENOENT)) {
        return CTL_OK;
    }
    fputs("turnoutctl: ", stderr);
    ctl_put_text(stderr, why);
    fputc('\n', stderr);
    return CTL_REFUSED;
}

/* A new file that only the server may read: it holds secrets. A forced one takes the old one's place whole. */
static enum ctl_exit write_output(const struct import *im, const struct wishes *w) {
    const char *text = import_text(im);
    size_t len = strlen(text);
    char path[4096];
    snprintf(path, sizeof path, "%s%s", w->output, w->force ? ".new" : "");
    if (w->force) {
        (void)unlink(path);
    }
    int fd = store_file_make(path);
    if (fd < 0) {
        return say(path, fd == -EEXIST ? "it is there already; --force replaces it" : error_text(fd));
    }
    bool good = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int rc = good ? 0 : -errno;
    close(fd);
    if (rc == 0 && w->force && rename(path, w->output) < 0) {
        rc = -errno;
    }
    if (rc < 0) {
        (void)unlink(path);
        return say(w->output, error_text(rc));
    }
    fprintf(stderr, "The configuration is in %s.\n", w->output);
    return CTL_OK;
}

/* --- users --------------------------------------------------------------------------------------------- */

static int make_user(struct store_user *out, const struct import_user *in, const char *realm) {
    memset(out, 0, sizeof *out);
    snprintf(out->realm, sizeof out->realm, "%s", in->realm ? in->realm : realm);
    snprintf(out->name, sizeof out->name, "%s", in->name);
    return in->password ? auth_password_keys(&out->keys, out->name, out->realm, in->password)
                        : auth_password_keys_of_md5(&out->keys, out->name, out->realm, in->md5);
}

static int put_user(struct store_db *db, const struct store_user *user, bool force, struct tally *t) {
    int rc = store_db_user_add(db, user);
    if (rc == -EEXIST && force) {
        rc = store_db_user_set_keys(db, user->realm, user->name, &user->keys);
        t->changed += rc == 0;
    } else if (rc == -EEXIST) {
        t->kept++;
        rc = 0;
    } else {
        t->added += rc == 0;
    }
    if (rc == -EINVAL) {
        t->refused++;
        rc = 0;
    }
    return rc;
}

static int put_users(struct store_db *db, const struct import *im, const char *realm, bool force, struct tally *t) {
    struct store_user user;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < import_user_count(im); i++) {
        rc = make_user(&user, import_user_at(im, i), realm);
        if (rc == -EINVAL) {
            t->refused++;
            rc = 0;
            continue;
        }
        rc = rc < 0 ? rc : put_user(db, &user, force, t);
        t->elsewhere += strcmp(user.realm, realm) != 0;
    }
    explicit_bzero(&user, sizeof user);
    return rc;
}

static int is_same_rule(void *ctx, const struct store_peer_rule *rule) {
    const struct import_rule *wanted = ctx;
    return strcmp(rule->realm, wanted->realm) == 0 && !rule->user[0] && rule->allow == wanted->allow &&
           memcmp(&rule->prefix, &wanted->prefix, sizeof rule->prefix) == 0;
}

static int put_rules(struct store_db *db, const struct import *im, struct tally *t) {
    for (size_t i = 0; i < import_rule_count(im); i++) {
        struct import_rule wanted = *import_rule_at(im, i);
        struct store_peer_rule rule = {.allow = wanted.allow, .prefix = wanted.prefix, .note = "from coturn"};
        int64_t id;
        snprintf(rule.realm, sizeof rule.realm, "%s", wanted.realm);
        int rc = store_db_rule_list(db, is_same_rule, &wanted);
        if (rc == 0) {
            rc = store_db_rule_add(db, &rule, &id);
            t->rules += rc == 0;
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static void tell(const struct tally *t, const char *database) {
    fprintf(stderr, "%s: %zu users added, %zu changed, %zu left as they were, %zu refused; %zu peer rules added.\n",
            database, t->added, t->changed, t->kept, t->refused, t->rules);
    if (t->elsewhere > 0) {
        fprintf(stderr, "%zu of the users belong to other realms than the configured one and cannot log in.\n",
                t->elsewhere);
    }
}

/* The database of the configuration that the daemon will use. */
static enum ctl_exit import_users(const struct import *im, const struct wishes *w, const struct ctl_command *command) {
    struct config_report report = {0};
    const struct config *config = NULL;
    const struct config_source source = {.file = command->config ? command->config : w->output};
    struct store_db *db = NULL;
    struct tally t = {0};
    char why[256];
    int rc = config_load(&config, &source, &report);
    if (rc < 0) {
        config_report_print(&report, stderr);
        config_report_deinit(&report);
        return say("users", "they go into the database that turnout's configuration names, and it cannot be used; "
                            "write it first (--output), or name it (--config)");
    }
    config_report_deinit(&report);
    rc = ctl_account_become(config, why, sizeof why);
    if (rc == 0) {
        rc = store_db_open(&db, config->database.path, STORE_OPEN_CREATE);
        rc = rc < 0 ? rc : put_users(db, im, config->server.realm, w->force, &t);
        rc = rc < 0 ? rc : put_rules(db, im, &t);
        snprintf(why, sizeof why, "%s", error_text(rc));
    }
    store_db_close(db);
    if (rc == 0) {
        tell(&t, config->database.path);
    } else {
        (void)say(config->database.path, why);
    }
    config_unref(config);
    return rc == 0 ? (t.refused > 0 ? CTL_REFUSED : CTL_OK) : CTL_REFUSED;
}

/* What --import-users would do. */
static void preview_users(const struct import *im) {
    enum { SHOWN = 20 };
    size_t count = import_user_count(im);
    if (count == 0 && import_rule_count(im) == 0) {
        return;
    }
    fprintf(stderr, "%zu users and %zu peer rules would be imported; --import-users does it:\n", count,
            import_rule_count(im));
    for (size_t i = 0; i < count && i < SHOWN; i++) {
        const struct import_user *user = import_user_at(im, i);
        fputs("  ", stderr);
        ctl_put_text(stderr, user->name);
        fputs(user->realm ? " of realm " : "", stderr);
        ctl_put_text(stderr, user->realm ? user->realm : "");
        fputc('\n', stderr);
    }
    if (count > SHOWN) {
        fprintf(stderr, "  and %zu more\n", count - SHOWN);
    }
}

static enum ctl_exit run(struct import *im, const struct wishes *w, const struct ctl_command *command) {
    char why[512] = "";
    enum ctl_exit status = read_configuration(im, w->file);
    status = status == CTL_OK ? read_userdb(im, w) : status;
    if (status != CTL_OK) {
        return status;
    }
    int rc = import_compose(im, why, sizeof why);
    if (rc < 0) {
        return say(w->file, why[0] ? why : error_text(rc));
    }
    import_print_findings(im, stderr, "", false);
    if (w->output) {
        status = write_output(im, w);
    } else if (!w->users) {
        fputs(import_text(im), stdout);
    }
    if (status == CTL_OK && w->users) {
        status = import_users(im, w, command);
    } else if (!w->users) {
        preview_users(im);
    }
    return status;
}

enum ctl_exit import_coturn_run(const struct ctl_command *command) {
    const json_t *args = command->args;
    const struct wishes w = {.file = json_string_value(json_object_get(args, "file")),
                             .output = json_string_value(json_object_get(args, "output")),
                             .userdb = json_string_value(json_object_get(args, "userdb")),
                             .force = json_is_true(json_object_get(args, "force")),
                             .users = json_is_true(json_object_get(args, "import_users"))};
    struct import *im = NULL;
    if (command->json) {
        fprintf(stderr, "turnoutctl: import-coturn makes a file for people and has no --json.\n");
        return CTL_USAGE;
    }
    if (import_new(&im) < 0) {
        return say("memory", error_text(-ENOMEM));
    }
    enum ctl_exit status = run(im, &w, command);
    import_free(im);
    return status;
}
