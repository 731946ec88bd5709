/* Where threads run. */
#pragma once

#include <stdint.h>

/* Pins the calling thread to one CPU; BENCH_NO_CPU leaves it where it may be. -errno. */
int cpu_pin(uint64_t cpu);

/* Pins the calling thread to one CPU, or for BENCH_NO_CPU lets it run on all the process may use but the one
 * cpu_pin took, if there is another. */
void cpu_pin_other(uint64_t cpu);
