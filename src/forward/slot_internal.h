/* Between the parts of a slot. */
#pragma once

#include "forward/slot.h"

static inline struct slot_era *slot_era_of(struct slot *s, uint8_t era) { return &s->eras[era % SLOT_ERAS]; }
/* Is that era one whose packets can be repeated? */
static inline bool slot_era_is_kept(const struct slot *s, uint8_t era) {
    return (uint8_t)(s->era - era) < SLOT_ERAS && (uint8_t)(s->era - era) <= (uint8_t)(s->era - s->era_first);
}
