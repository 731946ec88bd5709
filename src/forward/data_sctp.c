/* struct forward_data_stack on libusrsctp: a one-to-many socket per association, bound to an address that is the
 * association's number (AF_CONN takes any pointer there, puts it into cookies and hands it back: never one of ours). */
#include "forward/data_stack.h"

#include "base/list.h"
#include "forward/data_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <usrsctp.h>

#define TICK_US      10000ULL
#define IDLE_TICK_US 100000ULL /* when nothing has come or gone for a while */
#define ACTIVE_US    2000000ULL

enum {
    LINKS_MAX = 1 << 16,
    LINKS_FIRST = 16,
    GENERATION_SHIFT = 16,
    ELAPSED_MAX_MS = 60000,
    FINISH_TRIES = 100,
};

enum pending_kind { PENDING_UP, PENDING_MESSAGE, PENDING_RESET, PENDING_GONE };

/* What libusrsctp told and the owner has not heard yet. */
struct pending {
    struct list node;
    enum pending_kind kind;
    struct forward_sctp_message message;
    void *bytes; /* owned; libusrsctp's malloc */
    uint64_t streams;
    bool incoming;
};

struct link {
    uint32_t id;
    struct socket *so;
    sctp_assoc_t assoc;
    bool up;
    bool gone;
    size_t unsent;    /* bytes that wait */
    uint64_t wanted;  /* streams to reset: to be asked for */
    uint64_t asked;   /* asked for, no answer yet */
    uint64_t cutting; /* streams on which the rest of a message that is too long comes */
    struct forward_link_events events;
    struct list pending;
    struct list ready; /* in stack.ready while pending is not empty */
};

struct slot {
    struct link *link;
    uint16_t generation;
};

static struct {
    struct forward_data_stack api;
    struct slot *slots;
    size_t slot_count;
    size_t link_count;
    size_t next; /* where the search for a free slot begins */
    struct list ready;
    bool running;
    bool telling;
    uint64_t ticked_us;
    uint64_t active_us;
} stack;

/* ---- numbers */

static void *address_of(uint32_t id) { return (void *)(uintptr_t)id; }

static struct link *find(uint32_t id) {
    size_t index = id & (LINKS_MAX - 1);
    struct link *l = index < stack.slot_count ? stack.slots[index].link : NULL;
    return l && l->id == id ? l : NULL;
}

static struct link *find_address(const void *address) {
    uintptr_t id = (uintptr_t)address;
    return id <= UINT32_MAX ? find((uint32_t)id) : NULL;
}

static int grow(void) {
    size_t count = stack.slot_count ? 2 * stack.slot_count : LINKS_FIRST;
    if (stack.slot_count == LINKS_MAX) {
        return -ENOBUFS;
    }
    struct slot *slots = realloc(stack.slots, count * sizeof *slots);
    if (!slots) {
        return -ENOMEM;
    }
    memset(slots + stack.slot_count, 0, (count - stack.slot_count) * sizeof *slots);
    stack.slots = slots;
    stack.next = stack.slot_count;
    stack.slot_count = count;
    return 0;
}

/* A number that was not used for the last 65535 associations of its slot; never 0. */
static int enter(struct link *l) {
    if (stack.link_count == stack.slot_count) {
        int rc = grow();
        if (rc < 0) {
            return rc;
        }
    }
    while (stack.slots[stack.next % stack.slot_count].link) {
        stack.next++;
    }
    size_t index = stack.next++ % stack.slot_count;
    struct slot *s = &stack.slots[index];
    s->generation = s->generation == UINT16_MAX ? 1 : (uint16_t)(s->generation + 1);
    s->link = l;
    l->id = (uint32_t)s->generation << GENERATION_SHIFT | (uint32_t)index;
    stack.link_count++;
    return 0;
}

static void leave(struct link *l) {
    stack.slots[l->id & (LINKS_MAX - 1)].link = NULL;
    stack.link_count--;
}

/* ---- what libusrsctp tells, under its locks: noted, told later */

static struct pending *note(struct link *l, enum pending_kind kind) {
    struct pending *p = calloc(1, sizeof *p);
    if (!p) {
        l->gone = true; /* a reliable channel with a hole is worse than none; the next packet is the last */
        return NULL;
    }
    p->kind = kind;
    if (list_empty(&l->pending)) {
        list_push_back(&stack.ready, &l->ready);
    }
    list_push_back(&l->pending, &p->node);
    return p;
}

static void note_change(struct link *l, const struct sctp_assoc_change *change) {
    if (change->sac_state == SCTP_COMM_UP || change->sac_state == SCTP_RESTART) {
        l->assoc = change->sac_assoc_id;
        l->up = true;
        l->wanted = l->asked = l->cutting = 0;
        l->unsent = 0;
        note(l, PENDING_UP);
    } else if (!l->gone) {
        l->up = false;
        l->gone = true;
        note(l, PENDING_GONE);
    }
}

static void note_reset(struct link *l, const struct sctp_stream_reset_event *event) {
    size_t count = (event->strreset_length - sizeof *event) / sizeof event->strreset_stream_list[0];
    bool incoming = event->strreset_flags & SCTP_STREAM_RESET_INCOMING_SSN;
    uint64_t streams = count == 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t stream = event->strreset_stream_list[i];
        streams |= stream < FORWARD_STREAMS ? 1ULL << stream : 0;
    }
    if (!incoming) {
        uint64_t answered = streams & l->asked;
        l->asked &= ~answered;
        if (event->strreset_flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) {
            l->wanted |= answered;
            return;
        }
        streams = answered;
    } else {
        l->cutting &= ~streams;
    }
    struct pending *p = streams ? note(l, PENDING_RESET) : NULL;
    if (p) {
        p->streams = streams;
        p->incoming = incoming;
    }
}

static void note_notification(struct link *l, const union sctp_notification *n, size_t len) {
    if (len < sizeof n->sn_header || n->sn_header.sn_length > len) {
        return;
    }
    if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE && len >= sizeof(struct sctp_assoc_change)) {
        note_change(l, &n->sn_assoc_change);
    } else if (n->sn_header.sn_type == SCTP_STREAM_RESET_EVENT && len >= sizeof(struct sctp_stream_reset_event)) {
        note_reset(l, &n->sn_strreset_event);
    }
}

/* Takes bytes. Of a message that is too long the first piece is told, without bytes, and the rest dropped. */
static void note_message(struct link *l, void *bytes, size_t len, const struct sctp_rcvinfo *info, bool whole) {
    uint64_t bit = info->rcv_sid < FORWARD_STREAMS ? 1ULL << info->rcv_sid : 0;
    bool cut = l->cutting & bit;
    bool too_long = !whole || len > FORWARD_MESSAGE_BYTES_MAX;
    l->cutting = whole ? l->cutting & ~bit : l->cutting | bit;
    struct pending *p = cut || bit == 0 ? NULL : note(l, PENDING_MESSAGE);
    if (!p) {
        free(bytes);
        return;
    }
    p->message = (struct forward_sctp_message){.stream = info->rcv_sid,
                                               .ppid = ntohl(info->rcv_ppid),
                                               .unordered = info->rcv_flags & SCTP_UNORDERED,
                                               .len = len};
    if (too_long) {
        free(bytes);
    } else {
        p->bytes = bytes;
        p->message.data = bytes;
    }
}

static int on_receive(struct socket *so, union sctp_sockstore from, void *data, size_t len, struct sctp_rcvinfo info,
                      int flags, void *ulp) {
    struct link *l = find_address(ulp);
    (void)so;
    (void)from;
    if (!l || !data) {
        free(data);
    } else if (flags & MSG_NOTIFICATION) {
        note_notification(l, data, len);
        free(data);
    } else {
        note_message(l, data, len, &info, flags & MSG_EOR);
    }
    return 1;
}

/* The peer has acknowledged something: free is what the send buffer has room for. */
static int on_room(struct socket *so, uint32_t room, void *ulp) {
    struct link *l = find_address(ulp);
    (void)so;
    if (l) {
        l->unsent = room < FORWARD_BUFFERED_MAX ? FORWARD_BUFFERED_MAX - room : 0;
    }
    return 1;
}

static int on_packet(void *address, void *data, size_t len, uint8_t tos, uint8_t set_df) {
    struct link *l = find_address(address);
    (void)tos;
    (void)set_df;
    if (l) {
        l->events.packet(l->events.ctx, data, len);
    }
    return 0;
}

/* ---- telling the owner */

static void tell(struct link *l, struct pending *p) {
    switch (p->kind) {
    case PENDING_UP:
        l->events.up(l->events.ctx);
        break;
    case PENDING_MESSAGE:
        l->events.message(l->events.ctx, &p->message);
        break;
    case PENDING_RESET:
        l->events.reset(l->events.ctx, p->streams, p->incoming);
        break;
    case PENDING_GONE:
        l->events.gone(l->events.ctx);
        break;
    }
}

static struct pending *take_pending(struct link *l) {
    struct pending *p = LIST_ENTRY(l->pending.next, struct pending, node);
    list_remove(&p->node);
    if (list_empty(&l->pending)) {
        list_remove(&l->ready);
    }
    return p;
}

static void free_pending(struct pending *p) {
    free(p->bytes);
    free(p);
}

/* libusrsctp takes one request at a time. */
static void ask_resets(struct link *l) {
    union {
        struct sctp_reset_streams request;
        uint8_t room[sizeof(struct sctp_reset_streams) + FORWARD_STREAMS * sizeof(uint16_t)];
    } u = {.room = {0}};
    if (!l->up || !l->wanted || l->asked) {
        return;
    }
    u.request.srs_assoc_id = l->assoc;
    u.request.srs_flags = SCTP_STREAM_RESET_OUTGOING;
    uint16_t *list = (uint16_t *)(void *)(u.room + sizeof u.request);
    for (uint16_t i = 0; i < FORWARD_STREAMS; i++) {
        if (l->wanted & 1ULL << i) {
            list[u.request.srs_number_streams++] = i;
        }
    }
    socklen_t len = (socklen_t)(sizeof u.request + u.request.srs_number_streams * sizeof *list);
    if (usrsctp_setsockopt(l->so, IPPROTO_SCTP, SCTP_RESET_STREAMS, &u, len) == 0) {
        l->asked = l->wanted;
        l->wanted = 0;
    }
}

/* After each call into libusrsctp. An event may get here again by what it sends. */
static void tell_all(void) {
    if (stack.telling) {
        return;
    }
    stack.telling = true;
    while (!list_empty(&stack.ready)) {
        struct link *l = LIST_ENTRY(stack.ready.next, struct link, ready);
        struct pending *p = take_pending(l);
        tell(l, p);
        free_pending(p);
        ask_resets(l);
    }
    stack.telling = false;
}

/* ---- associations */

static int start(struct link *l, bool active) {
    struct sockaddr_conn name = {
        .sconn_family = AF_CONN, .sconn_port = htons(FORWARD_SCTP_PORT), .sconn_addr = address_of(l->id)};
    struct sockaddr *sa = (struct sockaddr *)(void *)&name;
    l->so = usrsctp_socket(AF_CONN, SOCK_SEQPACKET, IPPROTO_SCTP, on_receive, on_room, 0, address_of(l->id));
    if (!l->so) {
        return -ENOMEM;
    }
    if (data_socket_prepare(l->so) < 0 || usrsctp_bind(l->so, sa, sizeof name) < 0 || usrsctp_listen(l->so, 1) < 0) {
        return -EIO;
    }
    return active && usrsctp_connect(l->so, sa, sizeof name) < 0 && errno != EINPROGRESS ? -EIO : 0;
}

static void end(struct link *l) {
    if (l->so) {
        usrsctp_close(l->so); /* aborts */
    }
    usrsctp_deregister_address(address_of(l->id));
    leave(l);
    while (!list_empty(&l->pending)) {
        free_pending(take_pending(l));
    }
    free(l);
}

static int sctp_open(struct forward_data_stack *s, const struct forward_link_options *options, uint32_t *link) {
    struct link *l = calloc(1, sizeof *l);
    (void)s;
    int rc = l ? enter(l) : -ENOMEM;
    if (rc < 0) {
        free(l);
        return rc;
    }
    l->events = options->events;
    list_init(&l->pending);
    list_init(&l->ready);
    stack.active_us = options->now_us;
    usrsctp_register_address(address_of(l->id));
    rc = start(l, options->active);
    *link = l->id;
    if (rc < 0) {
        end(l);
    }
    return rc;
}

static void sctp_close(struct forward_data_stack *s, uint32_t link) {
    struct link *l = find(link);
    (void)s;
    if (l) {
        end(l);
    }
}

static void sctp_input(struct forward_data_stack *s, uint32_t link, const uint8_t *data, size_t len) {
    struct link *l = find(link);
    (void)s;
    if (!l || l->gone) {
        return;
    }
    stack.active_us = stack.ticked_us;
    usrsctp_conninput(address_of(link), data, len, 0);
    tell_all();
}

static int sctp_send(struct forward_data_stack *s, uint32_t link, const struct forward_sctp_message *m) {
    struct link *l = find(link);
    struct sctp_sendv_spa info = {.sendv_flags = SCTP_SEND_SNDINFO_VALID};
    (void)s;
    if (!l || !l->up) {
        return -ENOTCONN;
    }
    info.sendv_sndinfo = (struct sctp_sndinfo){.snd_sid = m->stream,
                                               .snd_flags = m->unordered ? SCTP_UNORDERED : 0,
                                               .snd_ppid = htonl(m->ppid),
                                               .snd_assoc_id = l->assoc};
    if (m->reliability != DCEP_RELIABLE) {
        info.sendv_flags |= SCTP_SEND_PRINFO_VALID;
        info.sendv_prinfo = (struct sctp_prinfo){
            .pr_policy = m->reliability == DCEP_LIFETIME ? SCTP_PR_SCTP_TTL : SCTP_PR_SCTP_RTX, .pr_value = m->limit};
    }
    stack.active_us = stack.ticked_us;
    l->unsent += m->len; /* before what is sent at once can be acknowledged */
    ssize_t n = usrsctp_sendv(l->so, m->data, m->len, NULL, 0, &info, sizeof info, SCTP_SENDV_SPA, 0);
    int error = n < 0 ? errno : 0;
    l->unsent -= n < 0 && l->unsent >= m->len ? m->len : 0;
    tell_all();
    return error == 0 ? 0 : error == EWOULDBLOCK || error == ENOBUFS ? -EAGAIN : -EIO;
}

static void sctp_reset(struct forward_data_stack *s, uint32_t link, uint64_t streams) {
    struct link *l = find(link);
    (void)s;
    if (l) {
        l->wanted |= streams;
        ask_resets(l);
        tell_all();
    }
}

static size_t sctp_buffered(const struct forward_data_stack *s, uint32_t link) {
    const struct link *l = find(link);
    (void)s;
    return l ? l->unsent : 0;
}

/* ---- time */

static uint64_t sctp_deadline(const struct forward_data_stack *s) {
    (void)s;
    if (stack.link_count == 0) {
        return UINT64_MAX;
    }
    return stack.ticked_us + (stack.ticked_us < stack.active_us + ACTIVE_US ? TICK_US : IDLE_TICK_US);
}

static void sctp_timeout(struct forward_data_stack *s, uint64_t now_us) {
    uint64_t elapsed_ms = now_us > stack.ticked_us ? (now_us - stack.ticked_us) / 1000 : 0;
    (void)s;
    stack.ticked_us += elapsed_ms * 1000;
    if (elapsed_ms > 0) {
        usrsctp_handle_timers((uint32_t)(elapsed_ms < ELAPSED_MAX_MS ? elapsed_ms : ELAPSED_MAX_MS));
    }
    for (size_t i = 0; i < stack.slot_count; i++) {
        if (stack.slots[i].link && stack.slots[i].link->wanted) {
            ask_resets(stack.slots[i].link);
        }
    }
    tell_all();
}

/* ---- the stack */

/* Ends fail while timers still hold an association that was aborted. */
static void sctp_free(struct forward_data_stack *s) {
    (void)s;
    for (int i = 0; i < FINISH_TRIES && usrsctp_finish() != 0; i++) {
        usrsctp_handle_timers(1000);
    }
    free(stack.slots);
    memset(&stack, 0, sizeof stack);
}

int forward_data_sctp_new(struct forward_data_stack **out, uint64_t now_us) {
    *out = NULL;
    if (stack.running) {
        return -EBUSY;
    }
    usrsctp_init_nothreads(0, on_packet, NULL);
    data_socket_choose_extensions();
    stack.running = true;
    stack.ticked_us = now_us;
    list_init(&stack.ready);
    stack.api = (struct forward_data_stack){.open = sctp_open,
                                            .close = sctp_close,
                                            .input = sctp_input,
                                            .send = sctp_send,
                                            .reset = sctp_reset,
                                            .buffered = sctp_buffered,
                                            .deadline = sctp_deadline,
                                            .timeout = sctp_timeout,
                                            .free = sctp_free};
    *out = &stack.api;
    return 0;
}
