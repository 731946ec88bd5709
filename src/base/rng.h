/* Random bytes from the system's CSPRNG, buffered per thread. Everything an outsider must not guess
 * (nonces, ports, ids, tokens) comes from here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

void rng_bytes(void *out, size_t n);
uint32_t rng_u32(void);
uint64_t rng_u64(void);
/* Uniform in [0, bound); bound > 0. */
uint32_t rng_below(uint32_t bound);
/* Writes n characters of [A-Za-z0-9] and a terminator: about 5.95 bits each. */
void rng_token(char *out, size_t n);
