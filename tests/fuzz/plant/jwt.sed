# Names with control characters come through.
# file: src/proto/jwt/claims.c
s/ || !jwt_claims_valid(out)) {/) {/
