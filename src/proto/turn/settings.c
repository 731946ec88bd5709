#include "proto/turn/internal.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

enum { NONCE_LIFETIME_DEFAULT_S = 3600, MAX_LIFETIME_DEFAULT_S = 3600 };

static void settings_free(struct settings *settings) {
    if (!settings) {
        return;
    }
    for (size_t i = 0; i < TURN_SECRETS_MAX; i++) {
        if (settings->secrets[i]) {
            explicit_bzero(settings->secrets[i], strlen(settings->secrets[i]));
            free(settings->secrets[i]);
        }
    }
    free(settings->realms);
    explicit_bzero(&settings->plain, sizeof settings->plain);
    free(settings);
}

static int copy_text(char *out, size_t cap, const char *text) {
    return text_copy(out, cap, text ? text : "", text ? strlen(text) : 0) < 0 ? -EINVAL : 0;
}

static int copy_secrets(struct settings *out, const struct turn_settings *in) {
    for (size_t i = 0; i < in->secret_count; i++) {
        if (in->secrets[i][0] == '\0') {
            return -EINVAL; /* anybody could compute such a password */
        }
        out->secrets[i] = strdup(in->secrets[i]);
        if (!out->secrets[i]) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* The default realm stands first. */
static int list_realms(struct settings *out, const struct turn_settings *in) {
    out->realms = calloc(in->realm_count + 1, sizeof *out->realms);
    if (!out->realms) {
        return -ENOMEM;
    }
    out->realms[out->realm_count++] = (struct turn_realm){.name = out->realm,
                                                          .secrets = (const char *const *)out->secrets,
                                                          .secret_count = in->secret_count,
                                                          .anonymity = in->anonymity,
                                                          .oauth_keys = in->oauth_keys,
                                                          .oauth_key_count = in->oauth_key_count,
                                                          .oauth_name = in->oauth_name};
    for (size_t i = 0; i < in->realm_count; i++) {
        out->realms[out->realm_count++] = in->realms[i];
    }
    return 0;
}

static bool all_zero(const uint8_t *p, size_t n) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= p[i];
    }
    return any == 0;
}

static int copy(struct settings *out, const struct turn_settings *in) {
    if (!in->realm || in->realm[0] == '\0' || !in->peers || in->secret_count > TURN_SECRETS_MAX ||
        all_zero(in->nonce_key, sizeof in->nonce_key) || (in->quota.take && !in->quota.give) ||
        realm_settings_check(in) < 0) {
        return -EINVAL;
    }
    out->plain = *in;
    out->plain.realm = NULL;
    out->plain.software = NULL;
    out->plain.secrets = NULL;
    out->plain.nonce_lifetime_s = in->nonce_lifetime_s ? in->nonce_lifetime_s : NONCE_LIFETIME_DEFAULT_S;
    out->plain.max_lifetime_s = in->max_lifetime_s ? in->max_lifetime_s : MAX_LIFETIME_DEFAULT_S;
    if (copy_text(out->realm, sizeof out->realm, in->realm) < 0 ||
        copy_text(out->software, sizeof out->software, in->software) < 0) {
        return -EINVAL;
    }
    int rc = copy_secrets(out, in);
    return rc < 0 ? rc : list_realms(out, in);
}

int turn_server_configure(struct turn_server *s, const struct turn_settings *settings) {
    struct settings *fresh = calloc(1, sizeof *fresh);
    int rc = fresh ? copy(fresh, settings) : -ENOMEM;
    if (rc < 0) {
        settings_free(fresh);
        return rc;
    }
    settings_free(s->settings);
    s->settings = fresh;
    uint32_t cursor = 0;
    for (struct turn_allocation *a; (a = turn_server_next(s, &cursor));) {
        permission_judge_again(s, a);
        channel_judge_again(s, a);
        connection_judge_again(s, a);
        allocation_set_timer(s, a);
    }
    return 0;
}

void settings_drop(struct turn_server *s) {
    settings_free(s->settings);
    s->settings = NULL;
}
