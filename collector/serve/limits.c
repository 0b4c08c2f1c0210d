/*
 * collector/serve/limits.c - see limits.h: holds the measures against each limit,
 * and says what is to be done in one line. Ingest thread.
 *
 * If several limits have something to say at once, the hardest action wins: stop, pause, trip; rates come last.
 */
#include "serve/limits_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "event/xalloc.h"
#include "serve/limits_words.h"

static const uint64_t SECOND_NS = 1000000000ull, SPACING_NS = 90000000ull, CPU_WINDOW_NS = 1000000000ull, CPU_LEAST_NS = 50000000ull;
enum { COARSER_FIRST = 9 /* 1 KiB */, COARSER_STEP = 4 };

struct limits *limits_new(void)
{
    struct limits *l = xcalloc(1, sizeof *l);
    limits_default(&l->spec);
    return l;
}

void limits_free(struct limits *l) { free(l); }
const struct limits_spec *limits_spec_of(const struct limits *l) { return &l->spec; }

bool limits_is_counted(enum limit_key key) { return key == LIMIT_EVENTS || key == LIMIT_BYTES || key == LIMIT_TIME; }

double limits_measure(const struct limits_input *in, enum limit_key key)
{
    switch (key) {
    case LIMIT_EVENTS: return (double)in->events;
    case LIMIT_BYTES: return (double)in->trace_bytes;
    case LIMIT_RSS: return (double)in->rss_bytes;
    case LIMIT_TIME: return (double)in->recorded_ns;
    default: return 0;
    }
}

static void count_from(struct limits *l, enum limit_key key, const struct limits_input *in)
{
    l->base[key] = limits_is_counted(key) ? limits_measure(in, key) : 0;
    l->next[key] = l->spec.limit[key].most;
}

static void second_clear(struct limits *l, const struct limits_input *in)
{
    l->newest = 0;
    l->samples = 1;
    l->recent[0] = *in;
}

/* ---- set, reset, start ---- */

static double budget_of(const struct limits *l, enum limit_key key)
{
    return l->spec.limit[key].set && l->spec.limit[key].action == LIMIT_COARSER ? l->spec.limit[key].most : 0;
}

/* A limit that only makes coarser, of those that hold. */
static bool coarsens(const struct limits *l)
{
    bool any = false;
    for (unsigned i = 0; i < LIMITS; i++)
        any |= i != LIMIT_CPU && i != LIMIT_EVENTS_PER_S && budget_of(l, (enum limit_key)i) > 0;
    return any;
}

void limits_set(struct limits *l, const struct limits_spec *spec, const struct limits_input *now)
{
    struct limits_spec was = l->spec;
    l->spec = *spec;
    for (unsigned i = 0; i < LIMITS; i++)
        if (!was.limit[i].set || was.limit[i].most != spec->limit[i].most || was.limit[i].action != spec->limit[i].action)
            count_from(l, (enum limit_key)i, now);
    if (!coarsens(l))
        budget_least(&l->budget, 0, now);
    if (budget_of(l, LIMIT_CPU) != l->budget.cpu_most || budget_of(l, LIMIT_EVENTS_PER_S) != l->budget.events_most ||
        (!budget_of(l, LIMIT_CPU) && !budget_of(l, LIMIT_EVENTS_PER_S)))
        budget_set(&l->budget, budget_of(l, LIMIT_CPU), budget_of(l, LIMIT_EVENTS_PER_S), !now->events, now);
    if (!l->samples)
        second_clear(l, now);
    l->last = *now;
}

void limits_reset(struct limits *l, const struct limits_input *now)
{
    breaker_close(&l->breaker, now->now_ns);
    l->held = false;
    for (unsigned i = 0; i < LIMITS; i++)
        count_from(l, (enum limit_key)i, now);
    budget_reset(&l->budget, now);
    if (l->budget.cpu_most <= 0)
        l->told = l->budget.level; /* else it goes on as it is until the next tick says otherwise */
    second_clear(l, now);
    l->last = *now;
}

void limits_started(struct limits *l, const struct limits_input *now)
{
    if (l->held || l->breaker.state == BREAKER_OPEN)
        count_from(l, l->fired, now);
    l->held = false;
    breaker_close(&l->breaker, now->now_ns);
    budget_skip(&l->budget, now);
    second_clear(l, now);
}

/* ---- words ---- */

/* Three digits: 131k, 1.07G, 12.5s. */
static const char *amount(char text[32], enum limit_key key, double value)
{
    static const char *const decimal[] = {"", "k", "M", "G", "T"}, *const binary[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double step = key == LIMIT_BYTES || key == LIMIT_RSS ? 1024 : 1000;
    unsigned i = 0;
    if (key == LIMIT_TIME) {
        snprintf(text, 32, "%.1fs", value / 1e9);
        return text;
    }
    if (key == LIMIT_CPU) {
        snprintf(text, 32, "%.1f%%", value * 100);
        return text;
    }
    for (; value >= step && i < 4; i++)
        value /= step;
    snprintf(text, 32, "%.*f%s", i && value < 100 ? value < 10 ? 2 : 1 : 0, value, (step > 1000 ? binary : decimal)[i]);
    return text;
}

static const char *bytes_text(char text[32], uint64_t bytes)
{
    if (!bytes)
        return "each";
    if (bytes < 1024)
        snprintf(text, 32, "%lluB", (unsigned long long)bytes);
    else
        amount(text, LIMIT_BYTES, (double)bytes);
    return text;
}

/* "memory 64KiB -> 90.5KiB" and, where it is another one, "locks 1/1024 -> 1/2048". */
static void rates_text(char *to, size_t room, unsigned was, unsigned is)
{
    char a[32], b[32];
    uint32_t every = budget_every(is), before = budget_every(was);
    int n = snprintf(to, room, "memory %s -> %s", bytes_text(a, budget_sample_bytes(was)), bytes_text(b, budget_sample_bytes(is)));
    if (every != before && n > 0 && (size_t)n < room)
        snprintf(to + n, room - (size_t)n, ", locks and copies 1/%u -> 1/%u", before ? before : 1, every ? every : 1);
}

static void head_text(const struct limits *l, char *to, size_t room, enum limit_key key, double now)
{
    char most[LIMIT_VALUE_TEXT], text[32];
    snprintf(to, room, "%s=%s: %s%s", limit_words[key].name, limit_value_text(most, key, l->spec.limit[key].most), amount(text, key, now),
             key == LIMIT_EVENTS_PER_S ? " in a second" : "");
}

/* ---- one look ---- */

static void second_note(struct limits *l, const struct limits_input *in)
{
    if (in->now_ns - l->recent[l->newest].now_ns < SPACING_NS)
        return;
    l->newest = (l->newest + 1) % LIMITS_SECOND;
    l->recent[l->newest] = *in;
    l->samples += l->samples < LIMITS_SECOND;
}

/* The oldest of the samples that are no older than that; else the one before now. */
static const struct limits_input *second_from(const struct limits *l, uint64_t now_ns, uint64_t age_ns)
{
    const struct limits_input *found = &l->recent[l->newest];
    for (unsigned i = 1; i < l->samples; i++) {
        const struct limits_input *s = &l->recent[(l->newest + LIMITS_SECOND - i) % LIMITS_SECOND];
        if (now_ns - s->now_ns > age_ns + SPACING_NS / 2)
            break;
        found = s;
    }
    return found;
}

static double events_a_second(const struct limits *l, const struct limits_input *in)
{
    const struct limits_input *from = second_from(l, in->now_ns, SECOND_NS);
    uint64_t lasted_ns = in->now_ns - from->now_ns;
    return (double)(in->events - from->events) * (double)SECOND_NS / (double)(lasted_ns > SECOND_NS ? lasted_ns : SECOND_NS);
}

/* What is held against the limit. */
static double now_of(const struct limits *l, const struct limits_input *in, enum limit_key key)
{
    const struct limits_input *from;
    struct budget_cost c;
    switch (key) {
    case LIMIT_EVENTS_PER_S:
        return events_a_second(l, in);
    case LIMIT_CPU:
        from = second_from(l, in->now_ns, 2 * CPU_WINDOW_NS);
        c = budget_cost_between(from, in);
        return in->now_ns - from->now_ns < CPU_WINDOW_NS || in->program_cpu_ns - from->program_cpu_ns < CPU_LEAST_NS ? 0 : budget_cost_sum(&c);
    default:
        return limits_measure(in, key) - l->base[key];
    }
}

static bool over(const struct limits *l, enum limit_key key, double now)
{
    double most = l->spec.limit[key].most;
    return key == LIMIT_EVENTS_PER_S || key == LIMIT_CPU || key == LIMIT_RSS ? now > most : now >= most;
}

static void trip(struct limits *l, enum limit_key key, double now, const struct limits_input *in, struct limits_verdict *out)
{
    char head[120], again[UNITS_TEXT];
    enum limit_action action = l->spec.limit[key].action;
    bool trial = l->breaker.state == BREAKER_HALF_OPEN;
    head_text(l, head, sizeof head, key, now);
    l->fired = key;
    if (action == LIMIT_TRIP) {
        uint64_t cooling_ns = breaker_trip(&l->breaker, l->spec.cooldown_ns, in->now_ns);
        out->what = LIMITS_DO_TRIP;
        snprintf(out->why, sizeof out->why, "%s%s: tripped, again in %s", head, trial ? " on trial" : "", print_time_ns(again, cooling_ns));
    } else {
        breaker_close(&l->breaker, in->now_ns);
        l->held = true;
        out->what = action == LIMIT_STOP ? LIMITS_DO_STOP : LIMITS_DO_PAUSE;
        snprintf(out->why, sizeof out->why, "%s: %s", head, action == LIMIT_STOP ? "stopped, hooks only forward until start or reset" :
                 "paused until start");
    }
}

/* Of the limits that are over, the one with the hardest action. */
static bool look_for_trip(struct limits *l, const struct limits_input *in, struct limits_verdict *out)
{
    static const enum limit_action order[] = {LIMIT_STOP, LIMIT_PAUSE, LIMIT_TRIP};
    for (unsigned a = 0; a < sizeof order / sizeof *order; a++)
        for (unsigned i = 0; i < LIMITS; i++) {
            enum limit_key key = (enum limit_key)i;
            double now;
            if (!l->spec.limit[i].set || l->spec.limit[i].action != order[a])
                continue;
            now = now_of(l, in, key);
            if (over(l, key, now)) {
                trip(l, key, now, in, out);
                return true;
            }
        }
    return false;
}

static void tell_rates(struct limits *l, struct limits_verdict *out, const char *head)
{
    char rates[100];
    rates_text(rates, sizeof rates, l->told, l->budget.level);
    out->what = LIMITS_RATES;
    snprintf(out->why, sizeof out->why, "%.130s: %s", head, rates);
    l->told = l->budget.level;
}

/* Events, bytes, rss, time with `coarser`: a step each time what they count has doubled. */
static bool look_for_step(struct limits *l, const struct limits_input *in, struct limits_verdict *out)
{
    char head[120];
    for (unsigned i = 0; i < LIMITS; i++) {
        enum limit_key key = (enum limit_key)i;
        double now;
        if (key == LIMIT_CPU || key == LIMIT_EVENTS_PER_S || budget_of(l, key) <= 0 || (now = now_of(l, in, key)) < l->next[i])
            continue;
        while (l->next[i] <= now)
            l->next[i] *= 2;
        head_text(l, head, sizeof head, key, now);
        budget_least(&l->budget, l->budget.level < COARSER_FIRST ? COARSER_FIRST : l->budget.level + COARSER_STEP, in);
        if (l->budget.level == l->told)
            continue;
        tell_rates(l, out, head);
        return true;
    }
    return false;
}

static void cpu_text(const struct limits *l, char *to, size_t room)
{
    char most[LIMIT_VALUE_TEXT];
    const struct budget_cost *c = &l->budget.now;
    snprintf(to, room, "cpu=%s: %.1f%% (hooks %.1f, collector %.1f)", limit_value_text(most, LIMIT_CPU, l->budget.cpu_most),
             budget_cost_sum(c) * 100, (c->records + c->passed) * 100, c->collector * 100);
}

static void tell_stuck(const struct limits *l, struct limits_verdict *out)
{
    const struct budget_cost *c = &l->budget.now;
    char head[120];
    out->what = LIMITS_SAY;
    cpu_text(l, head, sizeof head);
    snprintf(out->why, sizeof out->why, "%s: coarser rates save nothing more (calls that are not recorded cost %.1f, a collector that waits %.1f): it cannot be held",
             head, c->passed * 100, c->waiting * 100);
}

static void follow_budget(struct limits *l, const struct limits_input *in, struct limits_verdict *out)
{
    enum budget_why why = budget_tick(&l->budget, in);
    char head[160], cpu[120];
    if (why == BUDGET_STUCK) {
        tell_stuck(l, out);
        return;
    }
    if (l->budget.level == l->told)
        return;
    if (why == BUDGET_EVENTS) {
        head_text(l, head, sizeof head, LIMIT_EVENTS_PER_S, l->budget.events_now);
    } else if (why == BUDGET_RINGS) {
        snprintf(head, sizeof head, "a ring is %.0f%% full", in->ring_fill * 100);
    } else if (why == BUDGET_CPU) {
        cpu_text(l, cpu, sizeof cpu);
        snprintf(head, sizeof head, "%s", cpu);
    } else if (l->budget.cpu_most > 0 && l->budget.level == BUDGET_LEVEL_START) {
        char most[LIMIT_VALUE_TEXT];
        snprintf(head, sizeof head, "cpu=%s: it begins coarse", limit_value_text(most, LIMIT_CPU, l->budget.cpu_most));
    } else {
        snprintf(head, sizeof head, "no limit asks for samples");
    }
    tell_rates(l, out, head);
}

static void look(struct limits *l, const struct limits_input *in, struct limits_verdict *out)
{
    char again[UNITS_TEXT];
    uint64_t cooled_ns = l->breaker.cooling_ns;
    second_note(l, in);
    if (look_for_trip(l, in, out))
        return;
    if (breaker_tick(&l->breaker, in->now_ns)) {
        out->what = LIMITS_DO_CLOSE;
        snprintf(out->why, sizeof out->why, "%s: kept for %s on trial: closed", limit_words[l->fired].name, print_time_ns(again, cooled_ns));
        return;
    }
    if (!look_for_step(l, in, out))
        follow_budget(l, in, out);
}

/* A new trial: what trips is counted from here. */
static void try_again(struct limits *l, const struct limits_input *in, struct limits_verdict *out)
{
    char again[UNITS_TEXT];
    for (unsigned i = 0; i < LIMITS; i++)
        if (l->spec.limit[i].action == LIMIT_TRIP)
            count_from(l, (enum limit_key)i, in);
    second_clear(l, in);
    out->what = LIMITS_DO_TRY;
    snprintf(out->why, sizeof out->why, "%s: on trial for %s", limit_words[l->fired].name, print_time_ns(again, l->breaker.cooling_ns));
}

bool limits_due(const struct limits *l, uint64_t now_ns, uint64_t events, uint64_t trace_bytes)
{
    static const enum limit_key of[] = {LIMIT_EVENTS, LIMIT_EVENTS_PER_S, LIMIT_BYTES};
    const struct limits_input in = {.now_ns = now_ns, .events = events, .trace_bytes = trace_bytes};
    if (l->held || l->breaker.state == BREAKER_OPEN)
        return false;
    for (unsigned i = 0; i < sizeof of / sizeof *of; i++)
        if (l->spec.limit[of[i]].set && l->spec.limit[of[i]].action != LIMIT_COARSER && over(l, of[i], now_of(l, &in, of[i])))
            return true;
    return false;
}

void limits_tick(struct limits *l, const struct limits_input *in, struct limits_verdict *out)
{
    memset(out, 0, sizeof *out);
    if (l->held || l->breaker.state == BREAKER_OPEN) {
        budget_skip(&l->budget, in);
        if (!l->held && breaker_tick(&l->breaker, in->now_ns))
            try_again(l, in, out);
    } else {
        look(l, in, out);
    }
    l->last = *in;
    out->sample_bytes = budget_sample_bytes(l->told);
    out->locks_every = out->copies_every = budget_every(l->told);
}

void limits_rates(const struct limits *l, uint64_t *sample_bytes, uint32_t *every)
{
    *sample_bytes = budget_sample_bytes(l->told);
    *every = budget_every(l->told);
}

/* ---- for people ---- */

/* Of the last minute. Behind a start it begins anew: until its first second is over, of what there is of that; before the program
 * has done anything, as it was last. */
static struct budget_cost mean_of(const struct limits *l)
{
    const struct budget *b = &l->budget;
    if (b->second || b->seconds[1].now_ns)
        return budget_minute(b);
    bool little = l->last.now_ns <= b->seconds[0].now_ns || l->last.program_cpu_ns - b->seconds[0].program_cpu_ns < CPU_LEAST_NS;
    return little ? b->now : budget_cost_between(&b->seconds[0], &l->last);
}

static json_t *limit_json(const struct limits *l, enum limit_key key)
{
    double now = key == LIMIT_CPU && budget_of(l, key) > 0 ? budget_cost_sum(&l->budget.now) : now_of(l, &l->last, key);
    json_t *doc = json_object();
    bool whole = key != LIMIT_CPU;
    json_object_set_new(doc, "limit", whole ? json_integer((json_int_t)l->spec.limit[key].most) : json_real(l->spec.limit[key].most));
    json_object_set_new(doc, "now", whole ? json_integer((json_int_t)now) : json_real(now));
    json_object_set_new(doc, "action", json_string(limit_action_words[l->spec.limit[key].action]));
    if (key == LIMIT_CPU) {
        struct budget_cost c = mean_of(l);
        json_object_set_new(doc, "mean", json_real(budget_cost_sum(&c)));
        json_object_set_new(doc, "hooks", json_real(c.records + c.passed));
        json_object_set_new(doc, "collector", json_real(c.collector));
    }
    return doc;
}

json_t *limits_json(const struct limits *l)
{
    json_t *doc = json_object();
    for (unsigned i = 0; i < LIMITS; i++)
        if (l->spec.limit[i].set)
            json_object_set_new(doc, limit_words[i].name, limit_json(l, (enum limit_key)i));
    json_object_set_new(doc, "breaker", json_string(breaker_name(l->breaker.state)));
    json_object_set_new(doc, "cooldown_ns", json_integer((json_int_t)(l->breaker.cooling_ns ? l->breaker.cooling_ns : l->spec.cooldown_ns)));
    json_object_set_new(doc, "sample_bytes", json_integer((json_int_t)budget_sample_bytes(l->told)));
    json_object_set_new(doc, "locks_every", json_integer(budget_every(l->told)));
    json_object_set_new(doc, "copies_every", json_integer(budget_every(l->told)));
    return doc;
}
