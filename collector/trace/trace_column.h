/*
 * collector/trace/trace_column.h - columns: the numbers and bytes that a
 * chunk's payload is made of.
 *
 * Writing appends to a buffer that its owner sized for the worst case, so the
 * inner loops check nothing. Reading never trusts: a cursor that runs out
 * gives 0 and sets `bad` in its set, which the caller looks at once an event.
 *
 * Varint: LEB128, at most 10 bytes. Zigzag: 0, -1, 1, -2… as 0, 1, 2, 3….
 * Turned: sign and magnitude, the magnitude's low 3 bits rotated to the top,
 * so that differences of aligned addresses are small.
 */
#ifndef OWNSCOPE_TRACE_COLUMN_H
#define OWNSCOPE_TRACE_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "trace/trace_format.h"

struct trace_column {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
};

struct trace_cursor {
    const uint8_t *at, *end;
};

/* The columns of one chunk being read. */
struct trace_columns {
    struct trace_cursor of[TRACE_COLUMNS];
    bool bad;       /* a column held less, or other, than the chunk needs */
};

/* Room for `more` bytes; for columns whose worst case is not set aside. */
void column_reserve(struct trace_column *c, size_t more);
void column_free(struct trace_column *c);

static inline uint64_t zigzag(uint64_t v) { return v << 1 ^ (0 - (v >> 63)); }
static inline uint64_t unzigzag(uint64_t v) { return v >> 1 ^ (0 - (v & 1)); }

/* The magnitude of -2^63 does not fit 63 bits: it is "minus zero". */
static inline uint64_t turn(uint64_t difference)
{
    uint64_t sign = difference >> 63;
    uint64_t magnitude = (sign ? 0 - difference : difference) & INT64_MAX;
    return (magnitude >> 3 | (magnitude & 7) << 60) << 1 | sign;
}

static inline uint64_t unturn(uint64_t v)
{
    uint64_t sign = v & 1, turned = v >> 1;
    uint64_t magnitude = (turned << 3 | turned >> 60) & INT64_MAX;
    if (sign)
        return magnitude ? 0 - magnitude : 1ull << 63;
    return magnitude;
}

static inline void column_byte(struct trace_column *c, uint8_t v)
{
    c->data[c->bytes++] = v;
}

static inline void column_varint(struct trace_column *c, uint64_t v)
{
    uint8_t *p = c->data + c->bytes;
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    c->bytes = (size_t)(p - c->data);
}

static inline void column_zigzag(struct trace_column *c, uint64_t difference)
{
    column_varint(c, zigzag(difference));
}

static inline void column_bytes(struct trace_column *c, const void *data, size_t bytes)
{
    if (bytes)
        memcpy(c->data + c->bytes, data, bytes);
    c->bytes += bytes;
}

static inline uint8_t cursor_byte(struct trace_columns *s, unsigned id)
{
    struct trace_cursor *c = &s->of[id];
    if (__builtin_expect(c->at == c->end, 0)) {
        s->bad = true;
        return 0;
    }
    return *c->at++;
}

uint64_t cursor_varint_slow(struct trace_columns *s, unsigned id);

static inline uint64_t cursor_varint(struct trace_columns *s, unsigned id)
{
    struct trace_cursor *c = &s->of[id];
    if (__builtin_expect(c->at != c->end && *c->at < 0x80, 1))
        return *c->at++;
    return cursor_varint_slow(s, id);
}

static inline uint64_t cursor_zigzag(struct trace_columns *s, unsigned id)
{
    return unzigzag(cursor_varint(s, id));
}

static inline size_t cursor_left(const struct trace_columns *s, unsigned id)
{
    return (size_t)(s->of[id].end - s->of[id].at);
}

/* `bytes` bytes in place, NULL (and bad) when there are not so many. */
static inline const uint8_t *cursor_bytes(struct trace_columns *s, unsigned id, size_t bytes)
{
    struct trace_cursor *c = &s->of[id];
    if (bytes > cursor_left(s, id)) {
        s->bad = true;
        return NULL;
    }
    const uint8_t *at = c->at;
    if (bytes)
        c->at += bytes;
    return at;
}

#endif
