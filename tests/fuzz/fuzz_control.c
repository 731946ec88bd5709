/* Lines of the control socket: whatever comes, a request that fits the table or an error that says why.
 * covers: src/admin/request.c src/admin/args.c */
#include "admin/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

/* An accepted request holds what handlers rely on. */
static void check_accepted(const struct admin_request *request) {
    const char *name;
    json_t *value;
    check(request->verb && json_is_object(request->args));
    json_object_foreach(request->args, name, value) {
        const struct admin_arg *arg = admin_verb_arg(request->verb, name);
        check(arg);
        if (arg->type == ADMIN_ARG_BOOL) {
            check(json_is_boolean(value));
        } else if (arg->type == ADMIN_ARG_UINT || arg->type == ADMIN_ARG_DURATION) {
            check(json_is_integer(value) && json_integer_value(value) >= 0 &&
                  (uint64_t)json_integer_value(value) <= arg->max);
        } else {
            check(json_string_length(value) == strlen(json_string_value(value)));
            check(json_string_length(value) > 0 && json_string_length(value) <= arg->max);
        }
    }
    for (const struct admin_arg *arg = request->verb->args; arg->name; arg++) {
        check(!(arg->flags & ADMIN_ARG_REQUIRED) || json_object_get(request->args, arg->name));
    }
}

static void check_duration(const uint8_t *data, size_t size) {
    char text[32];
    uint64_t seconds;
    size_t len = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, len);
    text[len] = '\0';
    if (admin_duration_parse(&seconds, text) == 0) {
        check(text[0] >= '0' && text[0] <= '9');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct admin_request request;
    const char *code = NULL;
    char why[256] = "";
    if (size > ADMIN_REQUEST_MAX) {
        return 0;
    }
    if (admin_request_parse(&request, (const char *)data, size, &code, why, sizeof why) == 0) {
        check_accepted(&request);
        json_decref(request.args);
    } else {
        json_t *line = admin_error_line(code, why);
        check(code && why[0] && line);
        json_decref(line);
    }
    check_duration(data, size);
    return 0;
}
