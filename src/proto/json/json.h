/* JSON from strangers: jansson with the bounds it does not have itself. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses one whole JSON object of at most depth_max nested arrays and objects. NULL when it is anything
 * else: too deep, a key twice, a NUL in a string, bad UTF-8, bytes after the end. A new reference. */
json_t *json_parse_object(const char *text, size_t len, unsigned depth_max);

/* Fields of an object, checked. An absent field and JSON null are the same: 0 is returned and *out stays
 * as it was. 1: the field is there and *out set. -EINVAL: another type or out of range. */
int json_take_bool(const json_t *object, const char *key, bool *out);
int json_take_u64(const json_t *object, const char *key, uint64_t max, uint64_t *out);
/* Borrowed from object. -EINVAL when longer than max bytes. */
int json_take_text(const json_t *object, const char *key, size_t max, const char **out);
/* type is JSON_OBJECT or JSON_ARRAY. Borrowed. */
int json_take_node(const json_t *object, const char *key, json_type type, json_t **out);
