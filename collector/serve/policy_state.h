/*
 * collector/serve/policy_state.h - what a policy holds, for the files that are it:
 *
 *   policy.c          what is wanted, the steps from one policy to the next, EVENT_COVER
 *   policy_slots.c    rules get numbers; hits, limits and rates of each
 *   policy_compile.c  all of it as one struct wire_policy
 *   policy_ranges.c   calling addresses that rules speak of
 *   policy_names.c    functions by name, looked up aside
 *   policy_threads.c  threads and processes by name
 *   policy_born.c     the blocks that lived before
 *
 * Ingest thread, but for the look-up in policy_names.c.
 */
#ifndef OWNSCOPE_POLICY_STATE_H
#define OWNSCOPE_POLICY_STATE_H

#include "serve/policy.h"
#include "serve/policy_names.h"
#include "session/policy.h"

/* One of the WIRE_RULES_MAX numbers that hooks know rules by: a rule's as long as it lasts. */
struct policy_slot {
    uint32_t number;        /* the rule's; 0 with `used`: the one that nobody wrote, "everything else" */
    bool used;
    uint64_t turn;          /* when it was given out or given back last: hooks may act on what was for a while */
    uint64_t hits_before;   /* of the rules that had it before */
    bool limited;           /* the rule has a limit: … */
    uint64_t ungiven;       /* … tokens of it that are still to be given */
    double per_second;      /* tokens a second; 0: all at once */
    double owed;            /* part of a token */
    uint64_t given_ns;      /* when tokens were given last; 0: never */
};

/* Sorted, disjoint: see wire/policy.h. */
struct policy_ranges { struct wire_range *at; size_t n, capacity; };

/* The blocks that lived before: words NULL with n 0: none did. */
struct policy_born { uint64_t *words; uint64_t n; uint32_t serial; /* of the gate that it was made under: no other's */ };

struct policy_threads;

struct policy {
    struct policy_host host;
    struct policy_spec spec;        /* what holds; its rules are ours */
    struct rule *rules;
    struct policy_slot slots[WIRE_RULES_MAX];
    uint8_t slot_of[WIRE_RULES_MAX];    /* of rules[i] */
    unsigned implied_slot;          /* of the rule that nobody wrote; WIRE_RULES_MAX: there is none */
    uint64_t turns;
    char waits_for[80];             /* policy_waits_for's words */

    uint32_t gate;                  /* of the last publish; 0: none yet, or somebody shut it (an emergency stop) */
    uint64_t published_ns;
    bool quiet;                     /* no hook acts on an older one; then … */
    unsigned rounds;                /* … so many rounds were drained since: after QUIET_ROUNDS all that came before is folded */
    uint32_t cover, cover_told;     /* enum event_cover: of that gate; of the stream */

    struct policy_born born;
    bool born_known;                /* `born` has all blocks that are to be followed and that hooks do not know of */
    bool born_wanted;               /* the published policy records all drops until it is made */
    bool born_refused;              /* there is no room for it */
    uint64_t born_words_most;       /* there was none for twice as many */

    bool dirty;                     /* what was published is not all that is known by now */
    uint64_t modules_version;       /* that the ranges are of */
    bool by_site;                   /* there are rules of modules or functions */
    struct policy_ranges ranges;
    uint32_t met;                   /* slots whose modules and functions were found somewhere */
    struct policy_names *names;
    struct policy_threads *threads;
};

/* ---- policy_slots.c ---- */
/* Numbers for these rules: those that stay keep theirs. `implied`: and one for everything else. False: too many. */
bool slots_assign(struct policy *p, const struct rule *rules, size_t n, bool implied, uint8_t *slot_of, unsigned *implied_slot);
void slots_round(struct policy *p, uint64_t now_ns);

/* ---- policy_ranges.c ---- */
/* p->ranges, for rules that hooks will know by these numbers, as far as modules and functions are known; asks for what is not. */
void ranges_make(struct policy *p, const struct policy_spec *spec, const uint8_t *slot_of);
/* They would be others now. Cheap. */
bool ranges_stale(struct policy *p);

/* ---- policy_threads.c ---- */
struct policy_threads *threads_names_new(void);
void threads_names_free(struct policy_threads *t);
/* Tells each thread's slot its rules: of new ones and renamed ones, or (`all`: after a publish) of every one. */
void threads_round(struct policy *p, bool all);

/* Names are read again: they may be old, where no rule asked for them. */
void threads_forget(struct policy_threads *t);

/* ---- policy_born.c ---- */
enum { BORN_WORDS_MOST = 1 << 22 };
enum born_made { BORN_LATER, BORN_MADE, BORN_TOO_MANY };
/* Of the blocks that live now. */
enum born_made born_make(struct policy *p);
void born_clear(struct policy_born *b);

/* ---- policy_compile.c ---- */
struct policy_compiled { struct wire_policy *policy; /* malloc'ed; NULL: the bits say all */ uint32_t bits, cover; bool by_site, by_thread; };
/* `implied_slot`: the rule for everything else, or WIRE_RULES_MAX. `drops_all`: without `born`. */
struct policy_compiled policy_compile(const struct policy *p, const struct policy_spec *spec, const uint8_t *slot_of, unsigned implied_slot,
                                      bool drops_all);
/* What is recorded for certain behind a gate, whatever its policy says. */
uint32_t policy_cover_of_gate(const struct policy *p, uint32_t gate);
/* With no include of its own, what is not excluded is meant. */
bool policy_implies(const struct policy_spec *spec);

#endif
