/* Text encodings and bounded string work. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes base64 needs for n bytes of input, with the terminator. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* Standard alphabet with padding (RFC 4648 section 4). out has BASE64_SIZE(n) bytes. Returns the length. */
size_t base64_encode(char *out, const void *data, size_t n);
/* URL-safe alphabet without padding (RFC 4648 section 5). out has BASE64_SIZE(n) bytes. */
size_t base64url_encode(char *out, const void *data, size_t n);
/* Decodes either form strictly (no white space, no stray bits). Returns the number of bytes,
 * -EINVAL for bad input, -ENOBUFS when cap is too small. */
long base64_decode(void *out, size_t cap, const char *text, size_t len);
long base64url_decode(void *out, size_t cap, const char *text, size_t len);

/* Lower-case hex and a terminator: out has 2n+1 bytes. */
void hex_encode(char *out, const void *data, size_t n);
/* Returns the number of bytes; -EINVAL; -ENOBUFS. */
long hex_decode(void *out, size_t cap, const char *text, size_t len);

/* Copies with a terminator. 0, or -ENOBUFS (out then holds the empty string): never cuts silently. */
int text_copy(char *out, size_t cap, const char *text, size_t len);

/* Whole decimal number without sign or space. -EINVAL, -ERANGE. */
int text_parse_u64(uint64_t *out, const char *text, size_t len);

/* True for valid UTF-8 (RFC 3629), without overlong forms and surrogates. */
bool text_is_utf8(const void *data, size_t n);
/* True for valid UTF-8 without control characters (C0, DEL, C1): fit for names that people read. */
bool text_is_printable(const void *data, size_t n);
/* Makes a text of unknown bytes fit for JSON: unless it is valid UTF-8, each byte beyond ASCII becomes '?'. */
void text_make_utf8(char *text);
/* Code points in valid UTF-8. */
size_t text_utf8_length(const void *data, size_t n);
