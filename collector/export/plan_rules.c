/*
 * collector/export/plan_rules.c - a report becomes a rules file; see plan.h. The report may be a collector's answer:
 * what it lacks is taken for none.
 *
 * Memory is planned by calling function: recorded whole, sampled with the rest, or left out; locks and copies each as one,
 * with a rate. The rate of the rest is tried over a grid, and the choice with most value wins.
 */
#include "export/plan_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { NAME_MAX_BYTES = 200, TRIES = 8 };
/* Of its time or CPU, at least that much was the program's own; processors that a program uses which does not wait. */
static const double OWN_LEAST = 0.1, BUSY = 0.9;

static double number(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

/* ---- what there is ---- */

/* The calling function as a pattern of ownscope-rules(5): its name without arguments; what has a meaning there is any character. */
static char *function_of(const json_t *stack)
{
    const json_t *frame = NULL;
    size_t i;
    json_array_foreach((json_t *)stack, i, frame)
        if (!json_is_true(json_object_get(frame, "inlined"))) /* rules know the function that it was inlined into */
            break;
    const char *name = json_string_value(json_object_get(frame, "function"));
    if (i == json_array_size(stack))
        return NULL;
    if (!name || !*name || strlen(name) > NAME_MAX_BYTES)
        return NULL;
    char *copy = xstrdup(name), *open = strchr(copy, '(');
    if (open && open != copy && strncmp(copy, "operator()", 10))
        *open = 0;
    for (char *p = copy; *p; p++)
        if (strchr(" \t,'\"*?[]\\#=", *p) || (unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    return copy;
}

static struct group *group_of(struct groups *g, const json_t *stack)
{
    char *name = function_of(stack);
    for (size_t i = 0; name && i < g->n; i++)
        if (!strcmp(g->list[i].function, name)) {
            free(name);
            return &g->list[i];
        }
    if (!name)
        return NULL;
    g->list = xgrow(g->list, &g->capacity, g->n + 1, sizeof *g->list);
    g->list[g->n] = (struct group){ .function = name };
    return &g->list[g->n++];
}

static void sites_take(struct groups *g, const json_t *report)
{
    const json_t *site;
    size_t i;
    json_array_foreach(json_object_get(report, "sites"), i, site) {
        struct group *one = group_of(g, json_object_get(site, "stack"));
        g->allocations += number(site, "allocations");
        g->bytes += number(site, "bytes");
        g->live_bytes += number(site, "live_bytes");
        if (!one)
            continue;
        one->allocations += number(site, "allocations");
        one->bytes += number(site, "bytes");
        one->live_blocks += number(site, "live_blocks");
        one->live_bytes += number(site, "live_bytes");
        one->temporary += number(site, "temporary");
    }
}

static void note(struct groups *g, const json_t *list, const char *key, unsigned why)
{
    const json_t *one;
    size_t i;
    json_array_foreach((json_t *)list, i, one) {
        char *name = function_of(json_object_get(one, key));
        for (size_t k = 0; name && k < g->n; k++)
            if (!strcmp(g->list[k].function, name))
                g->list[k].why |= why;
        free(name);
    }
}

/* Much of what it ever made is still there, and more than a handful. */
static bool grows(const struct group *one) { return one->live_blocks >= 8 && one->live_blocks * 4 >= one->allocations; }

static void groups_take(struct groups *g, const json_t *report)
{
    sites_take(g, report);
    for (size_t i = 0; i < g->n; i++)
        g->list[i].why |= grows(&g->list[i]) ? GROWS : 0;
    note(g, json_object_get(json_object_get(report, "leaks"), "top"), "stack", LEAKS);
    note(g, json_object_get(report, "handoffs"), "stack_new", HANDED);
    note(g, json_object_get(report, "findings_top"), "stack", BREAKS);
}

/* ---- costs and values ---- */

double plan_drawn(double bytes, double rate) { return rate > 0 ? 1 - exp(-bytes / rate) : 0; }

static double worth(const struct planned *p, const struct group *one)
{
    double share = p->groups.bytes > 0 ? one->bytes / p->groups.bytes : 0;
    double live = p->groups.live_bytes > 0 ? one->live_bytes / p->groups.live_bytes : 0;
    return share + 10 * live + (one->why & GROWS ? 10 : 0) + (one->why & LEAKS ? 20 : 0) + (one->why & HANDED ? 5 : 0) + (one->why & BREAKS ? 20 : 0);
}

/* What stays is not dropped. */
double plan_events_of(const struct planned *p, const struct group *one)
{
    double dropped = one->allocations - one->live_blocks;
    return (one->allocations + (dropped > 0 ? dropped : 0)) * (1 + p->resized) / p->seconds;
}

static struct plan_item memory_item(const struct planned *p, const struct group *one)
{
    double mean = one->allocations > 0 ? one->bytes / one->allocations : 0;
    double whole = plan_events_of(p, one) * p->event_ns, seen = plan_drawn(mean, p->sample_bytes), all = worth(p, one);
    return (struct plan_item){ .n = 3, .options = { [EXACT] = { whole, all },
        [SAMPLED] = { whole * seen, all * (0.3 * (1 - exp(-one->allocations * seen / 20)) + 0.2 * seen) }, [LEFT_OUT] = { 0, 0 } } };
}

static struct plan_item rate_item(const struct planned *p, double events, double all)
{
    struct plan_item item = { .n = EVERIES + 1 };
    for (unsigned i = 0; i < EVERIES; i++)
        item.options[i] = (struct plan_option){ events / plan_every[i] * p->event_ns + events * p->tried_ns, all * (1 - 0.2 * i) };
    item.options[OFF] = (struct plan_option){ 0, 0 };
    return item;
}

/* How many blocks are recorded a second, whole and as samples: each tells its rate, if the one before had another. */
static void memory_sum(const struct planned *p, double *whole, double *sampled)
{
    *whole = *sampled = 0;
    for (size_t i = 0; i < p->groups.n; i++) {
        const struct group *one = &p->groups.list[i];
        double made = one->allocations / p->seconds, mean = one->allocations > 0 ? one->bytes / one->allocations : 0;
        *whole += one->chosen == EXACT ? made : 0;
        *sampled += one->chosen == SAMPLED ? made * plan_drawn(mean, p->sample_bytes) : 0;
    }
}

/* Of a row of a and b in any order, the neighbours that are not alike; of several threads, each with its own row, no more. */
double plan_switches(const struct planned *p)
{
    double a, b;
    memory_sum(p, &a, &b);
    return a > 0 && b > 0 ? 2 * a * b / (a + b) : 0;
}

static void solve_for(struct planned *p, double budget)
{
    size_t n = p->groups.n;
    for (size_t i = 0; i < n; i++)
        p->items[i] = memory_item(p, &p->groups.list[i]);
    p->items[n] = rate_item(p, p->lock_events, p->contended > 0 ? 10 : 2);
    p->items[n + 1] = rate_item(p, p->copy_events, 1);
    p->fits = plan_solve(p->items, n + 2, budget, &p->value, &p->bound);
    for (size_t i = 0; i < n; i++)
        p->groups.list[i].chosen = p->items[i].chosen;
}

static double spent(const struct planned *p)
{
    double sum = plan_switches(p) * p->event_ns;
    for (size_t i = 0; i < p->groups.n + 2; i++)
        sum += p->items[i].options[p->items[i].chosen].cost;
    return sum;
}

/* What is told between records of two rates is of no one site: where it is too much, the sites get less. */
static void solve(struct planned *p)
{
    double room = p->budget, over = 0, bound = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        solve_for(p, room);
        bound = i ? bound : p->bound; /* of all that there is */
        over = spent(p) - p->budget;
        if (!p->fits || over <= 0)
            break;
        room = room > over ? room - over : 0;
    }
    if (p->fits && over > 0)
        solve_for(p, 0);
    p->bound = bound;
}

/* Over the rates of the rest; 0 begins: without any. */
static void choose(struct planned *p)
{
    double best = 0, most = -1;
    for (double rate = 4096; rate <= 64 << 20; rate *= 4) {
        p->sample_bytes = rate;
        solve(p);
        if (p->fits && p->value > most) {
            most = p->value;
            best = rate;
        }
    }
    p->sample_bytes = best > 0 ? best : 64 << 20;
    solve(p);
}

/* In all, until the pace is known. */
static void events_take(struct planned *p, const json_t *report)
{
    const json_t *events = json_object_get(report, "events"), *lock;
    double copies = number(json_object_get(report, "copies"), "copies"), borrows = number(events, "borrow");
    double blocks = number(events, "new") + number(events, "drop");
    size_t i;
    p->lock_events = number(events, "acquire") + number(events, "release") + number(events, "wait") + number(events, "wait-end");
    p->copy_events = copies > borrows ? copies : borrows;   /* not all are of blocks */
    json_array_foreach(json_object_get(report, "locks_top"), i, lock)
        p->contended += number(lock, "contended");
    p->resized = blocks > 0 ? number(events, "move") / blocks : 0;
    p->calls = 2 * (1 + p->resized) * p->groups.allocations;
    p->events = number(events, "total");
    if (p->events <= 0)
        p->events = p->calls + p->lock_events + p->copy_events;
}

/* How fast the program is untraced. Of a trace nobody knows whether it was busy: it is taken to have been, and the collector to
 * have had no processor to itself. What a live process used tells of it: one that had much time left was not slowed. */
static void pace_find(struct planned *p, const struct plan_ask *ask)
{
    double each_ns = ask->most.record_ns + (ask->program_cpu > 0 ? 0 : ask->most.collector_ns), cost = p->events * each_ns / 1e9;
    bool busy = ask->program_cpu <= 0 || ask->program_cpu >= BUSY;
    p->seconds = p->watched;
    if (busy)
        p->seconds = cost < (1 - OWN_LEAST) * p->watched ? p->watched - cost : OWN_LEAST * p->watched;
    p->slowed = p->watched / p->seconds;
}

/* What records may cost: the budget but for what passes in any case; half of it where that is more than all. */
static void budget_find(struct planned *p, const struct plan_ask *ask)
{
    double whole;
    p->tried_ns = ask->most.tried_ns;
    p->event_ns = ask->most.sparse_ns + ask->most.collector_ns;
    p->own_ns = 1e9;
    if (ask->program_cpu > 0) { /* the hooks' part is none of its own, but where it goes faster by that; a tenth is in any case (budget_cost_between) */
        double hooks = p->events / p->watched * ask->most.record_ns, all = ask->program_cpu * 1e9;
        p->own_ns = p->slowed > 1 ? all : hooks < (1 - OWN_LEAST) * all ? all - hooks : OWN_LEAST * all;
    }
    whole = ask->cpu * p->own_ns;
    p->budget = whole - p->calls * ask->most.passed_ns - ask->most.fixed_ns;
    p->spared = p->budget >= 0;
    if (!p->spared)
        p->budget = whole / 2;
}

char *plan_rules(const json_t *report, const struct plan_ask *ask)
{
    struct planned p = { 0 };
    size_t i;
    char *file;
    p.watched = (number(json_object_get(report, "metadata"), "duration_ns") - number(report, "since_ns")) / 1e9;
    groups_take(&p.groups, report);
    if (p.watched <= 0 || !p.groups.n) {
        free(p.groups.list);
        return NULL;
    }
    events_take(&p, report);
    pace_find(&p, ask);
    p.lock_events /= p.seconds;
    p.copy_events /= p.seconds;
    p.calls /= p.seconds;
    budget_find(&p, ask);
    p.items = xcalloc(p.groups.n + 2, sizeof *p.items);
    choose(&p);
    file = plan_text(&p, ask);
    for (i = 0; i < p.groups.n; i++)
        free(p.groups.list[i].function);
    free(p.groups.list);
    free(p.items);
    return file;
}
