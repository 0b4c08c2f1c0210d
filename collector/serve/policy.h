/*
 * collector/serve/policy.h - rules with names become a policy of integers, and
 * are made anew when modules, threads or processes come that they speak of.
 *
 * Ingest thread; symbols are looked up in a thread of its own (a module with a
 * large table must not stop the drain): until it has answered, a rule that asks
 * for a function there matches nothing there.
 *
 * From recording everything to less: first a policy of the new rules that records all releases
 * (WIRE_POLICY_DROPS_ALL); when that is quiet and the rings are drained, the filter of the blocks that live is made
 * of the graph, and the policy is published with it.
 */
#ifndef OWNSCOPE_SERVE_POLICY_H
#define OWNSCOPE_SERVE_POLICY_H

#include "session/policy.h"
#include "session/rules.h"

struct policy;

struct policy_host {
    struct session *session;
    struct code *code;
    /* Addresses of the blocks that live now in processes that run: fn for each, or NULL: how many there are about. False: the graph
     * is lent, or behind: later. */
    bool (*live)(void *context, void (*fn)(void *to, uint64_t address), void *to, uint64_t *count);
    /* An event of the collector's own (EVENT_COVER), into the stream. */
    void (*tell)(void *context, const struct event *e);
    /* What was told so far is in the file, should this collector die now. NULL: there is none. */
    void (*keep)(void *context);
    void *context;
    uint32_t cover;     /* enum event_cover: what the stream said last, of a collector before this one too */
};

/* What is wanted. Rules that only exclude: all else is included. */
struct policy_spec {
    uint32_t gate;          /* enum wire_gate: LIFE alone is a pause */
    const struct rule *rules; size_t n_rules;
    /* Floors, of the adaptive rate: no rule samples finer. 0: none. */
    uint64_t sample_bytes; uint32_t locks_every, copies_every;
    bool settles;           /* WIRE_POLICY_SETTLES: no order has changed the rules since the session began with them */
};

struct policy *policy_new(const struct policy_host *host);
void policy_free(struct policy *p);
/* Publishes it as far as it is known. 0; -E2BIG: more rules than WIRE_RULES_MAX; -ENOSPC; -EPERM: emergency stop. */
int policy_set(struct policy *p, const struct policy_spec *spec);
/* Between two rounds: what came that rules speak of; the second step; tokens of rules with a rate. */
void policy_round(struct policy *p, uint64_t now_ns);
/* There was no room for the blocks that lived: all drops are recorded, until the next policy_set. */
bool policy_all_drops(const struct policy *p);
/* What was set last is what all hooks act on, in full (second step, names looked up): NULL; else what that waits for, a few words. */
const char *policy_waits_for(struct policy *p);
/* The collector before this one may have narrowed without saying so: what is behind the gate now is told at once. */
void policy_cover_taken(struct policy *p);
/* Events recorded for this rule since it was added; and whether its limit has been reached. */
uint64_t policy_hits(const struct policy *p, uint32_t number, bool *spent);
/* For the next collector: where hooks count this rule, and what was counted there before it. False: it was never published. */
bool policy_rule_place(const struct policy *p, uint32_t number, unsigned *slot, uint64_t *hits_before);
/* It is known to hooks by that already: its hits and tokens go on. Before the first policy_set. */
void policy_rule_known(struct policy *p, const struct rule *r, unsigned slot, uint64_t hits_before);
/* Functions or modules that a rule speaks of and that were found nowhere so far. */
bool policy_unmet(const struct policy *p, uint32_t number);

#endif
