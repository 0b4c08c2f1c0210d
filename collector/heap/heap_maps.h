/*
 * collector/heap/heap_maps.h - what is mapped into a process (/proc/PID/maps),
 * and which pages of it are there (pagemap). Any thread.
 *
 * Linux before 6.7 has to be asked for each page of address space, holes too. Of
 * a mapping whose weight is known one asks until that many pages were found; and
 * when too many holes were looked at, the pages stay unknown.
 */
#ifndef OWNSCOPE_HEAP_MAPS_H
#define OWNSCOPE_HEAP_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A line of /proc/PID/maps. */
struct heap_map {
    uint64_t start, end, offset;
    uint64_t inode;
    bool readable, writable, executable, shared;
    char *path;                 /* "", "[heap]", "/usr/lib/…", "/dev/shm/… (deleted)" */
    uint64_t resident_bytes;    /* of it in memory or swapped out, without pages of zeros; UINT64_MAX: not known (heap_maps_weigh) */
};
struct heap_maps {
    struct heap_map *maps; size_t n;
    uint64_t first_sp;          /* where the first thread began: arguments and environment lie there and above; 0: not known */
};
/* 0 or -errno. */
int heap_maps_read(struct heap_maps *m, pid_t pid);
/* It has memory that a forked child does not get, or gets empty (MADV_DONTFORK, MADV_WIPEONFORK): an image would lack it. */
bool heap_maps_unforked(pid_t pid);
void heap_maps_free(struct heap_maps *m);
/* What a process has in memory; 0: not known. */
uint64_t heap_resident_bytes(pid_t pid);
/* Asks for their resident_bytes, at a price that grows with what is resident. 0 or -errno. */
int heap_maps_weigh(struct heap_maps *m, pid_t pid);
/* The mapping that holds an address, or NULL. */
const struct heap_map *heap_maps_find(const struct heap_maps *m, uint64_t address);

/* What is in it belongs to a file (private or not), as its name says. */
bool heap_map_is_file(const struct heap_map *m);

/* Pages that are there, or swapped out, in rising order; neighbours are one run. */
struct heap_run { uint64_t start, end; };
struct heap_runs { struct heap_run *runs; size_t n, capacity; uint64_t bytes; void *scratch; };
/* How a process is asked for its pages. */
struct heap_pages {
    int pagemap;
    bool told;                  /* in runs, by PAGEMAP_SCAN */
    uint64_t holes_left_bytes;  /* that may be looked at one page at a time */
};
/* 0 or -errno. */
int heap_pages_open(struct heap_pages *p, pid_t pid);
void heap_pages_close(struct heap_pages *p);
/* Adds those of [start, end) that hold something of the process's own: with
 * `changed`, not what is still as it is in the file. 0 or -errno; -EOVERFLOW: too many holes. */
int heap_pages_add(struct heap_pages *p, uint64_t start, uint64_t end, uint64_t resident_bytes, bool changed, struct heap_runs *r);
void heap_runs_free(struct heap_runs *r);

#endif
