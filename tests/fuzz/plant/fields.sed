# A terminator beyond the buffer.
# file: src/signal/form.c
s/made + 1 >= cap/made >= cap/
