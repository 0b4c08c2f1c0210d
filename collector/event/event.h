/*
 * collector/event/event.h - one ordered event, as every room of the collector
 * sees it.
 *
 * The session makes events from ring records (decode.c), the trace file keeps
 * them, the graph folds them. They are in the order in which the session
 * merged them; `ns` is the thread's own stamp, and may lie up to a
 * preemption behind the event before it.
 *
 * Ids: threads and processes have the serials that the segment gave them
 * (t1 and p1 are the first); stacks are ids of collector/event/code.h.
 */
#ifndef OWNSCOPE_EVENT_H
#define OWNSCOPE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/record.h"

/* The numbers are part of the trace file's version. */
enum event_type {
    EVENT_NEW = 1,        /* address, size; family; extra[0] alignment or 0 */
    EVENT_DROP,           /* address; family; extra[0] length (munmap, sized forms) or 0 */
    EVENT_REALLOC_BEGIN,  /* address = old place; size = size asked for; family REALLOC, REALLOCARRAY, MREMAP */
    EVENT_REALLOC_END,    /* address = new place, 0: failed; size; extra[0] = old place, extra[1] = old length (mremap) */
    EVENT_THREAD_START,   /* address = pthread_self; extra[0] = tid; extra[1] = start routine */
    EVENT_THREAD_CREATE,  /* before: address = argument; extra[0] = serial of the thread to be; extra[1] = start routine */
    EVENT_THREAD_CREATED, /* after: address = pthread_t, WIRE_PTHREAD_IN_START or 0: failed; extra[0] = its serial */
    EVENT_THREAD_EXIT,    /* address = value returned; events of its destructors may follow */
    EVENT_THREAD_JOIN,    /* after: address = pthread_t; extra[0] = value returned */
    EVENT_THREAD_DETACH,  /* address = pthread_t */
    EVENT_THREAD_NAME,    /* address = pthread_t; text = name */
    EVENT_THREAD_GONE,    /* made by the collector: the kernel has no such thread any more */
    EVENT_PROCESS_START,  /* extra[0] = pid, extra[1] = ppid; address = parent's serial, 0 unknown; family = enum wire_birth; text = exe \0 args each \0 */
    EVENT_PROCESS_FORK,   /* by the parent, before */
    EVENT_PROCESS_FORKED, /* by the parent, after: address = child's pid or (uint64_t)-1 */
    EVENT_PROCESS_EXEC,   /* text = path; extra[0] = pid that execs (differs from the process's: a vfork child) */
    EVENT_PROCESS_EXEC_FAILED, /* address = errno; extra[0] = pid */
    EVENT_PROCESS_EXIT,   /* address = code given to exit or _exit */
    EVENT_PROCESS_GONE,   /* made by the collector: extra[0] = 1 exit known, extra[1] = wait status */
    EVENT_MARK,           /* text = name */
    EVENT_LOST,           /* address = enum wire_lost; size = events; extra[0] = releases among them; extra[1] = the
                           * newest of them is no newer, 0: than the event itself */
    EVENT_VERIFY,         /* made by the collector: address = enum wire_verify; size = stacks (processes) */
    /* Locks: address = the lock; family = enum wire_lock, perhaps with WIRE_LOCK_FLAG. */
    EVENT_WAIT,           /* it was not free: the thread is about to block; flag: with a time limit */
    EVENT_ACQUIRE,        /* after it is got; flag: by a trylock; size = WIRE_LOCK_TYPE_* bits */
    EVENT_RELEASE,        /* before it is given up; sem_post; a once's routine is done */
    EVENT_WAIT_END,       /* the wait failed: size = errno */
    EVENT_COND_WAIT,      /* before: address = condition; extra[0] = mutex, given up, or 0; flag: with a time limit */
    EVENT_COND_WOKEN,     /* after: address = condition; extra[0] = mutex, got again, or 0; size = what it returned */
    EVENT_SIGNAL,         /* before: address = condition; flag: broadcast */
    EVENT_LOCK_INIT,      /* after: size = WIRE_LOCK_TYPE_* bits; extra[0] = semaphore's value, barrier's count */
    EVENT_LOCK_DESTROY,   /* before */
    EVENT_LOCK_CONSISTENT,
    EVENT_FUTEX,          /* the thread's first futex call of its own */
    EVENT_COPY,           /* before: address = destination; size = bytes written; family = enum wire_copy, perhaps with
                           * WIRE_COPY_CHECKED; extra[0] = source, 0: none (memset); extra[1] = bytes read, 0: as written */
    EVENT_USABLE,         /* malloc_usable_size was asked: address, size = what it said; address 0: the process asks so
                           * often that it is told no more */
    EVENT_MODULE,         /* made by the collector: a module of the process lies at address, size bytes;
                           * extra[0] = load bias, extra[1] = its id in code.h; family = 1: it has locks of
                           * its own that nobody sees (Rust's) */
    EVENT_SNAPSHOT,       /* made by the collector: a snapshot of the process was begun here: its blocks are those that live
                           * now; address = its number, size = blocks, family = enum snapshot_why */
    EVENT_RATE,           /* as WIRE_RATE: from here on this thread's events are samples. address, family */
    EVENT_COVER,          /* made by the collector: from here on only so much is recorded of all processes: family = bits of
                           * enum event_cover. All bits are set before the first one */
    EVENT_CONTROL,        /* made by the collector: somebody gave an order, or a limit did: family = enum event_control;
                           * address = enum event_recording from here on, size = the one before; text = in words, who and why */
    EVENT_TYPES
};

/* What is recorded. Memory without EVENT_COVER_MEMORY: only some blocks (a rule, a sample); with _DROPS what becomes of
 * those that were recorded is still told, without it it is not (a pause, an emergency stop). */
enum event_cover { EVENT_COVER_MEMORY = 1, EVENT_COVER_DROPS = 2, EVENT_COVER_LOCKS = 4, EVENT_COVER_COPIES = 8,
                   EVENT_COVER_LIFE = 16, EVENT_COVER_ALL = 31 };
enum event_control {
    EVENT_CONTROL_VERB = 1,   /* "stop (uid 1000, pid 4711 bash)" */
    EVENT_CONTROL_LIMIT,      /* a limit tripped, or let go: "events/s=100k: 131k in the last second: paused, again in 5s" */
    EVENT_CONTROL_BUDGET,     /* the adaptive rate: "cpu=3%: 4.1% (program 1.9, collector 2.2): memory 64k -> 128k" */
    EVENT_CONTROL_PROMISE     /* what a plan expects: its line of the rules file */
};
enum event_recording { EVENT_RECORDING = 0, EVENT_PAUSED, EVENT_TRIPPED /* by a limit, until it cools down */, EVENT_HALF_OPEN,
                       EVENT_EMERGENCY };

/* The collector hands on stamps in steps of so many ns. They are ordered before
 * that, and what is left away is noise: a plain read of the counter lies up to
 * a tenth of a microsecond beside the call. */
enum { EVENT_TICK_NS = 4 };

struct event {
    uint64_t ns;        /* since the session's start */
    uint64_t address;
    uint64_t size;      /* bytes */
    uint64_t extra[2];
    uint32_t thread;    /* serial; 0: no thread (made by the collector) */
    uint32_t process;   /* serial */
    uint32_t stack;     /* id of code.h, 0: none */
    uint8_t type;       /* enum event_type */
    uint8_t family;     /* enum wire_family, or enum wire_birth */
    uint16_t text_bytes;
    const char *text;   /* not zero-terminated; valid during the call that hands it over */
};

/* "new", "drop", … as ownscope(1) prints them; "?" for an unknown number. */
const char *event_type_name(unsigned type);
/* "malloc", "calloc", "new[]", "munmap", …; "?" for an unknown number. */
const char *family_name(unsigned family);
/* "mutex", "rwlock", "spin", "sem", "barrier", "cond", "once", "mtx", "cnd" (flag and shared left away); "?" unknown. */
const char *lock_name(unsigned family);
/* "memcpy", "strncpy", …, "__memcpy_chk" for fortified ones; "?" unknown. */
const char *copy_name(unsigned family);
/* "ring-full", "no-collector", … keys of lost.by_reason; "?" unknown. */
const char *lost_name(unsigned reason);
/* "same", "different", "no-unwind-rules", "libunwind-failed", "without-libunwind"; "?" unknown. */
const char *verify_name(unsigned outcome);

/* True for families of mapped memory (mmap, mremap, munmap). */
bool family_is_map(unsigned family);
/* True when memory of family `made` may be released by family `released`:
 * malloc's kin by free's, new by delete, new[] by delete[], mmap by munmap.
 * realloc of malloc's kin is true as well. */
bool family_matches(unsigned made, unsigned released);

#endif
