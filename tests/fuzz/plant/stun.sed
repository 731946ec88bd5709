# file: src/proto/stun/msg.c
# The check that an attribute ends inside the message looks at the header only: values reach beyond the input.
s/reader_bytes(&r, ((size_t)attr.len + 3) & ~(size_t)3);/r.pos += ((size_t)attr.len + 3) \& ~(size_t)3; if (r.pos > r.end) { r.pos = r.end; }/
