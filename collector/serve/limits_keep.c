/*
 * collector/serve/limits_keep.c - how far limits have come, as text for the next collector: it goes on from there.
 * Ingest thread.
 *
 *   counted events 0 200000 150300   of a limit on what is counted: from where, when `coarser` steps next, and how far it is
 *   held time                        which of them paused, until somebody says start
 *   level 23 9                       the rates that hold, and the finest that may
 *
 * What is measured goes on over collectors, but for the trace's bytes where another file is begun: so how far it was
 * holds where that is more.
 */
#include "serve/limits_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "serve/limits_words.h"

/* Of the limits that are set, by name; -1: none. */
static int key_find(const struct limits *l, const char *name)
{
    for (int i = 0; i < LIMITS; i++)
        if (!strcmp(name, limit_words[i].name) && l->spec.limit[i].set)
            return i;
    return -1;
}

/* ---- the breaker ---- */

char *limits_breaker_text(const struct limits *l)
{
    if (l->breaker.state == BREAKER_CLOSED)
        return xstrdup("");
    return xasprintf("%s %s %" PRIu64 " %" PRIu64, breaker_name(l->breaker.state), limit_words[l->fired].name, l->breaker.cooling_ns,
                     l->breaker.since_ns);
}

bool limits_breaker_take(struct limits *l, const char *text, const struct limits_input *now, bool *open)
{
    char state[16], name[16];
    uint64_t cooling_ns, since_ns;
    if (sscanf(text, "%15s %15s %" SCNu64 " %" SCNu64, state, name, &cooling_ns, &since_ns) != 4 || !cooling_ns ||
        cooling_ns > l->spec.cooldown_ns * BREAKER_TIMES_MOST)
        return false;
    *open = !strcmp(state, breaker_name(BREAKER_OPEN));
    if (!*open && strcmp(state, breaker_name(BREAKER_HALF_OPEN)))
        return false;
    int i = key_find(l, name);
    if (i < 0 || l->spec.limit[i].action != LIMIT_TRIP)
        return false;
    l->fired = (enum limit_key)i;
    l->breaker = (struct breaker){*open ? BREAKER_OPEN : BREAKER_HALF_OPEN, since_ns < now->now_ns ? since_ns : now->now_ns, cooling_ns};
    return true;
}

/* ---- what was counted, what holds ---- */

char *limits_counts_text(const struct limits *l)
{
    char *text;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    for (int i = 0; i < LIMITS; i++)
        if (l->spec.limit[i].set && i != LIMIT_CPU && i != LIMIT_EVENTS_PER_S)
            fprintf(out, "counted %s %.0f %.0f %.0f\n", limit_words[i].name, l->base[i], l->next[i],
                    limits_is_counted((enum limit_key)i) ? limits_measure(&l->last, (enum limit_key)i) - l->base[i] : 0);
    if (l->held && l->spec.limit[l->fired].set)
        fprintf(out, "held %s\n", limit_words[l->fired].name);
    if (l->budget.level || l->budget.least)
        fprintf(out, "level %u %u\n", l->budget.level, l->budget.least);
    if (fclose(out))
        abort();
    return text;
}

static bool counted_take(struct limits *l, const char *text, const struct limits_input *now)
{
    char name[16];
    double base, next, so_far;
    int i;
    if (sscanf(text, "counted %15s %lf %lf %lf", name, &base, &next, &so_far) != 4 || (i = key_find(l, name)) < 0 ||
        !(fabs(base) < 1e19) || !(so_far >= 0 && so_far < 1e19) || !(next >= l->spec.limit[i].most && next < 1e30))
        return false;
    l->next[i] = next;
    if (!limits_is_counted((enum limit_key)i))
        return true;
    double measured = limits_measure(now, (enum limit_key)i);
    l->base[i] = measured - base < so_far || base > measured ? measured - so_far : base;
    return true;
}

bool limits_counts_take(struct limits *l, const char *text, const struct limits_input *now)
{
    char name[16];
    unsigned level, least;
    int i;
    l->last = *now;
    if (sscanf(text, "held %15s", name) == 1) {
        if ((i = key_find(l, name)) < 0)
            return false;
        l->fired = (enum limit_key)i;
        l->held = true;
        return true;
    }
    if (sscanf(text, "level %u %u", &level, &least) == 2) {
        if (level > BUDGET_LEVELS || least > level)
            return false;
        budget_least(&l->budget, least, now);
        l->budget.level = l->told = level;
        return true;
    }
    return counted_take(l, text, now);
}

void limits_note(struct limits *l, const struct limits_input *now) { l->last = *now; }

bool limits_held(const struct limits *l) { return l->held; }

/* ---- when one is reached ---- */

void limits_reach(const struct limits *l, uint64_t *events, uint64_t *recorded_ns)
{
    static const enum limit_key of[2] = {LIMIT_EVENTS, LIMIT_TIME};
    uint64_t *to[2] = {events, recorded_ns};
    for (unsigned i = 0; i < 2; i++) {
        double at = l->base[of[i]] + l->spec.limit[of[i]].most;
        bool acts = l->spec.limit[of[i]].set && l->spec.limit[of[i]].action != LIMIT_COARSER && !l->held && l->breaker.state != BREAKER_OPEN;
        *to[i] = !acts || at > 9e18 ? UINT64_MAX : at > 0 ? (uint64_t)ceil(at) : 0;
    }
}
