/*
 * tests/unit/heap_child.h - the snapshot of a child whose blocks a test knows:
 * stopped, copied (or read where it stands), scanned.
 */
#ifndef HEAP_CHILD_H
#define HEAP_CHILD_H

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_image.h"
#include "heap/heap_scan.h"
#include "heap/heap_stop.h"
#include "wire/record.h"

struct child_block { uint64_t address, size; uint8_t family; uint32_t name; /* the test's */ };

struct child {
    pid_t pid;
    struct heap_known_thread threads[16]; size_t n_threads;
    const char *shim_path;
    struct snapshot *s;
    uint32_t *names;            /* of its blocks */
    struct heap_code code;
};

static int child_block_order(const void *a, const void *b)
{
    const struct child_block *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static inline void child_scan(struct child *c, struct child_block *blocks, size_t n, bool in_place)
{
    struct heap_image_options o = {0};
    struct heap_image *image;
    struct heap_stop stop;
    struct snapshot *s = c->s = snapshot_new();
    qsort(blocks, n, sizeof *blocks, child_block_order);
    s->n_blocks = n;
    s->address = xcalloc(n + 1, 8);
    s->size = xcalloc(n + 1, 8);
    s->family = xcalloc(n + 1, 1);
    c->names = xcalloc(n + 1, sizeof *c->names);
    for (size_t i = 0; i < n; i++) {
        s->address[i] = blocks[i].address;
        s->size[i] = blocks[i].size;
        s->family[i] = blocks[i].family;
        c->names[i] = blocks[i].name;
    }
    if (!in_place)
        ck_assert_int_eq(heap_image_prepare(&image, c->pid, &o), 0);
    ck_assert_msg(!heap_stop_begin(&stop, c->pid, (struct heap_held){0}), "%s", heap_stop_text());
    if (in_place)
        ck_assert_int_eq(heap_image_of(&image, c->pid, &stop, &o), 0);
    else
        ck_assert_int_eq(heap_image_copy(image, &stop), 0);
    struct heap_scan_input in = {.image = image, .stop = &stop, .threads = c->threads, .n_threads = c->n_threads,
                                 .shim_path = c->shim_path};
    ck_assert_int_eq(heap_scan(s, &in, &c->code), 0);
    ck_assert(snapshot_sound(s));
    heap_stop_end(&stop);
    heap_stop_free(&stop);
    heap_image_free(image);
}

static inline void child_forget(struct child *c)
{
    snapshot_free(c->s);
    heap_code_free(&c->code);
    free(c->names);
}

static inline void child_end(struct child *c)
{
    int status;
    kill(c->pid, SIGKILL);
    ck_assert_int_eq(waitpid(c->pid, &status, 0), c->pid);
}

/* The root that edge e comes from; NULL: a block. */
static inline const struct snapshot_root *child_root_of(const struct snapshot *s, uint64_t e)
{
    for (size_t r = 0; r < s->n_roots; r++)
        if (e >= s->first[s->n_blocks + r] && e < s->first[s->n_blocks + r + 1])
            return &s->roots[r];
    return NULL;
}

/* Kinds of roots that point to the block of a name, as bits; `thread` (if any) is set to one's. */
static inline unsigned child_held_by(const struct child *c, uint32_t name, uint32_t *thread)
{
    unsigned kinds = 0;
    for (uint64_t e = c->s->n_blocks ? c->s->first[c->s->n_blocks] : 0; e < c->s->n_edges; e++)
        if (c->names[c->s->to[e] & EDGE_TARGET] == name) {
            const struct snapshot_root *r = child_root_of(c->s, e);
            kinds |= 1u << r->kind;
            if (thread)
                *thread = r->thread;
        }
    return kinds;
}

#endif
