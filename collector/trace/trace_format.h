/*
 * collector/trace/trace_format.h - the bytes of a trace file.
 *
 * Written by trace_writer.c, read by trace_open.c and trace_reader.c. Little-endian,
 * fixed widths. ownscope-trace(5) tells the same to the rest of the world.
 *
 *   0           16
 *   +-----------+------+------+--------+------+--------+-- … --+-----+-------+------+
 *   | file head | META | CODE | EVENTS | CODE | EVENTS |       | END | INDEX | tail |
 *   +-----------+------+------+--------+------+--------+-- … --+-----+-------+------+
 *                \
 *   a chunk:      | frame, 64 bytes | payload: columns, one after the other |
 *   a column:     | id u8 | codec u8 | raw varint | stored varint | stored bytes |
 *
 * CODE comes before the EVENTS that need it. A heap snapshot is a SNAPSHOT
 * chunk and the PARTs behind it, in a row, between two EVENTS. END, INDEX and the tail come only
 * when the file ended well. A reader skips chunk types and column ids that
 * it does not know; what it must not skip raises the version.
 *
 * A checkpoint is a CHECKPOINT chunk and the STATEs behind it, in a row: the fold
 * after an event before which an EVENTS chunk ended and behind which the models
 * start afresh. Other EVENTS may stand between that event and it. A file that goes
 * on for another begins so, and its first_event is not 0:
 *
 *   | file head | META | CODE … | CHECKPOINT | STATE … | EVENTS | --
 *
 * A SUMMARY ends a group of events, which begins where the models start afresh, and tells readers
 * what they need not look for in it.
 *
 * No payload names a chunk by its number or its place: trace_join moves them.
 *
 * Version history: 1, the first; 2, other models of time and addresses;
 * 3, types 23 to 36 and their models; 4, type 37, SNAPSHOT and PART; 5, CHECKPOINT
 * and STATE, SUMMARY, files that go on for another; 6, types 38 to 40: rates, cover, orders. A reader reads
 * 2 to 6, a writer writes 6.
 */
#ifndef OWNSCOPE_TRACE_FORMAT_H
#define OWNSCOPE_TRACE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum { TRACE_VERSION_OLDEST = 2, TRACE_VERSION_2_TYPES = 22, TRACE_VERSION_3_TYPES = 36, TRACE_VERSION_5_TYPES = 37,
       TRACE_VERSION_BEFORE = 5 };  /* the first with checkpoints, and with files that go on for another */

#define TRACE_FILE_MAGIC "OWNTRACE"
#define TRACE_TAIL_MAGIC "OWNINDEX"
#define TRACE_FRAME_MAGIC 0x4b4e4843u /* "CHNK" */

struct trace_file_head {
    uint8_t magic[8];
    uint32_t version;
    uint32_t flags;         /* 0; a set bit is a feature that a reader must know */
};

enum trace_chunk_type {
    TRACE_CHUNK_META = 1,
    TRACE_CHUNK_CODE,
    TRACE_CHUNK_EVENTS,
    TRACE_CHUNK_END,
    TRACE_CHUNK_INDEX,
    TRACE_CHUNK_SNAPSHOT,   /* count: PARTs behind it */
    TRACE_CHUNK_PART,       /* flags: enum trace_section; count: items in it */
    TRACE_CHUNK_CHECKPOINT, /* count: STATEs behind it */
    TRACE_CHUNK_STATE,      /* a piece of a checkpoint; count 1 */
    TRACE_CHUNK_SUMMARY     /* count: events in the group that ends here, from a RESET on */
};

enum { TRACE_CHUNK_RESET = 1 }; /* flags: the models start afresh here, so reading may */

struct trace_frame {
    uint32_t magic;
    uint8_t type;           /* enum trace_chunk_type */
    uint8_t flags;          /* TRACE_CHUNK_* */
    uint16_t reserved;      /* 0 */
    uint32_t payload_bytes; /* 8 */
    uint32_t raw_bytes;     /* of all columns, uncompressed */
    uint32_t count;         /* 16: events, definitions or entries in it */
    uint32_t number;        /* of this chunk in the file, from 0 */
    uint64_t first_event;   /* 24: events of the session before it: in the chunks before it, and in the files before this one */
    uint64_t low_ns;        /* lowest and highest stamp in it */
    uint64_t high_ns;       /* 40 */
    uint64_t payload_hash;  /* XXH3-64 of the payload */
    uint64_t frame_hash;    /* 56: XXH3-64 of the 56 bytes before it */
};

struct trace_tail {
    uint64_t index_offset;  /* of the INDEX chunk's frame */
    uint8_t magic[8];
    uint64_t hash;          /* XXH3-64 of the 16 bytes before it */
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the structs are the file's bytes");
_Static_assert(sizeof(struct trace_file_head) == 16, "file head");
_Static_assert(sizeof(struct trace_frame) == 64, "frame");
_Static_assert(offsetof(struct trace_frame, payload_bytes) == 8, "frame");
_Static_assert(offsetof(struct trace_frame, count) == 16, "frame");
_Static_assert(offsetof(struct trace_frame, first_event) == 24, "frame");
_Static_assert(offsetof(struct trace_frame, high_ns) == 40, "frame");
_Static_assert(offsetof(struct trace_frame, frame_hash) == 56, "frame");
_Static_assert(sizeof(struct trace_tail) == 24, "tail");

/* Limits, kept by the writer and checked by the reader. */
enum {
    TRACE_COUNT_MAX = 65536,            /* events or definitions in a chunk */
    TRACE_TEXT_FLUSH_BYTES = 1 << 20,   /* a chunk with this much text is full */
    TRACE_RAW_MAX = 16 << 20,           /* uncompressed bytes of a chunk */
    TRACE_PAYLOAD_MAX = TRACE_RAW_MAX + 4096,
    TRACE_STRING_MAX = 2 << 20,         /* a string of META; longer ones are cut */
    TRACE_COLUMNS = 40,                 /* ids run from 1 to 39 */
    TRACE_KINDS_MAX = 250,              /* kinds of event in a chunk */
    TRACE_GROUP_EVENTS = 1 << 20        /* events after which the models start afresh */
};
#define TRACE_BEFORE_MAX ((uint64_t)1 << 56)    /* events before a file */

enum trace_codec { TRACE_STORED = 0, TRACE_ZSTD = 1 };

/* META: strings, and a list of varints. */
enum {
    META_COMMAND = 1, META_HOST, META_SESSION, META_OPTIONS,
    META_NUMBERS        /* start_real_ns, clock_hz, clock, stacks */
};

/* CODE: definitions that go on where the tables stand. */
enum {
    CODE_COUNTS = 1,    /* varints: modules, frames, stacks */
    CODE_MODULE,        /* varints: path bytes, build-id bytes */
    CODE_MODULE_TEXT,   /* path, build-id */
    CODE_FRAME_MODULE,  /* varint */
    CODE_FRAME_OFFSET,  /* zigzag of the difference to the frame before in the chunk */
    CODE_FRAME_FLAGS,   /* varint */
    CODE_STACK_PARENT,  /* varint: own id - 1 - parent */
    CODE_STACK_FRAME    /* zigzag: frame - (highest frame of a stack before in the chunk + 1) */
};

/* Stamps are divided into ticks of 4 ns and the rest. */
enum { TRACE_TICK_BITS = 2, TRACE_TIME_CLASSES = 8, TRACE_TIME_ESCAPE = 255, TRACE_TIME_EXPONENT_MAX = 32 };

/* EVENTS: see trace_model.h for what the models predict. */
enum {
    EVENTS_KIND = 1,    /* 3 bytes each: type, family, fields */
    EVENTS_STEP,        /* byte an event: 0, 1 as predicted, else 2 + kind and a stack */
    EVENTS_STACK,       /* varint: id */
    EVENTS_RUN,         /* varint: events of one thread in a row */
    EVENTS_THREAD,      /* zigzag a run: difference to the run before */
    EVENTS_PROCESS,     /* zigzag a run */
    EVENTS_PLACE,       /* byte a gain: where the address comes from */
    EVENTS_GAIN,        /* turned difference: gains from nowhere known */
    EVENTS_GAIN_AGE,    /* varint: 1 + gives since its place was given up */
    EVENTS_AGE,         /* byte a give: which gain it ends */
    EVENTS_AGE_FAR,     /* varint: 1 + gains since it was gained */
    EVENTS_GIVE,        /* turned difference: gives of unknown addresses */
    EVENTS_ADDRESS,     /* zigzag: other addresses */
    EVENTS_SIZE,        /* varint: 0 as predicted */
    EVENTS_EXTRA0,      /* varint: 0 as predicted */
    EVENTS_EXTRA1,      /* varint; from type 23 on: 0 as predicted */
    EVENTS_TEXT_BYTES,  /* varint */
    EVENTS_TEXT,
    EVENTS_TIME_FINE,   /* 2 bits an event: nanoseconds in the tick; left out when all are 0 */
    EVENTS_TIME_BITS,   /* what the tokens leave over, lowest bit first */
    EVENTS_TIME_FAR,    /* zigzag of the difference, for escapes */
    EVENTS_TIME,        /* and the columns behind it: byte an event, token; a column a class of durations */
    EVENTS_TIME_END = EVENTS_TIME + TRACE_TIME_CLASSES,
    EVENTS_SPOT = EVENTS_TIME_END,  /* byte an address from type 23 on: 0 told as the last time, else 1 + way */
    EVENTS_SPOT_SECOND, /* the same for extra0 */
    EVENTS_SPOT_AGE,    /* varint: 1 + gains since that one */
    EVENTS_SPOT_SLOT,   /* varint: hash of an address seen before */
    EVENTS_SPOT_FAR,    /* turned difference to the last time */
    EVENTS_COLUMNS
};

/* Fields of an event that are not zero: part of its kind. */
enum { FIELD_ADDRESS = 1, FIELD_SIZE = 2, FIELD_EXTRA0 = 4, FIELD_EXTRA1 = 8, FIELD_TEXT = 16, FIELD_ALL = 31 };

/* SNAPSHOT: one heap snapshot; see trace_snapshot.h for what stands in its parts. */
enum {
    SNAPSHOT_NUMBERS = 1,   /* varints: enum trace_snapshot_number */
    SNAPSHOT_REFUSED,       /* text */
    SNAPSHOT_MARK_NAME      /* text */
};
enum trace_snapshot_number {
    SNAPSHOT_N_NUMBER, SNAPSHOT_N_PROCESS, SNAPSHOT_N_PID, SNAPSHOT_N_NS, SNAPSHOT_N_EVENT, SNAPSHOT_N_WHY, SNAPSHOT_N_HOW,
    SNAPSHOT_N_FLAGS, SNAPSHOT_N_PAUSE_NS, SNAPSHOT_N_READ_BYTES, SNAPSHOT_N_WORDS, SNAPSHOT_N_SCAN_NS, SNAPSHOT_N_BLOCKS,
    SNAPSHOT_N_ROOTS, SNAPSHOT_N_EDGES, SNAPSHOT_N_FRAMES, SNAPSHOT_N_TYPES, SNAPSHOT_NUMBERS_MAX
};
enum { SNAPSHOT_STACKS_UNKNOWN = 1, SNAPSHOT_DOUBTFUL = 2, SNAPSHOT_HAS_EDGES = 4, SNAPSHOT_HAS_TYPES = 8,
       SNAPSHOT_HAS_RATES = 16, SNAPSHOT_FLAGS_ALL = 31 };

/* What a PART holds a piece of. They come in this order; each piece goes on where the one before stopped. */
enum trace_section { SECTION_ROOTS = 1, SECTION_FRAMES, SECTION_TYPES, SECTION_BLOCKS, SECTION_BIRTHS, SECTION_LAYOUT,
                     SECTION_TARGETS, SECTIONS };
enum {
    TRACE_PART_MAX = 1 << 17,   /* items of a PART */
    TRACE_PART_RATIO = 32,      /* raw bytes of a PART for one of its payload, at most: its writer pads it. So what a
                                 * reader keeps of a snapshot is in proportion to the file */
    TRACE_TYPE_NAME_MAX = 16384 /* bytes of a type's name; longer ones are left out */
};
/* PART: a number is a byte in the column named, token, and bits in the one behind it (trace_number.h). */
enum {
    ROOTS_KIND = 1,         /* byte */
    ROOTS_ADDRESS = 2,      /* less the end of the root before */
    ROOTS_BYTES = 4,
    ROOTS_OFFSET = 6,
    ROOTS_MODULE = 8,
    ROOTS_THREAD = 10,

    FRAMES_ADDRESS = 1,     /* less that of the frame before */
    FRAMES_ROOT = 3,        /* less that of the frame before */
    FRAMES_FRAME = 5,

    TYPES_MODULE = 1,
    TYPES_OFFSET = 3,       /* less that of the type before */
    TYPES_NAME_BYTES = 5,   /* 1 + bytes; 0: no name */
    TYPES_NAME = 7,         /* text */

    BLOCKS_STACK = 1,       /* 0 as the model says, else 1 + id */
    BLOCKS_SIZE = 3,        /* less the last of that stack */
    BLOCKS_GAP = 5,         /* address less where the block before ends, turned */
    BLOCKS_ID = 7,          /* less that of the block before and 1 */
    BLOCKS_THREAD = 9,      /* less that of the block before */
    BLOCKS_OWNER = 11,      /* less the thread */
    BLOCKS_FAMILY = 13,     /* byte */
    BLOCKS_TYPE = 14,       /* 0 the last of that stack and size, else 1 + type */
    BLOCKS_RATE = 16,       /* bytes from one sample to the next; 0: it is none */

    BIRTHS_TICK = 1,        /* in the order of ids: stamp / 4 less the one before */
    BIRTHS_FINE = 3,        /* byte: the rest; left out when all are 0 */

    LAYOUT_STEP = 1,        /* a node: 0 as the last of its stack and size, else 1 + edges; then for each edge: */
    LAYOUT_WORD = 3,        /* word less that of the edge before and 1, times 4, plus flags */

    TARGETS_TO = 1,         /* 0, 1 as the model says, else 2 + difference */

    PART_PAD = 39           /* zeros, stored: see TRACE_PART_RATIO */
};

/* CHECKPOINT: varints, enum trace_checkpoint_number. STATE: at most ARCHIVE_PART_BYTES of event/archive.h's bytes. */
enum { CHECKPOINT_NUMBERS = 1 };
enum trace_checkpoint_number { CHECKPOINT_N_EVENT, CHECKPOINT_N_NS, CHECKPOINT_N_VERSION, CHECKPOINT_N_RAW_BYTES,
                               CHECKPOINT_NUMBERS_MAX };
enum { STATE_BYTES = 1 };

/* SUMMARY: what is in a group, or more than that; see trace_summary.h. A set is told as runs: how many units lie before
 * each (behind the run before), and its length less 1. */
enum {
    SUMMARY_TYPES = 1,      /* varints: events of type 1, 2… */
    SUMMARY_SIZES,          /* varints: least and greatest */
    SUMMARY_THREADS,        /* varints, in turns: runs of serials */
    SUMMARY_PROCESSES,      /* likewise */
    SUMMARY_STACKS,         /* likewise: runs of ids */
    SUMMARY_GAPS,           /* varints: runs of addresses, in units of 16 bytes */
    SUMMARY_LENGTHS
};

/* END: varints end_ns, number of the last event. */
enum { END_NUMBERS = 1 };

/* INDEX: an entry for each chunk before it. */
enum {
    INDEX_TYPE = 1,     /* byte: type */
    INDEX_FLAGS,        /* byte */
    INDEX_SPAN,         /* varint: frame and payload bytes */
    INDEX_COUNT,        /* varint */
    INDEX_LOW,          /* zigzag: low_ns - that of the entry before */
    INDEX_HIGH          /* zigzag: high_ns - low_ns */
};

#endif
