/*
 * collector/export/leaks.h - what a view's snapshots know to be lost: blocks by
 * process, leak class and the stack that made them, and the findings that
 * follow from it.
 *
 * One thread. Works on snapshots alone (event/snapshot.h), so a live process and
 * a file give the same. In time and memory a few words a block.
 */
#ifndef OWNSCOPE_LEAKS_H
#define OWNSCOPE_LEAKS_H

#include "export/interval.h"
#include "graph/view.h"
#include "heap/heap_reach.h"

enum { LEAK_UNKNOWN = LEAK_CLASSES, /* a group's class where memory was not read */
       LEAK_EXAMPLES = 5 };

/* Bits of leak classes, as suppressions and options name them. */
enum { LEAK_KIND_DEFINITE = 1, LEAK_KIND_INDIRECT = 2, LEAK_KIND_POSSIBLE = 4, LEAK_KIND_REACHABLE = 8, LEAK_KINDS_ALL = 15,
       LEAK_KINDS_ERRORS = LEAK_KIND_DEFINITE | LEAK_KIND_POSSIBLE /* what counts unless somebody says otherwise, as memcheck has it */ };
unsigned leak_kind(unsigned class);             /* the bit of an enum leak_class; 0: LEAK_UNKNOWN */
/* "definite", "definite,possible", "all", "none", also between blanks. 0, or
 * -EINVAL and *wrong, the word that is none (malloc'ed). */
int leak_kinds_parse(unsigned *kinds, const char *text, char **wrong);

/* Heap blocks of one process, class and stack; mapped ones are no leaks. */
struct leak_group {
    uint32_t snapshot;                          /* index into the view's */
    uint32_t process, stack;                    /* stack: view's id */
    uint8_t class;                              /* enum leak_class, LEAK_UNKNOWN */
    struct interval_sum stands;                 /* what `direct` stands for */
    struct view_count direct, indirect;         /* indirect: of definite ones, what hangs below them */
    uint64_t oldest_ns, newest_ns;              /* births */
    uint32_t example;                           /* the largest block, of equals the first-born: number in the snapshot */
    uint32_t type;                              /* index + 1 into the snapshot's types, when all have it; else 0 */
    uint64_t ids[LEAK_EXAMPLES];                /* of the first-born, rising; 0: no more */
};

struct leaks {
    const struct view *view;
    struct heap_reach **reach;                  /* of each snapshot; NULL: its classes are unknown */
    uint32_t **group_of;                        /* of each snapshot, of each block: group's index + 1; 0: in none */
    struct leak_group *groups;                  /* definite first, then possible, indirect, reachable, unknown; most bytes first */
    size_t n;
};

/* Blocks born before `since_ns` are left out. The view must outlive it. */
struct leaks *leaks_new(const struct view *v, uint64_t since_ns);
void leaks_free(struct leaks *l);               /* NULL: nothing */
/* Of all snapshots (UINT32_MAX) or of one; class: enum leak_class or LEAK_UNKNOWN. */
struct view_count leaks_total(const struct leaks *l, uint32_t snapshot, unsigned class);
/* Their samples with what they stand for. */
struct interval_sum leaks_stand_for(const struct leaks *l, unsigned class);
/* Bytes that a group stands for: its own and what is lost with them. */
static inline uint64_t leak_group_bytes(const struct leak_group *g) { return g->direct.bytes + g->indirect.bytes; }

/* The view, with a finding for each group of these kinds behind its own ones:
 * number v->n_findings + k is that of the k-th such group. *to borrows the rest
 * of the view. leaks_view_free frees what it does not. */
void leaks_view(struct view *to, const struct leaks *l, unsigned kinds);
void leaks_view_free(struct view *to);

/* The view without snapshots that say nothing of an end: one of the middle, of a process that a signal then killed.
 * `some`: room for all. */
struct view leaks_of_end(const struct view *v, struct snapshot **some);

/* A process that may have leaked, and nobody knows. NULL: its classes are known, or it has no heap block alive. */
struct leak_gap {
    const struct view_process *process;
    const struct snapshot *snapshot;            /* NULL: none was taken, or none of its end */
    bool older;                                 /* there is one, of the middle */
};
/* Those of the view; malloc'ed. */
struct leak_gap *leak_gaps(const struct view *v, size_t *n);

#endif
