/*
 * collector/graph/graph_vectors.h - vector clocks: for each thread of a
 * process (by its index, graph_clocks.h) up to when one is behind it.
 *
 * A component is a time: of the newest release of that thread that one has
 * come behind. So an event is known to be earlier when its own time is not
 * above the component: no epochs are counted, and what is not above
 * `floor_ns` is earlier whoever did it. A vector that several hold is never
 * changed, but copied first. NULL is the vector of zeros. Run by the folding
 * thread.
 */
#ifndef OWNSCOPE_GRAPH_VECTORS_H
#define OWNSCOPE_GRAPH_VECTORS_H

#include <stddef.h>
#include <stdint.h>

enum { VECTOR_STEP = 8 };   /* components are allocated by so many */

struct vector { uint32_t refs, n; uint64_t floor_ns; uint64_t at[]; };
struct vectors { size_t bytes; };   /* all there are */

static inline size_t vector_bytes(uint32_t n) { return sizeof(struct vector) + n * sizeof(uint64_t); }
static inline uint64_t vector_at(const struct vector *v, uint32_t index) { return v && index < v->n ? v->at[index] : 0; }
static inline uint64_t vector_floor(const struct vector *v) { return v ? v->floor_ns : 0; }
static inline struct vector *vector_share(struct vector *v)
{
    if (v)
        v->refs++;
    return v;
}
/* One holder less. */
void vector_give(struct vectors *all, struct vector *v);
/* *v comes behind all that `over` is behind. */
void vector_raise(struct vectors *all, struct vector **v, struct vector *over);
void vector_set(struct vectors *all, struct vector **v, uint32_t index, uint64_t ns);
void vector_set_floor(struct vectors *all, struct vector **v, uint64_t ns);

#endif
