/* The signaling machine: lines, each one act of one of three clients or of an admin. The first character names the
 * client (0 to 2), the second what happens; see act(). In requests $0 to $2 stand for the clients' sids, $g for the
 * room's generation, $a to $c for the clients' resume keys. After each line everything has to fit together, and in the end
 * nothing may be left.
 * covers: src/signal/dialect.c src/signal/link.c src/signal/join.c src/signal/methods.c src/signal/fields.c
 * covers: src/signal/objects.c src/signal/rooms.c src/signal/room.c src/signal/session.c src/signal/participant.c
 * covers: src/signal/history.c src/signal/event.c src/signal/bans.c */
#include "../scenario/signal_world.h"

#include "base/log.h"
#include "base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLIENTS = 3, INPUT_MAX = 8192, TEXT_MAX = 16384, LINES_MAX = 200 };

static struct world world;

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

/* What a $ and the character after it stand for. */
static void expand_one(const struct client *c, char name, char *out, size_t cap) {
    if (name >= '0' && name < '0' + CLIENTS) {
        snprintf(out, cap, "%s", world.clients[name - '0'].sid);
    } else if (name == 'g') {
        snprintf(out, cap, "%lld", (long long)c->generation);
    } else if (name >= 'a' && name < 'a' + CLIENTS) {
        snprintf(out, cap, "%s", world.clients[name - 'a'].key);
    } else {
        out[0] = '\0';
    }
}

static size_t expand(const struct client *c, const char *line, size_t len, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < len && n < TEXT_MAX - 64; i++) {
        if (line[i] == '$' && i + 1 < len) {
            expand_one(c, line[++i], out + n, 64);
            n += strlen(out + n);
        } else {
            out[n++] = line[i];
        }
    }
    out[n] = '\0';
    return n;
}

/* A whole request gets one reply, unless the connection was closed instead. */
static void request(struct client *c, const char *members) {
    bool stalled = c->stalled;
    json_t *reply = client_request(c, "%s", members);
    check(reply || stalled || c->close_code != 0);
    if (strcmp(at(reply, "self.sid"), "") != 0) {
        snprintf(c->sid, sizeof c->sid, "%s", at(reply, "self.sid"));
        snprintf(c->key, sizeof c->key, "%s", at(reply, "resumeKey"));
        c->generation = number_at(reply, "room.generation");
        c->seq = (uint64_t)number_at(reply, "seq");
    }
    json_decref(reply);
}

static void say(struct client *c, char how, const char *line, size_t len) {
    static char text[TEXT_MAX];
    size_t n = expand(c, line, len, text);
    if (!c->link) {
        client_connect(&world, c);
    }
    if (c->link && how == 'r') {
        request(c, text);
    } else if (c->link) {
        client_send(c, text, n);
    }
}

/* Others' traffic on the same line; counts only where nothing is read. */
static void fill(struct client *c, size_t bytes) {
    if (c->link && c->stalled && c->queued + bytes < WORLD_QUEUE_MAX) {
        c->queued += bytes;
    }
}

/* Many times the same request. */
static void flood(struct client *c) {
    for (int i = 0; i < SIGNAL_BURST + 2 && c->link; i++) {
        client_send(c, "{\"id\":1,\"method\":\"ping\"}", 24);
    }
}

/* len bytes of one string. */
static void send_large(struct client *c, size_t len) {
    static char text[SIGNAL_MESSAGE_MAX + 4096];
    memset(text, 'x', len);
    static const char head[] = "{\"id\":1,\"method\":\"chat\",\"text\":\"";
    memcpy(text, head, sizeof head - 1);
    memcpy(text + len - 2, "\"}", 2);
    client_send(c, text, len);
}

static void reconfigure(bool auto_create) {
    const struct dialect_config config = {
        .rooms = {.resume_timeout_us = 20000000, .max_participants = 2, .auto_create = auto_create}};
    dialect_configure(world.dialect, &config);
}

/* An admin's act on the room of the client. */
static void administer(const struct client *c, char what) {
    struct rooms *rooms = dialect_rooms(world.dialect);
    struct session *s = c->link ? c->link->session : NULL;
    if (what == 'C' || what == 'D') {
        reconfigure(what == 'C');
    }
    if (!s) {
        return;
    }
    struct participant *p = s->participant;
    const struct room_options options = {.metadata = "m", .set_max_participants = true, .max_participants = 2};
    if (what == 'K') {
        rooms_kick(rooms, p->room, p->identity, 0, &world.now);
    } else if (what == 'B') {
        rooms_kick(rooms, p->room, p->identity, 30, &world.now);
    } else if (what == 'M') {
        rooms_mute(p->room, p->identity, NULL);
    } else if (what == 'X') {
        rooms_close(rooms, p->room->name, &world.now);
    } else {
        rooms_open(rooms, p->room->name, &options, &world.now);
    }
    dialect_settle(world.dialect, &world.now);
    world_settle(&world);
}

static void act(struct client *c, char what, const char *rest, size_t len) {
    switch (what) {
    case 'c': /* connect */
        if (!c->link) {
            client_connect(&world, c);
        }
        break;
    case 'b': /* the connection breaks */
        client_break(c, 1006);
        break;
    case 'q': /* or is closed by the client */
        client_break(c, 1001);
        break;
    case 's': /* reads no more, or again */
        client_stall(c, !c->stalled);
        break;
    case 't': /* time goes by: a tenth of a second to 25 seconds */
        world_sleep(&world, (len > 0 ? (unsigned char)rest[0] : 1) / 10.0);
        break;
    case 'l': /* the queue fills: kilobytes */
        fill(c, 1024 * (size_t)(len > 0 ? (unsigned char)rest[0] : 1));
        break;
    case 'f': /* a flood */
        if (c->link) {
            flood(c);
        }
        break;
    case 'z': /* a large message: kilobytes */
        if (c->link) {
            send_large(c, 1024 * (size_t)(len > 0 ? 1 + (unsigned char)rest[0] : 257));
        }
        break;
    case 'S': /* the server stops */
        dialect_shutdown(world.dialect, &world.now);
        world_settle(&world);
        break;
    case 'r': /* request: the members beside id */
    case '=': /* a message as it stands */
        say(c, what, rest, len);
        break;
    default:
        administer(c, what);
    }
}

static void check_nothing_is_left(void) {
    static const enum metric_id gauges[] = {METRIC_ROOMS,
                                            METRIC_TRACKS,
                                            METRIC_PARTICIPANTS_ACTIVE,
                                            METRIC_PARTICIPANTS_AWAY,
                                            METRIC_SIGNAL_CONNECTIONS_JOINED,
                                            METRIC_SIGNAL_CONNECTIONS_JOINING};
    world_sleep(&world, 100);
    check(dialect_rooms(world.dialect)->by_name.count == 0);
    check(dialect_rooms(world.dialect)->by_resume_key.count == 0);
    check(dialect_deadline_us(world.dialect) == UINT64_MAX);
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        check(metrics_read(gauges[i]) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *at_line = (const char *)data;
    const char *end = at_line + (size < INPUT_MAX ? size : INPUT_MAX);
    log_set_level(LOG_LEVEL_ERROR);
    world_init(&world);
    for (unsigned lines = 0; at_line < end && lines < LINES_MAX; lines++) {
        const char *feed = memchr(at_line, '\n', (size_t)(end - at_line));
        size_t len = (size_t)((feed ? feed : end) - at_line);
        if (len >= 2) {
            struct client *c = &world.clients[(unsigned char)at_line[0] % CLIENTS];
            act(c, at_line[1], at_line + 2, len - 2);
            world_check(&world);
            if (!c->stalled) {
                client_drain(c);
            }
        }
        at_line += len + 1;
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        client_break(&world.clients[i], i & 1 ? 1006 : 1000);
    }
    check_nothing_is_left();
    world_deinit(&world);
    return 0;
}
