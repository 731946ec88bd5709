/* What the files of the import share. */
#pragma once

#include "ctl/import.h"

struct import_entry {
    const struct import_option *option;
    unsigned line;
    bool off; /* a flag with "no" */
    char *value;
};

/* A line of the result. */
struct import_output {
    const char *section, *key; /* static */
    char *value;
    const char *from; /* coturn's option, or a reason of our own; static */
    unsigned line;    /* in coturn's file; 0: none */
    unsigned at;      /* its line in the text */
    bool refused;
};

struct import_finding {
    enum import_kind kind;
    unsigned line;
    char *name;
    char *text;
};

struct import {
    struct import_entry *entries;
    size_t entry_count;
    struct import_output *outputs;
    size_t output_count;
    struct import_finding *findings;
    size_t finding_count;
    struct import_user *users;
    size_t user_count;
    struct import_rule *rules;
    size_t rule_count;
    char **secrets; /* of the database */
    size_t secret_count;
    bool has_keys_only; /* a user whose password is not known */
    bool no_memory;     /* sticky */
    char *text;
};

/* Room for one more: the array's new place, or NULL. Doubles at powers of two. */
void *import_grow(void *items, size_t count, size_t size);
/* The last line with that option that is not switched off, or NULL. */
const struct import_entry *import_last(const struct import *im, const char *name);
bool import_has(const struct import *im, const char *name);
/* Adds "key = value" unless it is there already; from NULL: for a reason, given by reason. False when there is no
 * room: a finding says so. */
bool import_put(struct import *im, const char *section_key, const struct import_entry *from, const char *reason,
                const char *value);
/* Everything that takes several options together. */
void import_compose_options(struct import *im);
