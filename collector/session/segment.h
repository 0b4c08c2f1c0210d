/*
 * collector/session/segment.h - the session's shared-memory file and what is
 * reserved in it.
 *
 * The collector creates the file sparse and reserves (posix_fallocate) only
 * what it hands out: pages of the slot table, each slot's home block (scratch
 * and first ring, the slot's for ever) and larger rings from the pool. All
 * bookkeeping is private memory of the collector: nothing here trusts what a
 * traced process could have written. Ingest thread only.
 *
 * Invariant: home blocks, rings lent and free extents are disjoint and fill
 * [pool_offset, bump).
 */
#ifndef OWNSCOPE_SESSION_SEGMENT_H
#define OWNSCOPE_SESSION_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/segment.h"

/* Larger rings take so much in all: hundreds of busy threads must not eat the
 * memory of the machine, nor the space of the slots to come. */
enum { SEGMENT_PATH_MAX = 4096, SEGMENT_GROWN_BYTES = 256 << 20 };
/* A session begins with so many slots; and where a place has less than so much, another that has is better. */
enum { SEGMENT_SLOTS_FIRST = 8, SEGMENT_ROOM_BYTES = 16 << 20 };
#define SEGMENT_BYTES (1ull << 30)
#define SEGMENT_BYTES_LEAST (16ull << 20)

struct segment_extent { uint64_t offset, bytes; };

struct segment {
    struct wire_segment wire;   /* the mapping */
    int fd;
    char path[SEGMENT_PATH_MAX];
    uint64_t pool_offset;       /* our own copies of the plan's */
    uint32_t slots_max;
    uint64_t table_reserved;    /* bytes of the slot table that are reserved */
    uint64_t bump;              /* pool above this was never used */
    struct segment_extent *free_extents; /* sorted by offset, never touching */
    size_t free_count, free_capacity;
    uint64_t grown_bytes;       /* in rings beyond the home blocks */
    uint64_t kept_bytes;        /* freed and still reserved, about */
    uint64_t denied_bytes;      /* last reservation that failed; 0: none did */
    uint64_t denied_free;       /* bytes free then */
    uint32_t denials;
    uint32_t owner;             /* pid of the collector that this bookkeeping is of; 0: not said yet */
};

/* Another collector's word counts as soon as it has said so: room that one of
 * before would still hand out, or give back, may be somebody's. A stop lasts
 * as long as it likes, and falls into system calls above all: ask after them. */
static inline bool segment_ours(const struct segment *s)
{
    return !s->owner || load_relaxed(&wire_pulse_of(&s->wire)->collector_pid) == s->owner;
}

/* Creates the file, its fixed pages and room for the first slots; the plan is zero but for magic,
 * version and geometry, and is filled by the caller. 0; -ENOSPC
 * (segment_shortage tells numbers); -EEXIST; -errno. */
int segment_create(struct segment *s, const char *directory, const char *name);
/* Maps an existing file. 0; -EBADMSG: not a segment of this version;
 * -EPERM: not this user's; -errno. Bookkeeping is empty: see segment_adopt. */
int segment_attach(struct segment *s, const char *path);
void segment_detach(struct segment *s);
void segment_unlink(const struct segment *s);

/* A slot's table page and home block, reserved. 0 or -ENOSPC. The scratch is
 * at *scratch, the ring behind it is formatted and lies at *ring. */
int segment_home(struct segment *s, uint32_t slot, uint64_t *scratch, uint64_t *ring);
static inline uint64_t segment_home_ring(uint64_t scratch) { return scratch + WIRE_SCRATCH_BYTES; }
uint64_t segment_home_bytes(void);

/* A ring of `size_bytes` from the pool, formatted; its offset, 0: no space, or
 * so little that what is left is better kept for slots, or SEGMENT_GROWN_BYTES,
 * or the segment is another's. */
uint64_t segment_ring_take(struct segment *s, uint64_t size_bytes);
void segment_ring_give(struct segment *s, uint64_t offset, uint64_t size_bytes);
/* (Re)formats the head of a ring that nobody uses. */
void segment_ring_format(struct segment *s, uint64_t offset, uint64_t size_bytes, uint64_t start);

/* Reserved memory of whole pages for `bytes` of the collector's own, for hooks to read: its offset, 0: no
 * space, or the segment is another's. */
uint64_t segment_take(struct segment *s, uint64_t bytes);
void segment_give(struct segment *s, uint64_t offset, uint64_t bytes);

/* Rebuilding after segment_attach: names what is in use; then _done makes the
 * rest of the pool free (and gives its memory back). -EBADMSG: overlaps. */
int segment_adopt(struct segment *s, uint64_t offset, uint64_t bytes);
void segment_adopt_done(struct segment *s, uint32_t slots);

/* Numbers of the last -ENOSPC in this thread. */
struct segment_shortage { char directory[256]; uint64_t needed_bytes, free_bytes; };
const struct segment_shortage *segment_shortage(void);

/* Directories of segment files, in the order in which they are tried: OWNSCOPE_SHM alone where that is set, else
 * /dev/shm, then where sessions live. 0; -ENOENT: there is no such number; -errno of session_directory. */
int segment_place(unsigned number, char *out, size_t size);
/* What can be made in a place; 0: nothing, and *why. */
uint64_t segment_place_free(const char *directory, const char **why);
/* The one to begin with: the first that has SEGMENT_ROOM_BYTES, else whichever has most. *free_bytes: 0: nothing can be made there. */
unsigned segment_place_best(uint64_t *free_bytes);

/* Is this page 0 a plan that this build can use, for a file of `file_bytes`? */
bool segment_plan_valid(const struct wire_plan *p, uint64_t file_bytes);

#endif
