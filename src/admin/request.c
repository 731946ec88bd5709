#include "admin/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse(const char **code, char *why, size_t size, const char *text) {
    *code = "bad-request";
    snprintf(why, size, "%s", text);
    return -EINVAL;
}

static int parse_members(struct admin_request *out, json_t *root, const char **code, char *why, size_t size) {
    const char *verb = json_string_value(json_object_get(root, "verb"));
    json_t *args = json_object_get(root, "args");
    *code = "bad-request";
    if (!json_is_object(root) || !verb) {
        return refuse(code, why, size, "A request is a JSON object with a member \"verb\".");
    }
    out->verb = admin_verb_find(verb);
    if (!out->verb) {
        *code = "unknown-verb";
        snprintf(why, size, "This version has no verb of that name.");
        return -EINVAL;
    }
    if (admin_verb_check_args(out->verb, args, why, size) < 0) {
        return -EINVAL;
    }
    out->args = args ? json_incref(args) : json_object();
    return out->args ? 0 : refuse(code, why, size, "Out of memory.");
}

int admin_request_parse(struct admin_request *out, const char *line, size_t len, const char **code, char *why,
                        size_t size) {
    memset(out, 0, sizeof *out);
    json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    if (!root) {
        return refuse(code, why, size, "The request is not JSON.");
    }
    int rc = parse_members(out, root, code, why, size);
    json_decref(root);
    return rc;
}
