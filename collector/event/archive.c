/*
 * collector/event/archive.c - see archive.h.
 */
#include "event/archive.h"

#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"

enum { NUMBER_MAX = 10 };

/* What a state may take: much is a factor of what is stored, since rows are wide
 * and alike; but a file of nothing makes nothing large. */
#define ROOM_LEAST ((uint64_t)64 << 20)
enum { ROOM_FACTOR = 1024 };

/* ---- writing ---- */

void archive_write_begin(struct archive *a) { *a = (struct archive){ .version = ARCHIVE_VERSION }; }

static void part_close(struct archive *a)
{
    if (a->n_parts)
        a->parts[a->n_parts - 1].bytes = (size_t)(a->at - a->parts[a->n_parts - 1].data);
}

static void part_open(struct archive *a)
{
    part_close(a);
    a->parts = xgrow(a->parts, &a->parts_capacity, a->n_parts + 1, sizeof *a->parts);
    a->at = xmalloc(ARCHIVE_PART_BYTES);
    a->end = a->at + ARCHIVE_PART_BYTES;
    a->parts[a->n_parts++] = (struct archive_part){ .data = a->at };
}

void archive_write_end(struct archive *a)
{
    part_close(a);
    a->at = a->end = NULL;
}

uint64_t archive_bytes_written(const struct archive *a)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < a->n_parts; i++)
        bytes += a->parts[i].bytes;
    return bytes;
}

static inline void number_put(struct archive *a, uint64_t v)
{
    if (__builtin_expect(a->end - a->at < NUMBER_MAX, 0))
        part_open(a);
    uint8_t *p = a->at;
    for (; v >= 0x80; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    a->at = p;
}

/* ---- reading ---- */

void archive_read_begin(struct archive *a, uint32_t version, uint64_t raw_bytes, uint64_t stored_bytes,
                        bool (*more)(void *context, const uint8_t **data, size_t *bytes), void *context)
{
    *a = (struct archive){ .reading = true, .version = version, .more = more, .context = context, .left_bytes = raw_bytes };
    if (__builtin_mul_overflow(stored_bytes, (uint64_t)ROOM_FACTOR, &a->room_bytes))
        a->room_bytes = UINT64_MAX;
    if (a->room_bytes < ROOM_LEAST)
        a->room_bytes = ROOM_LEAST;
}

static bool part_again(void *context, const uint8_t **data, size_t *bytes)
{
    struct archive_replay *r = context;
    if (r->part == r->of->n_parts)
        return false;
    *data = r->of->parts[r->part].data;
    *bytes = r->of->parts[r->part++].bytes;
    return true;
}

void archive_read_again(struct archive *a, struct archive_replay *r, const struct archive *of)
{
    *r = (struct archive_replay){ .of = of };
    uint64_t bytes = archive_bytes_written(of);
    archive_read_begin(a, of->version, bytes, bytes, part_again, r);
}

void archive_free(struct archive *a)
{
    for (size_t i = 0; i < a->n_parts; i++)
        free(a->parts[i].data);
    free(a->parts);
    *a = (struct archive){ 0 };
}

void archive_fail(struct archive *a, const char *flaw)
{
    if (!a->flaw)
        a->flaw = flaw;
    a->at = a->end = NULL;
    a->left_bytes = 0;
}

static bool part_next(struct archive *a)
{
    const uint8_t *data = NULL;
    size_t bytes = 0;
    while (!a->flaw && a->at == a->end) {
        if (!a->more(a->context, &data, &bytes)) {
            archive_fail(a, "the state ends too early");
        } else if (bytes > a->left_bytes) {
            archive_fail(a, "the state is longer than it says");
        } else {
            a->left_bytes -= bytes;
            a->at = (uint8_t *)data;
            a->end = a->at + bytes;
        }
    }
    return !a->flaw;
}

static uint64_t number_take_slow(struct archive *a)
{
    uint64_t v = 0;
    unsigned shift = 0;
    if (a->at == a->end && !part_next(a))
        return 0;
    for (; a->at < a->end && shift < 70; shift += 7) {
        uint8_t byte = *a->at++;
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return v;
    }
    archive_fail(a, "a number of the state makes no sense");
    return 0;
}

static inline uint64_t number_take(struct archive *a)
{
    if (__builtin_expect(a->at != a->end && *a->at < 0x80, 1))
        return *a->at++;
    return number_take_slow(a);
}

/* ---- in a walk ---- */

static uint64_t number(struct archive *a, uint64_t v, uint64_t most)
{
    if (!a->reading) {
        number_put(a, v);
        return v;
    }
    v = number_take(a);
    if (v <= most)
        return v;
    archive_fail(a, "a number of the state is too large");
    return 0;
}

void archive_u64(struct archive *a, uint64_t *v) { *v = number(a, *v, UINT64_MAX); }
void archive_u32(struct archive *a, uint32_t *v) { *v = (uint32_t)number(a, *v, UINT32_MAX); }
void archive_u16(struct archive *a, uint16_t *v) { *v = (uint16_t)number(a, *v, UINT16_MAX); }
void archive_u8(struct archive *a, uint8_t *v) { *v = (uint8_t)number(a, *v, UINT8_MAX); }
void archive_bool(struct archive *a, bool *v) { *v = number(a, *v, 1); }
void archive_size(struct archive *a, size_t *v) { *v = number(a, *v, SIZE_MAX); }

void archive_index(struct archive *a, uint32_t *v, uint64_t limit)
{
    archive_u32(a, v);
    if (!archive_need(a, *v < limit, "the state names something that it does not have"))
        *v = 0;
}

void archive_count(struct archive *a, size_t *n, size_t limit)
{
    archive_size(a, n);
    if (!a->reading || !*n)
        return;
    uint64_t bytes = a->left_bytes + (uint64_t)(a->end - a->at);
    if (!archive_need(a, *n <= limit && *n <= bytes, "the state has more rows than it can"))
        *n = 0;
}

bool archive_claim(struct archive *a, uint64_t bytes)
{
    if (!archive_need(a, bytes <= a->room_bytes, "the state claims more memory than it can fill"))
        return false;
    a->room_bytes -= bytes;
    return true;
}

static bool room_take(struct archive *a, size_t n, size_t size)
{
    uint64_t bytes;
    if (__builtin_mul_overflow((uint64_t)n, (uint64_t)size, &bytes))
        bytes = UINT64_MAX;
    return n && !a->flaw && archive_claim(a, bytes);
}

void *archive_room(struct archive *a, size_t n, size_t size) { return room_take(a, n, size) ? xcalloc(n, size) : NULL; }

void *archive_room_lines(struct archive *a, size_t n, size_t size)
{
    return room_take(a, n, size) ? memset(xmalloc_lines(n * size), 0, n * size) : NULL;
}

void *archive_scratch(struct archive *a, size_t n, size_t size)
{
    if (a->reading)
        return archive_room(a, n, size);
    return n ? xcalloc(n, size) : NULL;
}

void archive_rows(struct archive *a, void **rows, size_t *n, size_t *capacity, size_t size, size_t limit)
{
    archive_count(a, n, limit);
    if (!a->reading)
        return;
    *rows = archive_room(a, *n, size);
    if (!*rows)
        *n = 0;
    *capacity = *n;
}

void archive_bytes(struct archive *a, void *data, size_t bytes)
{
    uint8_t *p = data;
    while (bytes && !a->flaw) {
        if (a->at == a->end && a->reading && !part_next(a))
            break;
        if (a->at == a->end && !a->reading)
            part_open(a);
        size_t here = (size_t)(a->end - a->at) < bytes ? (size_t)(a->end - a->at) : bytes;
        if (a->reading)
            memcpy(p, a->at, here);
        else
            memcpy(a->at, p, here);
        a->at += here;
        p += here;
        bytes -= here;
    }
    if (a->flaw && bytes)
        memset(p, 0, bytes);
}

void archive_text(struct archive *a, char **text, size_t longest)
{
    size_t bytes = !a->reading && *text ? strlen(*text) + 1 : 0;
    if (bytes > longest + 1)
        bytes = longest + 1;
    archive_count(a, &bytes, longest + 1);
    if (a->reading)
        *text = archive_room(a, bytes, 1);
    if (!bytes || !*text)
        return;
    archive_bytes(a, *text, bytes - 1);
    uint8_t end = 0;
    archive_u8(a, &end);
    if (a->reading)
        (*text)[bytes - 1] = 0;
}

void archive_event(struct archive *a, struct event *e)
{
    uint32_t type = e->type;
    archive_index(a, &type, EVENT_TYPES);
    e->type = (uint8_t)type;
    archive_u64(a, &e->ns);
    archive_u64(a, &e->address);
    archive_u64(a, &e->size);
    archive_u64(a, &e->extra[0]);
    archive_u64(a, &e->extra[1]);
    archive_u32(a, &e->thread);
    archive_u32(a, &e->process);
    archive_u32(a, &e->stack);
    archive_u8(a, &e->family);
    archive_u16(a, &e->text_bytes);
}

/* ---- columns ---- */

static inline uint64_t load(const uint8_t *p, size_t width)
{
    uint64_t v = 0;
    memcpy(&v, p, width);
    return v;
}

static inline uint64_t sign(uint64_t difference) { return difference << 1 ^ (0 - (difference >> 63)); }
static inline uint64_t unsign(uint64_t coded) { return coded >> 1 ^ (0 - (coded & 1)); }

static inline void column_put(struct archive *a, const uint8_t *p, size_t width, size_t stride, size_t n)
{
    uint64_t before = 0;
    for (size_t i = 0; i < n; i++, p += stride) {
        uint64_t v = load(p, width), difference = v - before;
        number_put(a, sign(difference));
        before = v;
    }
}

/* Nearly all are of one byte or two. */
static inline uint64_t number_take_short(struct archive *a)
{
    const uint8_t *p = a->at;
    if (__builtin_expect(a->end - p < 2 || (p[0] & p[1] & 0x80), 0))
        return number_take_slow(a);
    unsigned more = p[0] >> 7;
    a->at += 1 + more;
    return (p[0] & 0x7fu) | (p[1] & (0 - more)) << 7;
}

static inline void column_take(struct archive *a, uint8_t *p, size_t width, size_t stride, size_t n, uint64_t most)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++, p += stride) {
        uint64_t coded = number_take_short(a);
        v += unsign(coded);
        if (__builtin_expect(v > most || a->flaw, 0)) {
            archive_fail(a, "a number of the state is too large for its field");
            return;
        }
        memcpy(p, &v, width);
    }
}

/* A loop of its own for each width, so that each has a plain load and store. */
void archive_column(struct archive *a, void *first, size_t width, size_t stride, size_t n)
{
    if (!n || a->flaw)
        return;
    switch (width << 1 | a->reading) {
    case 8 << 1: column_put(a, first, 8, stride, n); break;
    case 4 << 1: column_put(a, first, 4, stride, n); break;
    case 2 << 1: column_put(a, first, 2, stride, n); break;
    case 1 << 1: column_put(a, first, 1, stride, n); break;
    case 8 << 1 | 1: column_take(a, first, 8, stride, n, UINT64_MAX); break;
    case 4 << 1 | 1: column_take(a, first, 4, stride, n, UINT32_MAX); break;
    case 2 << 1 | 1: column_take(a, first, 2, stride, n, UINT16_MAX); break;
    case 1 << 1 | 1: column_take(a, first, 1, stride, n, UINT8_MAX); break;
    }
}

void archive_plain(struct archive *a, uint64_t *numbers, size_t n)
{
    for (size_t i = 0; i < n && !a->flaw; i++) {
        if (a->reading)
            numbers[i] = number_take_short(a);
        else
            number_put(a, numbers[i]);
    }
}

enum { LOW_BITS = 8 };

void archive_noise(struct archive *a, uint64_t *numbers, uint8_t *low, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n && !a->reading; v = numbers[i++])
        low[i] = (uint8_t)(numbers[i] - v);
    archive_bytes(a, low, n);
    v = 0;
    for (size_t i = 0; i < n && !a->flaw; i++) {
        if (a->reading) {
            numbers[i] = v + (unsign(number_take_short(a)) << LOW_BITS | low[i]);
        } else {
            uint64_t difference = numbers[i] - v;
            number_put(a, sign(difference >> LOW_BITS | (0 - (difference >> 63)) << (64 - LOW_BITS)));
        }
        v = numbers[i];
    }
}

void archive_column_below(struct archive *a, const void *first, size_t width, size_t stride, size_t n, uint64_t limit)
{
    const uint8_t *p = first;
    bool below = true;
    if (!a->reading || a->flaw)
        return;
    for (size_t i = 0; i < n; i++, p += stride)
        below &= load(p, width) < limit;
    archive_need(a, below, "the state names something that it does not have");
}
