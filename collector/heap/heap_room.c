/*
 * collector/heap/heap_room.c - see heap_room.h.
 */
#include "heap/heap_room.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { HUGE = 2 << 20, PAGE = 4096 };

static void touch(uint8_t *at, uint64_t bytes)
{
    if (!madvise(at, bytes, MADV_POPULATE_WRITE))
        return;
    for (uint64_t i = 0; i < bytes; i += PAGE)
        ((volatile uint8_t *)at)[i] = 0;
}

int heap_room_make(struct heap_room *r, uint64_t bytes)
{
    void *at;
    bytes = (bytes + HUGE) & ~(uint64_t)(HUGE - 1);
    at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        return -ENOMEM;
    madvise(at, bytes, MADV_HUGEPAGE);
    madvise(at, bytes, MADV_DONTFORK);
    madvise(at, bytes, MADV_DONTDUMP);
    *r = (struct heap_room){at, bytes, 0};
    return 0;
}

void heap_room_touch(struct heap_room *r, uint64_t bytes)
{
    bytes = (bytes + HUGE - 1) & ~(uint64_t)(HUGE - 1);
    bytes = bytes > r->bytes ? r->bytes : bytes;
    if (bytes <= r->touched_bytes)
        return;
    touch(r->base + r->touched_bytes, bytes - r->touched_bytes);
    r->touched_bytes = bytes;
}

void heap_room_free(struct heap_room *r)
{
    if (r->base)
        munmap(r->base, r->bytes);
    *r = (struct heap_room){0};
}

/* The number behind a name in a file of lines, or in one of a number alone. */
static uint64_t number_in(const char *path, const char *name)
{
    uint64_t value = UINT64_MAX;
    char line[256];
    size_t length = strlen(name);
    FILE *f = fopen(path, "re");
    if (!f)
        return UINT64_MAX;
    while (value == UINT64_MAX && fgets(line, sizeof line, f))
        if (!strncmp(line, name, length) && line[length + strspn(line + length, " \t")] - '0' + 0u < 10)
            value = strtoull(line + length, NULL, 10);
    fclose(f);
    return value;
}

/* Of our own group (cgroup 2) and those above it. */
static uint64_t allowance(void)
{
    char line[4096] = "", path[4200], *group, *slash;
    uint64_t least = UINT64_MAX, most, used, cache;
    FILE *f = fopen("/proc/self/cgroup", "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f))
        found = !strncmp(line, "0::", 3);
    if (f)
        fclose(f);
    if (!found)
        return UINT64_MAX;
    group = line + 3;
    group[strcspn(group, "\n")] = 0;
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
        most = number_in(path, "");
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.current", group);
        used = number_in(path, "");
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.stat", group);
        cache = number_in(path, "file "); /* given back when memory is wanted */
        if (cache <= used && used != UINT64_MAX)
            used -= cache;
        if (most != UINT64_MAX && used != UINT64_MAX && (most > used ? most - used : 0) < least)
            least = most > used ? most - used : 0;
        slash = strrchr(group, '/');
        if (!slash || !group[1])
            return least;
        slash[slash == group] = 0;
    }
}

uint64_t heap_room_free_bytes(void)
{
    uint64_t machine = number_in("/proc/meminfo", "MemAvailable:"), ours = allowance(), least;
    if (machine != UINT64_MAX)
        machine *= 1024;
    least = machine < ours ? machine : ours;
    return least == UINT64_MAX ? UINT64_MAX : least - least / 10;
}
