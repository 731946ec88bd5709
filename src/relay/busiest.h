/* Rates of sessions, and the busiest of them: what `turnoutctl top` shows. Nothing of this costs the packet path
 * anything, and a session nobody looks at costs a pointer. On the worker's thread. */
#pragma once

#include "relay/relay.h"

#include <stdbool.h>
#include <stdint.h>

enum relay_order { RELAY_BY_BITRATE, RELAY_BY_PACKETS, RELAY_BY_UP, RELAY_BY_DOWN, RELAY_BY_DROPPED };

enum {
    RELAY_BUSIEST_MAX = 100,
    RELAY_LOOK_MAX = 512, /* sessions in one go: some 100 us */
};

/* Begin with zeros but for order and wanted; may go on from one relay to the next. */
struct relay_busiest {
    enum relay_order order;
    unsigned wanted; /* at most RELAY_BUSIEST_MAX */
    unsigned count;
    unsigned least; /* the least busy one of top */
    uint32_t cursor;
    struct relay_session top[RELAY_BUSIEST_MAX];
};

/* Looks at RELAY_LOOK_MAX more sessions at most. True: there are more; false: this relay is done. */
bool relay_busiest_look(struct relay *relay, struct relay_busiest *b);
/* The busiest first; at the end. */
void relay_busiest_sort(struct relay_busiest *b);
