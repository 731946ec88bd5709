# Inflated text is not looked at.
# file: src/net/ws_conn.c
s/if (!text_is_utf8(text, (size_t)len))/if (!wslay_get_rsv1(arg->rsv) \&\& !text_is_utf8(text, (size_t)len))/
