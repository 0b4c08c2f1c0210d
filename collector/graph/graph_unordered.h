/*
 * collector/graph/graph_unordered.h - the rule unordered-borrow: uses of one
 * block by two threads that nothing seen orders, and what tells that threads
 * synchronise by means that nobody sees (atomics, futexes of their own, pipes).
 *
 * What tells it:
 *  - a thread that calls futex itself: whoever else uses the same lock may
 *    never have to. So it speaks for its whole process; and so does a module
 *    with locks that no hook sees (Rust's, OpenMP's, GLib's, Qt's …).
 *  - threads that use blocks which another has made, though nothing seen
 *    orders them behind the making: they got the pointers by unseen means. One
 *    or two blocks may be a mistake of the program's; HANDED_MIN different
 *    ones, made by one thread or come to one thread, are its design: maker and
 *    user are united, and so are all united with either (order passes
 *    through third threads). A block that its owner moved by realloc is
 *    handed on anew.
 *  - threads of which one drops what the other changed last, DROPPED_MIN times:
 *    they count the owners of blocks.
 *  - two threads that take turns on the same bytes of a block, TURNS_MIN times
 *    without a break: rings by atomics, pipes, eventfds. One break (one thread
 *    twice in a row, the other unordered to it), anywhere and at any time, and
 *    turns say nothing of these two. TURNS_MAX places are watched at a time.
 * Such evidence may come later than what it takes back. So all that looks
 * unordered is kept, and a view leaves out (counts as withheld) what lies
 * between united threads. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_UNORDERED_H
#define OWNSCOPE_GRAPH_UNORDERED_H

#include "graph/graph_state.h"

enum {
    HANDED_MIN = 3,
    DROPPED_MIN = 3,
    TURNS_MIN = 16,
    TURNS_MAX = 1 << 14,            /* a power of two */
    HANDED_PAIRS_MAX = 1 << 16,     /* past it, threads count as united with all of their process */
    UNORDERED_MAX = 1 << 14,        /* sets of stacks */
    UNORDERED_PAIRS_MAX = 32        /* of threads, a set of stacks */
};

struct past_use;

/* Two threads clash at one set of stacks; used and other as it was the first time. */
struct clash {
    uint32_t used, other;           /* threads: places */
    uint32_t next;
    uint64_t count;
    uint64_t last_event;
    struct view_finding finding;    /* the first time */
    struct view_evidence evidence[3];
};
struct clash_set {
    uint32_t first, last, pairs;
    uint64_t more;                  /* times of further pairs */
};

/* Blocks that a thread made and others used, or that it used and others made. */
struct handed { uint64_t blocks[2][HANDED_MIN]; uint8_t n[2]; };
struct handed_pair { uint32_t maker, user, drops; bool handed, enough, turned, broken; };

/* Bytes of a block that threads use unordered: who used them last, after whom, and how often they took turns. */
struct turn { uint64_t block, offset, end; uint32_t last, other, turns; };

struct unordered {
    struct clash_set *sets; size_t n_sets, sets_capacity;
    struct dict set_of;             /* hash of stacks -> set + 1 */
    struct clash *clashes; size_t n_clashes, clashes_capacity;
    uint64_t left_out;              /* times past UNORDERED_MAX */
    struct dict handed_of;          /* place of a thread -> in `handed` + 1 */
    struct handed *handed; size_t n_handed, handed_capacity;
    struct dict pair_of; uint64_t newest_key; uint32_t newest_pair;
    struct handed_pair *pairs; size_t n_pairs, pairs_capacity;
    struct turn *turns;             /* TURNS_MAX by hash, made when the first are taken: another place throws one out */
};

/* `now`, by the event, clashes with `before`. */
void unordered_note(struct graph *g, const struct event *e, const struct past_use *now, const struct past_use *before);
/* t uses a block (or a place of it: told by id) that maker gave it by unseen means. */
void unordered_handed(struct graph *g, struct process *p, const struct thread *t, const struct thread *maker, uint64_t id);
/* t drops what `other` changed last. */
void unordered_dropped(struct graph *g, struct process *p, const struct thread *t, const struct thread *other);
/* `now` uses bytes of a block on which threads clashed; clashed: place of the
 * thread that it clashes with itself, 0: with none. */
void unordered_turn(struct graph *g, uint64_t block, const struct past_use *now, uint32_t clashed);
void unordered_clear(struct unordered *u);
/* Loading: the dict of sets. False: two are alike. */
bool unordered_index(struct unordered *u);
/* Where in `turns` bytes of a block stand. */
size_t unordered_turn_at(uint64_t block, uint64_t offset, uint64_t end);

#endif
