# A buffer taken for larger than it is: an external address that is too long.
# file: src/config/value_net.c
s/text_copy(public_text, sizeof public_text,/text_copy(public_text, 4096,/
