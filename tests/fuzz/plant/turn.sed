# file: src/proto/turn/reservation.c
# An expired reservation forgets to close its port, the class of CVE-2026-73215.
s/list_push_back(&s->dead, &v->held.node);/free(v);/
