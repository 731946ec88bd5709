/* Claims to and from JSON; used by jwt.c only. */
#pragma once

#include "proto/jwt/jwt.h"

#include <jansson.h>

/* -EBADMSG when a known claim has another type or is too long; unknown claims are ignored. */
int jwt_claims_read(struct jwt_claims *out, const json_t *payload);
/* A new reference; NULL: no memory. Writes what differs from an empty token's meaning. */
json_t *jwt_claims_write(const struct jwt_claims *claims);
/* Are the strings fit for a token (printable, identity and room within bounds)? */
bool jwt_claims_valid(const struct jwt_claims *claims);
