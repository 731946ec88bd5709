/* A client's SCTP packets, from outside to channels and events: first byte odd: an association stands before they come.
 * Then packets: length, chunks; headers with the right tag and checksum are put before them, and TSNs count from the
 * association's first. What comes out is within every bound.
 * covers: src/forward/channels.c src/forward/data_sctp.c src/forward/data_socket.c src/forward/data_sound.c */
#include "lib/data_world.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <usrsctp.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 12, CHUNKS_MAX = FORWARD_SCTP_MTU - HEADER, DATA = 0, INIT = 1, FORWARD_TSN = 192 };

static void check(bool ok) {
    if (!ok) {
        abort();
    }
}

static void send_packet(struct data_world *w, const uint8_t *chunks, size_t len) {
    uint8_t packet[FORWARD_SCTP_MTU] = {0};
    store_be16(packet, FORWARD_SCTP_PORT);
    store_be16(packet + 2, FORWARD_SCTP_PORT);
    memcpy(packet + HEADER, chunks, len);
    if (chunks[0] != INIT) {
        memcpy(packet + 4, w->client_tag, sizeof w->client_tag);
    }
    if (len >= 8 && (chunks[0] == DATA || chunks[0] == FORWARD_TSN)) {
        store_be32(packet + HEADER + 4, load_be32(chunks + 4) + w->client_tsn);
    }
    uint32_t sum = usrsctp_crc32c(packet, HEADER + len);
    memcpy(packet + 8, &sum, sizeof sum);
    forward_data_input(w->server, packet, HEADER + len);
    check(forward_data_channel_count(w->server) <= FORWARD_STREAMS / 2);
    check(forward_data_buffered(w->server) <= FORWARD_BUFFERED_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct forward_data_stack *stack;
    static uint64_t now_us = 1000000;
    static struct data_world w;
    if (!stack) {
        check(forward_data_sctp_new(&stack, now_us) == 0);
    }
    memset(&w, 0, sizeof w);
    check(data_world_init(&w, stack, now_us) == 0);
    struct reader r;
    reader_init(&r, data, size);
    if (reader_u8(&r) & 1) {
        check(data_world_connect(&w));
    }
    w.echo = true;
    for (int i = 0; i < 32 && reader_left(&r) > 2; i++) {
        size_t len = reader_u16(&r) % CHUNKS_MAX + 1;
        len = len < reader_left(&r) ? len : reader_left(&r);
        send_packet(&w, reader_bytes(&r, len), len);
        data_world_run(&w, 20000);
    }
    check(w.largest <= FORWARD_SCTP_MTU && w.opened >= w.closed);
    data_world_deinit(&w);
    now_us = w.now_us + 1000000;
    stack->timeout(stack, now_us);
    return 0;
}
