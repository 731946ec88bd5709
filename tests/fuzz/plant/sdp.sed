# An m-line without a value is read but was not counted.
# file: src/proto/sdp/parse.c
s/count += line.len >= 2/count += line.len > 2/
