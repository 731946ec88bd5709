/* The first byte decides what a datagram is (RFC 7983, with TURN channels of RFC 8656). */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum demux_class { DEMUX_DROP, DEMUX_STUN, DEMUX_CHANNEL, DEMUX_DTLS, DEMUX_RTP };

enum demux_class demux_classify(const uint8_t *data, size_t len);
