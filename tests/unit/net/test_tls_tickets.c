/* Session tickets: over reloads, by the time of their keys, for streams and datagrams. */
#include "net/tls_tickets.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/tls.h"

#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char folder[32];
    char certificate[64];
    char key[64];
    SSL_CTX *client;
    SSL_SESSION *session; /* the last one the client was given */
};

static int keep_session(SSL *ssl, SSL_SESSION *session) {
    struct world *w = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(w->session);
    w->session = session;
    return 1;
}

static int setup(void **state) {
    struct world *w = calloc(1, sizeof *w);
    *state = w;
    snprintf(w->folder, sizeof w->folder, "/tmp/tickets-test-XXXXXX");
    if (!mkdtemp(w->folder)) {
        return -1;
    }
    snprintf(w->certificate, sizeof w->certificate, "%s/cert.pem", w->folder);
    snprintf(w->key, sizeof w->key, "%s/key.pem", w->folder);
    w->client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_app_data(w->client, w);
    SSL_CTX_set_session_cache_mode(w->client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(w->client, keep_session);
    return tls_make_self_signed(w->folder, NULL, 0);
}

static int teardown(void **state) {
    struct world *w = *state;
    SSL_SESSION_free(w->session);
    SSL_CTX_free(w->client);
    unlink(w->certificate);
    unlink(w->key);
    rmdir(w->folder);
    free(w);
    return 0;
}

/* A handshake in memory. Was the session resumed? Takes the server's end. */
static bool shake_hands(struct world *w, SSL *server) {
    SSL *client = SSL_new(w->client);
    BIO *a, *b;
    char byte;
    assert_int_equal(BIO_new_bio_pair(&a, 0, &b, 0), 1);
    SSL_set_bio(client, a, a);
    SSL_set_bio(server, b, b);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (w->session) {
        SSL_set_session(client, w->session);
    }
    for (int i = 0; i < 10; i++) {
        SSL_read(client, &byte, 1);
        SSL_read(server, &byte, 1);
    }
    assert_true(SSL_is_init_finished(client) && SSL_is_init_finished(server));
    bool resumed = SSL_session_reused(server);
    assert_int_equal(resumed, SSL_session_reused(client));
    if (SSL_version(client) == TLS1_2_VERSION) { /* renewed tickets are not told of */
        SSL_SESSION_free(w->session);
        w->session = SSL_get1_session(client);
    }
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    return resumed;
}

static void survive_a_reload(struct world *w, int version) {
    struct tls_context *tls;
    SSL_CTX_set_max_proto_version(w->client, version);
    assert_int_equal(tls_context_new(&tls, &(struct tls_options){w->certificate, w->key, NULL}), 0);
    assert_false(shake_hands(w, tls_session_new(tls)));
    assert_true(shake_hands(w, tls_session_new(tls)));
    assert_int_equal(tls_make_self_signed(w->folder, NULL, 0), 0);
    assert_int_equal(tls_context_reload(tls, NULL), 0);
    assert_true(shake_hands(w, tls_session_new(tls)));
    assert_int_equal(tls_context_reload(tls, &(struct tls_options){w->certificate, w->key, "1.2"}), 0);
    assert_true(shake_hands(w, tls_session_new(tls)));
    tls_context_free(tls);
}

static void tickets_of_tls_1_2_survive_a_reload(void **state) { survive_a_reload(*state, TLS1_2_VERSION); }

static void tickets_of_tls_1_3_survive_a_reload(void **state) { survive_a_reload(*state, TLS1_3_VERSION); }

static void another_process_s_tickets_mean_a_full_handshake(void **state) {
    struct world *w = *state;
    struct tls_context *one, *other;
    assert_int_equal(tls_context_new(&one, &(struct tls_options){w->certificate, w->key, NULL}), 0);
    assert_int_equal(tls_context_new(&other, &(struct tls_options){w->certificate, w->key, NULL}), 0);
    assert_false(shake_hands(w, tls_session_new(one)));
    assert_false(shake_hands(w, tls_session_new(other)));
    tls_context_free(one);
    tls_context_free(other);
}

static bool same_ticket(const SSL_SESSION *a, const SSL_SESSION *b) {
    const unsigned char *of_a, *of_b;
    size_t len_a, len_b;
    SSL_SESSION_get0_ticket(a, &of_a, &len_a);
    SSL_SESSION_get0_ticket(b, &of_b, &len_b);
    return len_a == len_b && memcmp(of_a, of_b, len_a) == 0;
}

static SSL_CTX *server_with(const struct world *w, struct tls_tickets *tickets) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"x", 1);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, w->certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, w->key, SSL_FILETYPE_PEM), 1);
    assert_int_equal(tls_tickets_use(ctx, tickets), 0);
    return ctx;
}

static void keys_of_one_age_back_are_taken_and_renewed_and_older_ones_are_not(void **state) {
    struct world *w = *state;
    struct tls_tickets *tickets = tls_tickets_new();
    uint64_t now_s = clock_now_us() / 1000000;
    SSL_CTX *ctx = server_with(w, tickets);
    SSL_CTX_set_max_proto_version(w->client, TLS1_2_VERSION); /* where a ticket is not renewed without need */
    assert_false(shake_hands(w, SSL_new(ctx)));
    SSL_SESSION *first = SSL_SESSION_dup(w->session);
    tls_tickets_rotate(tickets, now_s + TLS_TICKET_LIFETIME_S - 60);
    assert_true(shake_hands(w, SSL_new(ctx)));
    assert_true(same_ticket(w->session, first));
    tls_tickets_rotate(tickets, now_s + TLS_TICKET_LIFETIME_S + 60);
    assert_true(shake_hands(w, SSL_new(ctx)));
    assert_false(same_ticket(w->session, first)); /* made with the new key */
    tls_tickets_rotate(tickets, now_s + 2 * TLS_TICKET_LIFETIME_S + 120);
    assert_true(shake_hands(w, SSL_new(ctx)));
    SSL_SESSION_free(w->session);
    w->session = first;
    assert_false(shake_hands(w, SSL_new(ctx)));
    SSL_CTX_free(ctx);
    tls_tickets_unref(tickets);
}

static void unused_keys_are_forgotten(void **state) {
    struct world *w = *state;
    struct tls_tickets *tickets = tls_tickets_new();
    SSL_CTX *ctx = server_with(w, tickets);
    tls_tickets_unref(tickets); /* the context has its own */
    assert_false(shake_hands(w, SSL_new(ctx)));
    tls_tickets_rotate(tickets, clock_now_us() / 1000000 + TLS_TICKET_LIFETIME_S + 60);
    tls_tickets_rotate(tickets, clock_now_us() / 1000000 + 10 * TLS_TICKET_LIFETIME_S);
    assert_false(shake_hands(w, SSL_new(ctx)));
    SSL_CTX_free(ctx);
}

int main(void) {
    log_configure(&(struct log_options){.path = "/dev/null"});
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tickets_of_tls_1_2_survive_a_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(tickets_of_tls_1_3_survive_a_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(another_process_s_tickets_mean_a_full_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_of_one_age_back_are_taken_and_renewed_and_older_ones_are_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(unused_keys_are_forgotten, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
