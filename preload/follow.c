/*
 * preload/follow.c - see follow.h.
 *
 * A table is cache lines of eight keys; a key stands in one of two lines, in any place.
 * So there are no chains: a place is taken by a CAS from 0 (or from a key of
 * another tag) and given back by a CAS to 0, and nobody else's search depends on it.
 */
#include "preload/follow.h"

#include <sys/mman.h>

#include "preload/system.h"
#include "wire/policy.h"

enum { KEYS = 8, LEVELS = 8, FIRST_LINES_BITS = 9 };
struct line { atomic_u64 key[KEYS]; };
_Static_assert(sizeof(struct line) == WIRE_LINE, "a line of keys is a cache line");

struct table {
    _Atomic(struct line *) level[LEVELS];
    atomic_u32 top;                      /* new keys go here */
};

_Atomic(uint8_t) follow_counters[FOLLOW_COUNTERS];
static struct table followed, gone;
static atomic_u32 is_full;

/* An address has 48 bits. */
static inline uint64_t key_of(uint64_t address, uint16_t tag) { return address << 16 | tag; }

static inline uint64_t lines_of(unsigned level) { return 1ull << (FIRST_LINES_BITS + 2 * level); }

/* The two lines of an address. */
static inline struct line *line_of(struct line *lines, unsigned level, uint64_t address, unsigned which)
{
    uint64_t h = follow_hash(address);
    h = which ? (h ^ h >> 29) * 0xbf58476d1ce4e5b9ull : h;
    return &lines[h >> 24 & (lines_of(level) - 1)];
}

/* Its place; NULL: there is none. */
static atomic_u64 *find(struct table *t, uint64_t address, uint16_t tag)
{
    uint64_t key = key_of(address, tag);
    for (int level = (int)load_acquire(&t->top); level >= 0; level--) { /* pairs with level_make */
        struct line *lines = load_acquire(&t->level[level]);
        for (unsigned which = 0; lines && which < 2; which++) {
            struct line *l = line_of(lines, (unsigned)level, address, which);
            for (unsigned i = 0; i < KEYS; i++)
                if (load_relaxed(&l->key[i]) == key)
                    return &l->key[i];
        }
    }
    return NULL;
}

/* The table's lines of that level, mapped by whoever comes first. */
static struct line *level_make(struct table *t, unsigned level)
{
    struct line *lines = load_acquire(&t->level[level]), *none = NULL;
    size_t bytes = lines_of(level) * sizeof *lines;
    if (lines)
        return lines;
    lines = system_map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (!lines)
        return NULL;
    system_advise(lines, bytes, MADV_DONTDUMP);
    if (!cas_acq_rel(&t->level[level], none, lines)) {
        system_unmap(lines, bytes);
        lines = load_acquire(&t->level[level]);
    }
    return lines;
}

static bool line_add(struct line *l, uint64_t key)
{
    for (unsigned i = 0; i < KEYS; i++) {
        uint64_t there = load_relaxed(&l->key[i]);
        if ((!there || (uint16_t)there != (uint16_t)key) && cas_acq_rel(&l->key[i], there, key))
            return true;
    }
    return false;
}

static bool add(struct table *t, uint64_t address, uint16_t tag)
{
    if (find(t, address, tag))
        return true;
    for (unsigned level = load_acquire(&t->top); level < LEVELS; level++) {
        struct line *lines = level_make(t, level);
        if (!lines)
            return false;
        if (level > load_relaxed(&t->top))
            store_release(&t->top, level);
        if (line_add(line_of(lines, level, address, 0), key_of(address, tag)) ||
            line_add(line_of(lines, level, address, 1), key_of(address, tag)))
            return true;
    }
    return false;
}

/* ---- followed blocks ---- */

enum { NO_TAG = 1 };

static void counter_move(uint64_t address, int by)
{
    _Atomic(uint8_t) *counter = &follow_counters[follow_hash(address) >> (64 - FOLLOW_COUNTER_BITS)];
    for (;;) {
        uint8_t n = load_relaxed(counter);
        if (n == UINT8_MAX || (!n && by < 0) || cas_acq_rel(counter, n, (uint8_t)(n + by)))
            return;
    }
}

bool follow_add(uint64_t address)
{
    if (follow_has(address))
        return true;
    counter_move(address, 1);
    if (add(&followed, address, NO_TAG))
        return true;
    counter_move(address, -1);
    store_relaxed(&is_full, 1);
    return false;
}

bool follow_has(uint64_t address)
{
    return follow_maybe((const void *)(uintptr_t)address) && find(&followed, address, NO_TAG);
}

bool follow_take(uint64_t address)
{
    atomic_u64 *place;
    if (!follow_maybe((const void *)(uintptr_t)address) || !(place = find(&followed, address, NO_TAG)) ||
        !cas_acq_rel(place, key_of(address, NO_TAG), (uint64_t)0))
        return false;
    counter_move(address, -1);
    return true;
}

bool follow_is_full(void) { return load_relaxed(&is_full); }

/* ---- followed mappings: few, and each costs a system call ---- */

enum { MAPS = 256 };
static struct { atomic_u64 start, end; } maps[MAPS]; /* end 0: free, 1: being changed */

bool follow_add_map(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < MAPS; i++)
        if (!load_relaxed(&maps[i].end) && cas_acq_rel(&maps[i].end, (uint64_t)0, (uint64_t)1)) {
            store_relaxed(&maps[i].start, start);
            store_release(&maps[i].end, end); /* pairs with follow_take_map */
            return true;
        }
    store_relaxed(&is_full, 1);
    return false;
}

bool follow_take_map(uint64_t start, uint64_t end)
{
    bool touched = false;
    for (unsigned i = 0; i < MAPS; i++) {
        uint64_t there = load_acquire(&maps[i].end), from = load_relaxed(&maps[i].start); /* pairs with follow_add_map */
        if (there <= 1 || from >= end || start >= there)
            continue;
        touched = true;
        if (start <= from && there <= end)
            cas_acq_rel(&maps[i].end, there, (uint64_t)0);
    }
    return touched;
}

/* ---- what was born before and is gone ---- */

void follow_gone_expect(uint64_t most)
{
    unsigned level = 0;
    while (level < LEVELS - 1 && lines_of(level) * KEYS / 2 < most)
        level++;
    if (level > load_relaxed(&gone.top) && level_make(&gone, level))
        store_release(&gone.top, level);
}

void follow_gone_add(uint64_t address, uint16_t tag) { add(&gone, address, tag); }
bool follow_gone(uint64_t address, uint16_t tag) { return find(&gone, address, tag) != NULL; }
