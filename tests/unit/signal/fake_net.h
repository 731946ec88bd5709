/* net/ as signaling sees it, replaced at link time: requests made by the test, answers kept, WebSockets and time in its hand. */
#pragma once

#include "net/http.h"
#include "net/ws.h"

#include <jansson.h>
#include <stdbool.h>

struct loop;

struct fake_pair {
    const char *name;
    const char *value;
};

enum { FAKE_PAIRS_MAX = 8 };

/* One request; pairs end at the first without a name. */
struct http_request {
    const char *method;
    const char *path;
    struct fake_pair headers[FAKE_PAIRS_MAX];
    struct fake_pair query[FAKE_PAIRS_MAX];
    const char *body;
    struct addr peer;
    /* set by the route */
    struct fake_pair params[FAKE_PAIRS_MAX];
    char segments[FAKE_PAIRS_MAX][160];
    /* the answer */
    unsigned answers;
    unsigned status;
    char retry_after[16];
    bool no_store;
    bool challenge; /* WWW-Authenticate */
    json_t *reply;
    bool upgraded;
};

/* A WebSocket that was opened. */
struct ws {
    void *ctx; /* of its handlers */
    json_t *sent;
    unsigned close_code;
};

struct loop *fake_loop(void);
/* Moves the time of loop_now_us and fires its timer when it is due. */
void fake_sleep(double seconds);
bool fake_timer_is_set(void);

/* Finds the route and calls it; exactly one answer has to follow. */
void fake_request(struct http_request *req);
void fake_request_free(struct http_request *req);
/* After an upgrade. */
struct ws *fake_ws_open(void);
void fake_ws_text(struct ws *ws, const char *text);
void fake_ws_closed(struct ws *ws, unsigned code);
