# file: src/proto/rtp/extension.c
# An element's length is believed beyond the end of its block.
s/out->data = reader_bytes(&it->r, out->len);/out->data = it->r.pos; it->r.pos += out->len; if (it->r.pos > it->r.end) { it->r.pos = it->r.end; }/
