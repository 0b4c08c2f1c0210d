/*
 * collector/event/snapshot.h - who points to whom in one process at one moment:
 * what a heap snapshot is once memory has been read.
 *
 * Made by collector/heap (from the graph's live blocks and the process's
 * memory), kept by the trace file, turned into leak classes, dominators and
 * documents by whoever reads. It is whole in itself: no event has to be folded
 * to understand it. Immutable once made, so any thread may read it.
 *
 * Nodes are numbered: blocks 0 … n_blocks-1, by rising address; then roots,
 * n_blocks … n_blocks+n_roots-1. The edges of node i are edges
 * [first[i], first[i+1]), in the order of the words that hold them.
 *
 * Ids of stacks, frames, modules are those of collector/event/code.h, until a
 * view takes the snapshot over (view.h) and puts its own in their place.
 */
#ifndef OWNSCOPE_SNAPSHOT_H
#define OWNSCOPE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why it was taken. */
enum snapshot_why { SNAPSHOT_ASKED = 0, SNAPSHOT_EXIT, SNAPSHOT_ABORT, SNAPSHOT_MARK, SNAPSHOT_SIGNAL, SNAPSHOT_WHYS };
/* Where the memory was read. */
enum snapshot_how { SNAPSHOT_UNREAD = 0 /* it was not: `refused` says why */, SNAPSHOT_COPIED, SNAPSHOT_FORKED };

/* What a root is: a range of memory (or registers) whose words were looked at. */
enum root_kind {
    ROOT_DATA = 1,      /* a module's data and bss; offset: link-time address of its first byte */
    ROOT_STACK,         /* of a thread, from its stack pointer on */
    ROOT_REGISTERS,     /* of a thread; address 0, the word's place is the register's number */
    ROOT_TLS,           /* of a thread: static TLS and its descriptor */
    ROOT_MAPPING,       /* anonymous memory that was mapped past our hooks and holds no heap blocks */
    ROOT_UNRECORDED,    /* where an allocator gives out blocks, what lies between those that were recorded, in a process of which
                         * not all were: it may be one of the others, or free. What it points to is held, perhaps */
    ROOT_LOOSE,         /* a mapping made through our hooks that nothing points to: a block is its node too, and this
                         * root has one edge, to it. Known only after the walk: made by heap_reach, never stored */
    ROOT_KINDS
};

struct snapshot_root {
    uint64_t address, bytes;
    uint64_t offset;        /* ROOT_DATA */
    uint32_t module;        /* ROOT_DATA; 0: none */
    uint32_t thread;        /* serial; stacks, registers, TLS. 0: a thread that we do not know */
    uint8_t kind;           /* enum root_kind */
};

/* Frames of threads' stacks as they stood, from the inside out: a word at an
 * address >= `address` and below the next one's (of the same root) lies in `frame`. */
struct snapshot_frame { uint64_t address; uint32_t root; /* index into roots */ uint32_t frame; /* id of code.h, 0 unknown */ };

/* A C++ dynamic type, told by the vtable that blocks point to. */
struct snapshot_type {
    uint32_t module;
    uint64_t offset;        /* link-time address of the vtable's first function, as objects hold it */
    char *name;             /* mangled, from its typeinfo, as "3Foo" or "N3abc3FooE"; NULL: that could not be read */
};

enum {
    EDGE_INTERIOR = 1u << 31,   /* it points behind the block's first byte … */
    EDGE_GOOD = 1u << 30,       /* … where a known good pointer does: as good as a start (heap_interior.h) */
    EDGE_TARGET = EDGE_GOOD - 1, /* the block's number */
    SNAPSHOT_BLOCKS_MAX = 1 << 29
};

struct snapshot {
    uint32_t number;        /* in its session, from 1 */
    uint32_t process, pid;
    uint64_t ns;            /* since the session's start */
    uint64_t event;         /* number of its EVENT_SNAPSHOT in the stream; 0: not known */
    uint8_t why;            /* enum snapshot_why */
    uint8_t how;            /* enum snapshot_how */
    bool stacks_unknown;    /* some threads could not be stopped or asked: what only they hold counts as lost. Never certain */
    bool partial;           /* not all of its blocks were recorded: others may hold these. Known while it is taken, then by its roots */
    bool doubtful;          /* events of the process were lost before: some blocks may be missing or gone */
    char *refused;          /* why memory could not be read: one line, malloc'ed; NULL: it was */
    char *mark;             /* its name (SNAPSHOT_MARK); NULL */
    uint64_t pause_ns;      /* how long its threads stood still */
    uint64_t read_bytes, words, scan_ns; /* memory read, words looked at, time that took */

    size_t n_blocks;        /* heap and mapped blocks alive then, by address */
    uint64_t *address, *size, *id, *born_ns;
    uint32_t *stack;        /* where it was made */
    uint32_t *thread, *owner; /* who made it; who owns it, 0: the process */
    uint8_t *family;        /* enum wire_family */
    uint64_t *rate;         /* bytes from one sample to the next, where the block is one; 0: it is not. NULL: none is */
    uint32_t *type;         /* index + 1 into types; 0: none. NULL while types are not known */

    struct snapshot_root *roots;   size_t n_roots;
    uint64_t *first;        /* n_blocks + n_roots + 1; NULL: no edges known (SNAPSHOT_UNREAD) */
    uint32_t *to;           /* EDGE_* | block */
    uint32_t *at;           /* the word that holds the pointer: (address - node's address) / 8; UINT32_MAX: further than that */
    size_t n_edges;
    struct snapshot_frame *frames; size_t n_frames;
    struct snapshot_type *types;   size_t n_types;

    /* A share (snapshot_share): all but stack, roots, frames and types is `of`'s. NULL: nothing is shared. */
    const struct snapshot *of;
    void (*let_go)(void *context, const struct snapshot *of);
    void *let_go_context;
};

static inline size_t snapshot_nodes(const struct snapshot *s) { return s->n_blocks + s->n_roots; }
/* "asked", "exit", …; "copied", "forked", "unread". "?" unknown. */
const char *snapshot_why_name(unsigned why);
const char *snapshot_how_name(unsigned how);
const char *root_kind_name(unsigned kind);  /* "data", "stack", "registers", "tls", "mapping", "unrecorded", "loose" */

struct snapshot *snapshot_new(void);        /* all zero */
void snapshot_free(struct snapshot *s);     /* NULL: nothing */
/* Memory was not read, or reading broke off: only the blocks stay. `why` is taken over. No share's. */
void snapshot_refuse(struct snapshot *s, char *why);
/* The same snapshot for one more holder, who may put ids of its own in it: only
 * what has ids is copied. `s` has to outlive it; when the share is freed, let_go
 * (NULL: nobody) is told. */
struct snapshot *snapshot_share(const struct snapshot *s, void (*let_go)(void *context, const struct snapshot *s),
                                void *context);
/* True when all numbers are inside their arrays and blocks rise: what came from
 * a file is held against this before anybody relies on it. */
bool snapshot_sound(const struct snapshot *s);
/* Numbers of the blocks in the order of their ids; to be freed. */
uint32_t *snapshot_birth_order(const struct snapshot *s);
struct code;
/* True when `code` has all its ids. */
bool snapshot_named(const struct snapshot *s, const struct code *code);

#endif
