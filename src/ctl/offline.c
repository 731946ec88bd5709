#include "ctl/offline.h"

#include "admin/configuration.h"
#include "admin/database.h"
#include "admin/errors.h"
#include "auth/credentials.h"
#include "auth/keys.h"
#include "auth/password.h"
#include "auth/secret.h"
#include "base/clock.h"
#include "base/error.h"
#include "config/config.h"
#include "ctl/account.h"
#include "store/db.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static json_t *success(json_t *data) { return json_pack("{s:b,s:o?}", "ok", 1, "data", data); }

static json_t *failure(const char *code, const char *message) {
    return json_pack("{s:b,s:{s:s,s:s}}", "ok", 0, "error", "code", code, "message", message);
}

static json_t *failure_of(int rc, const char *subject) {
    char message[512];
    admin_error_sentence(message, sizeof message, rc, subject);
    return failure(admin_error_code(rc), message);
}

/* All pages of a list in one. */
static json_t *run_pages(struct store_db *db, const struct admin_database *with, const struct ctl_command *command) {
    struct admin_result page;
    json_t *args = json_copy(command->args);
    json_t *rows = NULL;
    json_t *answer = NULL;
    do {
        int rc = admin_database_run(db, with, command->verb->id, args, &page);
        if (rc < 0) {
            answer = failure(admin_error_code(rc), page.why);
        } else if (page.more || rows) {
            rows = rows ? rows : json_array();
            json_array_extend(rows, page.data);
            admin_database_next(args, &page);
            answer = page.more ? NULL : success(json_incref(rows));
        } else {
            answer = success(json_incref(page.data));
        }
        json_decref(page.data);
    } while (!answer);
    json_decref(rows);
    json_decref(args);
    return answer;
}

static json_t *run_database(const struct ctl_command *command, const struct config *config) {
    struct store_db *db = NULL;
    const struct admin_database with = {.realm = config->server.realm,
                                        .now_s = clock_wall_s(),
                                        .password_keys = auth_password_keys,
                                        .key_generate = auth_key_generate};
    int rc = store_db_open(&db, config->database.path, STORE_OPEN_CREATE);
    if (rc < 0) {
        return failure_of(rc, config->database.path);
    }
    json_t *answer = run_pages(db, &with, command);
    store_db_close(db);
    return answer;
}

static json_t *create_credentials(const struct ctl_command *command, const struct config *config) {
    const struct auth_secrets *secrets = NULL;
    struct auth_credentials made;
    const char *user = json_string_value(json_object_get(command->args, "user"));
    const json_t *ttl = json_object_get(command->args, "ttl");
    uint64_t lifetime_s = ttl ? (uint64_t)json_integer_value(ttl) : config->auth.credential_lifetime_us / 1000000;
    int rc = auth_secrets_load(&secrets, config);
    if (rc < 0) {
        return failure_of(rc, "The shared secret");
    }
    rc = auth_credentials_issue(&made, secrets, user ? user : "turnoutctl", clock_wall_s(), lifetime_s);
    auth_secrets_unref(secrets);
    if (rc < 0) {
        return failure_of(rc, "Credentials");
    }
    return success(json_pack("{s:s,s:s,s:I}", "username", made.username, "password", made.password, "expires",
                             (json_int_t)made.expires));
}

static json_t *rotate_secret(const struct config *config) {
    int rc = auth_secrets_rotate(config);
    if (rc == -EPERM) {
        return failure("forbidden", "The secret stands in the configuration ([auth] secret): put a fresh one first "
                                    "there, keep the old one below it and reload.");
    }
    return rc < 0 ? failure_of(rc, "The shared secret") : success(json_object());
}

/* The database and the secrets are the daemon's. */
static bool uses_files(enum admin_verb_id verb) {
    return admin_database_has(verb) || verb == ADMIN_VERB_CREDENTIALS_CREATE || verb == ADMIN_VERB_SECRET_ROTATE;
}

json_t *ctl_offline_run(const struct ctl_command *command, const struct config_source *source,
                        const struct config *config) {
    if (command->verb->id == ADMIN_VERB_CONFIG_CHECK) {
        return success(admin_config_check(source, NULL));
    }
    if (uses_files(command->verb->id)) {
        char why[256];
        int rc = ctl_account_become(config, why, sizeof why);
        if (rc < 0) {
            return failure(admin_error_code(rc), why);
        }
    }
    if (admin_database_has(command->verb->id)) {
        return run_database(command, config);
    }
    switch (command->verb->id) {
    case ADMIN_VERB_CONFIG_SHOW:
        return success(admin_config_show(config, json_string_value(json_object_get(command->args, "section")),
                                         json_is_true(json_object_get(command->args, "changed"))));
    case ADMIN_VERB_CONFIG_PORTS:
        return success(admin_config_ports(config));
    case ADMIN_VERB_CREDENTIALS_CREATE:
        return create_credentials(command, config);
    case ADMIN_VERB_SECRET_ROTATE:
        return rotate_secret(config);
    default:
        return failure("unavailable", "This needs the daemon.");
    }
}
