/*
 * tests/unit/test_heap_image_change.c - an image of a process that changes while it is
 * made, of one that forks it, and of one whose memory is not to be had.
 */
#include "heap/heap_room.h"
#include "heap_image_play.h"
#include "suite.h"

/* ---- what changes between the two ---- */

static void body_grows(void)
{
    enum { BYTES = 96 << 20 };
    uint8_t *old = map_new(BYTES / 4), *at;
    memset(old, 1, BYTES / 4);
    atomic_store(&shared->ready, 1);
    while (!atomic_load(&shared->go))
        nap(100);
    munmap(old, BYTES / 4);
    at = map_new(BYTES);
    for (size_t i = 0; i < BYTES; i += 8)
        *(uint64_t *)(at + i) = i * 31;
    shared->address[0] = (uint64_t)at;
    shared->address[1] = BYTES;
    atomic_store(&shared->done, 1);
    for (;;)
        pause();
}

START_TEST(test_grows_between)
{
    pid_t pid = child_start(body_grows);
    struct heap_image_options o = {0};
    struct heap_image *i;
    struct heap_stop s;
    wait_for(&shared->ready, 1);
    ck_assert_int_eq(heap_image_prepare(&i, pid, &o), 0);
    atomic_store(&shared->go, 1);
    wait_for(&shared->done, 1);
    stop_begin(&s, pid, (struct heap_held){0});
    ck_assert_int_eq(heap_image_copy(i, &s), 0);
    heap_stop_free(&s);
    ck_assert_uint_ge(heap_image_bytes(i), shared->address[1]);
    for (uint64_t at = 0, n; at < shared->address[1]; at += n) {
        size_t got = (size_t)(shared->address[1] - at);
        const uint8_t *p = heap_image_at(i, shared->address[0] + at, &got);
        ck_assert_ptr_nonnull(p);
        n = got;
        for (size_t k = 0; k < got; k += 8)
            if (*(const uint64_t *)(p + k) != (at + k) * 31)
                ck_abort_msg("at %llu", (unsigned long long)(at + k));
    }
    heap_image_free(i);
    child_kill(pid);
}
END_TEST

static size_t room_there(const struct heap_room *r)
{
    size_t pages = r->bytes / PAGE, n = 0;
    unsigned char *there = malloc(pages);
    ck_assert_int_eq(mincore(r->base, r->bytes, there), 0);
    for (size_t i = 0; i < pages; i++)
        n += there[i] & 1;
    free(there);
    return n * PAGE;
}

/* Room is touched as far as is wanted, piece by piece. */
START_TEST(test_room)
{
    struct heap_room r;
    ck_assert_int_eq(heap_room_make(&r, 64 << 20), 0);
    ck_assert_uint_eq(room_there(&r), 0);
    heap_room_touch(&r, 9 << 20);
    ck_assert_uint_eq(room_there(&r), 10 << 20);
    r.base[0] = 7;
    heap_room_touch(&r, 5 << 20);
    ck_assert_uint_eq(room_there(&r), 10 << 20);
    heap_room_touch(&r, 1ull << 40);
    ck_assert_uint_eq(room_there(&r), r.bytes);
    ck_assert_uint_eq(r.base[0], 7);
    heap_room_free(&r);
}
END_TEST

/* Mappings come and go all the time: whatever a stop finds is whole. */
static void body_comes_and_goes(void)
{
    for (uint64_t round = 0;; round++) {
        size_t pages = 1 + round * 7 % 61;
        uint64_t *at = map_new(pages * PAGE);
        for (size_t i = 0; i < pages; i++)
            at[i * PAGE / 8] = round;
        shared->address[1] = pages;
        shared->address[2] = round;
        shared->address[0] = (uint64_t)at; /* from here … */
        atomic_store(&shared->ready, 1);
        for (volatile int i = 0; i < 30000; i++)
            ;
        shared->address[0] = 0;            /* … to here it holds */
        munmap(at, pages * PAGE);
    }
}

START_TEST(test_comes_and_goes)
{
    pid_t pid = child_start(body_comes_and_goes);
    unsigned held = 0;
    wait_for(&shared->ready, 1);
    for (int round = 0; round < ROUNDS; round++) {
        struct heap_image_options o = {0};
        struct heap_image *i;
        struct heap_stop s;
        ck_assert_int_eq(heap_image_prepare(&i, pid, &o), 0);
        stop_begin(&s, pid, (struct heap_held){0});
        ck_assert_int_eq(heap_image_copy(i, &s), 0);
        if (shared->address[0]) {
            held++;
            for (size_t k = 0; k < shared->address[1]; k++)
                ck_assert_uint_eq(word_at(i, shared->address[0] + k * PAGE), shared->address[2]);
        }
        heap_stop_free(&s);
        heap_image_free(i);
    }
    child_kill(pid);
    ck_assert_uint_gt(held, 0);
}
END_TEST

/* ---- a forked image ---- */

static void body_forks(void)
{
    enum { BYTES = 48 << 20 };
    uint64_t *at = map_new(BYTES + PAGE * 16);
    pid_t pid;
    for (size_t i = 0; i < BYTES / 8; i++)
        at[i] = i * 17;
    pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    memset(at, 0xff, BYTES);
    shared->address[0] = (uint64_t)at;
    shared->address[1] = BYTES;
    shared->ids[0] = pid;
    ready_and_wait();
}

START_TEST(test_forked)
{
    pid_t pid = child_start(body_forks);
    struct heap_image_options o = {0};
    struct heap_stop s;
    struct heap_image *i;
    uint64_t start, bytes;
    wait_for(&shared->ready, 1);
    start = shared->address[0], bytes = shared->address[1];
    stop_begin(&s, pid, (struct heap_held){0});
    heap_stop_end(&s);
    ck_assert_int_eq(heap_image_of(&i, shared->ids[0], &s, &o), 0);
    ck_assert_uint_eq(heap_image_bytes(i), 0);
    for (uint64_t k = 0; k < 4000; k++) { /* to and fro: more than is kept */
        uint64_t at = (k * 2654435761u) % bytes & ~7ull;
        ck_assert_uint_eq(word_at(i, start + at), at / 8 * 17);
    }
    for (uint64_t at = 0; at < bytes;) {
        size_t n = (size_t)(bytes - at);
        const uint8_t *p = heap_image_at(i, start + at, &n);
        ck_assert_ptr_nonnull(p);
        for (size_t k = 0; k < n; k += 8)
            if (*(const uint64_t *)(p + k) != (at + k) / 8 * 17)
                ck_abort_msg("at %llu", (unsigned long long)(at + k));
        at += n;
    }
    ck_assert(!is_in(i, start + bytes + PAGE));
    ck_assert_uint_gt(heap_image_bytes(i), bytes);
    child_kill(pid);
    heap_image_free(i);
    heap_stop_free(&s);
}
END_TEST

/* It ends when a part of it was read: what could not be read is told as no holes are. */
START_TEST(test_forked_ends)
{
    pid_t pid = child_start(body_forks);
    struct heap_image_options o = {0};
    struct heap_stop s;
    struct heap_image *i, *late;
    uint64_t start;
    wait_for(&shared->ready, 1);
    start = shared->address[0];
    stop_begin(&s, pid, (struct heap_held){0});
    heap_stop_end(&s);
    ck_assert_int_eq(heap_image_of(&i, shared->ids[0], &s, &o), 0);
    ck_assert_uint_eq(word_at(i, start + 80), 170);
    ck_assert(!is_in(i, start + shared->address[1] + PAGE));
    ck_assert_int_eq(heap_image_error(i), 0);
    kill((pid_t)shared->ids[0], SIGKILL);
    while (!heap_image_of(&late, (pid_t)shared->ids[0], &s, &o))
        heap_image_free(late);
    ck_assert_ptr_null(late);
    ck_assert(!is_in(i, start + (32 << 20)));
    ck_assert_int_eq(heap_image_error(i), -ESRCH);
    child_kill(pid);
    heap_image_free(i);
    heap_stop_free(&s);
}
END_TEST

/* ---- refusals ---- */

START_TEST(test_too_large)
{
    pid_t pid = child_start(body_holes);
    struct heap_image_options o = {.most_bytes = 1 << 20};
    struct heap_image *i = (struct heap_image *)1;
    wait_for(&shared->ready, 1);
    ck_assert_int_eq(heap_image_prepare(&i, pid, &o), -EFBIG);
    ck_assert_ptr_null(i);
    ck_assert_msg(strstr(heap_image_text(), "MiB") != NULL, "%s", heap_image_text());
    child_kill(pid);
    ck_assert_int_eq(heap_image_prepare(&i, pid, &o), -ESRCH);
}
END_TEST

static void body_stranger(void)
{
    struct heap_image_options o = {0};
    struct heap_image *i;
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
        _exit(77);
    if (heap_image_prepare(&i, shared->ids[0], &o) != -EPERM || !strstr(heap_image_text(), "uid 0"))
        _exit(1);
    _exit(0);
}

START_TEST(test_other_user)
{
    pid_t pid;
    if (getuid())
        return;
    pid = child_start(body_holes);
    wait_for(&shared->ready, 1);
    shared->ids[0] = pid;
    ck_assert_int_eq(child_end(child_start(body_stranger)), 0);
    child_kill(pid);
}
END_TEST

START_TEST(test_killed_amid)
{
    for (int round = 0; round < 20; round++) {
        pid_t pid = child_start(body_holes);
        struct heap_image_options o = {0};
        struct heap_image *i;
        struct heap_stop s;
        int e;
        wait_for(&shared->ready, 1);
        ck_assert_int_eq(heap_image_prepare(&i, pid, &o), 0);
        stop_begin(&s, pid, (struct heap_held){0});
        kill(pid, SIGKILL);
        nap(round * 100);
        e = heap_image_copy(i, &s);
        ck_assert_msg(!e || e == -ESRCH, "%d: %s", e, heap_image_text());
        heap_stop_free(&s);
        heap_image_free(i);
        child_end(pid);
        atomic_store(&shared->ready, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_image_change");
    TCase *c = tcase_create("image");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_grows_between);
    tcase_add_test(c, test_room);
    tcase_add_test(c, test_comes_and_goes);
    tcase_add_test(c, test_forked);
    tcase_add_test(c, test_forked_ends);
    tcase_add_test(c, test_too_large);
    tcase_add_test(c, test_other_user);
    tcase_add_test(c, test_killed_amid);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
