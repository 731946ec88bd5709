# A dot-dot segment is looked for before it is decoded.
# file: src/net/uri.c
s/strcmp(segment, "..") == 0/strncmp(text, "..", 3) == 0/
