/* The foreign-flow table of one worker: 5-tuples whose session lives in another worker although the kernel
 * delivers them here (a reservation or, later, a mobility ticket taken up from another flow). Bounded; an
 * entry idle for ten minutes is forgotten. One thread. */
#pragma once

#include "base/addr.h"

#include <stdint.h>

struct steer;

enum { STEER_NONE = -1, STEER_FLOWS_MAX = 65536 };

struct steer *steer_new(void);
void steer_free(struct steer *s);

/* The owner's number, or STEER_NONE. Cheap while the table is empty, as it nearly always is. */
int steer_find(struct steer *s, const struct five_tuple *flow, uint64_t now_us);
/* Remembers the owner. -ENOBUFS when full of live flows, -ENOMEM. */
int steer_learn(struct steer *s, const struct five_tuple *flow, unsigned owner, uint64_t now_us);
/* Forgets idle flows; call now and then. */
void steer_expire(struct steer *s, uint64_t now_us);
