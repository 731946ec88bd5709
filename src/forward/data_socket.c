#include "forward/data_socket.h"

#include "forward/data_stack.h"

#include <usrsctp.h>

enum {
    RECEIVE_BYTES = 192 * 1024, /* the window; half of it is where pieces of a message come one by one */
    PIECES_OVER = 96 * 1024,
    RTO_MIN_MS = 400,
    RTO_MAX_MS = 10000,
    COMMON_HEADER_BYTES = 12,
};

/* Extensions that browsers do not use stay out: they were the weak places. */
void data_socket_choose_extensions(void) {
    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_nrsack_enable(0);
    usrsctp_sysctl_set_sctp_pktdrop_enable(0);
    usrsctp_sysctl_set_sctp_blackhole(2); /* no answer to packets of no association */
}

static int set(struct socket *so, int option, const void *value, size_t len) {
    return usrsctp_setsockopt(so, IPPROTO_SCTP, option, value, (socklen_t)len);
}

static int set_limits(struct socket *so) {
    const int send_bytes = FORWARD_BUFFERED_MAX, receive_bytes = RECEIVE_BYTES;
    const uint32_t pieces = PIECES_OVER, on = 1;
    const struct linger abort_on_close = {.l_onoff = 1};
    const struct sctp_initmsg init = {.sinit_num_ostreams = FORWARD_STREAMS, .sinit_max_instreams = FORWARD_STREAMS};
    const struct sctp_rtoinfo rto = {.srto_initial = 1000, .srto_min = RTO_MIN_MS, .srto_max = RTO_MAX_MS};
    int rc = usrsctp_setsockopt(so, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof send_bytes);
    rc |= usrsctp_setsockopt(so, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    rc |= usrsctp_setsockopt(so, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
    rc |= set(so, SCTP_PARTIAL_DELIVERY_POINT, &pieces, sizeof pieces);
    rc |= set(so, SCTP_NODELAY, &on, sizeof on);
    rc |= set(so, SCTP_INITMSG, &init, sizeof init);
    rc |= set(so, SCTP_RTOINFO, &rto, sizeof rto);
    return rc | usrsctp_set_non_blocking(so, 1);
}

/* No heartbeats: ICE asks for consent. No search for a path MTU: a DTLS record is not fragmented by SCTP's leave. */
static int set_behaviour(struct socket *so) {
    static const uint16_t types[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
    const struct sctp_assoc_value resets = {.assoc_id = SCTP_ALL_ASSOC, .assoc_value = SCTP_ENABLE_RESET_STREAM_REQ};
    const struct sctp_paddrparams path = {.spp_flags = SPP_HB_DISABLE | SPP_PMTUD_DISABLE,
                                          .spp_pathmtu = FORWARD_SCTP_MTU - COMMON_HEADER_BYTES};
    int rc = set(so, SCTP_ENABLE_STREAM_RESET, &resets, sizeof resets);
    rc |= set(so, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct sctp_event event = {.se_assoc_id = SCTP_ALL_ASSOC, .se_type = types[i], .se_on = 1};
        rc |= set(so, SCTP_EVENT, &event, sizeof event);
    }
    return rc;
}

int data_socket_prepare(struct socket *so) { return set_limits(so) | set_behaviour(so); }
