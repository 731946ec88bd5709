#include "net/http_link.h"

#include <stdlib.h>

struct http_link *http_link_new(struct loop *worker, struct pump *pump) {
    struct http_link *link = calloc(1, sizeof *link);
    if (link) {
        atomic_init(&link->refs, 1);
        link->worker = worker;
        link->pump = pump;
    }
    return link;
}

void http_link_ref(struct http_link *link) { atomic_fetch_add_explicit(&link->refs, 1, memory_order_relaxed); }

void http_link_unref(struct http_link *link) {
    if (link && atomic_fetch_sub_explicit(&link->refs, 1, memory_order_acq_rel) == 1) {
        free(link);
    }
}
