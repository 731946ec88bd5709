/* A signaling service whose daemon and network are the test. */
#pragma once

#include "config/config.h"
#include "fake_net.h"
#include "signal/signal.h"

struct fixture {
    struct signal_service *service;
    struct config config;        /* UDP, TCP and TLS listeners, development mode, short time-outs */
    unsigned refusals;           /* tokens and keys refused */
    unsigned issued;             /* credentials */
    const char *limited_subject; /* who is over the rate; "": the source; NULL: nobody */
    int credentials_rc;
};
extern struct fixture fixture;

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* "Bearer <token>" signed by key1 (may do all) or weak (may join), in a buffer that the next call reuses. */
const char *token_for(const char *key, const char *subject, const char *room, uint32_t grants);
const char *text_at(const json_t *object, const char *key); /* "" when absent */
const char *error_of(const struct http_request *req);       /* its code; "" for none */
/* Sends; that status and error code have to come back, never to be stored. */
void expect(struct http_request *req, unsigned status, const char *code);
