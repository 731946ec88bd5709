# file: src/proto/turn/peer_rules.c
# A tie of two rules goes to the denying one.
s/return order != 0 ? order : (int)b->allow - (int)a->allow;/return order != 0 ? order : (int)a->allow - (int)b->allow;/
