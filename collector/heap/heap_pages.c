/*
 * collector/heap/heap_pages.c - see heap_maps.h: which pages are there.
 *
 * Linux 6.7 tells runs of them (PAGEMAP_SCAN); before that each page has a
 * number of 8 bytes in pagemap, also where nothing is. Neither makes a page present.
 *
 * A page of zeros that was only read is there in pagemap and weighs nothing, so
 * of a mapping's weight only pages that are certainly not such a one are taken off.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_maps.h"

enum { REGIONS = 1024, ENTRIES = 8192, SCRATCH_BYTES = ENTRIES * 8 };

/* From linux/fs.h of 6.7, which not every machine has. */
struct scan_arg {
    uint64_t size, flags, start, end, walk_end, regions, regions_max, pages_max;
    uint64_t inverted, all_of, any_of, told;
};
struct scan_region { uint64_t start, end, categories; };
_Static_assert(REGIONS * sizeof(struct scan_region) <= SCRATCH_BYTES, "both fit");
#define SCAN _IOWR('f', 16, struct scan_arg)
enum { SCAN_FILE = 1 << 2, SCAN_PRESENT = 1 << 3, SCAN_SWAPPED = 1 << 4, SCAN_ZERO = 1 << 5 };

static const uint64_t PAGEMAP_PRESENT = 1ull << 63, PAGEMAP_SWAPPED = 1ull << 62, PAGEMAP_FILE = 1ull << 61, PAGEMAP_ALONE = 1ull << 56;

/* Some 100 ms, for which a process may stand still. */
static const uint64_t HOLES_MOST_BYTES = 128ull << 30;

int heap_pages_open(struct heap_pages *p, pid_t pid)
{
    struct scan_arg nothing = {.size = sizeof nothing};
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/pagemap", (int)pid);
    *p = (struct heap_pages){.pagemap = open(name, O_RDONLY | O_CLOEXEC), .holes_left_bytes = HOLES_MOST_BYTES};
    if (p->pagemap < 0)
        return -errno;
    p->told = ioctl(p->pagemap, SCAN, &nothing) >= 0;
    return 0;
}

void heap_pages_close(struct heap_pages *p)
{
    close(p->pagemap);
}

static void run_add(struct heap_runs *r, uint64_t start, uint64_t end)
{
    r->bytes += end - start;
    if (r->n && r->runs[r->n - 1].end == start) {
        r->runs[r->n - 1].end = end;
        return;
    }
    r->runs = xgrow(r->runs, &r->capacity, r->n + 1, sizeof *r->runs);
    r->runs[r->n++] = (struct heap_run){start, end};
}

/* 0, or -errno: nothing was added, the kernel does not know it. */
static int add_scanned(int pagemap, uint64_t start, uint64_t end, bool changed, struct heap_runs *r)
{
    struct scan_region *regions = r->scratch;
    uint64_t not = SCAN_ZERO | (changed ? SCAN_FILE : 0);
    struct scan_arg arg = {.size = sizeof arg, .start = start, .end = end, .regions = (uintptr_t)regions,
                           .regions_max = REGIONS, .inverted = not, .all_of = not,
                           .any_of = SCAN_PRESENT | SCAN_SWAPPED, .told = SCAN_FILE};
    while (arg.start < end) {
        int n = ioctl(pagemap, SCAN, &arg);
        if (n < 0)
            return arg.start == start ? -errno : 0; /* unmapped meanwhile */
        for (int i = 0; i < n; i++)
            run_add(r, regions[i].start, regions[i].end);
        if (arg.walk_end <= arg.start)
            break;
        arg.start = arg.walk_end;
    }
    return 0;
}

static int add_read(struct heap_pages *p, uint64_t start, uint64_t end, uint64_t resident, bool changed, struct heap_runs *r)
{
    uint64_t *entries = r->scratch, page = (uint64_t)getpagesize(), holes;
    while (start < end && resident) {
        size_t want = (end - start) / page < ENTRIES ? (end - start) / page : ENTRIES;
        ssize_t got = pread(p->pagemap, entries, want * sizeof *entries, (off_t)(start / page * sizeof *entries));
        if (got < 0)
            return -errno;
        if (got < (ssize_t)sizeof *entries)
            return 0;
        holes = 0;
        for (size_t i = 0; i < (size_t)got / sizeof *entries; i++, start += page) {
            bool there = entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED);
            if (there && !(changed && entries[i] & PAGEMAP_FILE))
                run_add(r, start, start + page);
            if (entries[i] & (PAGEMAP_SWAPPED | PAGEMAP_FILE | PAGEMAP_ALONE) && resident != UINT64_MAX)
                resident -= resident < page ? resident : page;
            holes += there ? 0 : page;
        }
        if (holes > p->holes_left_bytes)
            return -EOVERFLOW;
        p->holes_left_bytes -= holes;
    }
    return 0;
}

int heap_pages_add(struct heap_pages *p, uint64_t start, uint64_t end, uint64_t resident_bytes, bool changed, struct heap_runs *r)
{
    if (!r->scratch)
        r->scratch = xmalloc(SCRATCH_BYTES);
    if (p->told && !add_scanned(p->pagemap, start, end, changed, r))
        return 0;
    return add_read(p, start, end, resident_bytes, changed, r);
}

void heap_runs_free(struct heap_runs *r)
{
    free(r->runs);
    free(r->scratch);
    *r = (struct heap_runs){0};
}
