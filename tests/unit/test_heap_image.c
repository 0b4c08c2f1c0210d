/*
 * tests/unit/test_heap_image.c - a process's memory in an image: what is in it
 * equals what is there, what is not there stays so.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap/heap_image.h"
#include "heap_shared.h"

enum { PAGE = 4096 };

static struct heap_image *image_of(pid_t pid, struct heap_stop *s)
{
    struct heap_image_options o = {0};
    struct heap_image *i;
    int e = heap_image_prepare(&i, pid, &o);
    ck_assert_msg(!e, "%d: %s", e, heap_image_text());
    ck_assert_int_eq(heap_stop_begin(s, pid, (struct heap_held){0}), 0);
    e = heap_image_copy(i, s);
    ck_assert_msg(!e, "%d: %s", e, heap_image_text());
    heap_stop_end(s);
    return i;
}

static uint64_t word_at(struct heap_image *i, uint64_t address)
{
    size_t n = 8;
    uint64_t word;
    const uint8_t *at = heap_image_at(i, address, &n);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(n, 8);
    memcpy(&word, at, 8);
    return word;
}

/* A mapping of which every third page is there, each with its own words. */
enum { PAGES = 3000 };
static void body_holes(void)
{
    uint8_t *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < PAGES; i += 3)
        for (size_t k = 0; k < PAGE; k += 8)
            *(uint64_t *)(at + i * PAGE + k) = i * 1000003 + k;
    shared->address[0] = (uint64_t)at;
    atomic_store(&shared->ready, 1);
    for (;;)
        pause();
}

START_TEST(test_contents)
{
    pid_t pid = child_start(body_holes);
    wait_for(&shared->ready, 1);
    struct heap_stop s;
    struct heap_image *i = image_of(pid, &s);
    for (size_t k = 0; k < PAGES; k++) {
        uint64_t address = shared->address[0] + k * PAGE;
        size_t n = PAGE;
        if (k % 3) {
            ck_assert_ptr_null(heap_image_at(i, address, &n));
            continue;
        }
        for (size_t b = 0; b < PAGE; b += 8)
            ck_assert_uint_eq(word_at(i, address + b), k * 1000003 + b);
    }
    heap_image_free(i);
    heap_stop_free(&s);
    child_kill(pid);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_image");
    TCase *c = tcase_create("image");
    SRunner *r;
    int failed;
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_contents);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
