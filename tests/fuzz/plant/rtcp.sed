# file: src/proto/rtcp/twcc.c
# Feedback may announce more deltas than there are bytes.
s/ || reader_left(&r) < delta_bytes//
