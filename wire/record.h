/*
 * wire/record.h - what one event looks like in a ring.
 *
 * Written by the traced process (preload/), read by the collector
 * (collector/session/). A record is a 24-byte head, then `extra` 8-byte
 * words whose meaning depends on the type, then `push` 8-byte frames.
 *
 *   0        8         16    20   21   22  23   24
 *   +--------+---------+-----+----+----+---+----+---------+----------+
 *   | stamp  | address |size |type|fam |pop|push| extra.. | frames.. |
 *   +--------+---------+-----+----+----+---+----+---------+----------+
 *
 * Text records (wire_type_has_text) carry `size` bytes of text after the
 * extra words, padded with zeros to 8 bytes, and no frames.
 *
 * Stacks are sent as a difference to the thread's previous stack: the
 * innermost `pop` frames of that stack go, then `push` frames come, given
 * from the outermost of them to the innermost. pop == WIRE_STACK_ESCAPE means
 * that the first extra word holds both counts (pop << 32 | push).
 *
 * What the writer wrote is input to the reader: lengths are checked there against
 * what the ring holds (wire/ring_reader.h, collector/session/decode.c).
 */
#ifndef WIRE_RECORD_H
#define WIRE_RECORD_H

#include <stdint.h>

/* Types. The numbers are part of the segment's version. */
enum wire_type {
    WIRE_PAD = 0,        /* filler up to the ring's end; size = bytes, head included; a rest of less than a head has none */
    WIRE_NEW,            /* address, size; extra: [alignment] */
    WIRE_DROP,           /* address; size = length for munmap; extra: [length] */
    WIRE_REALLOC_BEGIN,  /* address = old place, size = size asked for */
    WIRE_REALLOC_END,    /* address = new place (0: failed), size; extra: old place, [old size for mremap] */
    WIRE_THREAD_START,   /* address = pthread_self, size = tid; extra: start routine */
    WIRE_THREAD_CREATE,  /* before the create: address = argument, size = serial of the thread to be; extra: start routine */
    WIRE_THREAD_CREATED, /* after it: address = pthread_t, WIRE_PTHREAD_IN_START or 0: failed; size = serial */
    WIRE_THREAD_EXIT,    /* address = value returned */
    WIRE_THREAD_JOIN,    /* after the join: address = pthread_t; extra: value returned */
    WIRE_THREAD_DETACH,  /* address = pthread_t */
    WIRE_THREAD_NAME,    /* text; extra: pthread_t */
    WIRE_PROCESS_START,  /* text = exe path \0 arguments, each with \0; extra: pid<<32|ppid, parent serial<<32 | enum wire_birth */
    WIRE_PROCESS_FORK,   /* before the fork, by the parent */
    WIRE_PROCESS_FORKED, /* after it, by the parent: address = pid or -1 */
    WIRE_PROCESS_EXEC,   /* text = path; extra: pid that execs (a vfork child's differs) */
    WIRE_PROCESS_EXEC_FAILED, /* address = errno; extra: pid */
    WIRE_PROCESS_EXIT,   /* address = exit code given to exit or _exit */
    WIRE_MODULE,         /* text = path; extra: load bias, first address, end address, build-id length, 4 words build-id */
    WIRE_MARK,           /* text = name */
    WIRE_LOST,           /* address = enum wire_lost; size = events; extra: drops among them */
    /* Locks: address = the lock, family = enum wire_lock. */
    WIRE_WAIT,           /* it was not free, and the thread is about to block for it; WIRE_LOCK_FLAG: with a time limit */
    WIRE_ACQUIRE,        /* after it is got; WIRE_LOCK_FLAG: by a trylock; size = WIRE_LOCK_TYPE_* bits */
    WIRE_RELEASE,        /* before it is given up; sem_post; a once's routine is done */
    WIRE_WAIT_END,       /* the wait (or the lock itself) failed: size = errno, ECANCELED: the thread was cancelled in it;
                          * WIRE_LOCK_FLAG: a trylock that got nothing */
    WIRE_COND_WAIT,      /* before: address = condition; extra: mutex given up, 0: it is not the thread's, and stays so;
                          * WIRE_LOCK_FLAG: with a time limit */
    WIRE_COND_WOKEN,     /* after: address = condition; extra: mutex got again, 0: it was not; size = what it returned,
                          * ECANCELED: the thread was cancelled in it, and has the mutex */
    WIRE_SIGNAL,         /* before: address = condition; WIRE_LOCK_FLAG: broadcast */
    WIRE_LOCK_INIT,      /* after: size = WIRE_LOCK_TYPE_* bits; extra: [semaphore's value or barrier's count] */
    WIRE_LOCK_DESTROY,   /* before */
    WIRE_LOCK_CONSISTENT,/* a robust mutex was made consistent */
    WIRE_FUTEX,          /* the thread's first futex call of its own: locks that nobody sees; address = futex */
    WIRE_COPY,           /* before: address = destination, size = bytes written, family = enum wire_copy; extra: [source, [bytes read, where fewer]] */
    WIRE_USABLE,         /* malloc_usable_size was asked: address, size = what it said; address 0: from now on it is not told */
    WIRE_HOLD,           /* the thread waits (slot->holding) until a snapshot of its process is taken; address = its
                          * stack pointer, size = enum wire_hold; extra: tid */
    WIRE_RATE,           /* from here on the thread's events of a kind are samples: address = the mean of bytes between
                          * two (memory), or one in how many is recorded (locks, copies); 0: each one is; family = enum wire_rate.
                          * Told where it differs from what the thread told last; a thread that told nothing records each */
    WIRE_IMAGE,          /* it forked an image of its process: address = its pid, or -errno */
    WIRE_TYPES
};

/* Of what a WIRE_RATE tells. */
enum wire_rate { WIRE_RATE_MEMORY = 0, WIRE_RATE_LOCKS, WIRE_RATE_COPIES, WIRE_RATES };

/* Sampling counts a block by the bytes that glibc's malloc lets it use, whatever it asked for: when it is reallocated, that is
 * what is known of it. The probability that it is drawn is 1 - exp(-wire_drawn_bytes(its most) / rate). */
static inline uint64_t wire_drawn_bytes(uint64_t size)
{
    if (size <= 24)
        return 24;
    return size > UINT64_MAX - 23 ? size : ((size + 23) & ~15ull) - 8;
}

/* Why a thread holds. */
enum wire_hold {
    WIRE_HOLD_EXIT = 1,  /* the process is about to end: all exit handlers have run */
    WIRE_HOLD_ABORT,     /* abort() was called */
    WIRE_HOLD_MARK,      /* the WIRE_MARK before it asks for one */
    WIRE_HOLD_FORK       /* it was asked to fork an image, and waits for the word */
};

/* What is locked. In a record's family; WIRE_LOCK_FLAG beside it. */
enum wire_lock {
    WIRE_LOCK_NONE = 0,
    WIRE_LOCK_MUTEX, WIRE_LOCK_RWLOCK, WIRE_LOCK_RWLOCK_SHARED, WIRE_LOCK_SPIN, WIRE_LOCK_SEM,
    WIRE_LOCK_BARRIER, WIRE_LOCK_COND, WIRE_LOCK_ONCE, WIRE_LOCK_MTX, WIRE_LOCK_CND,
    WIRE_LOCKS,
    WIRE_LOCK_FLAG = 16
};

/* How a mutex behaves, as far as the shim can read it in the lock itself. */
enum {
    WIRE_LOCK_TYPE_RECURSIVE = 1, WIRE_LOCK_TYPE_ERRORCHECK = 2, WIRE_LOCK_TYPE_ROBUST = 4,
    WIRE_LOCK_TYPE_SHARED = 8,          /* between processes */
    WIRE_LOCK_TYPE_OWNER_DIED = 16      /* of an ACQUIRE: EOWNERDEAD */
};

/* Which function copies. WIRE_COPY_CHECKED beside it: its fortified form. */
enum wire_copy {
    WIRE_COPY_NONE = 0,
    WIRE_COPY_MEMCPY, WIRE_COPY_MEMMOVE, WIRE_COPY_MEMPCPY, WIRE_COPY_MEMSET, WIRE_COPY_STRCPY, WIRE_COPY_STPCPY,
    WIRE_COPY_STRNCPY, WIRE_COPY_STPNCPY, WIRE_COPY_STRCAT, WIRE_COPY_STRNCAT, WIRE_COPY_BCOPY, WIRE_COPY_BZERO,
    WIRE_COPIES,
    WIRE_COPY_CHECKED = 16
};

/* How memory was made or released. A release family says which New families
 * it may release: see family_matches() in collector/event/event.h. */
enum wire_family {
    WIRE_FAMILY_NONE = 0,
    WIRE_MALLOC, WIRE_CALLOC, WIRE_REALLOC, WIRE_REALLOCARRAY,
    WIRE_POSIX_MEMALIGN, WIRE_ALIGNED_ALLOC, WIRE_MEMALIGN, WIRE_VALLOC, WIRE_PVALLOC,
    WIRE_NEW_SCALAR, WIRE_NEW_ARRAY, WIRE_NEW_ALIGNED, WIRE_NEW_ARRAY_ALIGNED,
    WIRE_MMAP_ANON, WIRE_MMAP_FILE, WIRE_MREMAP,
    WIRE_FREE, WIRE_FREE_SIZED, WIRE_FREE_ALIGNED_SIZED,
    WIRE_DELETE, WIRE_DELETE_ARRAY, WIRE_DELETE_ALIGNED, WIRE_DELETE_ARRAY_ALIGNED,
    WIRE_MUNMAP,
    WIRE_FAMILIES
};

enum wire_birth { WIRE_BORN_EXEC = 0, WIRE_BORN_FORK = 1 };

/* Why events were left out. */
enum wire_lost {
    WIRE_LOST_RING_FULL = 0,  /* the collector was alive and too slow */
    WIRE_LOST_NO_COLLECTOR,   /* the collector was dead or stopped */
    WIRE_LOST_NO_SLOT,        /* no ring could be had for a new thread */
    WIRE_LOST_NESTED,         /* a signal handler's event inside a record being written */
    WIRE_LOST_TORN,           /* counted by the collector: a ring that made no sense */
    WIRE_LOST_COLLECTOR_DIED, /* drained by a collector that died before it wrote them */
    WIRE_LOST_SANDBOXED,      /* the thread gave up the clock and system calls (prctl) */
    WIRE_LOST_REASONS
};

/* What became of a stack that --verify-unwind held against libunwind's. */
enum wire_verify {
    WIRE_VERIFY_SAME = 0,
    WIRE_VERIFY_DIFFERENT,
    WIRE_VERIFY_NO_RULES,     /* ours ends, cut, in code without unwind rules, where libunwind begins to guess */
    WIRE_VERIFY_FAILED,       /* libunwind failed where ours goes on */
    WIRE_VERIFY_WITHOUT,      /* not a stack: a process in which libunwind could not be used */
    WIRE_VERIFY_COUNTS
};

enum { WIRE_STACK_ESCAPE = 255, WIRE_EXTRA_MAX = 8, WIRE_TEXT_MAX = 4096,
       WIRE_BUILD_ID_MAX = 32, WIRE_FRAMES_MAX = 512 };

/* The thread itself tells its pthread_t, in its WIRE_THREAD_START. */
#define WIRE_PTHREAD_IN_START UINT64_MAX

/* A frame is a return address; with this bit it is the exact pc (a frame that
 * a signal interrupted), not to be moved back into the call. */
#define WIRE_FRAME_EXACT (1ull << 63)
/* A frame of this value ends a stack that could not be unwound to its end. */
#define WIRE_FRAME_TRUNCATED 1ull

#define WIRE_SIZE_IN_EXTRA 0xffffffffu

struct wire_record {
    uint64_t stamp;   /* 0: clock of the session, see wire/clock.h */
    uint64_t address; /* 8 */
    uint32_t size;    /* 16: WIRE_SIZE_IN_EXTRA: the last extra word holds it */
    uint8_t type;     /* 20: enum wire_type */
    uint8_t family_extra; /* 21: bits 0-4 enum wire_family, bits 5-7: extra words; 7 = 8 words */
    uint8_t pop;      /* 22 */
    uint8_t push;     /* 23 */
};

_Static_assert(sizeof(struct wire_record) == 24, "the head is three words");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "its third: size | type << 32 | family << 40 | change << 48");
_Static_assert(WIRE_FAMILIES <= 32, "families must fit five bits");

enum { WIRE_HEAD_WORDS = sizeof(struct wire_record) / 8 };

/* How a stack changed, in a word: pop | push << 8, each below WIRE_STACK_ESCAPE.
 * As they stand in a head's last two bytes: type and family stand before them. */
static inline uint32_t wire_pop_of(uint32_t change) { return change & 255; }
static inline uint32_t wire_push_of(uint32_t change) { return change >> 8 & 255; }

static inline unsigned wire_family_of(const struct wire_record *r) { return r->family_extra & 31; }

/* Extra words of a head: 0 to 6 as they stand, 7 stands for WIRE_EXTRA_MAX. */
static inline unsigned wire_extra_of(const struct wire_record *r)
{
    unsigned n = r->family_extra >> 5;
    return n == 7 ? WIRE_EXTRA_MAX : n;
}

static inline uint8_t wire_pack_family(unsigned family, unsigned extra)
{
    return (uint8_t)(family | (extra == WIRE_EXTRA_MAX ? 7u : extra) << 5);
}

static inline int wire_type_has_text(unsigned type)
{
    return type == WIRE_THREAD_NAME || type == WIRE_PROCESS_START ||
           type == WIRE_PROCESS_EXEC || type == WIRE_MODULE || type == WIRE_MARK;
}

#endif
