/* What must hold of a TURN server's tables, whatever came in. */
#pragma once

#include "lib/turn_world.h"

/* Aborts with those words. */
void check(bool ok, const char *what);
/* After every step. clients: how many there are, each with a quota of two at the most. */
void turn_check_world(const struct world *w, unsigned clients);
/* No peer and no number twice: it compares all pairs, so at the end of a script only. */
void turn_check_unique(const struct turn_allocation *a);
/* Another user, password or nonce, as the script wants. */
void turn_change_identity(const struct world *w, struct client *c, struct reader *script);
/* Peers that meet each other, public and denied, of both families; or four bytes of the script. */
struct addr turn_pick_peer(struct reader *script);
/* Another realm, by ORIGIN, and keys that tokens of the script are tried with. */
void turn_add_realms(struct world *w);
