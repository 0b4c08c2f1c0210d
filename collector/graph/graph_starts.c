/*
 * collector/graph/graph_starts.c - see graph_starts.h. Run by the folding
 * thread.
 *
 * Invariants: a block is in exactly one of: its region's bits, `large` (from
 * STARTS_LARGE bytes on), neither (then `loose`). A summary bit is set == its
 * word is not 0.
 */
#include "graph/graph_starts.h"

#include <stdlib.h>
#include <string.h>

#include "event/archive.h"
#include "event/xalloc.h"

enum {
    ZONES_MAX = 1 << 16,        /* 256 GiB of addresses */
    REGIONS_MAX = 1 << 22,
    REGIONS_BELOW = STARTS_LARGE >> REGION_BITS
};

struct starts *starts_new(void)
{
    struct starts *s = xcalloc(1, sizeof *s);
    for (int i = 0; i < STARTS_NEAR; i++)
        s->near[i].key = UINT64_MAX;
    s->large_low = UINT64_MAX;
    s->large.seed = (uint32_t)((uintptr_t)s >> 4);
    return s;
}

void starts_free(struct starts *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_zones; i++) {
        for (int r = 0; r < 1 << ZONE_REGION_BITS; r++)
            free(s->zones[i]->regions[r].bits);
        free(s->zones[i]);
    }
    free(s->zones);
    dict_clear(&s->zone_of);
    dict_clear(&s->large_of);
    ranges_clear(&s->large);
    free(s);
}

struct zone *starts_zone_slow(struct starts *s, uint64_t key)
{
    uint32_t at = dict_get(&s->zone_of, key);
    s->near[key % STARTS_NEAR].key = key;
    s->near[key % STARTS_NEAR].zone = at ? s->zones[at - 1] : NULL;
    return s->near[key % STARTS_NEAR].zone;
}

static struct zone *zone_make(struct starts *s, uint64_t address)
{
    struct zone *z = starts_zone(s, address);
    if (z || s->n_zones >= ZONES_MAX)
        return z;
    uint64_t key = address >> STARTS_ZONE_BITS;
    s->zones = xgrow(s->zones, &s->zones_capacity, s->n_zones + 1, sizeof *s->zones);
    s->zones[s->n_zones++] = xcalloc(1, sizeof **s->zones);
    dict_set(&s->zone_of, key, (uint32_t)s->n_zones);
    return starts_zone_slow(s, key);
}

/* The region of an address, touched from now on; NULL: there may be no more. */
static struct region *region_touch(struct starts *s, uint64_t address)
{
    struct zone *z = zone_make(s, address);
    if (!z || (!zone_touched(z, address) && s->n_regions >= REGIONS_MAX)) {
        s->loose = true;
        return NULL;
    }
    unsigned region = zone_region(address);
    s->n_regions += !zone_touched(z, address);
    z->touched[region / 64] |= 1ull << region % 64;
    return &z->regions[region];
}

void starts_touch(struct starts *s, uint64_t address, uint64_t size)
{
    uint64_t last = address + (size && size < STARTS_LARGE ? size - 1 : 0);
    last = last < address ? UINT64_MAX : last;
    for (uint64_t key = address >> REGION_BITS; key <= last >> REGION_BITS; key++)
        region_touch(s, key << REGION_BITS);
}

/* ---- large blocks ------------------------------------------------------------- */

static void large_add(struct starts *s, uint64_t address, uint64_t size)
{
    uint64_t end = address + size < address ? UINT64_MAX : address + size;
    if (dict_get(&s->large_of, address))
        return;
    dict_set(&s->large_of, address, ranges_insert(&s->large, address, end, 1));
    s->large_low = address < s->large_low ? address : s->large_low;
    s->large_high = end > s->large_high ? end : s->large_high;
}

static void large_remove(struct starts *s, uint64_t address)
{
    uint32_t place = dict_get(&s->large_of, address);
    if (!place)
        return;
    ranges_remove(&s->large, place);
    dict_remove(&s->large_of, address);
}

/* Where drops were not seen large blocks may overlap: what counts is their starts.
 * The nearest one that starts at or below an address, if it holds it. */
static bool large_below(const struct starts *s, uint64_t address, uint64_t *start)
{
    if (address >= s->large_high || address < s->large_low)
        return false;
    uint32_t at = ranges_below(&s->large, address);
    if (!at || s->large.nodes[at].end <= address)
        return false;
    *start = s->large.nodes[at].start;
    return true;
}

/* The lowest start of a large one in [from, to). */
static bool large_between(const struct starts *s, uint64_t from, uint64_t to, uint64_t *start)
{
    if (from >= s->large_high || to <= s->large_low)
        return false;
    uint32_t at = ranges_above(&s->large, from);
    if (at)
        *start = s->large.nodes[at].start;
    return at && *start < to;
}

/* ---- all ------------------------------------------------------------------------ */

void starts_add_slow(struct starts *s, uint64_t address, uint64_t size)
{
    if (size >= STARTS_LARGE) {
        large_add(s, address, size);
        return;
    }
    starts_touch(s, address, size);
    struct region *r = region_touch(s, address);
    if (address % STARTS_GRANULE)
        s->loose = true;
    if (!r || address % STARTS_GRANULE)
        return;
    if (!r->bits)
        r->bits = xcalloc(REGION_WORDS, sizeof *r->bits);
    r->bits[starts_word(address)] |= starts_bit(address);
    r->summary |= 1ull << starts_word(address);
}

void starts_remove_slow(struct starts *s, uint64_t address, uint64_t size)
{
    if (size >= STARTS_LARGE)
        large_remove(s, address);
}

/* The highest start of a region at or below an address of it (UINT64_MAX: its
 * last); *start is the offset in the region. */
static bool region_below(const struct region *r, uint64_t address, uint64_t *start)
{
    unsigned word = starts_word(address);
    uint64_t here = r->bits[word] & (starts_bit(address) | (starts_bit(address) - 1));
    if (!here) {
        uint64_t lower = r->summary & ((1ull << word) - 1);
        if (!lower)
            return false;
        word = 63 - (unsigned)__builtin_clzll(lower);
        here = r->bits[word];
    }
    *start = ((uint64_t)word * 64 + (63 - (unsigned)__builtin_clzll(here))) * STARTS_GRANULE;
    return true;
}

/* The lowest start of a region at or above an address of it. */
static bool region_above(const struct region *r, uint64_t address, uint64_t *start)
{
    unsigned word = starts_word(address);
    uint64_t here = r->bits[word] & ~(starts_bit(address) - 1);
    if (!here) {
        uint64_t higher = word == 63 ? 0 : r->summary & (~0ull << (word + 1));
        if (!higher)
            return false;
        word = (unsigned)__builtin_ctzll(higher);
        here = r->bits[word];
    }
    *start = ((uint64_t)word * 64 + (unsigned)__builtin_ctzll(here)) * STARTS_GRANULE;
    return true;
}

static bool small_below(struct starts *s, uint64_t address, uint64_t *start)
{
    const struct zone *z = starts_zone(s, address);
    if (!z || !zone_touched(z, address))
        return false;
    uint64_t key = address >> REGION_BITS;
    const struct region *r = &z->regions[zone_region(address)];
    if (r->summary && region_below(r, address, start)) {
        *start += key << REGION_BITS;
        return true;
    }
    for (int i = 0; i < REGIONS_BELOW && key--; i++) {
        r = starts_region(s, key << REGION_BITS);
        if (r && r->summary && region_below(r, UINT64_MAX, start)) {
            *start += key << REGION_BITS;
            return true;
        }
    }
    return false;
}

bool starts_below(struct starts *s, uint64_t address, uint64_t *start)
{
    uint64_t large;
    bool found = small_below(s, address, start);
    if (!large_below(s, address, &large))
        return found;
    *start = found && *start > large ? *start : large;
    return true;
}

/* The lowest small start in [from, to), which has few zones. */
static bool zones_between(struct starts *s, uint64_t from, uint64_t to, uint64_t *start)
{
    for (uint64_t at = from; at < to;) {
        const struct region *r = starts_region(s, at);
        unsigned bits = r ? REGION_BITS : STARTS_ZONE_BITS;
        uint64_t next = ((at >> bits) + 1) << bits;
        if (r && r->summary && region_above(r, at, start)) {
            *start += at >> REGION_BITS << REGION_BITS;
            return *start < to;
        }
        if (next <= at)
            return false;
        at = next;
    }
    return false;
}

/* The same of any range: of one with more zones than there are, those that there are. */
static bool small_between(struct starts *s, uint64_t from, uint64_t to, uint64_t *start)
{
    bool found = false;
    if (to <= from || (to - from) >> STARTS_ZONE_BITS <= s->n_zones)
        return zones_between(s, from, to, start);
    for (uint32_t i = 0; i < s->zone_of.capacity; i++) {
        uint64_t key = s->zone_of.entries[i].key, low = key << STARTS_ZONE_BITS, lowest;
        uint64_t high = low + ((1ull << STARTS_ZONE_BITS) - 1);     /* its last byte: no start of a granule */
        low = low < from ? from : low;
        high = high < to ? high : to;
        if (s->zone_of.entries[i].value && low < high && zones_between(s, low, high, &lowest) &&
            (!found || lowest < *start)) {
            *start = lowest;
            found = true;
        }
    }
    return found;
}

bool starts_between(struct starts *s, uint64_t from, uint64_t to, uint64_t *start)
{
    uint64_t large;
    from = from + STARTS_GRANULE - 1 < from ? from : (from + STARTS_GRANULE - 1) & ~(uint64_t)(STARTS_GRANULE - 1);
    bool found = small_between(s, from, to, start);
    if (!large_between(s, from, to, &large))
        return found;
    *start = found && *start < large ? *start : large;
    return true;
}

/* ---- in a checkpoint ------------------------------------------------------------- */

/* Which regions blocks ever lay in. */
struct touched { uint64_t key, words[ZONE_WORDS]; };

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = ((const struct touched *)a)->key, y = ((const struct touched *)b)->key;
    return (x > y) - (x < y);
}

static void touched_take(const struct starts *s, struct touched *rows)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->zone_of.capacity; i++) {
        const struct dict_entry *e = &s->zone_of.entries[i];
        if (!e->value)
            continue;
        rows[n].key = e->key;
        memcpy(rows[n++].words, s->zones[e->value - 1]->touched, sizeof rows->words);
    }
    if (n)
        qsort(rows, n, sizeof *rows, compare_keys);
}

static void touched_put(struct archive *a, struct starts *s, const struct touched *row)
{
    if (!archive_need(a, row->key <= UINT64_MAX >> STARTS_ZONE_BITS && !dict_get(&s->zone_of, row->key), "zones of a heap make no sense"))
        return;
    if (!archive_claim(a, sizeof(struct zone)))
        return;
    struct zone *z = zone_make(s, row->key << STARTS_ZONE_BITS);
    memcpy(z->touched, row->words, sizeof z->touched);
    for (int i = 0; i < ZONE_WORDS; i++)
        s->n_regions += (unsigned)__builtin_popcountll(z->touched[i]);
    archive_need(a, s->n_regions <= REGIONS_MAX, "a heap of the state has too many regions");
}

void starts_archive(struct archive *a, struct starts *s)
{
    size_t n = s->n_zones;
    archive_count(a, &n, ZONES_MAX);
    struct touched *rows = xcalloc(n + 1, sizeof *rows);
    if (!a->reading)
        touched_take(s, rows);
    ARCHIVE_FIELD(a, rows, n, key);
    for (int i = 0; i < ZONE_WORDS; i++)
        ARCHIVE_FIELD(a, rows, n, words[i]);
    for (size_t i = 0; a->reading && i < n && !archive_bad(a); i++)
        touched_put(a, s, &rows[i]);
    free(rows);
    archive_bool(a, &s->loose);
}

/* A block that lives lies where one was touched, but past the bounds. */
void starts_archive_add(struct archive *a, struct starts *s, uint64_t address, uint64_t size)
{
    const struct zone *z = starts_zone(s, address);
    bool touched = z && zone_touched(z, address);
    if (size < STARTS_LARGE && !archive_need(a, touched || s->loose, "a block lies where none ever was"))
        return;
    if (archive_claim(a, touched && !z->regions[zone_region(address)].bits ? REGION_WORDS * sizeof(uint64_t) : 0))
        starts_add(s, address, size);
}
