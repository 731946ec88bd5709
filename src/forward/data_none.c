#include "forward/data_stack.h"

#include <errno.h>

int forward_data_sctp_new(struct forward_data_stack **out, uint64_t now_us) {
    (void)now_us;
    *out = NULL;
    return -ENOTSUP;
}
