/*
 * collector/graph/graph_places.c - see graph_places.h.
 */
#include "graph/graph_places.h"

#include <string.h>

enum { DIGIT_BITS = 11, DIGITS = 6 };

static unsigned digit_of(uint64_t key, unsigned digit)
{
    return (unsigned)(key >> (digit * DIGIT_BITS)) & ((1u << DIGIT_BITS) - 1);
}

/* One pass: by a digit, stable. */
static void sort_digit(const uint64_t *key, const uint32_t *place, uint64_t *to_key, uint32_t *to_place,
                       size_t n, unsigned digit)
{
    size_t at[1 << DIGIT_BITS] = { 0 };
    for (size_t i = 0; i < n; i++)
        at[digit_of(key[i], digit)]++;
    for (size_t d = 0, sum = 0; d < 1 << DIGIT_BITS; d++) {
        size_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++) {
        size_t j = at[digit_of(key[i], digit)]++;
        to_key[j] = key[i];
        to_place[j] = place[i];
    }
}

void places_sort(uint64_t *key, uint32_t *place, uint64_t *room_key, uint32_t *room_place, size_t n)
{
    uint64_t all = 0, common = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        all |= key[i];
        common &= key[i];
    }
    uint64_t *from = key, *to = room_key;
    uint32_t *from_place = place, *to_place = room_place;
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        if (!digit_of(all ^ common, digit))    /* the same in all */
            continue;
        sort_digit(from, from_place, to, to_place, n, digit);
        uint64_t *key_was = from;
        uint32_t *place_was = from_place;
        from = to;
        from_place = to_place;
        to = key_was;
        to_place = place_was;
    }
    if (from == key)
        return;
    memcpy(key, from, n * sizeof *key);
    memcpy(place, from_place, n * sizeof *place);
}
