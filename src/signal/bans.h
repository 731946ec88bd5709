/* Who may not join which room for a while. Bounded; beyond the bound the ban that ends first makes room. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ban;

struct bans {
    struct ban *items;
    uint32_t count;
};

void bans_init(struct bans *b);
void bans_deinit(struct bans *b);
/* -ENOMEM. A later ban of the same identity in the same room replaces the earlier. */
int bans_add(struct bans *b, const char *room, const char *identity, uint64_t until_us);
bool bans_hold(struct bans *b, const char *room, const char *identity, uint64_t now_us);
