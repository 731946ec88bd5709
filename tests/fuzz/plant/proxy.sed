# file: src/proto/proxy/proxy.c
# The length that the header claims is not compared with what is there: the reader runs beyond the input.
s/    if (len < out->len) {/    if (len < V2_HEADER_BYTES) {/
