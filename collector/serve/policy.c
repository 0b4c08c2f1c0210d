/*
 * collector/serve/policy.c - see policy.h: what is wanted, and the steps from one policy to
 * the next.
 *
 * EVENT_COVER says less before less is recorded, and more when all hooks record more and
 * what they recorded before that is folded. Whoever finds the gate shut that it opened was
 * overtaken by an emergency stop, which is told by who carried it out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "serve/policy_state.h"
#include "wire/clock.h"

enum {
    QUIET_ROUNDS = 2,               /* the first one may have looked at the rings before */
    REPUBLISH_NS = 3000000,         /* news of names, modules and processes are gathered so long */
    BORN_WORDS_LIGHT = 1 << 20      /* of a larger filter there is room for two at a time, hardly for more */
};

struct policy *policy_new(const struct policy_host *host)
{
    struct policy *p = xcalloc(1, sizeof *p);
    p->host = *host;
    p->gate = session_gate(host->session);
    p->cover_told = host->cover;
    p->cover = policy_cover_of_gate(p, p->gate);
    p->spec.gate = WIRE_GATE_ALL;
    p->quiet = session_quiet(host->session, p->gate); /* of a collector that was taken over from */
    p->born_words_most = BORN_WORDS_MOST;
    p->implied_slot = WIRE_RULES_MAX;
    p->names = names_find_new(host->session, host->code);
    p->threads = threads_names_new();
    return p;
}

static void rules_free(struct rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rule_clear(&rules[i]);
    free(rules);
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    names_find_free(p->names);
    threads_names_free(p->threads);
    rules_free(p->rules, p->spec.n_rules);
    free(p->ranges.at);
    free(p->born.words);
    free(p);
}

/* ---- EVENT_COVER ---- */

static void cover_tell(struct policy *p, uint32_t cover)
{
    struct event e = {.type = EVENT_COVER, .family = (uint8_t)cover};
    if (cover == p->cover_told)
        return;
    p->cover_told = cover;
    p->host.tell(p->host.context, &e);
}

/* Before less is recorded that is in the file: the next collector must not take for recorded what was not. */
static void cover_lower(struct policy *p, uint32_t cover)
{
    bool lower = cover != p->cover_told;
    cover_tell(p, cover);
    if (lower && p->host.keep)
        p->host.keep(p->host.context);
}

void policy_cover_taken(struct policy *p) { cover_lower(p, p->cover_told & p->cover); }

/* An emergency stop was told by who brought it. */
static void overtaken_see(struct policy *p)
{
    if (session_gate(p->host.session) == p->gate)
        return;
    p->gate = session_gate(p->host.session);
    p->cover = p->cover_told = 0;
    p->born_wanted = false;
}

/* ---- publishing ---- */

static void thread_count(void *context, uint32_t slot, uint32_t process, uint32_t thread, uint32_t tid)
{
    ++*(size_t *)context;
}

/* Nothing was recorded of anybody who still runs. */
static bool is_untouched(const struct policy *p)
{
    size_t threads = 0;
    session_each_thread(p->host.session, thread_count, &threads);
    return !threads && !session_alive(p->host.session);
}

static void published(struct policy *p, const struct policy_compiled *c, uint32_t gate, bool drops_all)
{
    p->gate = gate;
    p->published_ns = wire_clock_monotonic_ns();
    p->cover = c->cover;
    p->quiet = false;
    p->rounds = 0;
    p->dirty = false;
    p->born_wanted = c->policy && drops_all && c->bits & WIRE_GATE_MEMORY && !p->born_refused;
    if (!c->policy && c->bits & WIRE_GATE_MEMORY) { /* from now on there are blocks that hooks do not know of */
        p->born_known = false;
        p->born_words_most = BORN_WORDS_MOST;
        born_clear(&p->born);
    }
}

/* What `spec` says, with what is known by now. */
static int publish(struct policy *p, const struct policy_spec *spec, const uint8_t *slot_of, unsigned implied_slot)
{
    uint32_t gate, told = p->cover_told;
    bool drops_all = !p->born_known;
    struct policy_compiled c = policy_compile(p, spec, slot_of, implied_slot, drops_all);
    int r;
    cover_lower(p, p->cover_told & p->cover & c.cover);
    r = session_policy_publish(p->host.session, c.policy, c.bits, &gate);
    if (r == -ENOSPC && c.policy && c.policy->born_words) {
        free(c.policy);
        p->born_known = false;
        drops_all = true;
        p->born_words_most = p->born.n / 2; /* a smaller one, next time */
        born_clear(&p->born);
        c = policy_compile(p, spec, slot_of, implied_slot, drops_all);
        r = session_policy_publish(p->host.session, c.policy, c.bits, &gate);
    }
    if (r)
        cover_tell(p, told);
    else
        published(p, &c, gate, drops_all);
    free(c.policy);
    return r;
}

static struct rule *rules_copy(const struct rule *rules, size_t n)
{
    struct rule *copy = xcalloc(n ? n : 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        rule_copy(&copy[i], &rules[i]);
    return copy;
}

int policy_set(struct policy *p, const struct policy_spec *spec)
{
    struct policy_slot before[WIRE_RULES_MAX];
    uint8_t slot_of[WIRE_RULES_MAX] = {0};
    unsigned implied_slot;
    int r;
    overtaken_see(p);
    if (session_is_emergency(p->host.session))
        return -EPERM;
    memcpy(before, p->slots, sizeof before);
    if (!slots_assign(p, spec->rules, spec->n_rules, policy_implies(spec), slot_of, &implied_slot))
        return -E2BIG;
    if (!p->born_known && is_untouched(p))
        p->born_known = true;
    p->born_refused = false;
    ranges_make(p, spec, slot_of);
    r = publish(p, spec, slot_of, implied_slot);
    if (r) {
        memcpy(p->slots, before, sizeof before);
        return r;
    }
    struct rule *rules = rules_copy(spec->rules, spec->n_rules);
    rules_free(p->rules, p->spec.n_rules);
    p->spec = *spec;
    p->spec.rules = p->rules = rules;
    memcpy(p->slot_of, slot_of, sizeof slot_of);
    p->implied_slot = implied_slot;
    threads_forget(p->threads);
    threads_round(p, true);
    return 0;
}

/* ---- rounds ---- */

static void republish(struct policy *p)
{
    ranges_make(p, &p->spec, p->slot_of);
    if (publish(p, &p->spec, p->slot_of, p->implied_slot))
        p->published_ns = wire_clock_monotonic_ns(); /* what was before stays; again later */
    else
        threads_round(p, true);
}

static void born_round(struct policy *p)
{
    enum born_made made = born_make(p);
    if (made == BORN_LATER)
        return;
    p->born_wanted = false;
    p->born_refused = made == BORN_TOO_MANY;
    p->born_known = p->dirty = made == BORN_MADE;
}

/* All hooks act on what was published, and all that they did before is folded. */
static void quiet_round(struct policy *p)
{
    if (!p->quiet) {
        p->quiet = session_quiet(p->host.session, p->gate);
        if (p->quiet)
            session_wake(p->host.session);
        return;
    }
    if (p->rounds < QUIET_ROUNDS && ++p->rounds < QUIET_ROUNDS)
        session_wake(p->host.session); /* not after an idle pause */
    if (p->rounds < QUIET_ROUNDS)
        return;
    cover_tell(p, p->cover);
    if (p->born_wanted)
        born_round(p);
}

void policy_round(struct policy *p, uint64_t now_ns)
{
    overtaken_see(p);
    if (session_is_emergency(p->host.session))
        return;
    quiet_round(p);
    slots_round(p, now_ns);
    if (ranges_stale(p))
        p->dirty = true;
    if (p->dirty && (p->quiet || p->born.n <= BORN_WORDS_LIGHT) && wire_clock_monotonic_ns() - p->published_ns >= REPUBLISH_NS)
        republish(p);
    threads_round(p, false);
}

/* By name, where it is not only the barrier that takes its time. */
static const char *unquiet_text(struct policy *p)
{
    uint32_t pid, tid;
    if (!session_unquiet(p->host.session, p->gate, &pid, &tid))
        return "some hook may still be at its last record";
    snprintf(p->waits_for, sizeof p->waits_for, "thread %u of process %u is still at its last record", tid, pid);
    return p->waits_for;
}

const char *policy_waits_for(struct policy *p)
{
    if (session_gate(p->host.session) != p->gate)
        return "an emergency stop came";
    if (!p->quiet)
        return unquiet_text(p);
    if (!(p->gate & WIRE_GATE_FILTERED)) /* it says all by its bits */
        return NULL;
    if (names_pending(p->names))
        return "names are being looked up";
    if (p->born_wanted)
        return "the filter of the blocks that live is being made";
    return p->dirty ? "what was found meanwhile is being published" : NULL;
}

bool policy_all_drops(const struct policy *p) { return p->born_refused; }
