# file: src/admin/args.c
# The comparison with a choice no longer looks at its length.
s/word == len && memcmp/memcmp/
