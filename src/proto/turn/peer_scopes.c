#include "proto/turn/peer_scopes.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES_MAX = 128 + 514 }; /* realm, NUL, user, NUL */

struct entry {
    struct peer_rules *rules;
    const char *realm, *user; /* behind the entry */
    char names[];
};

struct peer_scopes {
    struct hash_key key;
    struct hash_table entries;
};

struct wanted {
    const char *realm, *user;
};

static int compare_names(const struct peer_scoped_rule *a, const struct peer_scoped_rule *b) {
    int order = strcmp(a->realm, b->realm);
    return order != 0 ? order : strcmp(a->user, b->user);
}

static int compare_rules(const void *x, const void *y) {
    return compare_names(*(const struct peer_scoped_rule *const *)x, *(const struct peer_scoped_rule *const *)y);
}

/* 0 for names that no rule can have. */
static size_t make_key(char out[KEY_BYTES_MAX], const char *realm, const char *user) {
    size_t realm_size = strlen(realm) + 1, user_size = strlen(user) + 1;
    if (realm_size + user_size > KEY_BYTES_MAX) {
        return 0;
    }
    memcpy(out, realm, realm_size);
    memcpy(out + realm_size, user, user_size);
    return realm_size + user_size;
}

static bool same_names(const void *item, const void *wanted) {
    const struct entry *entry = item;
    const struct wanted *w = wanted;
    return strcmp(entry->realm, w->realm) == 0 && strcmp(entry->user, w->user) == 0;
}

static void entry_free(struct entry *entry) {
    peer_rules_free(entry->rules);
    free(entry);
}

/* Rules of one realm and user. */
static struct peer_rules *compile(const struct peer_scoped_rule *const *rules, size_t count) {
    struct peer_rules_builder *b = peer_rules_builder_empty();
    for (size_t i = 0; b && i < count; i++) {
        if (peer_rules_add_prefix(b, &rules[i]->prefix, rules[i]->allow) < 0) {
            peer_rules_builder_free(b);
            return NULL;
        }
    }
    return b ? peer_rules_compile(b) : NULL;
}

static int add_entry(struct peer_scopes *scopes, const struct peer_scoped_rule *const *rules, size_t count) {
    char key[KEY_BYTES_MAX];
    size_t size = make_key(key, rules[0]->realm, rules[0]->user);
    if (size == 0) {
        return 0; /* nobody can be called so */
    }
    struct entry *entry = calloc(1, sizeof *entry + size);
    if (!entry) {
        return -ENOMEM;
    }
    memcpy(entry->names, key, size);
    entry->realm = entry->names;
    entry->user = entry->names + strlen(entry->names) + 1;
    entry->rules = compile(rules, count);
    if (!entry->rules || hash_table_insert(&scopes->entries, hash_bytes(&scopes->key, key, size), entry) < 0) {
        entry_free(entry);
        return -ENOMEM;
    }
    return 0;
}

/* Sorted, so that those of one realm and user stand together. */
static int add_all(struct peer_scopes *scopes, const struct peer_scoped_rule *const *rules, size_t count) {
    int rc = 0;
    for (size_t first = 0, end; first < count && rc == 0; first = end) {
        for (end = first + 1; end < count && compare_names(rules[first], rules[end]) == 0;) {
            end++;
        }
        rc = add_entry(scopes, rules + first, end - first);
    }
    return rc;
}

int peer_scopes_new(struct peer_scopes **out, const struct peer_scoped_rule *rules, size_t count) {
    const struct peer_scoped_rule **own = calloc(count + 1, sizeof *own);
    struct peer_scopes *scopes = calloc(1, sizeof *scopes);
    size_t kept = 0;
    *out = NULL;
    for (size_t i = 0; own && i < count; i++) {
        if (rules[i].realm[0] || rules[i].user[0]) {
            own[kept++] = &rules[i];
        }
    }
    int rc = own && scopes ? 0 : -ENOMEM;
    if (rc == 0 && kept > 0) {
        hash_key_random(&scopes->key);
        hash_table_init(&scopes->entries);
        qsort(own, kept, sizeof *own, compare_rules);
        rc = add_all(scopes, own, kept);
    }
    free(own);
    if (rc < 0 || kept == 0) {
        peer_scopes_free(scopes);
        return rc;
    }
    *out = scopes;
    return 0;
}

void peer_scopes_free(struct peer_scopes *scopes) {
    uint32_t cursor = 0;
    if (!scopes) {
        return;
    }
    for (struct entry *entry; (entry = hash_table_next(&scopes->entries, &cursor));) {
        entry_free(entry);
    }
    hash_table_deinit(&scopes->entries);
    free(scopes);
}

static void add_table(struct peer_scope *scope, const struct peer_scopes *scopes, const char *realm, const char *user) {
    char key[KEY_BYTES_MAX];
    struct wanted wanted = {realm, user};
    size_t size = make_key(key, realm, user);
    const struct entry *entry =
        size > 0 ? hash_table_find(&scopes->entries, hash_bytes(&scopes->key, key, size), same_names, &wanted) : NULL;
    if (entry) {
        scope->tables[scope->count++] = entry->rules;
    }
}

struct peer_scope peer_scopes_find(const struct peer_scopes *scopes, const struct peer_rules *everybody,
                                   const char *realm, const char *user) {
    struct peer_scope scope = {.tables = {everybody}, .count = 1};
    if (!scopes) {
        return scope;
    }
    add_table(&scope, scopes, realm, "");
    if (user[0]) {
        add_table(&scope, scopes, "", user);
        add_table(&scope, scopes, realm, user);
    }
    return scope;
}
