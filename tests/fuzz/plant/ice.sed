# A path that went leaves the selection pointing behind it.
# file: src/proto/ice/agent.c
s/a->selected = (int8_t)(a->selected - (a->selected > index));//
