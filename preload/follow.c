/*
 * preload/follow.c - see follow.h.
 *
 * A table is cache lines of eight keys; a key stands in one of two lines, in any place.
 * So there are no chains: a place is taken by a CAS from 0 and given back by a CAS to 0,
 * and nobody else's search depends on it.
 */
#include "preload/follow.h"

#include <sys/mman.h>

#include "preload/system.h"
#include "wire/policy.h"

enum { KEYS = 8, LEVELS = 8, FIRST_LINES_BITS = 9 };
struct line { atomic_u64 key[KEYS]; };
_Static_assert(sizeof(struct line) == WIRE_LINE, "a line of keys is a cache line");

static struct {
    _Atomic(struct line *) level[LEVELS];
    atomic_u32 top;                      /* new keys go here */
} followed;

_Atomic(uint8_t) follow_counters[FOLLOW_COUNTERS];
static atomic_u32 is_full;

/* Of which birth of a process what is being changed is: a thread that was amid it when its process forked is not there in the
 * child. So who finds it to be of another birth takes it for free. */
enum { BIRTHS = 1 << 11 };
static atomic_u32 births;

void follow_reborn(void) { add_relaxed(&births, 1); }
static inline uint64_t birth(void) { return load_relaxed(&births) % BIRTHS; }

static inline uint64_t lines_of(unsigned level) { return 1ull << (FIRST_LINES_BITS + 2 * level); }

/* As it stands in a line: no pointer, or who looks for holders of a block would find one here. */
static inline uint64_t key_of(uint64_t address) { return ~address; }

/* The two lines of an address. */
static inline struct line *line_of(struct line *lines, unsigned level, uint64_t address, unsigned which)
{
    uint64_t h = follow_hash(address);
    h = which ? (h ^ h >> 29) * 0xbf58476d1ce4e5b9ull : h;
    return &lines[h >> 24 & (lines_of(level) - 1)];
}

/* Its place; NULL: there is none. */
static atomic_u64 *find(uint64_t address)
{
    for (int level = (int)load_acquire(&followed.top); level >= 0; level--) { /* pairs with level_make */
        struct line *lines = load_acquire(&followed.level[level]);
        for (unsigned which = 0; lines && which < 2; which++) {
            struct line *l = line_of(lines, (unsigned)level, address, which);
            for (unsigned i = 0; i < KEYS; i++)
                if (load_relaxed(&l->key[i]) == key_of(address))
                    return &l->key[i];
        }
    }
    return NULL;
}

/* The table's lines of that level, mapped by whoever comes first. */
static struct line *level_make(unsigned level)
{
    struct line *lines = load_acquire(&followed.level[level]), *none = NULL;
    size_t bytes = lines_of(level) * sizeof *lines;
    if (lines)
        return lines;
    lines = system_map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (!lines)
        return NULL;
    system_advise(lines, bytes, MADV_DONTDUMP);
    if (!cas_acq_rel(&followed.level[level], none, lines)) {
        system_unmap(lines, bytes);
        lines = load_acquire(&followed.level[level]);
    }
    return lines;
}

static bool line_add(struct line *l, uint64_t address)
{
    for (unsigned i = 0; i < KEYS; i++)
        if (!load_relaxed(&l->key[i]) && cas_acq_rel(&l->key[i], (uint64_t)0, key_of(address)))
            return true;
    return false;
}

static bool add(uint64_t address)
{
    for (unsigned level = load_acquire(&followed.top); level < LEVELS; level++) {
        struct line *lines = level_make(level);
        if (!lines)
            return false;
        for (uint32_t top = load_relaxed(&followed.top); level > top; top = load_relaxed(&followed.top))
            if (cas_acq_rel(&followed.top, top, (uint32_t)level)) /* it only rises */
                break;
        if (line_add(line_of(lines, level, address, 0), address) ||
            line_add(line_of(lines, level, address, 1), address))
            return true;
    }
    return false;
}

/* ---- followed blocks ---- */

static void counter_move(uint64_t address, int by)
{
    _Atomic(uint8_t) *counter = &follow_counters[follow_counter(address)];
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
    if (add(address))
        return true;
    counter_move(address, -1);
    store_relaxed(&is_full, 1);
    return false;
}

bool follow_has(uint64_t address)
{
    return follow_maybe((const void *)(uintptr_t)address) && find(address);
}

bool follow_take(uint64_t address)
{
    atomic_u64 *place;
    if (!follow_maybe((const void *)(uintptr_t)address) || !(place = find(address)) ||
        !cas_acq_rel(place, key_of(address), (uint64_t)0))
        return false;
    counter_move(address, -1);
    return true;
}

bool follow_is_full(void) { return load_relaxed(&is_full); }

/* ---- followed mappings: few, and each costs a system call ---- */

enum { MAPS = 256 };
static struct { atomic_u64 start, end; } maps[MAPS]; /* end 0: free; up to BIRTHS: being changed, by one of that birth */

static bool map_is_free(uint64_t end) { return !end || (end <= BIRTHS && end != birth() + 1); }

bool follow_add_map(uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < MAPS; i++) {
        uint64_t there = load_relaxed(&maps[i].end);
        if (!map_is_free(there) || !cas_acq_rel(&maps[i].end, there, birth() + 1))
            continue;
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
        if (there <= BIRTHS || from >= end || start >= there)
            continue;
        touched = true;
        if (start <= from && there <= end)
            cas_acq_rel(&maps[i].end, there, (uint64_t)0);
    }
    return touched;
}

/* ---- what was born before and is gone: a bit for each 8 bytes of address space ----
 *
 * In regions, each with its bits where something of it is gone. A region's key is its number and the tag whose bits it
 * has: who finds those of an older tag clears them, for nobody asks for that tag any more (the collector
 * makes a next filter only when no hook acts on the one before). Meanwhile nothing of it is remembered, and above its number
 * the key has the birth (BIRTHS) of who clears it. */

enum { REGION_BITS = 21, REGIONS_BITS = 14, PROBES = 8, BEING_CLEARED = 0xffff, REGION_BYTES = (1 << REGION_BITS) / 64, BIRTH_SHIFT = 53 };
static struct { atomic_u64 key; _Atomic(atomic_u64 *) bits; } regions[1 << REGIONS_BITS];

static uint64_t region_key(uint64_t address, uint16_t tag) { return ((address >> REGION_BITS) + 1) << 16 | tag; }
static uint64_t region_number(uint64_t key) { return (key & ((1ull << BIRTH_SHIFT) - 1)) >> 16; }
static bool is_being_cleared(uint64_t key) { return (uint16_t)key == BEING_CLEARED && key >> BIRTH_SHIFT == birth(); }

/* Clears the region's bits, or makes them. The key says BEING_CLEARED. */
static atomic_u64 *region_clear(unsigned i, uint64_t key)
{
    atomic_u64 *bits = load_relaxed(&regions[i].bits);
    if (bits) {
        system_advise(bits, REGION_BYTES, MADV_DONTNEED);
    } else {
        bits = system_map(REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
        if (!bits)
            return NULL;
        system_advise(bits, REGION_BYTES, MADV_DONTDUMP);
        store_relaxed(&regions[i].bits, bits);
    }
    store_release(&regions[i].key, key); /* pairs with region_of */
    return bits;
}

/* The bits of an address's region; NULL: none are set, or (make) they cannot be now. */
static atomic_u64 *region_of(uint64_t address, uint16_t tag, bool make)
{
    uint64_t key = region_key(address, tag);
    unsigned at = (unsigned)(follow_hash(address >> REGION_BITS << 3) >> (64 - REGIONS_BITS));
    for (unsigned probe = 0; probe < PROBES; probe++) {
        unsigned i = (at + probe) & ((1 << REGIONS_BITS) - 1);
        uint64_t there = load_acquire(&regions[i].key);
        if (there == key)
            return load_relaxed(&regions[i].bits);
        if (there && region_number(there) != region_number(key))
            continue;
        if (!make || is_being_cleared(there) || !cas_acq_rel(&regions[i].key, there, key | BEING_CLEARED | birth() << BIRTH_SHIFT))
            return NULL;
        return region_clear(i, key);
    }
    return NULL;
}

static uint16_t tag_of(uint16_t tag) { return tag == BEING_CLEARED ? 0 : tag; }
static unsigned bit_of(uint64_t address) { return (unsigned)(address >> 3 & ((1 << (REGION_BITS - 3)) - 1)); }

void follow_gone_add(uint64_t address, uint16_t tag)
{
    atomic_u64 *bits = region_of(address, tag_of(tag), true);
    if (bits)
        atomic_fetch_or_explicit(&bits[bit_of(address) / 64], 1ull << bit_of(address) % 64, memory_order_relaxed);
}

bool follow_gone(uint64_t address, uint16_t tag)
{
    atomic_u64 *bits = region_of(address, tag_of(tag), false);
    return bits && load_relaxed(&bits[bit_of(address) / 64]) >> bit_of(address) % 64 & 1;
}
