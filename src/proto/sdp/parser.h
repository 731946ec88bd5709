/* Shared by parse.c and attributes.c. */
#pragma once

#include "proto/sdp/scan.h"

struct sdp_parser {
    struct sdp_session *session;
    struct sdp_media *media; /* the section being read; at first one that stands for the session */
    const char *wrong;       /* what the last handler did not like */
};

/* Serves a=NAME:VALUE. 0, or -EBADMSG and p->wrong; unknown names are passed over. */
int sdp_attribute(struct sdp_parser *p, struct sdp_text name, struct sdp_text value);
/* Orders rids and takes what the sections inherit of the session; after the last line. */
void sdp_finish(struct sdp_session *session, const struct sdp_media *defaults);
struct sdp_rid *sdp_media_rid(struct sdp_media *m, struct sdp_text id); /* NULL */
