/* An ICE-lite agent (RFC 8445 sections 2.5, 7.3 and 8.2) for one media transport, without I/O and clock.
 *
 * It never sends a check. It answers the connectivity checks of a full agent, learns paths (five-tuples) only from
 * checks that carry its password, follows the peer's nomination, and watches consent (RFC 7675): the peer's checks
 * are its consent, and a path without one for 30 s may not be sent to any more.
 *
 *     peer                                   agent
 *      | -- Binding request, USERNAME          |
 *      |    "our ufrag:its ufrag" -----------> |  the path is valid: the caller lists its five-tuple
 *      | <-- success, XOR-MAPPED-ADDRESS ----- |
 *      | -- the same with USE-CANDIDATE -----> |  the path is selected: media goes there
 *
 * A restart (RFC 8445 section 9) gives new credentials; checks with the old ones still count until the first with the
 * new ones, and media flows on the old path until the peer nominates anew. */
#pragma once

#include "base/addr.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stun_crypto;
struct stun_msg;

enum {
    ICE_UFRAG_CHARS = 10,       /* ours: two for the owner, eight random ones (47 bits) */
    ICE_PWD_CHARS = 24,         /* ours: 142 bits */
    ICE_REMOTE_UFRAG_MAX = 256, /* RFC 8839 section 5.4 */
    ICE_PATHS_MAX = 8,
    ICE_OWNERS_MAX = 256,
    ICE_REPLY_BYTES_MAX = 128, /* of every answer */
};

#define ICE_CONSENT_US 30000000ULL

struct ice_path {
    struct five_tuple tuple;
    uint64_t checked_us; /* the last authenticated check */
    uint32_t priority;   /* as the last check said */
    bool nominated;
};

struct ice_credentials {
    char ufrag[ICE_UFRAG_CHARS + 1];
    char pwd[ICE_PWD_CHARS + 1];
};

struct ice_agent {
    struct ice_credentials local;
    struct ice_credentials old; /* before a restart, until the peer has followed; ufrag "" otherwise */
    char remote_ufrag[ICE_REMOTE_UFRAG_MAX + 1];
    char old_remote_ufrag[ICE_REMOTE_UFRAG_MAX + 1];
    struct ice_path paths[ICE_PATHS_MAX];
    uint8_t path_count;
    int8_t selected; /* index of the path that media is sent on, or -1 */
    int8_t rival;    /* another path that was nominated last, or -1 */
};

/* The number that a ufrag of ours carries, below ICE_OWNERS_MAX: the worker that has the agent. -EBADMSG: not ours. */
int ice_ufrag_owner(const char *ufrag, size_t len);
/* The receiver's part of a check's USERNAME, borrowed from msg. -EBADMSG: no USERNAME of that form. */
int ice_check_ufrag(const struct stun_msg *msg, const char **ufrag, size_t *len);

/* Makes fresh credentials. remote_ufrag is the peer's, from its description. -EINVAL: that is not 4 to 256 ice-chars
 * long, or owner is out of range. Nothing to free. */
int ice_agent_init(struct ice_agent *a, unsigned owner, const char *remote_ufrag);
/* The peer restarts with another ufrag: makes new credentials. -EINVAL as above. */
int ice_agent_restart(struct ice_agent *a, unsigned owner, const char *remote_ufrag);
/* Whether credentials with that ufrag are in force, the old ones included. */
bool ice_agent_has_ufrag(const struct ice_agent *a, const char *ufrag, size_t len);

/* A Binding request and where it came from. */
struct ice_check {
    const struct stun_msg *msg;
    const struct five_tuple *tuple;
    uint64_t now_us;
    struct stun_crypto *crypto;
};

/* What a check changed. */
struct ice_outcome {
    bool new_path;          /* the tuple is a path of this agent from now on */
    bool selected;          /* media goes to the tuple from now on */
    bool followed_restart;  /* the old credentials ended with this check */
    bool evicted;           /* a path had to go for it: */
    struct five_tuple gone; /* that one */
};

/* Serves a Binding request; the answer is written to reply (empty before, at least ICE_REPLY_BYTES_MAX of room), in every
 * case. 0: authentic; else the error code of the answer: 400 malformed, 401 not with our credentials, 420 unknown
 * attribute, 487 the peer believes to be controlled, which a lite agent is always. -EIO: no answer. */
int ice_agent_check(struct ice_agent *a, const struct ice_check *check, struct writer *reply, struct ice_outcome *out);

/* The path to send on, or NULL: none nominated, or no consent. */
const struct five_tuple *ice_agent_selected(const struct ice_agent *a);
bool ice_agent_has_path(const struct ice_agent *a, const struct five_tuple *tuple);
/* The path's connection has ended. True when media goes elsewhere from now on, or nowhere. */
bool ice_agent_path_gone(struct ice_agent *a, const struct five_tuple *tuple);

/* When ice_agent_expire is due; UINT64_MAX: never. */
uint64_t ice_agent_deadline(const struct ice_agent *a);
/* Takes one path off whose consent is over; call until it returns false. */
bool ice_agent_expire(struct ice_agent *a, uint64_t now_us, struct five_tuple *gone);
/* Since when the peer is silent on all paths; 0: it has never checked. */
uint64_t ice_agent_heard_us(const struct ice_agent *a);

/* Candidate priority (RFC 8445 section 5.1.2.1) of a host candidate of the only component. local_preference orders our
 * addresses, 65535 is the best; TCP comes after UDP (RFC 6544 section 4.2). */
uint32_t ice_host_priority(bool tcp, uint16_t local_preference);
