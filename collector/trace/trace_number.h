/*
 * collector/trace/trace_number.h - numbers as a token and bits: the token (a
 * byte, in one column) says how large a number is, and its two bits behind the
 * highest; what is left of it stands in a column of bits, which is mostly noise.
 *
 * Token below 16: the number itself. Else 16 + 4 (x - 4) + m: the number is
 * (4 + m) 2^(x-2) plus x - 2 bits. All 64 bits fit. Bits are written lowest first.
 */
#ifndef OWNSCOPE_TRACE_NUMBER_H
#define OWNSCOPE_TRACE_NUMBER_H

#include "trace/trace_column.h"

enum { NUMBER_BYTES_MAX = 9 };      /* of token and bits together */

/* Bits that have no byte yet. */
struct number_bits { uint64_t word; unsigned used; };

/* `columns` are token and bits; both have room. */
static inline void number_put(struct trace_column columns[2], struct number_bits *bits, uint64_t v)
{
    if (v < 16) {
        column_byte(&columns[0], (uint8_t)v);
        return;
    }
    unsigned x = 63 - (unsigned)__builtin_clzll(v), n = x - 2;
    column_byte(&columns[0], (uint8_t)(16 + (x - 4) * 4 + (v >> n & 3)));
    v &= (1ull << n) - 1;
    bits->word |= v << bits->used;
    if (bits->used + n < 64) {
        bits->used += n;
        return;
    }
    column_bytes(&columns[1], &bits->word, sizeof bits->word);
    bits->word = bits->used ? v >> (64 - bits->used) : 0;
    bits->used = bits->used + n - 64;
}

/* The chunk ends. */
static inline void number_flush(struct trace_column columns[2], struct number_bits *bits)
{
    column_bytes(&columns[1], &bits->word, (bits->used + 7) / 8);
    *bits = (struct number_bits){ 0 };
}

/* Column `id` and the one behind it; *at counts the bits that were read. */
static inline uint64_t number_get(struct trace_columns *s, unsigned id, uint64_t *at)
{
    unsigned token = cursor_byte(s, id);
    if (token < 16)
        return token;
    unsigned n = (token - 16) / 4 + 2, shift = (unsigned)(*at % 8);
    const struct trace_cursor *c = &s->of[id + 1];
    size_t bytes = (size_t)(c->end - c->at), byte = (size_t)(*at / 8), here = bytes > byte ? bytes - byte : 0;
    uint64_t low = 0, high = 0;
    if (*at + n > (uint64_t)bytes * 8) {
        s->bad = true;
        return 0;
    }
    memcpy(&low, c->at + byte, here < 8 ? here : 8);
    if (here > 8)
        high = c->at[byte + 8];
    *at += n;
    uint64_t word = low >> shift | (shift ? high << (64 - shift) : 0);
    return ((4ull | ((token - 16) & 3)) << n) | (word & ((1ull << n) - 1));
}

#endif
