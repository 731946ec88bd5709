# file: src/proto/stun/frame.c
# ChannelData padding forgotten: the stream gets out of step.
s/out->stride = (out->len + 3) & ~(size_t)3;/out->stride = out->len;/
