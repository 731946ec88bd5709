/* The foreign-flow table of one worker: 5-tuples whose session lives in another worker although the kernel
 * delivers them here (a reservation or a mobility ticket taken up from another flow), and clients of sessions here
 * whose connection another worker has. Bounded: the flow that was quiet for longest makes room. An entry that has become
 * useless does no harm, for whoever is named serves that flow like any other. One thread. */
#pragma once

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

struct steer;

enum { STEER_NONE = -1, STEER_FLOWS_MAX = 65536 };

struct steer *steer_new(void);
void steer_free(struct steer *s);

/* The owner's number, or STEER_NONE. Cheap while the table is empty, as it nearly always is. */
int steer_find(struct steer *s, const struct five_tuple *flow, uint64_t now_us);
/* Remembers the owner. -ENOMEM. */
int steer_learn(struct steer *s, const struct five_tuple *flow, unsigned owner, uint64_t now_us);
size_t steer_count(const struct steer *s);
void steer_forget(struct steer *s, const struct five_tuple *flow);
/* Forgets flows idle for more than a day. */
void steer_expire(struct steer *s, uint64_t now_us);
