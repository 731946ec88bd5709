/* Intrusive doubly linked list. A head is a node that points to itself when empty. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define LIST_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
#define LIST_FOREACH(node, head)       for (struct list *node = (head)->next; node != (head); node = node->next)
/* The body may remove node. */
#define LIST_FOREACH_SAFE(node, after, head) \
    for (struct list *node = (head)->next, *after = node->next; node != (head); node = after, after = node->next)

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_insert_after(struct list *at, struct list *node) {
    node->prev = at;
    node->next = at->next;
    at->next->prev = node;
    at->next = node;
}

static inline void list_push_back(struct list *head, struct list *node) { list_insert_after(head->prev, node); }
static inline void list_push_front(struct list *head, struct list *node) { list_insert_after(head, node); }

/* Leaves the node pointing to itself, so that removing twice does no harm. */
static inline void list_remove(struct list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
