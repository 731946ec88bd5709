/* Time. Only L2 and above read clocks; protocol code is given the time. */
#pragma once

#include <stdint.h>

/* Monotonic time in microseconds (CLOCK_MONOTONIC). Deadlines and durations. */
uint64_t clock_now_us(void);
/* Wall-clock seconds since 1970. Credentials' and tokens' expiry, log lines. */
uint64_t clock_wall_s(void);
/* The same in milliseconds. */
uint64_t clock_wall_ms(void);
