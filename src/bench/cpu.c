#include "bench/cpu.h"

#include "bench/options.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>

static cpu_set_t allowed; /* before the first cpu_pin */
static bool allowed_known;

int cpu_pin(uint64_t cpu) {
    if (!allowed_known) {
        allowed_known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    }
    if (cpu == BENCH_NO_CPU) {
        return 0;
    }
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) < 0 ? -errno : 0;
}

void cpu_pin_other(uint64_t cpu) {
    if (cpu != BENCH_NO_CPU) {
        cpu_pin(cpu);
        return;
    }
    cpu_set_t own, rest = allowed;
    if (!allowed_known || sched_getaffinity(0, sizeof own, &own) < 0 || CPU_EQUAL(&own, &allowed)) {
        return;
    }
    CPU_XOR(&rest, &allowed, &own);
    if (CPU_COUNT(&rest) > 0) {
        sched_setaffinity(0, sizeof rest, &rest);
    }
}
