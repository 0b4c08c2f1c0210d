/*
 * collector/session/session.h - a session: the shared segment, its rings and
 * the processes that write to them, seen from the collector.
 *
 * Used by one thread, the ingest thread, but for session_wake (any thread,
 * also signal handlers), session_keep_alive, session_list and the constant accessors. Events reach
 * the sink in merged order (see order.h). What traced processes wrote is
 * input: it may cost events, counted, never the collector.
 *
 * Errors are 0 or -errno; session_error_text has numbers for a message.
 */
#ifndef OWNSCOPE_SESSION_H
#define OWNSCOPE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "event/code.h"
#include "event/event.h"
#include "wire/segment.h"

struct session;

struct session_options {
    const char *name;          /* NULL: run-PID-xxxx */
    const char *preload_path;  /* absolute path of libownscope.so */
    const char *command;       /* for info; may be NULL */
    const char *trace_path;    /* for info; may be NULL */
    uint32_t stacks;           /* enum wire_stacks */
    uint32_t on_full;          /* enum wire_on_full */
    uint32_t wait_ms;
    uint32_t follow;           /* enum wire_follow */
    const char *follow_names;  /* names, each with \0, ended by an empty one; NULL: none */
    bool strict_order;
    uint32_t verify_unwind;
    uint64_t copies_min_bytes; /* UINT64_MAX: no copy is recorded */
    bool locks;
    bool paused;               /* nothing but processes and threads is recorded until somebody opens the gate (session/policy.h) */
    uint32_t snapshots;        /* enum wire_snapshots */
    bool joinable;             /* programs with the shim and no session join this one: DIR/current */
};

/* A new session with its first slots ready. 0; -ENOSPC; -EPERM (directory);
 * -ENAMETOOLONG (options); -errno. */
int session_create(struct session **s, const struct session_options *o);
/* Takes over a session whose collector died or stopped. -EBUSY: another
 * collector lives; -ENOENT; -EBADMSG. Stacks of running threads are unknown
 * until their next full one. */
int session_attach(struct session **s, const char *name);
/* Leaves the session. `unlink`: it is over: hooks only forward from now on and
 * its files go; else its rings stay for the next collector. */
void session_close(struct session *s, bool unlink);

/* After session_attach: what collectors before this one took out of the rings and
 * did not write, in events. `written` says how many events of a thread, losses and
 * its being gone aside, the file holds that this collector goes on in, and its stack then (0: not known). What of
 * them still lies in a ring (the collector before died between writing it and
 * giving its space back) is not handed over again. */
uint64_t session_resume(struct session *s, uint64_t (*written)(const void *context, uint32_t thread, uint32_t *stack), const void *context,
                        uint64_t written_in_all);

/* A collector that is killed leaves no gap as long as the rings hold what its trace file has not: with session_keep
 * space is given back only up to where the file has everything, unless a ring is half full. Then it is given back at once,
 * and session_crowded says once that the file should follow soon. session_mark: all that was handed over so far is
 * what the file will have at the next session_safe. */
void session_keep(struct session *s, bool keep);
bool session_crowded(struct session *s);
void session_mark(struct session *s);
void session_safe(struct session *s);
/* Everything handed over is in the file: another collector may have the session from here on (it is as after -ESTALE). */
void session_yield(struct session *s);

const char *session_name(const struct session *s);
const char *session_segment_path(const struct session *s);
const char *session_socket_path(const struct session *s);
const struct wire_plan *session_plan(const struct session *s); /* the collector's own copy */
/* No other collector has taken the session over. Any thread. */
bool session_is_ours(const struct session *s);
/* Nanoseconds since the session's start, now. Ingest thread. */
uint64_t session_now_ns(struct session *s);

/* Events in order, one or more. They and the last one's text, if it has one,
 * are valid during the call. */
typedef void (*session_sink)(void *context, const struct event *events, size_t count);

/* One round over all rings: events handed over (>= 0), or -ESTALE: another
 * collector took this session over (stop draining, close without unlink). */
int64_t session_drain(struct session *s, struct code *code, session_sink sink, void *context);
/* Sleeps as long as the rings allow: not at all when busy, 50 ms when idle.
 * Ends early for a full ring or session_wake. Keeps the heartbeat. */
void session_wait(struct session *s);
/* The same while somebody waits for an answer: a tenth of a millisecond at most. */
void session_wait_little(struct session *s);
/* Ends or forestalls a session_wait. Any thread, async-signal-safe. */
void session_wake(struct session *s);
/* Everything that is in the rings now, threads and processes that are gone
 * included. Events handed over, or -ESTALE. */
int64_t session_finish(struct session *s, struct code *code, session_sink sink, void *context);

/* ---- snapshots: a process stands still ---- */

/* A thread that waits in the shim until a snapshot of its process has been taken. */
struct session_hold { uint32_t process, thread; pid_t pid, tid; uint64_t sp; uint8_t why; /* enum wire_hold */ char mark[64]; };
/* The next one that came since the last call; everything its thread did before has been handed over. */
bool session_hold_next(struct session *s, struct session_hold *h);
/* It still waits: neither its bound nor its death ended it. */
bool session_hold_lasts(const struct session *s, const struct session_hold *h);
/* Lets it go on; `fork`: it is to fork its image now. A hold that is not answered ends with its bound. */
void session_hold_end(struct session *s, const struct session_hold *h, bool fork);
/* While a process's threads stand still: hands over all that they committed.
 * 0; -ESTALE; -ETIMEDOUT: a ring did not come to its end. */
int session_settle(struct session *s, struct code *code, session_sink sink, void *context, uint32_t process);
/* Asks a process to fork an image of itself at one of its next events. Then: a
 * hold of WIRE_HOLD_FORK, and after its end session_image. */
void session_image_ask(struct session *s, uint32_t process);
void session_image_unask(struct session *s);
/* The image's pid, once the thread that held has said so; -errno: it could not; 0: not
 * yet. Nothing else is read: all other events stay where they are. */
pid_t session_image(struct session *s, const struct session_hold *h);
/* pid of a traced process that runs, 0: none; and the one that a pid names, 0: none. */
pid_t session_pid_of(const struct session *s, uint32_t process);
uint32_t session_process_of(const struct session *s, pid_t pid);
/* Those that run, at most `max`, the oldest first; returns how many there are. */
size_t session_running(const struct session *s, uint32_t *processes, size_t max);
/* Threads that have a slot and run, as their rings tell: where they were at their last event. At most `max`; returns how
 * many there are. */
struct session_thread {
    uint32_t thread, process, pid, tid; /* serials; numbers of the kernel's, as they know themselves */
    uint64_t start_time;                /* of the process, as proc_start_time; 0: not known */
    bool foreign;                       /* pid and tid are of another namespace and mean nothing here */
    uint32_t stack;                     /* of the code; 0: not known */
    uint64_t last_ns, events;           /* handed over */
    uint64_t ring_bytes, ring_fill;     /* at the last look */
};
size_t session_threads(const struct session *s, struct session_thread *list, size_t max);
/* Hands over an event of the collector's own, as of now. */
void session_tell(struct session *s, struct code *code, session_sink sink, void *context, const struct event *e);
/* A heartbeat while the ingest thread is busy with one process. Any thread. */
void session_keep_alive(struct session *s);

/* waitpid() said so: EVENT_PROCESS_GONE of this pid will carry the status. */
void session_reaped(struct session *s, pid_t pid, int status);
/* Traced processes that have not gone, as of the last round. */
unsigned session_alive(const struct session *s);

/* Work since create or attach, for status and coverage. */
struct session_counts {
    uint64_t events;         /* handed over */
    uint64_t drained_before; /* of threads' records, whose space collectors before this one gave back */
    uint64_t late;           /* delivered behind a later stamp */
    uint64_t torn;           /* rings that made no sense, times */
    uint64_t threads, processes;  /* ever seen */
    uint32_t threads_live, processes_live;
    uint32_t slots, slots_ready;  /* made so far; free to claim now */
    uint64_t reserved_bytes;      /* of shared memory, now */
    uint32_t denials;             /* slots or rings refused for want of space */
    uint64_t denied_bytes, denied_free_bytes; /* the last of them */
};
void session_counts(const struct session *s, struct session_counts *c);
uint64_t session_events(const struct session *s);   /* the count of events of these */

/* One line about the last failure in this thread, "" when there is nothing to
 * say beyond the errno: no newline, not a sentence of its own. */
const char *session_error_text(void);

/* ---- sessions of this user, with or without a collector (`ownscope ps`) ---- */
struct session_process { uint32_t pid; uint32_t threads; };
struct session_listing {
    const char *name;
    const char *segment_path;
    bool segment_gone;        /* the file is missing or is no segment */
    bool collector_alive;
    uint32_t collector_pid;   /* 0: none */
    uint64_t idle_ns;         /* since its last heartbeat; UINT64_MAX unknown */
    const char *recording;    /* "recording", "paused", "tripped", "half-open", "emergency", "?" */
    const struct session_process *processes; /* that have slots and still run */
    size_t process_count;
    const char *command, *trace_path; /* "" when unknown */
};
/* Removes what sessions left behind that have no collector, no running process
 * and no heartbeat for so long. session_close does it with SESSION_SWEEP_NS. */
#define SESSION_KEPT_NS (60 * 1000000000ull) /* dead sessions that their owner may still look at */
#define SESSION_SWEEP_NS (600 * 1000000000ull)
void session_sweep(uint64_t idle_ns);
/* Stops when `fn` returns non-zero and returns that; 0 at the end; -errno. */
int session_list(int (*fn)(void *context, const struct session_listing *l), void *context);

#endif
