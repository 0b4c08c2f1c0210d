/*
 * preload/unwind_memory.h - what one thread keeps of its last walk.
 *
 * Private to preload/unwind*.c; used by the owning thread alone, in a hook.
 *
 * `words` holds, from the outermost [0] to the innermost [count - 1], every
 * stack word on which the last walk depended and what it held then:
 *   FRAME  the slot a frame's pc was read from. A frame's own stack pointer is
 *          slot + 8, but for an ODD frame (its pc came from elsewhere).
 *   RBP    the slot a saved rbp was read from, if a rule further out uses that
 *          rbp; the frames between the slot's and that rule's are LIVE.
 *   EXTRA  any other word read (expressions, the zero that ended the stack).
 * One step of a walk appends, inwards out: EXTRA…, RBP, FRAME of the frame
 * reached. So: the words outward of a FRAME are all that the walk from there
 * reads and that matters, given its pc, its stack pointer, and, if it is LIVE,
 * its rbp. Equal state and equal words mean the same stack.
 *
 * A new walk writes its own words from the top end of the array downwards,
 * and they join what is kept of the old ones when the two meet.
 */
#ifndef PRELOAD_UNWIND_MEMORY_H
#define PRELOAD_UNWIND_MEMORY_H

#include <stddef.h>

#include "preload/unwind.h"
#include "wire/atomic.h"

enum {
    UNWIND_WORDS = 1024,
    UNWIND_STEP_WORDS = 16,   /* what one step may append */
    UNWIND_RANGES = 4,
    UNWIND_PLAIN_WORDS = 256,    /* a stack of more is not walked quickly */
    UNWIND_KEPT_FRAMES = 256,    /* of a stack that is too deep */
    UNWIND_CUT_FRAMES_MIN = 128  /* left of such a stack: fewer, and it is walked anew */
};

/* Words of meta. The low seven bits of a FRAME are those of its rule. */
enum {
    META_EXTRA = 0,
    META_SLOT = 0x3f,      /* its rule has the caller's rbp at CFA - 8 * this; see RULE_SLOT_… */
    META_USES_RBP = 0x40,  /* its rule needs rbp */
    META_RULE = 0x7f,
    META_FRAME = 0x80,
    META_RBP = 0x100,
    META_ODD = 0x400,      /* pc was not read from just below the frame's stack pointer */
    META_EXACT = 0x800,    /* pc is where a signal interrupted, not a return address */
    META_CUT = 0x2000,     /* the mark of a stack that was too deep */
    META_LIVE = 0x1000     /* the rest of the walk depends on this frame's rbp */
};

struct unwind_word {
    uint64_t address, value;
};

/* Memory known to be readable: [low, high), whole pages. */
struct unwind_range {
    uint64_t low, high;
};

/* The frames that a walk from a pc went through, innermost first, as far as
 * plain rules lead: where the pcs are the same again, so are their rules, and
 * the walk reads a cache line or two instead of one a frame. A guess, checked frame
 * by frame. */
enum { UNWIND_TRAIL_FRAMES = 8, UNWIND_TRAIL_BITS = 8, UNWIND_TRAILS = 1 << UNWIND_TRAIL_BITS };
struct unwind_trail {
    uint32_t epoch;
    uint8_t count;
    uint8_t plain;                       /* so many, from the first, need no rbp */
    uint16_t told;                       /* so many have modules that the collector knows */
    uint8_t rule[UNWIND_TRAIL_FRAMES];   /* META_RULE bits */
    uint16_t words[UNWIND_TRAIL_FRAMES]; /* from the frame's stack pointer, or its rbp, to its CFA */
    uint64_t pc[UNWIND_TRAIL_FRAMES];
};
_Static_assert(sizeof(struct unwind_trail) == 96, "the first four frames are in one or two cache lines");

struct unwind_memory {
    /* these must be zero before the first walk */
    uint32_t generation;      /* of the rules that the words rest on; 0: the words are void */
    uint32_t frames;          /* of the stack that was last told; 0 with no words: none */
    uint32_t count;           /* words */
    uint32_t forgotten;       /* 1: the next change replaces everything */
    uint32_t ready;           /* 1: what follows is set up */
    uint32_t next_range;      /* which of ranges[1..] is replaced next */
    uint32_t plain_from;      /* words from here on are FRAMEs that no rbp matters to: their meta is void */
    struct unwind_trail *last_trail; /* of the last quick walk, if any, */
    uint32_t last_push;       /* and its frames */
    /* these need not */
    uint64_t fp;              /* rbp at the innermost frame */
    uint64_t fp_now;          /* the same, of the walk under way */
    uint64_t cell;            /* an rbp that a rule computed */
    uint64_t zero, one;       /* words that hold 0 and 1 */
    struct unwind_range ranges[UNWIND_RANGES]; /* [0] is the stack in use */
    struct unwind_word words[UNWIND_WORDS];
    uint16_t meta[UNWIND_WORDS];
    uint64_t pushed[WIRE_FRAMES_MAX + 1]; /* one more is written, not told */
    uint32_t trails_epoch;    /* trails of another are void; goes on through all users of the memory, which begins as zeros */
    struct unwind_trail trails[UNWIND_TRAILS];
};

_Static_assert(sizeof(struct unwind_memory) <= WIRE_SCRATCH_UNWIND_BYTES, "it lies in a slot's scratch");
_Static_assert(offsetof(struct unwind_memory, fp) <= 64, "a claimer clears 64 bytes");

/* A word of the traced program, of whatever type it is there. */
typedef uint64_t __attribute__((may_alias)) unwind_raw;

static inline uint64_t unwind_load(uint64_t address)
{
    return *(const unwind_raw *)address;
}

/* Compares words [0, n) from the inside out. Returns how many from the outside
 * are not proven: 0, or n such that words[n - 1] differs. */
static inline __attribute__((always_inline)) uint32_t words_differ(const struct unwind_word *words, uint32_t n)
{
    while (n >= 4) {
        const struct unwind_word *w = &words[n];
        if (unlikely(unwind_load(w[-1].address) != w[-1].value))
            return n;
        if (unlikely(unwind_load(w[-2].address) != w[-2].value))
            return n - 1;
        if (unlikely(unwind_load(w[-3].address) != w[-3].value))
            return n - 2;
        if (unlikely(unwind_load(w[-4].address) != w[-4].value))
            return n - 3;
        n -= 4;
    }
    for (; n; n--)
        if (unlikely(unwind_load(words[n - 1].address) != words[n - 1].value))
            break;
    return n;
}

/* A walk under way: the frame reached, and what was appended so far. rbp is
 * not read before a rule asks for it: it is known by its place. */
struct unwind_walk {
    struct unwind_memory *m;
    uint64_t pc, sp;
    uint64_t slot;     /* where pc was read */
    uint64_t fp_at;    /* where rbp is */
    uint32_t exact;    /* 0 or 1 */
    uint32_t at;       /* the new words are words[at .. UNWIND_WORDS) */
    uint32_t floor;    /* the lowest place that this step may append to */
    uint32_t fp_index; /* words below this lie outward of where rbp was saved */
    uint32_t fp_told;  /* 1: its RBP word is words[fp_index]; or rbp is as the walk began */
};

static inline void unwind_append(struct unwind_walk *w, uint64_t address, uint64_t value, unsigned meta)
{
    w->at--;
    w->m->words[w->at] = (struct unwind_word){address, value};
    w->m->meta[w->at] = (uint16_t)meta;
}

/* A rule uses rbp: its RBP word goes where it was saved, and the frames passed
 * since are LIVE. Returns rbp. */
static inline uint64_t unwind_use_rbp(struct unwind_walk *w)
{
    struct unwind_memory *m = w->m;
    uint64_t value = unwind_load(w->fp_at);
    uint32_t shift = !w->fp_told;
    for (uint32_t i = w->at; i < w->fp_index; i++) {
        m->words[i - shift] = m->words[i];
        m->meta[i - shift] = m->meta[i] | (m->meta[i] & META_FRAME ? META_LIVE : 0);
    }
    if (shift) {
        w->at--;
        w->fp_index--;
        m->words[w->fp_index] = (struct unwind_word){w->fp_at, value};
        m->meta[w->fp_index] = META_RBP;
        w->fp_told = 1;
    }
    return value;
}

/* The frame at words[at ..) saved the caller's rbp there. */
static inline void unwind_saved_rbp(struct unwind_walk *w, uint64_t fp_at)
{
    w->fp_at = fp_at;
    w->fp_index = w->at;
    w->fp_told = 0;
}

/* After a walk that wrote meta: which frames are plain? */
void unwind_settle(struct unwind_memory *m);
/* Before a walk that reads meta. */
void unwind_unsettle(struct unwind_memory *m);

#endif
