/* Secrets, credentials made from them, passwords of users. */
#include "auth/credentials.h"
#include "auth/password.h"

#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "proto/stun/stun.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct config *configure(const char *format, const char *value) {
    char text[1024];
    const struct config *config;
    struct config_report report = {0};
    snprintf(text, sizeof text, format, value);
    struct config_source source = {.text = text, .text_len = strlen(text)};
    assert_int_equal(config_load(&config, &source, &report), 0);
    config_report_deinit(&report);
    return config;
}

static const struct auth_secrets *two_secrets(void) {
    const struct config *config = configure("[auth]\nsecret = 0123456789abcdef\nsecret = %s\n", "another-secret-here");
    const struct auth_secrets *secrets;
    assert_int_equal(auth_secrets_load(&secrets, config), 0);
    config_unref(config);
    return secrets;
}

static void the_first_secret_signs(void **state) {
    (void)state;
    const struct auth_secrets *secrets = two_secrets();
    struct auth_credentials made;
    assert_int_equal(auth_secrets_count(secrets), 2);
    assert_int_equal(auth_credentials_issue(&made, secrets, "alice", 1700000000, 43200), 0);
    assert_string_equal(made.username, "1700043200:alice");
    assert_string_equal(made.password, "gE71jLtsOfXHp6sydON8YVT0VW4=");
    assert_int_equal(made.expires, 1700043200);
    auth_secrets_unref(secrets);
}

static void what_is_issued_the_turn_server_understands(void **state) {
    (void)state;
    const struct auth_secrets *secrets = two_secrets();
    struct auth_credentials made;
    struct stun_ephemeral parts;
    assert_int_equal(auth_credentials_issue(&made, secrets, "a:b", 100, 10), 0);
    assert_int_equal(stun_ephemeral_parse(&parts, made.username, strlen(made.username)), 0);
    assert_int_equal(parts.expiry_s, 110);
    assert_int_equal(parts.user_len, 3);
    assert_memory_equal(parts.user, "a:b", 3);
    auth_secrets_unref(secrets);
}

static void users_that_could_forge_lines_are_refused(void **state) {
    (void)state;
    const struct auth_secrets *secrets = two_secrets();
    struct auth_credentials made;
    char longest[AUTH_USER_MAX + 2];
    assert_int_equal(auth_credentials_issue(&made, secrets, "a\r\nb", 1, 1), -EINVAL);
    assert_int_equal(auth_credentials_issue(&made, secrets, "\xff", 1, 1), -EINVAL);
    assert_int_equal(auth_credentials_issue(&made, secrets, "", 1, 1), 0);
    memset(longest, 'x', sizeof longest);
    longest[AUTH_USER_MAX + 1] = '\0';
    assert_int_equal(auth_credentials_issue(&made, secrets, longest, 1, 1), -EINVAL);
    longest[AUTH_USER_MAX] = '\0';
    assert_int_equal(auth_credentials_issue(&made, secrets, longest, UINT64_MAX - 1, 1), 0);
    assert_int_equal(strlen(made.username), AUTH_USERNAME_MAX);
    auth_secrets_unref(secrets);
}

struct folder {
    char dir[64];
    char path[80];
    const struct config *config;
};

static void folder_make(struct folder *f) {
    snprintf(f->dir, sizeof f->dir, "/tmp/turnout-auth-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(rmdir(f->dir), 0); /* it makes the folder too */
    snprintf(f->path, sizeof f->path, "%s/secret", f->dir);
    f->config = configure("[server]\nstate-dir = %s\n", f->dir);
}

static void folder_remove(struct folder *f) {
    config_unref(f->config);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(rmdir(f->dir), 0);
}

static void without_a_secret_one_is_made_once_for_the_owner_only(void **state) {
    (void)state;
    struct folder f;
    const struct auth_secrets *a, *b;
    struct stat st;
    size_t len_a, len_b;
    folder_make(&f);
    assert_int_equal(auth_secrets_load(&a, f.config), 0);
    assert_int_equal(auth_secrets_load(&b, f.config), 0);
    assert_int_equal(auth_secrets_count(a), 1);
    const char *text = auth_secrets_get(a, 0, &len_a);
    assert_int_equal(len_a, 43);
    assert_string_equal(text, auth_secrets_get(b, 0, &len_b));
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    auth_secrets_unref(a);
    auth_secrets_unref(b);
    folder_remove(&f);
}

static void rotation_puts_a_new_one_first_and_keeps_those_in_use(void **state) {
    (void)state;
    struct folder f;
    const struct auth_secrets *a, *b, *c;
    size_t len;
    folder_make(&f);
    assert_int_equal(auth_secrets_load(&a, f.config), 0);
    assert_int_equal(auth_secrets_rotate(f.config), 0);
    assert_int_equal(auth_secrets_load(&b, f.config), 0);
    assert_int_equal(auth_secrets_count(b), 2);
    assert_string_not_equal(auth_secrets_get(b, 0, &len), auth_secrets_get(a, 0, &len));
    assert_string_equal(auth_secrets_get(b, 1, &len), auth_secrets_get(a, 0, &len));
    assert_int_equal(auth_secrets_rotate(f.config), 0);
    assert_int_equal(auth_secrets_load(&c, f.config), 0);
    assert_int_equal(auth_secrets_count(c), 3); /* the oldest's credentials may still be about */
    assert_string_equal(auth_secrets_get(c, 1, &len), auth_secrets_get(b, 0, &len));
    assert_string_equal(auth_secrets_get(c, 2, &len), auth_secrets_get(a, 0, &len));
    auth_secrets_unref(a);
    auth_secrets_unref(b);
    auth_secrets_unref(c);
    folder_remove(&f);
    const struct config *own = configure("[auth]\nsecret = %s\n", "0123456789abcdef");
    assert_int_equal(auth_secrets_rotate(own), -EPERM);
    config_unref(own);
}

static void write_secret_file(const struct folder *f, const char *text, size_t len) {
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static void write_secrets(const struct folder *f, const char *text) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/secret", f->config->server.state_dir);
    (void)mkdir(f->config->server.state_dir, 0750);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static void rotation_lets_go_what_was_replaced_long_ago(void **state) {
    (void)state;
    struct folder f;
    const struct auth_secrets *s;
    char text[200];
    size_t len;
    folder_make(&f);
    snprintf(text, sizeof text,
             "signs-until-now\nreplaced-just-now %llu\nreplaced-long-ago 1000\nof-an-older-version\n",
             (unsigned long long)time(NULL) - 60);
    write_secrets(&f, text);
    assert_int_equal(auth_secrets_load(&s, f.config), 0);
    assert_int_equal(auth_secrets_count(s), 4);
    assert_string_equal(auth_secrets_get(s, 2, &len), "replaced-long-ago");
    auth_secrets_unref(s);
    assert_int_equal(auth_secrets_rotate(f.config), 0);
    assert_int_equal(auth_secrets_load(&s, f.config), 0);
    assert_int_equal(auth_secrets_count(s), 3);
    assert_string_equal(auth_secrets_get(s, 1, &len), "signs-until-now");
    assert_string_equal(auth_secrets_get(s, 2, &len), "replaced-just-now");
    auth_secrets_unref(s);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(auth_secrets_rotate(f.config), 0);
    }
    assert_int_equal(auth_secrets_load(&s, f.config), 0);
    assert_int_equal(auth_secrets_count(s), 8); /* bounded */
    auth_secrets_unref(s);
    folder_remove(&f);
}

static void a_secret_of_its_own_goes_on_beside_configured_ones(void **state) {
    (void)state;
    struct folder f;
    const struct auth_secrets *before, *after;
    size_t len;
    folder_make(&f);
    assert_int_equal(auth_secrets_load(&before, f.config), 0);
    char text[2 * PATH_MAX];
    snprintf(text, sizeof text, "[server]\nstate-dir = %s\n[auth]\nsecret = %%s\n", f.config->server.state_dir);
    const struct config *own = configure(text, "0123456789abcdef");
    assert_int_equal(auth_secrets_load(&after, own), 0);
    assert_int_equal(auth_secrets_count(after), 2);
    assert_string_equal(auth_secrets_get(after, 0, &len), "0123456789abcdef"); /* signs */
    assert_string_equal(auth_secrets_get(after, 1, &len), auth_secrets_get(before, 0, &len));
    auth_secrets_unref(after);
    write_secrets(&f, "short\n"); /* what cannot be read is passed over */
    assert_int_equal(auth_secrets_load(&after, own), 0);
    assert_int_equal(auth_secrets_count(after), 1);
    auth_secrets_unref(after);
    auth_secrets_unref(before);
    config_unref(own);
    folder_remove(&f);
}

static void a_broken_secret_file_is_an_error_not_a_new_secret(void **state) {
    (void)state;
    struct folder f;
    const struct auth_secrets *s;
    size_t len;
    folder_make(&f);
    assert_int_equal(mkdir(f.dir, 0700), 0);
    write_secret_file(&f, "", 0);
    assert_int_equal(auth_secrets_load(&s, f.config), -EINVAL);
    assert_null(s);
    write_secret_file(&f, "short\n", 6);
    assert_int_equal(auth_secrets_load(&s, f.config), -EINVAL);
    write_secret_file(&f, "0123456789\0abcdef\n", 18);
    assert_int_equal(auth_secrets_load(&s, f.config), -EINVAL);
    write_secret_file(&f, "0123456789\r\n\nabcdefghij", 23);
    assert_int_equal(auth_secrets_load(&s, f.config), 0);
    assert_int_equal(auth_secrets_count(s), 2);
    assert_string_equal(auth_secrets_get(s, 0, &len), "0123456789");
    assert_string_equal(auth_secrets_get(s, 1, &len), "abcdefghij");
    auth_secrets_unref(s);
    folder_remove(&f);
}

static void password_keys_are_those_of_the_standard(void **state) {
    (void)state;
    struct store_user_keys keys;
    char hex[65];
    /* RFC 8489 section 9.2.2 names MD5("user:realm:pass"); B.1 of it has the hash of this user's name. */
    assert_int_equal(auth_password_keys(&keys, "user", "realm", "pass"), 0);
    hex_encode(hex, keys.md5, sizeof keys.md5);
    assert_string_equal(hex, "8493fbc53ba582fb4c044c456bdc40eb");
    hex_encode(hex, keys.sha256, sizeof keys.sha256);
    assert_string_equal(hex, "07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b");
    assert_int_equal(auth_password_keys(&keys,
                                        "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9",
                                        "example.org", "TheMatrIX"),
                     0);
    hex_encode(hex, keys.userhash, sizeof keys.userhash);
    assert_string_equal(hex, "4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704");
}

static void a_key_of_another_server_serves_sha1_alone(void **state) {
    (void)state;
    struct store_user_keys known, taken, again;
    assert_int_equal(auth_password_keys(&known, "user", "realm", "pass"), 0);
    assert_int_equal(auth_password_keys_of_md5(&taken, "user", "realm", known.md5), 0);
    assert_int_equal(auth_password_keys_of_md5(&again, "user", "realm", known.md5), 0);
    assert_memory_equal(taken.md5, known.md5, sizeof known.md5);
    assert_memory_equal(taken.userhash, known.userhash, sizeof known.userhash);
    assert_memory_not_equal(taken.sha256, known.sha256, sizeof known.sha256);
    assert_memory_not_equal(taken.sha256, again.sha256, sizeof again.sha256); /* nobody can guess it */
    assert_int_equal(auth_password_keys_of_md5(&taken, "", "realm", known.md5), -EINVAL);
    assert_int_equal(auth_password_keys_of_md5(&taken, "user", "re\nalm", known.md5), -EINVAL);
}

static void unfit_names_and_passwords_are_refused(void **state) {
    (void)state;
    struct store_user_keys keys;
    char longest[257];
    memset(longest, 'p', 256);
    longest[256] = '\0';
    assert_int_equal(auth_password_keys(&keys, "", "realm", "pass"), -EINVAL);
    assert_int_equal(auth_password_keys(&keys, "user", "", "pass"), -EINVAL);
    assert_int_equal(auth_password_keys(&keys, "user", "realm", ""), -EINVAL);
    assert_int_equal(auth_password_keys(&keys, "user", "realm", "a\nb"), -EINVAL);
    assert_int_equal(auth_password_keys(&keys, "us\xff", "realm", "pass"), -EINVAL);
    assert_int_equal(auth_password_keys(&keys, "user", "realm", longest), -EINVAL);
    longest[255] = '\0';
    assert_int_equal(auth_password_keys(&keys, "user", "realm", longest), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_secret_signs),
        cmocka_unit_test(what_is_issued_the_turn_server_understands),
        cmocka_unit_test(users_that_could_forge_lines_are_refused),
        cmocka_unit_test(without_a_secret_one_is_made_once_for_the_owner_only),
        cmocka_unit_test(rotation_puts_a_new_one_first_and_keeps_those_in_use),
        cmocka_unit_test(rotation_lets_go_what_was_replaced_long_ago),
        cmocka_unit_test(a_secret_of_its_own_goes_on_beside_configured_ones),
        cmocka_unit_test(a_broken_secret_file_is_an_error_not_a_new_secret),
        cmocka_unit_test(password_keys_are_those_of_the_standard),
        cmocka_unit_test(a_key_of_another_server_serves_sha1_alone),
        cmocka_unit_test(unfit_names_and_passwords_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
