/* A million packets through a publisher and three slots, one of them RTX besides: nothing is allocated. */
#include "forward/publisher.h"
#include "forward/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { SLOTS = 3, PACKETS = 1000000, PACKET_BYTES = 1200, PT = 96, PT_RTX = 97, REPEAT_EVERY = 50 };

static unsigned long allocations;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n) {
    allocations++;
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size) {
    allocations++;
    return __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n) {
    allocations++;
    return __real_realloc(p, n);
}

static struct publisher publisher;
static struct slot_transport transport = {.cname = "x"};
static struct slot slots[SLOTS];

static struct publication *open_world(void) {
    static const struct slot_payloads payloads = {.of = {[MEDIA_VP8] = PT}, .rtx = {[MEDIA_VP8] = PT_RTX}};
    publisher_init(&publisher, 1);
    publisher.payloads[PT] = (struct publication_payload){.known = true, .codec = MEDIA_VP8};
    struct publication_options options = {
        .number = 9, .mid = "0", .video = true, .encoding_count = 1, .encodings = {{.ssrc = 55}}};
    struct publication *p = publication_new(&options);
    assert_non_null(p);
    assert_int_equal(publisher_add(&publisher, p), 0);
    rtp_ext_profile_set(&transport.ext, RTP_EXT_TRANSPORT_SEQ, 3);
    for (unsigned i = 0; i < SLOTS; i++) {
        slot_init(
            &slots[i],
            &(struct slot_options){
                .transport = &transport, .mid = "v", .payloads = &payloads, .ssrc = 100 + i, .rtx_ssrc = 200 + i});
        assert_int_equal(slot_bind(&slots[i], p, 1), 0);
        slot_set_target(&slots[i], (struct slot_target){0, 3}, 1);
    }
    return p;
}

static void make(uint8_t *packet, uint32_t n) {
    struct writer w;
    memset(packet, 0, PACKET_BYTES);
    writer_init(&w, packet, PACKET_BYTES);
    rtp_header_write(
        &w, &(struct rtp_header){
                .seq = (uint16_t)n, .timestamp = n / 4 * 3000, .ssrc = 55, .payload_type = PT, .marker = n % 4 == 3});
    writer_u8(&w, n % 4 == 0 ? 0x90 : 0x80);
    writer_u8(&w, 0x80);
    writer_u16(&w, (uint16_t)(0x8000 | (n / 4 & 0x7fff)));
    writer_u8(&w, n < 4 ? 0 : 1);
}

static unsigned long send_all(struct media_packet *p, uint64_t now_us, bool repeat) {
    static uint8_t room[2048];
    struct slot_room r = {room, sizeof room, now_us};
    struct slot_packet out;
    unsigned long sent = 0;
    LIST_FOREACH(node, &p->encoding->publication->slots) {
        struct slot *s = LIST_ENTRY(node, struct slot, in_publication);
        uint16_t seq;
        if (slot_accept(s, p, now_us, &seq) == 0) {
            assert_int_equal(slot_write(s, seq, p, &r, &out), 0);
            sent++;
        }
        if (repeat) {
            assert_int_equal(slot_repeat(s, (uint16_t)(seq - 5), &r, &out), 0);
        }
    }
    return sent;
}

static void a_million_packets_allocate_nothing(void **state) {
    (void)state;
    static uint8_t packet[PACKET_BYTES], rtcp[1200];
    unsigned long sent = 0;
    struct publication *publication = open_world();
    unsigned long before = allocations;
    for (uint32_t n = 0; n < PACKETS; n++) {
        uint64_t now_us = 1000000 + n * UINT64_C(3000);
        struct media_packet p;
        if (n % 97 == 60) {
            continue; /* lost on the way in */
        }
        make(packet, n);
        assert_int_equal(publisher_input(&publisher, packet, sizeof packet, now_us, &p), 0);
        sent += send_all(&p, now_us, n > 100 && n % REPEAT_EVERY == 0 && (n - 5) % 97 != 60);
        if (n % 16 == 0) {
            struct writer w;
            writer_init(&w, rtcp, sizeof rtcp);
            publisher_write_rtcp(&publisher, &w, now_us);
            slot_write_report(&slots[0], &w, now_us);
        }
    }
    assert_int_equal(allocations, before);
    assert_int_equal(sent, (PACKETS - (PACKETS - 60 + 96) / 97) * (unsigned long)SLOTS);
    for (unsigned i = 0; i < SLOTS; i++) {
        slot_unbind(&slots[i], 0);
    }
    publisher_remove(&publisher, publication);
    publication_free(publication);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_million_packets_allocate_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
