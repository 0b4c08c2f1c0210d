/*
 * collector/event/archive.h - state as bytes: one walk over it both saves and
 * loads, so that the two cannot differ.
 *
 * Who has state writes one function that names its parts in order:
 *
 *     void sites_archive(struct archive *a, struct graph *g)
 *     {
 *         archive_rows(a, (void **)&g->sites, &g->n_sites, &g->sites_capacity, sizeof *g->sites, SITES_MAX);
 *         ARCHIVE_FIELD(a, g->sites, g->n_sites, allocations);
 *         ARCHIVE_FIELD(a, g->sites, g->n_sites, bytes);
 *         ARCHIVE_BELOW(a, g->owners, g->n_sites, thread, g->n_threads);
 *     }
 *
 * Saving, it reads the state; loading, it fills in a state that was zeroed. A
 * field of many rows lies in one run, each number as the difference to the one
 * before (zigzag, LEB128), so that what is alike costs next to nothing under zstd.
 *
 * Loading never trusts. A number that does not fit its field, a count past its
 * limit or past what the bytes can hold, an index that names nothing: the
 * archive is bad from then on, every number reads 0, every count 0, and the
 * caller drops the state at the end. Room is only taken through
 * archive_rows and archive_room, in proportion to the bytes that are stored.
 * What must hold between parts (a list without a circle, a flag that promises
 * an entry elsewhere) is checked by who loads it, with archive_need.
 *
 * One thread at a time. `version` is the writer's ARCHIVE_VERSION: loading asks it
 * where a field came later.
 */
#ifndef OWNSCOPE_ARCHIVE_H
#define OWNSCOPE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What graph_archive.c and the files of its parts write. History: 1, the first; 2, what samples stand
 * for, what was recorded, orders. */
enum { ARCHIVE_VERSION = 2 };

enum { ARCHIVE_PART_BYTES = 4 << 20 };  /* a number lies in one part wholly */

struct event;

struct archive_part { uint8_t *data; size_t bytes; };

struct archive {
    bool reading;
    uint32_t version;
    const char *flaw;           /* static text: why it is bad; NULL: it is not */
    uint8_t *at, *end;          /* in the part being written or read */
    /* writing */
    struct archive_part *parts; size_t n_parts, parts_capacity;
    /* reading */
    bool (*more)(void *context, const uint8_t **data, size_t *bytes);   /* the next part; false: there is none, or it is damaged */
    void *context;
    uint64_t left_bytes;        /* of numbers, in all parts not read yet */
    uint64_t room_bytes;        /* that may still be taken */
};

/* ---- making one ---- */
void archive_write_begin(struct archive *a);
/* Closes the last part. Then parts[0 .. n_parts) are whole; whoever takes one sets its data to NULL. */
void archive_write_end(struct archive *a);
uint64_t archive_bytes_written(const struct archive *a);

/* `raw_bytes`: of all parts. `stored_bytes`: what they take in the file, which bounds what may be made of them. */
void archive_read_begin(struct archive *a, uint32_t version, uint64_t raw_bytes, uint64_t stored_bytes,
                        bool (*more)(void *context, const uint8_t **data, size_t *bytes), void *context);
/* A reader over a writer's parts, for who saves and loads in one process. They must outlive it. */
struct archive_replay { const struct archive *of; size_t part; };
void archive_read_again(struct archive *a, struct archive_replay *r, const struct archive *of);
/* Frees what it holds (not the state). */
void archive_free(struct archive *a);

/* ---- in a walk ---- */
static inline bool archive_bad(const struct archive *a) { return a->flaw; }
/* Loading: the archive is bad. Saving: never called. The first flaw stays. */
void archive_fail(struct archive *a, const char *flaw);
/* Loading: bad unless `holds`. Saving: nothing. */
static inline bool archive_need(struct archive *a, bool holds, const char *flaw)
{
    if (a->reading && !holds)
        archive_fail(a, flaw);
    return !a->flaw;
}

void archive_u64(struct archive *a, uint64_t *v);
void archive_u32(struct archive *a, uint32_t *v);
void archive_u16(struct archive *a, uint16_t *v);
void archive_u8(struct archive *a, uint8_t *v);
void archive_bool(struct archive *a, bool *v);
void archive_size(struct archive *a, size_t *v);
/* The same, and loading refuses what is not below `limit`. */
void archive_index(struct archive *a, uint32_t *v, uint64_t limit);
/* How many of something come next, each at least a byte long: at most `limit`. */
void archive_count(struct archive *a, size_t *n, size_t limit);
/* Loading: zeroed room for n things of `size` bytes, NULL when there may not be so much (the archive is bad then) or n is 0. */
void *archive_room(struct archive *a, size_t n, size_t size);
/* The same on a cache line. */
void *archive_room_lines(struct archive *a, size_t n, size_t size);
/* The same for room that the caller makes itself: false when there may not be so much. */
bool archive_claim(struct archive *a, uint64_t bytes);
/* Saving or loading: zeroed room for what is gathered from many places, or spread to them; the caller frees it. NULL as above. */
void *archive_scratch(struct archive *a, size_t n, size_t size);
/* A growing array (xgrow's): its count, and when loading its room. What *rows pointed to before is the caller's. */
void archive_rows(struct archive *a, void **rows, size_t *n, size_t *capacity, size_t size, size_t limit);
/* Bytes as they are. */
void archive_bytes(struct archive *a, void *data, size_t bytes);
/* All of an event but its text; loading leaves that NULL. */
void archive_event(struct archive *a, struct event *e);
/* A string that malloc gave, or NULL. */
void archive_text(struct archive *a, char **text, size_t longest);

/* One unsigned field (1, 2, 4 or 8 bytes; a bool; an enum) of n rows that lie `stride` bytes apart. */
void archive_column(struct archive *a, void *first, size_t width, size_t stride, size_t n);
/* The same of 8 byte numbers that are in no order: not by differences, but by what the caller makes of each. */
void archive_plain(struct archive *a, uint64_t *numbers, size_t n);
/* The same of numbers that rise by what is noise, in either direction: the low bytes of the differences lie apart,
 * for no code makes them shorter, and the rest is nearly nothing. `low`: room for n. */
void archive_noise(struct archive *a, uint64_t *numbers, uint8_t *low, size_t n);
/* Loading: bad unless each is below `limit`. */
void archive_column_below(struct archive *a, const void *first, size_t width, size_t stride, size_t n, uint64_t limit);

#define ARCHIVE_FIELD(a, rows, n, field) \
    archive_column((a), (n) ? (void *)&(rows)[0].field : NULL, sizeof (rows)[0].field, sizeof *(rows), (n))
#define ARCHIVE_BELOW(a, rows, n, field, limit) \
    archive_column_below((a), (n) ? (void *)&(rows)[0].field : NULL, sizeof (rows)[0].field, sizeof *(rows), (n), (limit))
/* Both: a field of indexes. */
#define ARCHIVE_INDEX(a, rows, n, field, limit) \
    do { ARCHIVE_FIELD(a, rows, n, field); ARCHIVE_BELOW(a, rows, n, field, limit); } while (0)

#endif
