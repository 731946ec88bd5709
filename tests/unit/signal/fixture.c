#include "fixture.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture fixture;

static struct addr listen_addrs[4];
static char bearer[JWT_TOKEN_SIZE + 16];

/* --- the daemon's part --- */

static int key_find(void *ctx, const char *id, struct signal_key *out) {
    (void)ctx;
    if (strcmp(id, "key1") != 0 && strcmp(id, "weak") != 0) {
        return -ERR_UNKNOWN_KEY;
    }
    out->secret.len = 6;
    memcpy(out->secret.bytes, "secret", 6);
    out->may_join = true;
    out->may_administer = strcmp(id, "key1") == 0;
    return 0;
}

static int key_check(void *ctx, const char *text, char *id) {
    (void)ctx;
    snprintf(id, JWT_KEY_ID_MAX + 1, "key1");
    return strcmp(text, "key1.secret") == 0 ? 0 : strcmp(text, "key1.weak") == 0 ? -ERR_FORBIDDEN : -ERR_UNKNOWN_KEY;
}

static int credentials(void *ctx, const char *subject, struct signal_credentials *out) {
    (void)ctx;
    fixture.issued++;
    snprintf(out->username, sizeof out->username, "1700000600:%s", subject);
    snprintf(out->password, sizeof out->password, "pass");
    out->ttl_s = 600;
    return fixture.credentials_rc;
}

static uint32_t admit(void *ctx, const struct addr *peer, const char *subject) {
    (void)ctx;
    assert_non_null(peer);
    return fixture.limited_subject && strcmp(fixture.limited_subject, subject ? subject : "") == 0 ? 7 : 0;
}

static void refused(void *ctx, const struct addr *peer) {
    (void)ctx;
    (void)peer;
    fixture.refusals++;
}

int fixture_setup(void **state) {
    const struct signal_hooks hooks = {
        .key_find = key_find, .key_check = key_check, .credentials = credentials, .admit = admit, .refused = refused};
    (void)state;
    memset(&fixture.config, 0, sizeof fixture.config);
    addr_parse(&listen_addrs[0], "0.0.0.0:3478");
    addr_parse(&listen_addrs[1], "[::]:3478");
    addr_parse(&listen_addrs[2], "0.0.0.0:5349");
    fixture.config.listen.udp = (struct config_addrs){.count = 2, .items = listen_addrs};
    fixture.config.listen.tcp = (struct config_addrs){.count = 2, .items = listen_addrs};
    fixture.config.listen.tls = (struct config_addrs){.count = 1, .items = listen_addrs + 2};
    fixture.config.tls.certificate = "/cert.pem";
    fixture.config.http.public_url = "";
    fixture.config.cluster.node_name = "n1";
    fixture.config.rooms.auto_create = true;
    fixture.config.rooms.empty_timeout_us = 1000000;
    fixture.config.rooms.resume_timeout_us = 1000000;
    fixture.config.auth.development = true;
    fixture.refusals = fixture.issued = 0;
    fixture.limited_subject = NULL;
    fixture.credentials_rc = 0;
    fixture.service = signal_new(fake_loop(), &fixture.config, &hooks);
    assert_non_null(fixture.service);
    assert_int_equal(signal_add_routes(fixture.service, NULL), 0);
    return 0;
}

int fixture_teardown(void **state) {
    (void)state;
    signal_free(fixture.service);
    assert_false(fake_timer_is_set());
    return 0;
}

/* --- requests --- */

/* "Bearer <token>" of that key for subject in room. */
const char *token_for(const char *key, const char *subject, const char *room, uint32_t grants) {
    struct jwt_claims claims;
    jwt_claims_init(&claims);
    snprintf(claims.issuer, sizeof claims.issuer, "%s", key);
    snprintf(claims.subject, sizeof claims.subject, "%s", subject);
    snprintf(claims.room, sizeof claims.room, "%s", room);
    claims.grants |= grants;
    claims.expires_s = clock_wall_s() + 600;
    memcpy(bearer, "Bearer ", 7);
    assert_true(jwt_sign(bearer + 7, JWT_TOKEN_SIZE, &claims, "secret", 6) > 0);
    return bearer;
}

const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The error's code; "" for none. */
const char *error_of(const struct http_request *req) { return text_at(json_object_get(req->reply, "error"), "code"); }

void expect(struct http_request *req, unsigned status, const char *code) {
    fake_request(req);
    assert_int_equal(req->status, status);
    assert_string_equal(error_of(req), code);
    assert_true(req->no_store);
    assert_int_equal(req->challenge, status == 401);
}
