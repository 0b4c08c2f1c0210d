/*
 * tests/unit/test_ring.c - one ring on a real segment, a writer thread beside
 * a reader: nothing lost, nothing torn, in order, over wraps, pads, growth and
 * seals. Build it with SAN=thread, too.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_writer.h"
#include "session/segment.h"
#include "suite.h"
#include "wire/ring_reader.h"

enum { RECORDS = 300000, SEALED = 5000 };

static struct segment segment;
static struct wire_slot *slot;
static uint64_t home;

static void setup(void)
{
    char name[64], place[4096];
    uint64_t scratch, room;
    ck_assert_int_eq(segment_place(segment_place_best(&room), place, sizeof place), 0);
    snprintf(name, sizeof name, "ring-%d", (int)getpid());
    ck_assert_int_eq(segment_create(&segment, place, name), 0);
    ck_assert_int_eq(segment_home(&segment, 0, &scratch, &home), 0);
    slot = wire_slot_of(&segment.wire, 0);
    store_relaxed(&slot->ring, home);
    store_relaxed(&slot->state, WIRE_SLOT_READY);
    store_relaxed(&wire_pulse_of(&segment.wire)->slots_ready, 1);
}

static void teardown(void)
{
    segment_unlink(&segment);
    segment_detach(&segment);
}

/* Size and shape of record i: every length that records have. */
static uint32_t shape(uint32_t i) { return (i * 2654435761u) >> 25; }

static void *writer(void *arg)
{
    struct fake_writer w = {0};
    static const uint64_t words[600];
    char text[WIRE_TEXT_MAX];
    uint32_t i;
    memset(text, 'x', sizeof text);
    ck_assert_int_eq(fake_claim(&w, &segment.wire, 1), 0);
    for (i = 0; i < RECORDS; i++) {
        uint32_t n = shape(i);
        if (i % 1000 == 999)
            fake_text(&w, WIRE_MARK, i, NULL, 0, text, 1 + i % WIRE_TEXT_MAX);
        else if (i % 100 == 99)
            fake_put(&w, &(struct fake_record){.type = WIRE_NEW, .address = i, .size = i, .push = 300 + n, .frames = words});
        else
            fake_put(&w, &(struct fake_record){.type = WIRE_NEW, .address = i, .size = i, .extra = words,
                                               .extras = n % 7 == 6 ? 0 : n % 7, .push = n / 4, .frames = words});
    }
    return NULL;
}

/* Reads all; with `grow` offers larger rings as the session does. */
static void read_all(bool grow)
{
    struct ring_reader r;
    struct ring_item item;
    uint64_t left, moves = 0, size = WIRE_RING_FIRST_BYTES;
    uint32_t next = 0;
    pthread_t thread;

    ck_assert_int_eq(ring_reader_open(&r, &segment.wire, slot, home), 0);
    pthread_create(&thread, NULL, writer, NULL);
    while (next < RECORDS) {
        int got, n = 0;
        ring_reader_look(&r);
        while ((got = ring_reader_peek(&r, &item, &left)) == 1 || left) {
            if (left) {
                moves++;
                ck_assert_uint_eq(r.size, size);
                store_release(&slot->next_ring, 0);
            }
            if (got != 1)
                continue;
            ck_assert_uint_eq(item.head.address, next);
            ck_assert_uint_eq(item.head.type, next % 1000 == 999 ? WIRE_MARK : WIRE_NEW);
            if (item.head.type == WIRE_NEW)
                ck_assert_uint_eq(item.head.size, next);
            next++;
            ring_reader_next(&r, &item);
            if (++n % 64 == 0 && ring_reader_release(&r))
                syscall(SYS_futex, &slot->drain_seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        }
        ck_assert_int_eq(got, 0);
        if (ring_reader_release(&r))
            syscall(SYS_futex, &slot->drain_seq, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        if (grow && size < WIRE_RING_LAST_BYTES && next > RECORDS / 8 * (moves + 1) && !load_relaxed(&slot->next_ring)) {
            uint64_t ring = segment_ring_take(&segment, size *= 4);
            ck_assert_uint_ne(ring, 0);
            store_release(&slot->next_ring, ring);
        }
        if (!n)
            usleep(100);
    }
    pthread_join(thread, NULL);
    ring_reader_look(&r);
    ck_assert_int_eq(ring_reader_peek(&r, &item, &left), 0);
    ck_assert_uint_eq(r.tail, load_relaxed(&slot->head));
    ck_assert_uint_eq(moves, grow ? 3 : 0);
}

START_TEST(test_wraps) { read_all(false); }
END_TEST
START_TEST(test_grows) { read_all(true); }
END_TEST

/* A full ring keeps an eighth for releases. */
START_TEST(test_reserve)
{
    struct fake_writer w = {.drop_policy = true};
    unsigned news = 0, drops = 0;
    ck_assert_int_eq(fake_claim(&w, &segment.wire, 1), 0);
    while (!fake_new(&w, 1, 1))
        news++;
    while (!fake_drop(&w, 1))
        drops++;
    ck_assert_uint_eq(news, WIRE_RING_FIRST_BYTES / 8 * 7 / 24);
    ck_assert_uint_ge(drops, WIRE_RING_FIRST_BYTES / 8 / 24 - 1);
    ck_assert_uint_eq(load_relaxed(&slot->lost[WIRE_LOST_RING_FULL]), 2);
    ck_assert_uint_eq(load_relaxed(&slot->lost_drops), 1);
    ck_assert_uint_le(load_relaxed(&slot->head), WIRE_RING_FIRST_BYTES);
}
END_TEST

/* The seal: what is in the old ring is read first, whatever the new one holds. */
START_TEST(test_seal)
{
    struct fake_writer w = {0};
    struct ring_reader r;
    struct ring_item item;
    uint64_t left, ring, i, seen_left = 0;
    ck_assert_int_eq(fake_claim(&w, &segment.wire, 1), 0);
    for (i = 0; i < 100; i++)
        fake_new(&w, i, 1);
    ring = segment_ring_take(&segment, WIRE_RING_FIRST_BYTES * 4);
    store_release(&slot->next_ring, ring);
    ck_assert_int_eq(ring_writer_grow(&w.ring, &segment.wire), 1);
    ck_assert_int_eq(ring_writer_grow(&w.ring, &segment.wire), 0);
    for (; i < SEALED; i++) /* together more than the old ring holds */
        fake_new(&w, i, 1);
    ring_reader_open(&r, &segment.wire, slot, home);
    ring_reader_look(&r);
    for (i = 0; i < SEALED; i++) {
        ck_assert_int_eq(ring_reader_peek(&r, &item, &left), 1);
        ck_assert_uint_eq(item.head.address, i);
        if (left) {
            ck_assert_uint_eq(i, 100);
            ck_assert_uint_eq(left, home);
            seen_left++;
        }
        ring_reader_next(&r, &item);
    }
    ck_assert_uint_eq(seen_left, 1);
    ck_assert_int_eq(ring_reader_peek(&r, &item, &left), 0);
}
END_TEST

/* Any bytes at all, any head: an answer, in bounded time, inside the ring. */
START_TEST(test_garbage)
{
    struct wire_ring *ring = wire_ring_at(&segment.wire, home);
    uint32_t *bytes = (uint32_t *)(ring + 1), round, i;
    srand(11);
    for (round = 0; round < 3000; round++) {
        struct ring_reader r;
        struct ring_item item;
        uint64_t left;
        int got = 0;
        for (i = 0; i < 256; i++)
            bytes[i] = round % 3 ? (uint32_t)rand() & 0x070303ff : (uint32_t)rand();
        store_relaxed(&slot->tail, 0);
        store_relaxed(&slot->head, round % 2 ? 1024 : (uint64_t)rand() << (rand() % 33));
        store_relaxed(&ring->next, round % 5 ? 0 : (uint64_t)rand() * 8 % segment.wire.bytes);
        store_relaxed(&ring->start, round % 7 ? 0 : (uint64_t)rand());
        ck_assert_int_eq(ring_reader_open(&r, &segment.wire, slot, home), 0);
        ring_reader_look(&r);
        for (i = 0; i < 100000 && (got = ring_reader_peek(&r, &item, &left)) == 1; i++) {
            ck_assert(item.body >= (uint8_t *)(ring + 1));
            ck_assert(item.body - 24 + item.bytes <= (uint8_t *)(ring + 1) + WIRE_RING_FIRST_BYTES);
            ring_reader_next(&r, &item);
        }
        ck_assert(got == 0 || got == -EBADMSG);
        if (got < 0)
            ring_reader_skip(&r);
        ck_assert(r.tail == r.head || left);
    }
}
END_TEST

START_TEST(test_pool)
{
    uint64_t a = segment_ring_take(&segment, WIRE_RING_FIRST_BYTES * 4), b, c, i;
    uint64_t bump = segment.bump;
    b = segment_ring_take(&segment, WIRE_RING_LAST_BYTES);
    ck_assert(a && b && a != b);
    segment_ring_give(&segment, a, WIRE_RING_FIRST_BYTES * 4);
    c = segment_ring_take(&segment, WIRE_RING_FIRST_BYTES * 4);
    ck_assert_uint_eq(a, c);
    segment_ring_give(&segment, b, WIRE_RING_LAST_BYTES);
    segment_ring_give(&segment, c, WIRE_RING_FIRST_BYTES * 4);
    ck_assert_uint_eq(segment.free_count, 1);
    a = segment_ring_take(&segment, WIRE_RING_FIRST_BYTES); /* given back the other way round */
    b = segment_ring_take(&segment, WIRE_RING_FIRST_BYTES);
    c = segment_ring_take(&segment, WIRE_RING_FIRST_BYTES);
    segment_ring_give(&segment, a, WIRE_RING_FIRST_BYTES);
    segment_ring_give(&segment, c, WIRE_RING_FIRST_BYTES);
    segment_ring_give(&segment, b, WIRE_RING_FIRST_BYTES);
    ck_assert_uint_eq(segment.free_count, 1);
    for (i = 0; i < 1000; i++) {
        a = segment_ring_take(&segment, WIRE_RING_LAST_BYTES);
        memset(segment.wire.base + a + 64, 1, 4096);
        segment_ring_give(&segment, a, WIRE_RING_LAST_BYTES);
    }
    ck_assert_uint_le(segment.bump, bump + WIRE_RING_LAST_BYTES + WIRE_PAGE);
    /* A second user of the same file finds what is in use and what is free. */
    ck_assert_int_eq(segment_adopt(&segment, segment.pool_offset - WIRE_PAGE, WIRE_PAGE), -EBADMSG);
    ck_assert_int_eq(segment_adopt(&segment, segment.wire.bytes, WIRE_PAGE), -EBADMSG);
}
END_TEST

/* Rings may grow to a limit in all; slots to come have their homes beside it. */
START_TEST(test_grown_limit)
{
    uint64_t taken = 0, last = 0, at, scratch, ring;
    for (; (at = segment_ring_take(&segment, WIRE_RING_LAST_BYTES)); taken += WIRE_RING_LAST_BYTES)
        last = at;
    ck_assert(taken > SEGMENT_GROWN_BYTES / 2 && taken < SEGMENT_GROWN_BYTES);
    ck_assert_int_eq(segment_home(&segment, 1, &scratch, &ring), 0);
    segment_ring_give(&segment, last, WIRE_RING_LAST_BYTES);
    ck_assert(segment_ring_take(&segment, WIRE_RING_LAST_BYTES) != 0);
}
END_TEST

static int overlaps(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

/* What one thread writes shares no page with what another does. */
START_TEST(test_apart)
{
    enum { HOMES = 20 };
    uint64_t scratch[HOMES], ring[HOMES], grown[HOMES];
    for (int i = 0; i < HOMES; i++) {
        ck_assert_int_eq(segment_home(&segment, (uint32_t)i + 1, &scratch[i], &ring[i]), 0);
        grown[i] = segment_ring_take(&segment, WIRE_RING_FIRST_BYTES * 4);
        ck_assert(scratch[i] % WIRE_PAGE == 0 && ring[i] % WIRE_PAGE == 0 && grown[i] && grown[i] % WIRE_PAGE == 0);
        ck_assert_uint_eq((uintptr_t)wire_slot_of(&segment.wire, (uint32_t)i) % WIRE_LINE, 0);
        ck_assert(ring[i] >= scratch[i] + WIRE_SCRATCH_BYTES);
        for (int k = 0; k < i; k++) {
            ck_assert(!overlaps(scratch[i], segment_home_bytes(), scratch[k], segment_home_bytes()));
            ck_assert(!overlaps(grown[i], WIRE_RING_FIRST_BYTES * 4 + WIRE_LINE, grown[k], WIRE_RING_FIRST_BYTES * 4 + WIRE_LINE));
            ck_assert(!overlaps(grown[i], WIRE_RING_FIRST_BYTES * 4 + WIRE_LINE, scratch[k], segment_home_bytes()));
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ring");
    TCase *t = tcase_create("ring");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, test_wraps);
    tcase_add_test(t, test_grows);
    tcase_add_test(t, test_reserve);
    tcase_add_test(t, test_seal);
    tcase_add_test(t, test_garbage);
    tcase_add_test(t, test_pool);
    tcase_add_test(t, test_apart);
    tcase_add_test(t, test_grown_limit);
    suite_add_tcase(s, t);
    return suite_run(s);
}
