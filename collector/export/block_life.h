/*
 * collector/export/block_life.h - one block's life added up from its facts,
 * and the node that documents show of it.
 *
 * One thread. A life is the same whether it comes from a view (a block alive
 * at that moment) or from facts; stacks are numbers of whoever keeps the life.
 */
#ifndef OWNSCOPE_BLOCK_LIFE_H
#define OWNSCOPE_BLOCK_LIFE_H

#include "export/json_writer.h"
#include "graph/view.h"

struct block_life {
    uint64_t id;            /* 0: no life yet */
    uint64_t address, size, cloned_from;
    uint64_t born_ns, dropped_ns, owned_since_ns, borrowed_ns;
    uint32_t process, thread, owner, borrower, dropped_by;
    uint32_t stack, drop_stack;
    uint8_t family, drop_family;
    bool dropped;
    uint64_t rate, drawn;   /* of a sample: bytes from one to the next, and the most bytes that it had; 0: it is none */
    const char *owned_by;   /* static text */
    const char *dropped_how; /* by of the drop: NULL, or "unseen"… */
};

struct block_life block_life_of(const struct view_block *b);
/* How many blocks it counts for, by its chance to be drawn; 1 where it is no sample. */
double block_life_stands_for(const struct block_life *l);
/* What a fact about this block changes. */
void block_life_fold(struct block_life *l, const struct fact *f);
/* What a snapshot knows of a block. */
struct block_holding {
    const char *holder;     /* "b7", "r3"; NULL: no single one, or not known */
    const char *type, *type_by, *class; /* NULL: not known */
    bool known;             /* retained_* are */
    uint64_t retained_bytes, retained_blocks;
};
/* Every member of the node but `stack` and `drop_stack`. `h` NULL: no snapshot knows the block. */
void block_life_members(struct json_writer *w, const struct block_life *l, const struct block_holding *h);

/* Lives of blocks that are alive during a replay. */
struct block_lives;
struct block_lives *block_lives_new(void);
void block_lives_free(struct block_lives *t);
/* The life of an id, made when it is new; valid until the next call. */
struct block_life *block_lives_at(struct block_lives *t, uint64_t id);
void block_lives_forget(struct block_lives *t, uint64_t id);

#endif
