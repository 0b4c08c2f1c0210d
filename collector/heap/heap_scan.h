/*
 * collector/heap/heap_scan.h - from an image and the blocks that lived then to
 * the snapshot: who points to whom.
 *
 * Every aligned word of every block and every root is looked at once. A word
 * points into a block when it lies in [address, address + size), or is the
 * address of a block of size 0, by the size that was asked for.
 * Interior pointers count, marked; those of the known good kinds
 * (heap_interior.h) are marked so. Two passes over a piece with prefetch between
 * them: see limits in bench/RESULTS.md.
 *
 * One thread; off the ingest path. Progress is told for who shows a bar.
 */
#ifndef OWNSCOPE_HEAP_SCAN_H
#define OWNSCOPE_HEAP_SCAN_H

#include "event/code.h"
#include "event/snapshot.h"
#include "heap/heap_image.h"

/* A thread as we know it: for the serials of roots (0: of the parent's, before a fork).
 * ended: its stack may still be mapped (libc keeps some): no root. */
struct heap_known_thread { uint32_t serial; pid_t tid; uint64_t pthread; bool ended; };

struct heap_scan_input {
    struct heap_image *image;
    const struct heap_stop *stop;
    const struct heap_known_thread *threads; size_t n_threads;
    const char *shim_path;
    /* Called now and then; total 0: not known. NULL: nobody asks. */
    void (*progress)(void *context, uint64_t words, uint64_t total);
    void *progress_context;
};

/* The code that a scan met: modules found in the maps (all of them: the event
 * stream knows only those that stood in a stack), frames of the stacks. code.h belongs to
 * another thread, so a scanned snapshot names modules by index + 1 in here. */
struct heap_module { char *path; uint8_t build_id[CODE_BUILD_ID_MAX]; uint8_t build_id_bytes; };
struct heap_frame {
    uint64_t address;           /* as snapshot_frame's */
    uint32_t root, module;      /* module: index + 1; 0: in none, `offset` is the address */
    uint64_t offset;
    bool exact;                 /* where the thread stands, or was interrupted: not a return address */
};
struct heap_code {
    struct heap_module *modules; size_t n_modules;
    struct heap_frame *frames;   size_t n_frames;
};

/* Fills in roots, edges, types (with names where the image has them), words and
 * times, and what `code` is to know. The snapshot's blocks are there already. 0 or
 * -errno: then the snapshot has no edges. */
int heap_scan(struct snapshot *s, const struct heap_scan_input *in, struct heap_code *code);
/* Puts what the scan met into `code`, and its ids into the snapshot. By the
 * thread that `code` belongs to. */
void heap_intern(struct snapshot *s, const struct heap_code *scanned, struct code *code);
void heap_code_free(struct heap_code *c);

#endif
