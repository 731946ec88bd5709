#include "admin/verbs.h"

#include <string.h>

#define REQUIRED_PLACE (ADMIN_ARG_POSITIONAL | ADMIN_ARG_REQUIRED)
#define TEXT(name, value, flags, max, help) \
    { name, value, help, NULL, max, ADMIN_ARG_TEXT, flags }
#define NUMBER(name, value, type, flags, max, help) \
    { name, value, help, NULL, max, type, flags }
#define FLAG(name, help) \
    { name, NULL, help, NULL, 0, ADMIN_ARG_BOOL, 0 }
#define END \
    { NULL, NULL, NULL, NULL, 0, ADMIN_ARG_TEXT, 0 }

enum { NAME_MAX_BYTES = 255, ID_MAX_BYTES = 128, USER_MAX_BYTES = 508, REALM_MAX_BYTES = 127, PREFIX_MAX_BYTES = 63 };
enum { METADATA_MAX_BYTES = 4096, PATH_MAX_BYTES = 4000 };
enum { YEAR_S = 365 * 86400, LIST_LIMIT = 1000000 };

static const struct admin_arg no_args[] = {END};

static const struct admin_arg sessions_list_args[] = {
    TEXT("user", "NAME", 0, NAME_MAX_BYTES, "only sessions of this user"),
    NUMBER("limit", "N", ADMIN_ARG_UINT, 0, LIST_LIMIT, "stop after N sessions"),
    END,
};

static const struct admin_arg session_args[] = {
    TEXT("id", "ID", REQUIRED_PLACE, 64, "the session's id as `sessions list` shows it"),
    END,
};

static const struct admin_arg usage_args[] = {
    TEXT("user", "NAME", 0, NAME_MAX_BYTES, "only this user, short-lived credentials by what follows the expiry"),
    NUMBER("since", "TIME", ADMIN_ARG_DURATION, 0, 10 * (uint64_t)YEAR_S, "only sessions that ended within that time"),
    NUMBER("limit", "N", ADMIN_ARG_UINT, 0, LIST_LIMIT, "stop after N rows (100)"),
    END,
};

static const struct admin_arg top_args[] = {
    {"sort", "ORDER", "what the busiest are the first in (bitrate)", "bitrate|packets|up|down|dropped", 16,
     ADMIN_ARG_CHOICE, 0},
    NUMBER("limit", "N", ADMIN_ARG_UINT, 0, 100, "show N sessions (as many as fit, or 20)"),
    {"once", NULL, "print the state of one second and end", NULL, 0, ADMIN_ARG_BOOL, ADMIN_ARG_LOCAL},
    END,
};

static const struct admin_arg rooms_list_args[] = {
    NUMBER("limit", "N", ADMIN_ARG_UINT, 0, LIST_LIMIT, "stop after N rooms"),
    END,
};

static const struct admin_arg room_args[] = {
    TEXT("room", "ROOM", REQUIRED_PLACE, ID_MAX_BYTES, "the room's name"),
    END,
};

static const struct admin_arg kick_args[] = {
    TEXT("room", "ROOM", REQUIRED_PLACE, ID_MAX_BYTES, "the room's name"),
    TEXT("identity", "IDENTITY", REQUIRED_PLACE, ID_MAX_BYTES, "the participant's identity"),
    NUMBER("ban", "TIME", ADMIN_ARG_DURATION, 0, YEAR_S, "may not come back for that long (may at once)"),
    END,
};

static const struct admin_arg mute_args[] = {
    TEXT("room", "ROOM", REQUIRED_PLACE, ID_MAX_BYTES, "the room's name"),
    TEXT("identity", "IDENTITY", REQUIRED_PLACE, ID_MAX_BYTES, "the participant's identity"),
    TEXT("track", "TRACK", 0, 64, "only this track; without it all of the participant's tracks"),
    END,
};

static const struct admin_arg user_add_args[] = {
    TEXT("name", "NAME", REQUIRED_PLACE, USER_MAX_BYTES, "the user's name"),
    {"password", "PASSWORD", "the password; better typed at the prompt or given on standard input", NULL, 255,
     ADMIN_ARG_SECRET, ADMIN_ARG_POSITIONAL},
    TEXT("realm", "REALM", 0, REALM_MAX_BYTES, "another realm than the configured one"),
    END,
};

static const struct admin_arg user_args[] = {
    TEXT("name", "NAME", REQUIRED_PLACE, USER_MAX_BYTES, "the user's name"),
    TEXT("realm", "REALM", 0, REALM_MAX_BYTES, "another realm than the configured one"),
    END,
};

static const struct admin_arg user_list_args[] = {
    TEXT("realm", "REALM", 0, REALM_MAX_BYTES, "only users of this realm"),
    END,
};

static const struct admin_arg key_add_args[] = {
    TEXT("name", "NAME", ADMIN_ARG_POSITIONAL, NAME_MAX_BYTES, "what the key is for"),
    FLAG("join", "its tokens open rooms (yes)"),
    FLAG("administer", "its tokens may create, list and manage rooms (yes)"),
    FLAG("credentials", "/turn hands out TURN credentials for it (yes)"),
    END,
};

static const struct admin_arg key_args[] = {
    TEXT("id", "ID", REQUIRED_PLACE, 32, "the key's id"),
    END,
};

static const struct admin_arg token_create_args[] = {
    TEXT("room", "ROOM", 0, ID_MAX_BYTES, "the room the token is for"),
    TEXT("identity", "IDENTITY", 0, ID_MAX_BYTES, "who the participant is"),
    TEXT("name", "NAME", 0, NAME_MAX_BYTES, "the name others see"),
    TEXT("metadata", "TEXT", 0, METADATA_MAX_BYTES, "metadata others see"),
    NUMBER("ttl", "TIME", ADMIN_ARG_DURATION, 0, YEAR_S, "how long it may be used to join (6h)"),
    TEXT("key", "ID", 0, 32, "the API key that signs; without it the oldest enabled one"),
    FLAG("room_join", "may join the room (yes when a room is given)"),
    FLAG("room_create", "may create rooms"),
    FLAG("room_list", "may list rooms"),
    FLAG("room_admin", "may close the room, kick and mute"),
    FLAG("can_publish", "may send audio and video (yes)"),
    FLAG("can_subscribe", "may receive audio and video (yes)"),
    FLAG("can_publish_data", "may chat (yes)"),
    FLAG("can_update_own_metadata", "may change its own name and metadata (no)"),
    FLAG("hidden", "is not shown to others (no)"),
    END,
};

static const struct admin_arg credentials_create_args[] = {
    TEXT("user", "NAME", ADMIN_ARG_POSITIONAL, NAME_MAX_BYTES, "whom they are for, for the log and the quota"),
    NUMBER("ttl", "TIME", ADMIN_ARG_DURATION, 0, YEAR_S, "how long they are valid (credential-lifetime)"),
    END,
};

static const struct admin_arg peer_add_args[] = {
    TEXT("prefix", "PREFIX", REQUIRED_PLACE, PREFIX_MAX_BYTES, "an address or a prefix: 192.0.2.0/24, 2001:db8::/32"),
    TEXT("realm", "REALM", 0, REALM_MAX_BYTES, "only for users of this realm"),
    TEXT("user", "NAME", 0, USER_MAX_BYTES, "only for this user"),
    TEXT("note", "TEXT", 0, NAME_MAX_BYTES, "why the rule is there"),
    END,
};

static const struct admin_arg peer_remove_args[] = {
    NUMBER("id", "ID", ADMIN_ARG_UINT, REQUIRED_PLACE, INT64_MAX, "the rule's number as `peer list` shows it"),
    END,
};

static const struct admin_arg config_show_args[] = {
    TEXT("section", "SECTION", ADMIN_ARG_POSITIONAL, 64, "only this section"),
    FLAG("changed", "only what differs from the default"),
    END,
};

static const struct admin_arg config_ports_args[] = {
    {"format", "FORMAT", "text, or rules for nftables or ufw", "text|nft|ufw", 16, ADMIN_ARG_CHOICE, ADMIN_ARG_LOCAL},
    END,
};

static const struct admin_arg log_level_args[] = {
    {"level", "LEVEL", "the new level; without it the present one is shown", "error|warning|info|debug", 16,
     ADMIN_ARG_CHOICE, ADMIN_ARG_POSITIONAL},
    END,
};

static const struct admin_arg import_coturn_args[] = {
    {"file", "FILE", "coturn's configuration, usually /etc/turnserver.conf", NULL, PATH_MAX_BYTES, ADMIN_ARG_TEXT,
     REQUIRED_PLACE | ADMIN_ARG_LOCAL},
    {"output", "PATH", "write the configuration to this new file, not to standard output", NULL, PATH_MAX_BYTES,
     ADMIN_ARG_TEXT, ADMIN_ARG_LOCAL},
    {"force", NULL, "replace that file, and the keys of users who are there already", NULL, 0, ADMIN_ARG_BOOL,
     ADMIN_ARG_LOCAL},
    {"userdb", "PATH", "coturn's SQLite database, when the file does not name it", NULL, PATH_MAX_BYTES, ADMIN_ARG_TEXT,
     ADMIN_ARG_LOCAL},
    {"import_users", NULL, "put users and peer rules into turnout's database", NULL, 0, ADMIN_ARG_BOOL,
     ADMIN_ARG_LOCAL},
    END,
};

#define VERB(id, name, args, flags, help) [ADMIN_VERB_##id] = {ADMIN_VERB_##id, name, help, args, flags}

const struct admin_verb admin_verb_table[ADMIN_VERB_COUNT] = {
    VERB(STATUS, "status", no_args, 0, "Show whether the daemon is well and what it carries"),
    VERB(SESSIONS_LIST, "sessions list", sessions_list_args, ADMIN_VERB_LIST, "List the TURN allocations"),
    VERB(SESSIONS_SHOW, "sessions show", session_args, 0,
         "Show one allocation with its permissions, channels and counters"),
    VERB(SESSIONS_KILL, "sessions kill", session_args, 0, "End an allocation at once"),
    VERB(USAGE_LIST, "usage list", usage_args, ADMIN_VERB_OFFLINE | ADMIN_VERB_LIST,
         "List the records of sessions that have ended, newest first"),
    VERB(USAGE_SUMMARY, "usage summary", usage_args, ADMIN_VERB_OFFLINE | ADMIN_VERB_LIST,
         "Sum the records up by user, the greatest first"),
    VERB(TOP, "top", top_args, 0, "Watch the busiest sessions, the totals and what is denied and dropped"),
    VERB(ROOMS_LIST, "rooms list", rooms_list_args, ADMIN_VERB_LIST, "List the rooms"),
    VERB(ROOMS_SHOW, "rooms show", room_args, 0, "Show a room and its participants"),
    VERB(ROOMS_CLOSE, "rooms close", room_args, 0, "Close a room and send everybody out"),
    VERB(PARTICIPANTS_KICK, "participants kick", kick_args, 0, "Send a participant out of a room"),
    VERB(PARTICIPANTS_MUTE, "participants mute", mute_args, 0, "Mute a participant's tracks"),
    VERB(USER_ADD, "user add", user_add_args, ADMIN_VERB_OFFLINE, "Add a long-term TURN user"),
    VERB(USER_DEL, "user del", user_args, ADMIN_VERB_OFFLINE, "Delete a long-term TURN user"),
    VERB(USER_LIST, "user list", user_list_args, ADMIN_VERB_OFFLINE | ADMIN_VERB_LIST, "List the long-term TURN users"),
    VERB(USER_PASSWD, "user passwd", user_add_args, ADMIN_VERB_OFFLINE, "Change a TURN user's password"),
    VERB(KEY_ADD, "key add", key_add_args, ADMIN_VERB_OFFLINE, "Make an API key and print its secret, this once"),
    VERB(KEY_DEL, "key del", key_args, ADMIN_VERB_OFFLINE, "Delete an API key; its tokens are refused from then on"),
    VERB(KEY_LIST, "key list", no_args, ADMIN_VERB_OFFLINE | ADMIN_VERB_LIST, "List the API keys"),
    VERB(SECRET_ROTATE, "secret rotate", no_args, ADMIN_VERB_OFFLINE,
         "Sign new TURN credentials with a fresh secret; those already handed out stay valid"),
    VERB(TOKEN_CREATE, "token create", token_create_args, ADMIN_VERB_OFFLINE, "Make a token to join a room with"),
    VERB(CREDENTIALS_CREATE, "credentials create", credentials_create_args, ADMIN_VERB_OFFLINE,
         "Make short-lived TURN credentials"),
    VERB(PEER_ALLOW, "peer allow", peer_add_args, ADMIN_VERB_OFFLINE, "Let allocations reach a prefix"),
    VERB(PEER_DENY, "peer deny", peer_add_args, ADMIN_VERB_OFFLINE, "Forbid allocations to reach a prefix"),
    VERB(PEER_LIST, "peer list", no_args, ADMIN_VERB_OFFLINE | ADMIN_VERB_LIST,
         "List the peer rules kept in the database"),
    VERB(PEER_REMOVE, "peer remove", peer_remove_args, ADMIN_VERB_OFFLINE, "Remove a peer rule"),
    VERB(CONFIG_SHOW, "config show", config_show_args, ADMIN_VERB_OFFLINE,
         "Show the configuration in force, secrets hidden"),
    VERB(CONFIG_CHECK, "config check", no_args, ADMIN_VERB_OFFLINE, "Check the configuration files, change nothing"),
    VERB(CONFIG_RELOAD, "config reload", no_args, 0, "Read the configuration files again and put them in force"),
    VERB(CONFIG_PORTS, "config ports", config_ports_args, ADMIN_VERB_OFFLINE,
         "Show the ports a firewall must let through"),
    VERB(LOG_LEVEL, "log level", log_level_args, 0, "Show or set the log level until the next reload"),
    VERB(DRAIN, "drain", no_args, 0, "Take no new work and stop when the present one has ended"),
    VERB(SELFTEST, "selftest", no_args, ADMIN_VERB_OFFLINE,
         "Try the server from here as a client would and say what to mend"),
    VERB(IMPORT_COTURN, "import-coturn", import_coturn_args, ADMIN_VERB_OFFLINE,
         "Make a configuration from coturn's, import its users and say what has no equivalent"),
};

const struct admin_verb *admin_verb_find(const char *name) {
    for (size_t i = 0; i < ADMIN_VERB_COUNT; i++) {
        if (strcmp(admin_verb_table[i].name, name) == 0) {
            return &admin_verb_table[i];
        }
    }
    return NULL;
}

const struct admin_arg *admin_verb_arg(const struct admin_verb *verb, const char *name) {
    for (const struct admin_arg *arg = verb->args; arg->name; arg++) {
        if (strcmp(arg->name, name) == 0) {
            return arg;
        }
    }
    return NULL;
}
