/* The time of one input, passed in: machines of this folder read no clock. */
#pragma once

#include <stdint.h>

struct moment {
    uint64_t mono_us; /* deadlines */
    uint64_t wall_ms; /* what people and tokens see; since 1970 */
};
