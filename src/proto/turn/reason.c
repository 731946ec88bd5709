#include "proto/turn/server.h"

const char *turn_reason_name(enum turn_reason reason) {
    static const char *const names[TURN_REASON_COUNT] = {
        [TURN_REASON_NONE] = "none",
        [TURN_REASON_CHALLENGE] = "challenge",
        [TURN_REASON_UNKNOWN_USER] = "unknown-user",
        [TURN_REASON_BAD_INTEGRITY] = "bad-integrity",
        [TURN_REASON_STALE_NONCE] = "stale-nonce",
        [TURN_REASON_EXPIRED] = "expired",
        [TURN_REASON_QUOTA] = "quota",
        [TURN_REASON_FORBIDDEN_PEER] = "forbidden-peer",
        [TURN_REASON_MALFORMED] = "malformed",
        [TURN_REASON_UNSUPPORTED] = "unsupported",
        [TURN_REASON_MISMATCH] = "mismatch",
        [TURN_REASON_WRONG_USER] = "wrong-user",
        [TURN_REASON_CAPACITY] = "capacity",
        [TURN_REASON_INTERNAL] = "internal",
        [TURN_REASON_REDIRECTED] = "redirected",
        [TURN_REASON_UNREACHABLE] = "peer-unreachable",
        [TURN_REASON_CLIENT] = "client",
        [TURN_REASON_DISCONNECTED] = "disconnected",
        [TURN_REASON_KILLED] = "killed",
    };
    return (unsigned)reason < TURN_REASON_COUNT ? names[reason] : "none";
}
