/*
 * collector/session/state.h - the inside of a session: one for all files of
 * this room, for nobody else. Ingest thread, but where session.h says more.
 *
 * A lane is the collector's private side of one slot. Everything it relies on
 * is in it; what lies in the segment is only compared with it.
 */
#ifndef OWNSCOPE_SESSION_STATE_H
#define OWNSCOPE_SESSION_STATE_H

#include <pthread.h>

#include "session/clock.h"
#include "session/decode.h"
#include "session/directory.h"
#include "session/order.h"
#include "session/own_locks.h"
#include "session/registry.h"
#include "session/segment.h"
#include "session/session.h"
#include "wire/ring_reader.h"

enum {
    SESSION_SLOTS_AHEAD = SEGMENT_SLOTS_FIRST, /* READY slots at least */
    SESSION_BATCH = 64,                 /* events handed over at a time */
    SESSION_PUBLISH_BYTES = 16 * 1024,  /* a ring's tail is published this often */
    SESSION_WATCH_NS = 100000000,       /* all threads are looked after this often */
    SESSION_QUIET_NS = 1000000000,      /* a foreign thread that said farewell is gone after this */
    SESSION_LIMBO_NS = 1000000000,      /* a claim takes no longer, unless its thread died in it */
    SESSION_STALE_NS = 2000000000       /* a heartbeat this old is none */
};

/* A thread's last words before it holds. Few ever say any. */
struct lane_hold {
    struct session_hold words;
    bool news;                          /* session_hold_next has not had it */
    char mark[sizeof ((struct session_hold *)0)->mark];
};

struct lane {
    uint32_t index;
    struct wire_slot *slot;
    uint64_t scratch, home;             /* the slot's for ever; home 0: unusable */
    uint64_t ring, ring_size;           /* where the reader is */
    uint64_t offered, offered_size;     /* larger ring that the writer may move to; 0: none */
    struct ring_reader reader;
    uint64_t published;                 /* tail as the writer knows it */
    uint64_t tried;                     /* tail when lane_publish was last called */
    uint64_t safe, safe_taken;          /* up to here, and so many events, the trace file has: see session_mark */
    uint64_t marked, marked_taken;      /* what it has by the next session_safe */
    uint64_t fill;                      /* bytes in the ring that were not read at the last look */
    struct ring_item item;              /* at the tail, when has_item */

    /* who writes here */
    uint32_t claim, pid, tid, thread, serial;
    struct registered *image;           /* NULL until the first record */
    struct process *process;            /* the same */
    struct decode_stack stack;
    uint64_t last_stamp, last_ns;
    uint64_t lost[WIRE_LOST_REASONS];   /* handed over as events */
    uint64_t lost_recorded[WIRE_LOST_REASONS]; /* of them by records in the ring */
    uint64_t lost_drops, drops_recorded;
    uint64_t taken;                     /* events of its records, losses aside, as the trace file has them */
    uint64_t taken_counted;             /* of them in pulse->drained_events */
    uint64_t skip;                      /* the next so many are in the file: see session_resume */
    uint32_t resume_stack;              /* the thread's stack behind them; 0: not known */
    uint32_t acts;                      /* the gate that its thread was last seen to act on for long, … */
    uint64_t acts_head, acts_ns, acts_cpu_ns, acts_looked_ns; /* … its head then, since when, the processor it had had; see gate.c */
    uint64_t acts_sleeps, acts_slept_ns; /* how often it had gone to sleep when it was first seen asleep since; when that was, 0: it is not */
    bool acts_jumped;
    uint64_t watched_head, quiet_ns;    /* head at the last watch; how long it has stood */
    struct lane_hold *hold;             /* what its thread said of marks and holds; NULL: nothing yet */

    bool live;                          /* a thread has it */
    bool resting;                       /* none has, but not all that it said is in the file: not to be claimed yet */
    bool has_item;
    bool poisoned;                      /* made no sense: nothing more is read */
    bool exiting;                       /* its thread said that it ends */
    bool gone;                          /* its thread has ended */
    bool gone_looked;                   /* and the head was looked at after that */
    bool waited;                        /* its writer slept since the last round */
};

/* What was replaced, and is hooks' until a barrier was passed behind the gate that replaced it and nobody acts on its own. */
struct gate_retired { uint64_t offset, bytes; uint32_t own, gate; };

/* The collector's side of the gate (gate.c) and of what is behind it (policy.c). */
struct gate_side {
    uint64_t offset, bytes;             /* of the policy in force; 0: none */
    uint32_t own;                       /* its gate */
    uint32_t begun, passed, quiet;      /* the newest gate that a barrier was begun, was passed behind; that is quiet */
    bool running;                       /* a barrier is under way, in a thread of its own: */
    pthread_t thread;
    atomic_u32 done;
    struct gate_retired *retired;
    size_t retired_count, retired_capacity;
    uint64_t retired_bytes;
};

struct session {
    char name[SESSION_NAME_MAX + 1];
    char socket_path[SESSION_PATH_MAX];
    struct wire_plan plan;              /* our copy */
    struct segment segment;
    struct clock clock;
    uint64_t margin;                    /* of the watermark, in stamps */
    uint32_t pid;                       /* our own */
    int images_fd;                      /* DIR/NAME/images */

    struct lane **lanes;                /* one for each slot made */
    size_t lane_capacity;
    uint32_t made;
    uint32_t ready;                     /* slots free to claim, at the last round */
    uint32_t staying;                   /* threads that have a slot and have not said farewell */
    uint32_t recent_claims;             /* decaying */

    struct order order;
    struct decode decode;
    struct own_locks own_locks;
    struct registry registry;
    uint64_t latest;                    /* stamp after the last look */
    uint64_t last_stamp;                /* of the event handed over last */
    uint64_t slotless_lost[WIRE_LOST_REASONS];
    uint32_t verify_told;               /* bit 1 << enum wire_verify: a count of it, be it 0, was handed over */

    session_sink sink;                  /* during a round */
    void *context;
    struct event batch[SESSION_BATCH];  /* made, and not with the sink yet */
    size_t batched;
    uint32_t holds;                     /* lanes whose hold is news */
    bool keeps;                         /* see session_keep */
    bool crowded;                       /* since session_crowded was asked */
    bool stale;                         /* another collector has it */
    bool taken_over;                    /* and modules have to be learnt again */

    struct gate_side gate;
    unsigned fullest;                   /* ring since somebody asked, in 16ths */
    uint64_t watch_ns, quick_ns, busy_ns, pause_ns;
    atomic_u32 awake;                   /* session_wake was called */
    struct session_counts counts;
};

/* session.c */
void session_error_set(const char *format, ...) __attribute__((format(printf, 1, 2)));
void session_error_shortage(void);
void session_flush(struct session *s);
void session_emit(struct session *s, const struct event *e);
/* Where the next event is made, ... */
static inline struct event *session_room(struct session *s) { return &s->batch[s->batched]; }
/* ... and that it was. */
static inline void session_took(struct session *s)
{
    s->counts.events++;
    if (++s->batched == SESSION_BATCH)
        session_flush(s);
}
uint64_t session_stamp(const struct session *s);
void session_beat(struct session *s);
bool session_still_ours(struct session *s);
void session_relearn_modules(struct session *s);

/* gate.c */
void gate_begin(struct session *s, bool paused);
/* A gate that is not older than any other; opens the gate with it. `policy`: its offset, 0: none. 0 or -EPERM. */
int gate_swing(struct session *s, uint32_t bits, uint64_t policy, uint32_t *gate);
/* After a takeover: nobody acts on an older gate, or it was waited for long enough and is to be asked for (session_quiet). */
void gate_settle(struct session *s);
void gate_shut(struct session *s);
void gate_free(struct session *s);
/* policy.c */
void policy_adopt_last(struct session *s);
/* `passed`: a barrier was passed behind it. */
void policy_release_retired(struct session *s, uint32_t passed);

/* lane.c */
struct lane *lane_new(struct session *s, uint32_t index, uint64_t scratch);
void lane_free(struct lane *l);
void lane_claimed(struct session *s, struct lane *l);
void lane_look(struct session *s, struct lane *l);
void lane_poison(struct lane *l);
void lane_moved(struct session *s, struct lane *l);
void lane_lost(struct session *s, struct lane *l, unsigned reason, uint64_t events, uint64_t drops);
void lane_publish(struct session *s, struct lane *l);   /* what the file has, at least */
void lane_give(struct session *s, struct lane *l);      /* all that was read */
void lane_recycle(struct session *s, struct lane *l);
void lane_go_on(struct session *s, struct lane *l);
void lane_offer(struct session *s, struct lane *l);
void lane_losses(struct session *s, struct lane *l);
void lane_end(struct session *s, struct lane *l);
void lane_resume(struct lane *l, uint64_t written, uint32_t stack);
void lane_restore(struct session *s, struct lane *l, const uint32_t (*images)[2], size_t image_count);

/* lane_read.c */
void lane_lose_stack(struct lane *l);
/* Whether there is a record to hand over; then where it stands in the order. */
bool lane_next(struct session *s, struct lane *l);
struct order_head lane_head(const struct session *s, const struct lane *l);
/* Hands over from *at on, as long as it comes before `until` and the watermark.
 * True: *at is where it goes on; false: nothing is left before the watermark. */
bool lane_run(struct session *s, struct lane *l, struct order_head *at, struct order_head until, uint64_t watermark);
/* The same for one record, of which the file has the event already: nothing is handed over. */
bool lane_pass(struct session *s, struct lane *l, struct order_head *at, uint64_t watermark);

/* hold.c */
/* A record of a hold or an image: 1, it is noted; 0: it is none; -EBADMSG. */
int hold_note(struct session *s, struct lane *l);
void hold_mark(struct lane *l, const struct event *e);
void hold_forget(struct session *s, struct lane *l);
/* Lets every thread go on that waits for a collector. */
void hold_end_all(struct session *s);

/* drain.c */
void session_round_begin(struct session *s, struct code *code, session_sink sink, void *context);
void session_see_claims(struct session *s);
void session_merge(struct session *s, uint64_t watermark);

/* supply.c */
int supply_add(struct session *s, uint32_t slots);
void supply_note(struct session *s, uint32_t claims);
void supply_keep(struct session *s);
/* watch.c */
void watch_round(struct session *s, bool force);
void watch_leaving(struct session *s, struct lane *l);

long session_futex(atomic_u32 *word, int operation, uint32_t value, uint64_t timeout_ns);

#endif
