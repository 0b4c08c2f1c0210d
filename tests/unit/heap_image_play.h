/*
 * tests/unit/heap_image_play.h - images of children's memory, and children whose
 * memory a test knows.
 */
#ifndef HEAP_IMAGE_PLAY_H
#define HEAP_IMAGE_PLAY_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap/heap_image.h"
#include "heap_shared.h"

enum { PAGE = 4096 };

/* A sanitized child has terabytes of address space to look through. */
#ifdef __SANITIZE_ADDRESS__
enum { VAST = 1, ROUNDS = 10 };
#else
enum { VAST = 0, ROUNDS = 200 };
#endif

static inline struct heap_image *image_of(pid_t pid, struct heap_stop *s)
{
    struct heap_image_options o = {0};
    struct heap_image *i;
    int e = heap_image_prepare(&i, pid, &o);
    ck_assert_msg(!e, "%d: %s", e, heap_image_text());
    stop_begin(s, pid, (struct heap_held){0});
    e = heap_image_copy(i, s);
    ck_assert_msg(!e, "%d: %s", e, heap_image_text());
    heap_stop_end(s);
    return i;
}

static inline uint64_t word_at(struct heap_image *i, uint64_t address)
{
    size_t n = 8;
    uint64_t word;
    const uint8_t *at = heap_image_at(i, address, &n);
    ck_assert_ptr_nonnull(at);
    ck_assert_uint_eq(n, 8);
    memcpy(&word, at, 8);
    return word;
}

static inline void ready_and_wait(void)
{
    atomic_store(&shared->ready, 1);
    for (;;)
        pause();
}

/* A mapping of which every third page is there, each with its own words. */
enum { PAGES = 3000 };
static inline void body_holes(void)
{
    uint8_t *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < PAGES; i += 3)
        for (size_t k = 0; k < PAGE; k += 8)
            *(uint64_t *)(at + i * PAGE + k) = i * 1000003 + k;
    shared->address[0] = (uint64_t)at;
    ready_and_wait();
}

static inline void *map_new(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        abort();
    return at;
}

/* Is a page of the child's there? As its own pagemap says. */
static inline size_t pages_there(pid_t pid, uint64_t start, size_t pages)
{
    uint64_t entry;
    size_t n = 0;
    char name[64];
    int fd;
    snprintf(name, sizeof name, "/proc/%d/pagemap", (int)pid);
    fd = open(name, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < pages; i++) {
        ck_assert_int_eq((int)pread(fd, &entry, 8, (off_t)((start / PAGE + i) * 8)), 8);
        n += entry >> 63;
    }
    close(fd);
    return n;
}

static inline bool is_in(struct heap_image *i, uint64_t address)
{
    size_t n = 1;
    return heap_image_at(i, address, &n) != NULL;
}

#endif
