# file: src/proto/turn/token.c
# The length of the client's key is not checked against the room for it.
s/ || key_len > TURN_TOKEN_KEY_MAX//
