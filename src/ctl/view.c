#include "ctl/view.h"

#include "ctl/table.h"

#include <jansson.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *name) {
    return json_integer_value(json_object_get(object, name));
}

/* A sentence with one text of another's in it. */
static void put_sentence(const char *before, const char *subject, const char *after) {
    fputs(before, stdout);
    ctl_put_text(stdout, subject);
    puts(after);
}

/* ---- lists ---- */

static const struct ctl_column session_columns[] = {
    {"ID", "id", CTL_TEXT},
    {"USER", "user", CTL_TEXT},
    {"REALM", "realm", CTL_TEXT},
    {"CLIENT", "client", CTL_TEXT},
    {"VIA", "transport", CTL_TEXT},
    {"RELAYED", "relayed", CTL_LIST},
    {"AGE", "age_s", CTL_DURATION},
    {"LEFT", "expires_s", CTL_DURATION},
    {"RECEIVED", "bytes_from_client", CTL_BYTES},
    {"SENT", "bytes_to_client", CTL_BYTES},
    {0},
};

static const struct ctl_column usage_columns[] = {
    {"ENDED", "ended", CTL_TIME},
    {"USER", "user", CTL_TEXT},
    {"SESSION", "session", CTL_TEXT},
    {"VIA", "transport", CTL_TEXT},
    {"CLIENT", "client", CTL_TEXT},
    {"LASTED", "duration_s", CTL_DURATION},
    {"RECEIVED", "bytes_from_client", CTL_BYTES},
    {"SENT", "bytes_to_client", CTL_BYTES},
    {"DROPPED", "dropped", CTL_NUMBER},
    {"WHY", "reason", CTL_TEXT},
    {0},
};

static const struct ctl_column usage_sum_columns[] = {
    {"USER", "user", CTL_TEXT},
    {"REALM", "realm", CTL_TEXT},
    {"SESSIONS", "sessions", CTL_NUMBER},
    {"LASTED", "duration_s", CTL_DURATION},
    {"RECEIVED", "bytes_from_client", CTL_BYTES},
    {"SENT", "bytes_to_client", CTL_BYTES},
    {"DROPPED", "dropped", CTL_NUMBER},
    {"LAST", "last", CTL_TIME},
    {0},
};

static const struct ctl_column room_columns[] = {
    {"ROOM", "name", CTL_TEXT},
    {"MODE", "mode", CTL_TEXT},

    {"PARTICIPANTS", "numParticipants", CTL_NUMBER},
    {"AT MOST", "maxParticipants", CTL_NUMBER},
    {"SINCE", "openedAt", CTL_TIME_MS},
    {0},
};

static const struct ctl_column user_columns[] = {
    {"USER", "name", CTL_TEXT},       {"REALM", "realm", CTL_TEXT},     {"DISABLED", "disabled", CTL_YES},
    {"CREATED", "created", CTL_TIME}, {"CHANGED", "changed", CTL_TIME}, {0},
};

static const struct ctl_column key_columns[] = {
    {"ID", "id", CTL_TEXT},
    {"FOR", "name", CTL_TEXT},
    {"JOIN", "join", CTL_YES},
    {"ADMINISTER", "administer", CTL_YES},
    {"CREDENTIALS", "credentials", CTL_YES},
    {"DISABLED", "disabled", CTL_YES},
    {"CREATED", "created", CTL_TIME},
    {0},
};

static const struct ctl_column peer_columns[] = {
    {"ID", "id", CTL_NUMBER},         {"RULE", "action", CTL_TEXT},
    {"PREFIX", "prefix", CTL_TEXT},   {"REALM", "realm", CTL_TEXT},
    {"USER", "user", CTL_TEXT},       {"NOTE", "note", CTL_TEXT},
    {"CREATED", "created", CTL_TIME}, {0},
};

static const struct ctl_column participant_columns[] = {
    {"IDENTITY", "identity", CTL_TEXT},
    {"NAME", "name", CTL_TEXT},
    {"STATE", "state", CTL_TEXT},
    {"TRACKS", "tracks", CTL_LIST},
    {"JOINED", "joinedAt", CTL_TIME_MS},
    {"SID", "sid", CTL_TEXT},
    {0},
};

static const struct {
    enum admin_verb_id verb;
    const struct ctl_column *columns;
    const char *when_empty;
} lists[] = {
    {ADMIN_VERB_SESSIONS_LIST, session_columns, "There is no allocation."},
    {ADMIN_VERB_USAGE_LIST, usage_columns, "There is no such record; a session leaves one when it ends."},
    {ADMIN_VERB_USAGE_SUMMARY, usage_sum_columns, "There is no such record; a session leaves one when it ends."},
    {ADMIN_VERB_ROOMS_LIST, room_columns, "There is no room."},
    {ADMIN_VERB_USER_LIST, user_columns, "There is no user; `turnoutctl user add NAME` adds one."},
    {ADMIN_VERB_KEY_LIST, key_columns, "There is no API key; `turnoutctl key add` makes one."},
    {ADMIN_VERB_PEER_LIST, peer_columns, "There is no rule in the database."},
};

static bool print_list(enum admin_verb_id verb, const json_t *rows) {
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (lists[i].verb != verb) {
            continue;
        }
        if (json_array_size(rows) == 0) {
            puts(lists[i].when_empty);
        } else {
            ctl_table_print(stdout, lists[i].columns, rows);
        }
        return true;
    }
    return false;
}

/* ---- single answers ---- */

static void print_status(const json_t *data) {
    static const struct ctl_column columns[] = {
        {"Running for", "uptime_s", CTL_DURATION},
        {"Process", "pid", CTL_NUMBER},
        {"Workers", "workers", CTL_NUMBER},
        {"Allocations", "allocations", CTL_NUMBER},
        {"Rooms", "rooms", CTL_NUMBER},
        {"Participants", "participants", CTL_NUMBER},
        {"WebSockets", "websockets", CTL_NUMBER},
        {0},
    };
    static const struct ctl_column process_columns[] = {
        {"Memory", "resident_bytes", CTL_BYTES}, {"Descriptors", "open_fds", CTL_NUMBER}, {0}};
    static const struct ctl_column listener_columns[] = {
        {"LISTENS", "kind", CTL_TEXT}, {"ON", "address", CTL_TEXT}, {0}};
    static const struct ctl_column external_columns[] = {
        {"ADDRESS", "local", CTL_TEXT}, {"TOLD AS", "told", CTL_TEXT}, {"BY", "by", CTL_TEXT}, {0}};
    const json_t *listeners = json_object_get(data, "listeners");
    const json_t *external = json_object_get(data, "external");
    size_t i;
    json_t *check;
    printf("turnout %s is %s%s.\n", text_of(data, "version"),
           json_is_true(json_object_get(data, "ready")) ? "well" : "NOT well",
           json_is_true(json_object_get(data, "draining")) ? " and draining" : "");
    json_array_foreach(json_object_get(data, "checks"), i, check) {
        if (!json_is_true(json_object_get(check, "ok"))) {
            printf("  %s: %s\n", text_of(check, "name"), text_of(check, "detail"));
        }
    }
    ctl_fields_print(stdout, columns, data);
    ctl_fields_print(stdout, process_columns, json_object_get(data, "process"));
    if (json_array_size(listeners) > 0) {
        ctl_table_print(stdout, listener_columns, listeners);
    }
    if (json_array_size(external) > 0) {
        ctl_table_print(stdout, external_columns, external);
    }
}

static void print_session(const json_t *data) {
    static const struct ctl_column columns[] = {
        {"Session", "id", CTL_TEXT},
        {"User", "user", CTL_TEXT},
        {"Realm", "realm", CTL_TEXT},
        {"Client", "client", CTL_TEXT},
        {"Server", "server", CTL_TEXT},
        {"Transport", "transport", CTL_TEXT},
        {"Relayed address", "relayed", CTL_LIST},
        {"Relays", "relays", CTL_TEXT},
        {"Worker", "worker", CTL_NUMBER},
        {"Age", "age_s", CTL_DURATION},
        {"Expires in", "expires_s", CTL_DURATION},
        {"Permissions", "permissions", CTL_NUMBER},
        {"Channels", "channels", CTL_NUMBER},
        {"TCP connections", "connections", CTL_NUMBER},
        {"Packets from client", "packets_from_client", CTL_NUMBER},
        {"Bytes from client", "bytes_from_client", CTL_BYTES},
        {"Packets to client", "packets_to_client", CTL_NUMBER},
        {"Bytes to client", "bytes_to_client", CTL_BYTES},
        {"Dropped packets", "dropped", CTL_NUMBER},
        {"Bits/s from client", "bits_per_s_from_client", CTL_NUMBER},
        {"Bits/s to client", "bits_per_s_to_client", CTL_NUMBER},
        {"Packets/s from client", "packets_per_s_from_client", CTL_NUMBER},
        {"Packets/s to client", "packets_per_s_to_client", CTL_NUMBER},
        {0},
    };
    ctl_fields_print(stdout, columns, data);
}

static void print_room(const json_t *data) {
    static const struct ctl_column columns[] = {
        {"Room", "name", CTL_TEXT},
        {"Id", "sid", CTL_TEXT},
        {"Mode", "mode", CTL_TEXT},
        {"At most", "maxParticipants", CTL_NUMBER},
        {"Since", "openedAt", CTL_TIME_MS},
        {"Metadata", "metadata", CTL_TEXT},
        {0},
    };
    const json_t *participants = json_object_get(data, "participants");
    ctl_fields_print(stdout, columns, json_object_get(data, "room"));
    if (json_array_size(participants) > 0) {
        putchar('\n');
        ctl_table_print(stdout, participant_columns, participants);
    }
}

static void print_key(const json_t *data) {
    static const struct ctl_column columns[] = {{"Key", "id", CTL_TEXT}, {"Secret", "secret", CTL_TEXT}, {0}};
    ctl_fields_print(stdout, columns, data);
    puts("The secret is shown this once. Room tokens name the key as issuer and are signed with the secret;\n"
         "/turn takes key=KEY.SECRET.");
}

static void print_credentials(const json_t *data) {
    static const struct ctl_column columns[] = {{"User name", "username", CTL_TEXT},
                                                {"Password", "password", CTL_TEXT},
                                                {"Valid until", "expires", CTL_TIME},
                                                {0}};
    ctl_fields_print(stdout, columns, data);
}

static void print_log_level(const json_t *data) {
    if (strcmp(text_of(data, "level"), text_of(data, "before")) == 0) {
        printf("The log level is %s.\n", text_of(data, "level"));
    } else {
        printf("The log level is now %s (was %s), until the next reload.\n", text_of(data, "level"),
               text_of(data, "before"));
    }
}

static void print_rule(const json_t *data) {
    printf("Rule %" JSON_INTEGER_FORMAT ": %s %s.\n", number_of(data, "id"), text_of(data, "action"),
           text_of(data, "prefix"));
}

/* Sentences for verbs whose answer is "done". */
static void print_done(const struct ctl_command *command) {
    static const struct {
        enum admin_verb_id verb;
        const char *before, *arg, *after;
    } done[] = {
        {ADMIN_VERB_SESSIONS_KILL, "Session ", "id", " has ended."},
        {ADMIN_VERB_ROOMS_CLOSE, "Room ", "room", " is closed."},
        {ADMIN_VERB_PARTICIPANTS_KICK, "Participant ", "identity", " was sent out."},
        {ADMIN_VERB_PARTICIPANTS_MUTE, "Participant ", "identity", " is muted."},
        {ADMIN_VERB_USER_ADD, "User ", "name", " was added."},
        {ADMIN_VERB_USER_DEL, "User ", "name", " was deleted."},
        {ADMIN_VERB_USER_PASSWD, "The password of user ", "name", " was changed."},
        {ADMIN_VERB_KEY_DEL, "Key ", "id", " was deleted."},
    };
    for (size_t i = 0; i < sizeof done / sizeof done[0]; i++) {
        if (done[i].verb == command->verb->id) {
            put_sentence(done[i].before, text_of(command->args, done[i].arg), done[i].after);
        }
    }
}

static enum ctl_exit print_single(const struct ctl_command *command, const json_t *data) {
    switch (command->verb->id) {
    case ADMIN_VERB_STATUS:
        print_status(data);
        return json_is_true(json_object_get(data, "ready")) ? CTL_OK : CTL_REFUSED;
    case ADMIN_VERB_SESSIONS_SHOW:
        print_session(data);
        break;
    case ADMIN_VERB_ROOMS_SHOW:
        print_room(data);
        break;
    case ADMIN_VERB_KEY_ADD:
        print_key(data);
        break;
    case ADMIN_VERB_SECRET_ROTATE:
        puts("New credentials are signed with a fresh secret; those handed out before stay valid.");
        break;
    case ADMIN_VERB_TOKEN_CREATE:
        puts(text_of(data, "token"));
        break;
    case ADMIN_VERB_CREDENTIALS_CREATE:
        print_credentials(data);
        break;
    case ADMIN_VERB_PEER_ALLOW:
    case ADMIN_VERB_PEER_DENY:
        print_rule(data);
        break;
    case ADMIN_VERB_PEER_REMOVE:
        printf("Rule %" JSON_INTEGER_FORMAT " was removed.\n", number_of(data, "id"));
        break;
    case ADMIN_VERB_LOG_LEVEL:
        print_log_level(data);
        break;
    case ADMIN_VERB_DRAIN:
        puts("The daemon takes no new work and stops when the present one has ended.");
        break;
    default:
        print_done(command);
    }
    return CTL_OK;
}

enum ctl_exit ctl_view_print(const struct ctl_command *command, const json_t *data) {
    switch (command->verb->id) {
    case ADMIN_VERB_CONFIG_SHOW:
        ctl_view_config(data);
        return CTL_OK;
    case ADMIN_VERB_CONFIG_CHECK:
        return ctl_view_outcome(data, false);
    case ADMIN_VERB_CONFIG_RELOAD:
        return ctl_view_outcome(data, true);
    case ADMIN_VERB_CONFIG_PORTS:
        ctl_view_ports(json_string_value(json_object_get(command->args, "format")), data);
        return CTL_OK;
    default:
        return print_list(command->verb->id, data) ? CTL_OK : print_single(command, data);
    }
}
