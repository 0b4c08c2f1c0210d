/*
 * collector/session/segment.c - see segment.h. Ingest thread.
 *
 * Layout of the pool: home blocks and larger rings as they were needed, from
 * pool_offset upwards. A free extent may have been given back to the kernel
 * (punched); every take reserves again, which costs nothing where the pages
 * are still there.
 */
#include "session/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/directory.h"

/* Freed memory that stays reserved, for the next ring that grows. */
enum { SEGMENT_KEEP_BYTES = 16 << 20 };

static __thread struct segment_shortage shortage;

const struct segment_shortage *segment_shortage(void)
{
    return &shortage;
}

int segment_place(unsigned number, char *out, size_t size)
{
    const char *only = getenv("OWNSCOPE_SHM"), *dir = only && *only ? only : "/dev/shm";
    if (number == 0)
        return snprintf(out, size, "%s", dir) < (int)size ? 0 : -ENAMETOOLONG;
    return number > 1 || dir == only ? -ENOENT : session_directory(out, size);
}

uint64_t segment_place_free(const char *directory, const char **why)
{
    struct statvfs fs;
    *why = "it is full";
    if (statvfs(directory, &fs) || faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS)) {
        *why = errno == ENOENT ? "it is not there" : errno == EROFS ? "it is mounted read-only" : errno == EACCES ? "it may not be written to" : strerror(errno);
        return 0;
    }
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

unsigned segment_place_best(uint64_t *free_bytes)
{
    char dir[SESSION_PATH_MAX];
    const char *why;
    unsigned best = 0, i;
    *free_bytes = 0;
    for (i = 0; *free_bytes < SEGMENT_ROOM_BYTES && segment_place(i, dir, sizeof dir) != -ENOENT; i++) {
        uint64_t room = segment_place_free(dir, &why);
        best = room > *free_bytes ? i : best;
        *free_bytes = room > *free_bytes ? room : *free_bytes;
    }
    return best;
}

static uint64_t page_up(uint64_t n)
{
    return (n + WIRE_PAGE - 1) & ~(uint64_t)(WIRE_PAGE - 1);
}

static uint64_t pool_start(uint32_t slots_max)
{
    return page_up(WIRE_SLOTS_OFFSET + (uint64_t)slots_max * sizeof(struct wire_slot));
}

static uint64_t ring_bytes(uint64_t size_bytes)
{
    return page_up(sizeof(struct wire_ring) + size_bytes);
}

uint64_t segment_home_bytes(void)
{
    return page_up(WIRE_SCRATCH_BYTES + sizeof(struct wire_ring) + WIRE_RING_FIRST_BYTES);
}

/* Reserves pages. 0 or -errno; a lack of space is remembered with numbers. */
static int reserve(struct segment *s, uint64_t offset, uint64_t bytes)
{
    struct statvfs fs;
    int e;
    do
        e = posix_fallocate(s->fd, (off_t)offset, (off_t)bytes);
    while (e == EINTR);
    if (e == ENOSPC || e == EDQUOT || e == EFBIG) {
        snprintf(shortage.directory, sizeof shortage.directory, "%.*s", (int)(strrchr(s->path, '/') - s->path), s->path);
        shortage.needed_bytes = bytes;
        shortage.free_bytes = fstatvfs(s->fd, &fs) ? 0 : (uint64_t)fs.f_bavail * fs.f_frsize;
        s->denied_bytes = bytes;
        s->denied_free = shortage.free_bytes;
        s->denials++;
        return -ENOSPC;
    }
    return -e;
}

/* Bytes of the file: the usual size, or what RLIMIT_FSIZE lets us set (beyond
 * it ftruncate would raise SIGXFSZ). 0: not even the least. */
static uint64_t size_allowed(void)
{
    struct rlimit limit;
    uint64_t bytes = SEGMENT_BYTES;
    if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < bytes)
        bytes = limit.rlim_cur & ~(uint64_t)(WIRE_PAGE - 1);
    return bytes < SEGMENT_BYTES_LEAST ? 0 : bytes;
}

static int map_file(struct segment *s, uint64_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    madvise(p, bytes, MADV_DONTDUMP);
    s->wire.base = p;
    s->wire.bytes = bytes;
    return 0;
}

static void write_geometry(struct segment *s)
{
    struct wire_plan *p = wire_plan_of(&s->wire);
    p->version = WIRE_VERSION;
    p->plan_bytes = sizeof *p;
    p->segment_bytes = s->wire.bytes;
    p->slots_max = s->slots_max;
    p->slot_bytes = sizeof(struct wire_slot);
    p->slots_offset = WIRE_SLOTS_OFFSET;
    p->pool_offset = s->pool_offset;
    p->owner_uid = geteuid();
    p->magic = WIRE_MAGIC;
}

static void set_geometry(struct segment *s)
{
    s->slots_max = WIRE_SLOTS_MAX;
    s->pool_offset = s->bump = pool_start(WIRE_SLOTS_MAX);
}

int segment_create(struct segment *s, const char *directory, const char *name)
{
    uint64_t bytes = size_allowed();
    int e;

    *s = (struct segment){.fd = -1};
    set_geometry(s);
    if (snprintf(s->path, sizeof s->path, "%s/ownscope-%u-%s", directory, geteuid(), name) >= (int)sizeof s->path)
        return -ENAMETOOLONG;
    if (!bytes) {
        snprintf(shortage.directory, sizeof shortage.directory, "%s", directory);
        shortage.needed_bytes = SEGMENT_BYTES_LEAST;
        shortage.free_bytes = 0;
        return -EFBIG;
    }
    s->fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0)
        return -errno;
    e = fchmod(s->fd, 0600) || ftruncate(s->fd, (off_t)bytes) ? -errno : 0;
    if (!e)
        e = reserve(s, 0, WIRE_SLOTS_OFFSET + WIRE_PAGE);
    if (!e) /* the first slots' homes: supply_add takes them at once */
        e = reserve(s, s->pool_offset, SEGMENT_SLOTS_FIRST * segment_home_bytes());
    if (!e)
        e = map_file(s, bytes);
    if (e) {
        unlink(s->path);
        segment_detach(s);
        return e;
    }
    write_geometry(s);
    return 0;
}

bool segment_plan_valid(const struct wire_plan *p, uint64_t file_bytes)
{
    return p->magic == WIRE_MAGIC && p->version == WIRE_VERSION && p->plan_bytes == sizeof *p &&
           p->slot_bytes == sizeof(struct wire_slot) && p->slots_max == WIRE_SLOTS_MAX &&
           p->slots_offset == WIRE_SLOTS_OFFSET && p->pool_offset == pool_start(WIRE_SLOTS_MAX) &&
           p->segment_bytes == file_bytes && file_bytes >= SEGMENT_BYTES_LEAST && file_bytes <= 1ull << 40 &&
           p->clock <= WIRE_CLOCK_COUNTER_STRICT && p->clock_hz >= 1000000 && p->clock_hz <= 100000000000u &&
           p->stacks <= WIRE_STACKS_FULL && p->locks <= 1;
}

int segment_attach(struct segment *s, const char *path)
{
    struct wire_plan plan;
    struct stat st;
    int e;

    *s = (struct segment){.fd = -1};
    set_geometry(s);
    if (snprintf(s->path, sizeof s->path, "%s", path) >= (int)sizeof s->path)
        return -ENAMETOOLONG;
    s->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (s->fd < 0)
        return -errno;
    if (fstat(s->fd, &st))
        e = -errno;
    else if (!S_ISREG(st.st_mode) || st.st_size < 0)
        e = -EBADMSG;
    else if (st.st_uid != geteuid())
        e = -EPERM;
    else if (pread(s->fd, &plan, sizeof plan, 0) != sizeof plan || !segment_plan_valid(&plan, (uint64_t)st.st_size))
        e = -EBADMSG;
    else if (!(e = reserve(s, 0, WIRE_SLOTS_OFFSET)))
        e = map_file(s, (uint64_t)st.st_size);
    if (e)
        segment_detach(s);
    return e;
}

void segment_detach(struct segment *s)
{
    if (s->wire.base)
        munmap(s->wire.base, s->wire.bytes);
    if (s->fd >= 0)
        close(s->fd);
    free(s->free_extents);
    s->wire.base = NULL;
    s->free_extents = NULL;
    s->free_count = s->free_capacity = 0;
    s->fd = -1;
}

void segment_unlink(const struct segment *s)
{
    unlink(s->path);
}

void segment_ring_format(struct segment *s, uint64_t offset, uint64_t size_bytes, uint64_t start)
{
    struct wire_ring *r = (struct wire_ring *)(s->wire.base + offset);
    r->size_bytes = size_bytes;
    store_relaxed(&r->start, start);
    store_relaxed(&r->next, 0);
}

/* ---- the pool ---- */

/* Inserts an extent into the sorted list, joined with its neighbours. */
static void extent_add(struct segment *s, uint64_t offset, uint64_t bytes)
{
    size_t i = s->free_count;
    struct segment_extent *x;
    while (i > 0 && s->free_extents[i - 1].offset > offset)
        i--;
    s->free_extents = xgrow(s->free_extents, &s->free_capacity, s->free_count + 1, sizeof *s->free_extents);
    x = s->free_extents;
    if (i > 0 && x[i - 1].offset + x[i - 1].bytes == offset) {
        x[i - 1].bytes += bytes;
        if (i < s->free_count && x[i - 1].offset + x[i - 1].bytes == x[i].offset) {
            x[i - 1].bytes += x[i].bytes;
            memmove(x + i, x + i + 1, (--s->free_count - i) * sizeof *x);
        }
        return;
    }
    if (i < s->free_count && offset + bytes == x[i].offset) {
        x[i].offset = offset;
        x[i].bytes += bytes;
        return;
    }
    memmove(x + i + 1, x + i, (s->free_count++ - i) * sizeof *x);
    x[i] = (struct segment_extent){offset, bytes};
}

/* Address space for `bytes` (whole pages): first fit, else the bump. 0: none. */
static uint64_t extent_take(struct segment *s, uint64_t bytes)
{
    struct segment_extent *x = s->free_extents;
    uint64_t at;
    size_t i;
    for (i = 0; i < s->free_count; i++) {
        if (x[i].bytes < bytes)
            continue;
        at = x[i].offset;
        x[i].offset += bytes;
        x[i].bytes -= bytes;
        if (!x[i].bytes)
            memmove(x + i, x + i + 1, (--s->free_count - i) * sizeof *x);
        s->kept_bytes -= s->kept_bytes < bytes ? s->kept_bytes : bytes;
        return at;
    }
    if (bytes > s->wire.bytes - s->bump)
        return 0;
    at = s->bump;
    s->bump += bytes;
    return at;
}

static void extent_give(struct segment *s, uint64_t offset, uint64_t bytes)
{
    if (!segment_ours(s))
        return;
    if (s->kept_bytes + bytes > SEGMENT_KEEP_BYTES)
        fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes);
    else
        s->kept_bytes += bytes;
    extent_add(s, offset, bytes);
}

/* Reserved memory of whole pages; its offset, 0: no space. */
static uint64_t pool_take(struct segment *s, uint64_t bytes)
{
    uint64_t at = extent_take(s, bytes);
    if (at && (reserve(s, at, bytes) || !segment_ours(s))) { /* asked after the system call, which may take its time */
        extent_add(s, at, bytes);
        at = 0;
    }
    return at;
}

int segment_home(struct segment *s, uint32_t slot, uint64_t *scratch, uint64_t *ring)
{
    uint64_t table = page_up((uint64_t)(slot + 1) * sizeof(struct wire_slot)), at;
    if (slot >= s->slots_max)
        return -ENOSPC;
    if (table > s->table_reserved) {
        int e = reserve(s, WIRE_SLOTS_OFFSET + s->table_reserved, table - s->table_reserved);
        if (e)
            return e;
        s->table_reserved = table;
    }
    at = pool_take(s, segment_home_bytes());
    if (!at)
        return -ENOSPC;
    *scratch = at;
    *ring = segment_home_ring(at);
    memset(s->wire.base + at + WIRE_SCRATCH_UNWIND_BYTES, 0, WIRE_PAGE); /* counts of the slot's threads begin */
    segment_ring_format(s, *ring, WIRE_RING_FIRST_BYTES, 0);
    return 0;
}

uint64_t segment_ring_take(struct segment *s, uint64_t size_bytes)
{
    struct statvfs fs;
    uint64_t at, bytes = ring_bytes(size_bytes);
    if (s->grown_bytes + bytes > SEGMENT_GROWN_BYTES)
        return 0;
    if (!fstatvfs(s->fd, &fs) && (uint64_t)fs.f_bavail * fs.f_frsize / 4 < size_bytes)
        return 0;
    at = pool_take(s, bytes);
    if (!at)
        return 0;
    s->grown_bytes += bytes;
    segment_ring_format(s, at, size_bytes, 0);
    return at;
}

void segment_ring_give(struct segment *s, uint64_t offset, uint64_t size_bytes)
{
    s->grown_bytes -= ring_bytes(size_bytes);
    extent_give(s, offset, ring_bytes(size_bytes));
}

uint64_t segment_take(struct segment *s, uint64_t bytes)
{
    return bytes && bytes <= s->wire.bytes ? pool_take(s, page_up(bytes)) : 0;
}

void segment_give(struct segment *s, uint64_t offset, uint64_t bytes)
{
    extent_give(s, offset, page_up(bytes));
}

/* ---- taking over ---- */

/* While adopting, free_extents holds what is in use. */
int segment_adopt(struct segment *s, uint64_t offset, uint64_t bytes)
{
    uint64_t end;
    size_t i;
    bytes = page_up(bytes);
    end = offset + bytes;
    if (offset % WIRE_PAGE || offset < s->pool_offset || end < offset || end > s->wire.bytes)
        return -EBADMSG;
    for (i = 0; i < s->free_count; i++)
        if (offset < s->free_extents[i].offset + s->free_extents[i].bytes && s->free_extents[i].offset < end)
            return -EBADMSG;
    if (reserve(s, offset, bytes)) /* is so already, unless somebody lies */
        return -ENOSPC;
    s->grown_bytes += bytes == segment_home_bytes() ? 0 : bytes;
    extent_add(s, offset, bytes);
    return 0;
}

void segment_adopt_done(struct segment *s, uint32_t slots)
{
    struct segment_extent *used = s->free_extents;
    size_t n = s->free_count, i;
    uint64_t at = s->pool_offset;

    s->free_extents = NULL;
    s->free_count = s->free_capacity = 0;
    for (i = 0; i < n; i++) {
        if (used[i].offset > at)
            extent_add(s, at, used[i].offset - at);
        at = used[i].offset + used[i].bytes;
    }
    s->bump = at;
    free(used);
    for (i = 0; i < s->free_count; i++)
        fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)s->free_extents[i].offset,
                  (off_t)s->free_extents[i].bytes);
    if (s->bump < s->wire.bytes)
        fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)s->bump,
                  (off_t)(s->wire.bytes - s->bump));
    s->table_reserved = page_up((uint64_t)slots * sizeof(struct wire_slot));
}
