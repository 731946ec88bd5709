/* NTP times as RTCP uses them (RFC 3550 section 4): seconds since 1900, 32.32 fixed point, and their middle 32 bits. */
#pragma once

#include <stdint.h>

#define RTCP_NTP_UNIX_SECONDS UINT64_C(2208988800) /* from 1900 to 1970 */

static inline uint64_t rtcp_ntp_of_unix_us(uint64_t unix_us) {
    uint64_t seconds = unix_us / 1000000, rest = unix_us % 1000000;
    return (seconds + RTCP_NTP_UNIX_SECONDS) << 32 | ((rest << 32) + 500000) / 1000000;
}

/* Rounded to the nearest microsecond; what lies before 1970 becomes 0. */
static inline uint64_t rtcp_ntp_to_unix_us(uint64_t ntp) {
    uint64_t seconds = ntp >> 32, rest = ((ntp & 0xffffffff) * 1000000 + (UINT64_C(1) << 31)) >> 32;
    return seconds < RTCP_NTP_UNIX_SECONDS ? 0 : (seconds - RTCP_NTP_UNIX_SECONDS) * 1000000 + rest;
}

/* What reports carry as "last SR". */
static inline uint32_t rtcp_ntp_middle(uint64_t ntp) { return (uint32_t)(ntp >> 16); }

/* 16.16 fixed point seconds, as of delays. */
static inline uint64_t rtcp_short_to_us(uint32_t v) { return ((uint64_t)v * 1000000 + 32768) >> 16; }
static inline uint32_t rtcp_short_of_us(uint64_t us) { return (uint32_t)(((us << 16) + 500000) / 1000000); }

/* The round trip that a report block shows (section 6.4.1): now is the middle of the NTP time at which it came. Clocks
 * that run a little apart make no negative time: 0 then. */
static inline uint64_t rtcp_round_trip_us(uint32_t now, uint32_t last_sr, uint32_t delay_since_sr) {
    uint32_t units = now - last_sr - delay_since_sr;
    return units >= UINT32_C(0x80000000) ? 0 : rtcp_short_to_us(units);
}
