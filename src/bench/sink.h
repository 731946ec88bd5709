/* A UDP echo, as fast as the kernel allows: the counterpart against which the generator proves its rate. */
#pragma once

#include "base/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct sink;

/* Binds. cpu: pin the sink's thread, or BENCH_NO_CPU. -errno. */
int sink_start(struct sink **out, const struct addr *local, uint64_t cpu, bool merge);
const struct addr *sink_addr(const struct sink *s);
uint64_t sink_packets(const struct sink *s); /* sent back so far */
void sink_stop(struct sink *s);
