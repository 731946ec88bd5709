#include "base/error.h"

#include <string.h>

static const struct {
    int code;
    const char *text;
} own_codes[] = {
    {ERR_INTEGRITY, "integrity check failed"},
    {ERR_EXPIRED, "expired"},
    {ERR_UNKNOWN_KEY, "unknown user or key"},
    {ERR_FORBIDDEN, "forbidden"},
    {ERR_QUOTA, "quota reached"},
    {ERR_CONFIG, "configuration error"},
    {ERR_DATABASE, "database error"},
    {ERR_REPLAY, "replayed"},
};

const char *error_text(int code) {
    if (code < 0) {
        code = -code;
    }
    for (size_t i = 0; i < sizeof own_codes / sizeof own_codes[0]; i++) {
        if (own_codes[i].code == code) {
            return own_codes[i].text;
        }
    }
    const char *text = strerrordesc_np(code);
    return text ? text : "unknown error";
}
