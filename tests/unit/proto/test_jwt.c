#include "proto/jwt/jwt.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char secret[] = "a secret of thirty-two characters";
static const uint64_t now = 1700000000;

static int lookup(void *ctx, const char *issuer, struct jwt_secret *out) {
    (void)ctx;
    if (strcmp(issuer, "key1") != 0) {
        return -ERR_UNKNOWN_KEY;
    }
    out->len = sizeof secret - 1;
    memcpy(out->bytes, secret, out->len);
    return 0;
}

static const struct jwt_keys keys = {.lookup = lookup};

/* A token of any header and payload, signed with our secret. */
static char *craft(const char *header, const char *payload) {
    size_t cap = BASE64_SIZE(strlen(header)) + BASE64_SIZE(strlen(payload)) + 64;
    char *token = malloc(cap);
    uint8_t mac[32];
    unsigned mac_len;
    assert_non_null(token);
    size_t n = base64url_encode(token, header, strlen(header));
    token[n++] = '.';
    n += base64url_encode(token + n, payload, strlen(payload));
    HMAC(EVP_sha256(), secret, sizeof secret - 1, (uint8_t *)token, n, mac, &mac_len);
    token[n++] = '.';
    base64url_encode(token + n, mac, sizeof mac);
    return token;
}

/* text fits every string of the claims. */
static void set_text(char *out, const char *text) { memcpy(out, text, strlen(text) + 1); }

#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static int verify_at(struct jwt_claims *out, char *token, uint64_t at) {
    int rc = jwt_verify(out, token, strlen(token), &keys, at);
    free(token);
    return rc;
}

static int verify_payload(struct jwt_claims *out, const char *payload) {
    return verify_at(out, craft(HS256, payload), now);
}

/* A payload with the members given, expiring in an hour. */
static int verify_members(struct jwt_claims *out, const char *members) {
    char payload[8192];
    snprintf(payload, sizeof payload, "{\"iss\":\"key1\",\"exp\":1700003600%s}", members);
    return verify_payload(out, payload);
}

static void a_token_of_another_library_is_read(void **state) {
    struct jwt_claims c;
    (void)state;
    assert_int_equal(
        verify_members(&c,
                       ",\"sub\":\"alice\",\"nbf\":1699999999.5,\"name\":\"Alice\",\"metadata\":\"{}\",\"iat\":1,"
                       "\"attributes\":{\"seat\":\"4\"},\"kind\":\"standard\",\"video\":{\"room\":\"r\","
                       "\"roomJoin\":true,\"canSubscribe\":false,\"canPublishSources\":[\"camera\",\"screen_share\"],"
                       "\"recorder\":true},\"turnout\":{\"maxBitrate\":500000,\"maxHeight\":720,\"maxTracks\":2,"
                       "\"maxReceiveBitrate\":3000000}"),
        0);
    assert_string_equal(c.issuer, "key1");
    assert_string_equal(c.subject, "alice");
    assert_string_equal(c.name, "Alice");
    assert_string_equal(c.metadata, "{}");
    assert_string_equal(c.room, "r");
    assert_string_equal(pairs_get(&c.attributes, "seat"), "4");
    assert_int_equal(c.expires_s, 1700003600);
    assert_int_equal(c.not_before_s, 1699999999);
    assert_int_equal(c.grants, JWT_GRANT_ROOM_JOIN | JWT_GRANT_PUBLISH | JWT_GRANT_PUBLISH_DATA);
    assert_int_equal(c.sources, JWT_SOURCE_CAMERA | JWT_SOURCE_SCREEN);
    assert_int_equal(c.caps.max_bitrate_bps, 500000);
    assert_int_equal(c.caps.max_receive_bitrate_bps, 3000000);
    assert_int_equal(c.caps.max_height, 720);
    assert_int_equal(c.caps.max_tracks, 2);
}

static void absent_permissions_are_those_of_existing_libraries(void **state) {
    struct jwt_claims c;
    (void)state;
    assert_int_equal(verify_members(&c, ""), 0);
    assert_int_equal(c.grants, JWT_GRANT_PUBLISH | JWT_GRANT_SUBSCRIBE | JWT_GRANT_PUBLISH_DATA);
    assert_int_equal(c.sources, JWT_SOURCES_ALL);
    assert_int_equal(verify_members(&c, ",\"video\":{\"canPublish\":false,\"canPublishSources\":[]}"), 0);
    assert_int_equal(c.grants, JWT_GRANT_SUBSCRIBE); /* data follows canPublish */
    assert_int_equal(c.sources, JWT_SOURCES_ALL);
    assert_int_equal(verify_members(&c, ",\"video\":{\"canPublish\":false,\"canPublishData\":true}"), 0);
    assert_int_equal(c.grants, JWT_GRANT_SUBSCRIBE | JWT_GRANT_PUBLISH_DATA);
    assert_int_equal(verify_members(&c, ",\"video\":{\"canPublishSources\":[\"hologram\"]}"), 0);
    assert_int_equal(c.sources, 0);
}

static void what_is_signed_verifies_to_the_same_claims(void **state) {
    char token[JWT_TOKEN_SIZE];
    struct jwt_claims in;
    struct jwt_claims out;
    (void)state;
    for (uint32_t i = 0; i < 1 << 9; i++) {
        jwt_claims_init(&in);
        set_text(in.issuer, "key1");
        set_text(in.subject, "b\xc3\xb6"
                             "b \"quoted\"");
        set_text(in.room, "room/1");
        set_text(in.metadata, "line\nline");
        set_text(in.sha256, "c2hh");
        pairs_set(&in.attributes, "k", "v");
        in.grants = i;
        in.sources = i & JWT_SOURCES_ALL;
        in.expires_s = now + i;
        in.not_before_s = i ? now - i : 0;
        in.caps.max_height = i;
        long n = jwt_sign(token, sizeof token, &in, secret, sizeof secret - 1);
        assert_true(n > 0);
        assert_int_equal(strlen(token), n);
        assert_int_equal(jwt_verify(&out, token, (size_t)n, &keys, now), 0);
        out.attributes.data[0] = in.attributes.data[0];
        assert_memory_equal(&in, &out, offsetof(struct jwt_claims, attributes));
        assert_string_equal(pairs_get(&out.attributes, "k"), "v");
        assert_int_equal(out.grants, in.grants);
        assert_int_equal(out.sources, in.sources);
        assert_int_equal(out.expires_s, in.expires_s);
        assert_int_equal(out.not_before_s, in.not_before_s);
        assert_memory_equal(&in.caps, &out.caps, sizeof in.caps);
    }
}

static void every_other_algorithm_is_refused(void **state) {
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{\"alg\":[\"HS256\"]}",
        "{}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWE\"}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
        "HS256",
    };
    struct jwt_claims c;
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        assert_int_equal(verify_at(&c, craft(headers[i], "{\"iss\":\"key1\",\"exp\":1700003600}"), now), -EBADMSG);
    }
    assert_int_equal(
        verify_at(&c, craft("{\"alg\":\"HS256\",\"kid\":\"x\"}", "{\"iss\":\"key1\",\"exp\":1700003600}"), now), 0);
}

static void alg_none_without_signature_is_refused(void **state) {
    struct jwt_claims c;
    char *token = craft("{\"alg\":\"none\"}", "{\"iss\":\"key1\",\"exp\":1700003600}");
    (void)state;
    strrchr(token, '.')[1] = '\0';
    assert_int_equal(verify_at(&c, token, now), -EBADMSG);
    token = craft(HS256, "{\"iss\":\"key1\",\"exp\":1700003600}");
    strrchr(token, '.')[1] = '\0';
    assert_int_equal(verify_at(&c, token, now), -EBADMSG);
}

static void another_key_is_an_integrity_error(void **state) {
    char token[JWT_TOKEN_SIZE];
    struct jwt_claims c;
    (void)state;
    jwt_claims_init(&c);
    set_text(c.issuer, "key1");
    c.expires_s = now + 1;
    long n = jwt_sign(token, sizeof token, &c, "another secret", 14);
    assert_int_equal(jwt_verify(&c, token, (size_t)n, &keys, now), -ERR_INTEGRITY);
}

static void every_changed_character_is_noticed(void **state) {
    char *token = craft(HS256, "{\"iss\":\"key1\",\"exp\":1700003600}");
    size_t len = strlen(token);
    struct jwt_claims c;
    (void)state;
    for (size_t i = 0; i < len; i++) {
        char was = token[i];
        token[i] = was == 'A' ? 'B' : 'A';
        assert_true(jwt_verify(&c, token, len, &keys, now) < 0);
        token[i] = was;
    }
    assert_int_equal(verify_at(&c, token, now), 0);
}

static void an_unknown_issuer_has_no_key(void **state) {
    struct jwt_claims c;
    (void)state;
    assert_int_equal(verify_payload(&c, "{\"iss\":\"key2\",\"exp\":1700003600}"), -ERR_UNKNOWN_KEY);
    assert_int_equal(verify_payload(&c, "{\"exp\":1700003600}"), -EBADMSG);
    assert_int_equal(verify_payload(&c, "{\"iss\":\"\",\"exp\":1700003600}"), -EBADMSG);
}

static void expiry_is_required_and_has_sixty_seconds_of_leeway(void **state) {
    static const char payload[] = "{\"iss\":\"key1\",\"exp\":1700000000}";
    struct jwt_claims c;
    (void)state;
    assert_int_equal(verify_at(&c, craft(HS256, payload), 1700000059), 0);
    assert_int_equal(verify_at(&c, craft(HS256, payload), 1700000060), -ERR_EXPIRED);
    assert_int_equal(verify_payload(&c, "{\"iss\":\"key1\"}"), -EBADMSG);
    assert_int_equal(verify_payload(&c, "{\"iss\":\"key1\",\"exp\":-1}"), -EBADMSG);
    assert_int_equal(verify_payload(&c, "{\"iss\":\"key1\",\"exp\":1e300}"), -EBADMSG);
    assert_int_equal(verify_payload(&c, "{\"iss\":\"key1\",\"exp\":\"1700003600\"}"), -EBADMSG);
    assert_int_equal(verify_payload(&c, "{\"iss\":\"key1\",\"exp\":9223372036854775807}"), -EBADMSG);
}

static void a_token_of_the_future_is_not_yet_valid(void **state) {
    static const char payload[] = "{\"iss\":\"key1\",\"exp\":1700003600,\"nbf\":1700000100}";
    struct jwt_claims c;
    (void)state;
    assert_int_equal(verify_at(&c, craft(HS256, payload), 1700000039), -EAGAIN);
    assert_int_equal(verify_at(&c, craft(HS256, payload), 1700000040), 0);
}

static void huge_tokens_are_refused_before_they_are_read(void **state) {
    struct jwt_claims c;
    char *huge = malloc(JWT_TOKEN_MAX + 2);
    (void)state;
    assert_non_null(huge);
    memset(huge, 'A', JWT_TOKEN_MAX + 1);
    huge[JWT_TOKEN_MAX + 1] = '\0';
    assert_int_equal(verify_at(&c, huge, now), -EMSGSIZE);
    char header[1024] = "{\"alg\":\"HS256\",\"x\":\"";
    memset(header + strlen(header), 'x', 620 - strlen(header));
    memcpy(header + 620, "\"}", 3);
    assert_int_equal(verify_at(&c, craft(header, "{\"iss\":\"key1\",\"exp\":1700003600}"), now), -EBADMSG);
}

static void malformed_tokens_are_refused(void **state) {
    static const char *const bad[] = {"",      ".",           "..",          "...",        "a.b",
                                      "a.b.c", "e30.e30.e30", "e30=.e30.AA", " e30.e30.AA"};
    struct jwt_claims c;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(jwt_verify(&c, bad[i], strlen(bad[i]), &keys, now), -EBADMSG);
    }
    char *token = craft(HS256, "{\"iss\":\"key1\",\"exp\":1700003600}");
    char longer[256];
    snprintf(longer, sizeof longer, "%s.", token);
    free(token);
    assert_int_equal(jwt_verify(&c, longer, strlen(longer), &keys, now), -EBADMSG);
}

static void claims_of_a_wrong_type_or_length_are_refused(void **state) {
    static const char *const bad[] = {
        ",\"sub\":7",
        ",\"name\":[]",
        ",\"metadata\":{}",
        ",\"attributes\":[]",
        ",\"attributes\":{\"a\":1}",
        ",\"attributes\":{\"\":\"x\"}",
        ",\"video\":[]",
        ",\"video\":{\"room\":1}",
        ",\"video\":{\"roomJoin\":\"yes\"}",
        ",\"video\":{\"canPublishSources\":\"camera\"}",
        ",\"video\":{\"canPublishSources\":[1]}",
        ",\"turnout\":1",
        ",\"turnout\":{\"maxBitrate\":-1}",
        ",\"turnout\":{\"maxHeight\":65536}",
        ",\"sub\":\"a\\nb\"",
        ",\"sub\":\"a\\u0000\"",
        ",\"sub\":\"\\u0085\"",
        ",\"exp\":1700003600",
        ",\"video\":{\"a\":[[[[[]]]]]}",
    };
    char members[512];
    struct jwt_claims c;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(verify_members(&c, bad[i]), -EBADMSG);
    }
    snprintf(members, sizeof members, ",\"sub\":\"%0129d\"", 0);
    assert_int_equal(verify_members(&c, members), -EBADMSG);
    snprintf(members, sizeof members, ",\"sub\":\"%0128d\"", 0);
    assert_int_equal(verify_members(&c, members), 0);
}

static void signing_refuses_what_verifying_would(void **state) {
    char token[JWT_TOKEN_SIZE];
    struct jwt_claims c;
    (void)state;
    jwt_claims_init(&c);
    c.expires_s = now;
    assert_int_equal(jwt_sign(token, sizeof token, &c, "s", 1), -EINVAL); /* no issuer */
    set_text(c.issuer, "key1");
    assert_true(jwt_sign(token, sizeof token, &c, "s", 1) > 0);
    for (size_t cap = 0; cap < 150; cap++) {
        assert_int_equal(jwt_sign(token, cap, &c, "s", 1), -ENOBUFS);
    }
    set_text(c.subject, "a\tb");
    assert_int_equal(jwt_sign(token, sizeof token, &c, "s", 1), -EINVAL);
    set_text(c.subject, "a");
    c.expires_s = 0;
    assert_int_equal(jwt_sign(token, sizeof token, &c, "s", 1), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_of_another_library_is_read),
        cmocka_unit_test(absent_permissions_are_those_of_existing_libraries),
        cmocka_unit_test(what_is_signed_verifies_to_the_same_claims),
        cmocka_unit_test(every_other_algorithm_is_refused),
        cmocka_unit_test(alg_none_without_signature_is_refused),
        cmocka_unit_test(another_key_is_an_integrity_error),
        cmocka_unit_test(every_changed_character_is_noticed),
        cmocka_unit_test(an_unknown_issuer_has_no_key),
        cmocka_unit_test(expiry_is_required_and_has_sixty_seconds_of_leeway),
        cmocka_unit_test(a_token_of_the_future_is_not_yet_valid),
        cmocka_unit_test(huge_tokens_are_refused_before_they_are_read),
        cmocka_unit_test(malformed_tokens_are_refused),
        cmocka_unit_test(claims_of_a_wrong_type_or_length_are_refused),
        cmocka_unit_test(signing_refuses_what_verifying_would),
    };
    return cmocka_run_group_tests_name("proto/jwt", tests, NULL, NULL);
}
