/* Clients of turnout.v1 in virtual time, on connections that can stall and break: the dialect and the rooms without
 * sockets. A broken expectation aborts. Tokens are "identity@room" and options after a colon, e.g. "a@r:hidden,own". */
#pragma once

#include "signal/link.h"

#include <jansson.h>

enum { WORLD_CLIENTS_MAX = 64, WORLD_QUEUE_MAX = 1 << 20 };

struct world;

struct client {
    struct world *world;
    struct link *link; /* NULL: not connected */
    json_t *inbox;     /* what arrived and was not looked at yet; NULL before the first connection */
    json_t *wire;      /* sent to it while it reads nothing */
    size_t queued;     /* bytes on the wire */
    bool stalled;
    unsigned close_code; /* the server closed; 0: it did not */
    uint64_t next_id;
    uint64_t seq; /* of the latest event seen */
    char sid[SID_SIZE];
    char key[RESUME_KEY_SIZE];
    char identity[JWT_ID_MAX + 1];
    int64_t generation;
};

struct world {
    struct dialect *dialect;
    struct moment now;
    struct client clients[WORLD_CLIENTS_MAX];
    unsigned refused;    /* tokens */
    unsigned observed;   /* events in rooms */
    bool no_credentials; /* ice_servers has none */
    bool limited;        /* ice-servers is over its rate */
};

/* Resume and empty time-outs of 60 s and 30 s, rooms made by joining. */
void world_init(struct world *w);
void world_init_config(struct world *w, const struct rooms_config *rooms);
/* Also checks that nothing of a room is left. */
void world_deinit(struct world *w);
/* Moves time, in steps, firing what is due. */
void world_sleep(struct world *w, double seconds);
/* Ends the connections that the server has closed, as the event loop would. */
void world_settle(struct world *w);
/* Aborts unless counts, links and sessions fit together. */
void world_check(struct world *w);

void client_connect(struct world *w, struct client *c);
/* The connection vanishes (1006) or is closed with that code. */
void client_break(struct client *c, unsigned code);
/* Stalled: reads nothing. Back: what waited arrives. */
void client_stall(struct client *c, bool stalled);

/* Sends raw text. */
void client_send(struct client *c, const char *text, size_t len);
/* Sends {"id":N, …members…} ("\"method\":\"ping\"") and returns the reply, a new reference. */
json_t *client_request(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, and the reply has to be this error ("" is ok). */
void client_expect(struct client *c, const char *error, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Connects and joins, keeping sid and key. Returns the reply. */
json_t *client_join(struct world *w, struct client *c, const char *token);
void client_enter(struct world *w, struct client *c, const char *token);
/* Connects and resumes after seq. */
json_t *client_resume(struct world *w, struct client *c, uint64_t seq);

/* The next event, which has to be of that name; a new reference. */
json_t *client_event(struct client *c, const char *name);
void client_expect_event(struct client *c, const char *name);
/* Nothing unread is there. */
void client_expect_quiet(const struct client *c);
void client_drain(struct client *c);
/* A text member at a path such as "participant.sid"; "" when absent. */
const char *at(const json_t *object, const char *path);
json_int_t number_at(const json_t *object, const char *path);
