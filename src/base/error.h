/* Error codes. Functions return 0 (or a count) on success and a negative code on failure: an errno
 * value (-EBADMSG malformed, -EPROTO illegal now, -EAGAIN not yet, -ENOBUFS a bound was hit) or one
 * of the codes below. */
#pragma once

enum {
    ERR_INTEGRITY = 4096, /* a signature or MAC does not match */
    ERR_EXPIRED,          /* a credential or token is past its time */
    ERR_UNKNOWN_KEY,      /* no such user, API key or secret */
    ERR_FORBIDDEN,        /* understood and refused by policy */
    ERR_QUOTA,            /* a quota is used up */
    ERR_CONFIG,           /* the configuration is wrong; details were reported apart */
    ERR_DATABASE,         /* SQLite said no; details were logged */
    ERR_REPLAY,           /* a packet or nonce that was there before, or may have been */
};

/* A short lower-case text for a code of either sign. Static storage; never NULL. */
const char *error_text(int code);
