/*
 * collector/export/plan_rules.c - a report becomes a rules file; see plan.h. The report may be a collector's answer:
 * what it lacks is taken for none.
 *
 * Memory is planned by calling function: recorded whole, sampled with the rest, or left out; locks and copies each as one,
 * with a rate. The rate of the rest is tried over a grid, and the choice with most value wins.
 */
#include "export/plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { EXACT = 0, SAMPLED, LEFT_OUT, NAMES_A_RULE = 16, RULES_OF_NAMES = 10, NAMES_MAX = NAMES_A_RULE * RULES_OF_NAMES, NAME_MAX_BYTES = 200 };

/* Why a function's memory is worth recording whole. */
enum { GROWS = 1, LEAKS = 2, HANDED = 4, BREAKS = 8 };

struct group {
    char *function;
    double allocations, bytes, live_blocks, live_bytes, temporary;
    unsigned why;
    unsigned chosen;
};
struct groups { struct group *list; size_t n, capacity; double allocations, bytes, live_bytes; };

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

struct planned {
    struct groups groups;
    struct plan_item *items;
    double seconds, budget, own_ns;     /* a second: what records may cost, what the program uses itself */
    double lock_events, copy_events, contended;  /* a second */
    double calls, event_ns, tried_ns, resized;     /* moves (of realloc), for each block made or dropped */
    double sample_bytes;
    double value, bound;
    bool fits, spared;      /* not spared: what no rule can help is over the budget already */
};

/* Of a block of these bytes, how likely a sample. */
static double drawn(double bytes, double rate) { return rate > 0 ? 1 - exp(-bytes / rate) : 0; }

static double worth(const struct planned *p, const struct group *one)
{
    double share = p->groups.bytes > 0 ? one->bytes / p->groups.bytes : 0;
    double live = p->groups.live_bytes > 0 ? one->live_bytes / p->groups.live_bytes : 0;
    return share + 10 * live + (one->why & GROWS ? 10 : 0) + (one->why & LEAKS ? 20 : 0) + (one->why & HANDED ? 5 : 0) + (one->why & BREAKS ? 20 : 0);
}

/* A second, were all of its blocks recorded: what stays is not dropped. */
static double events_of(const struct planned *p, const struct group *one)
{
    double dropped = one->allocations - one->live_blocks;
    return (one->allocations + (dropped > 0 ? dropped : 0)) * (1 + p->resized) / p->seconds;
}

static struct plan_item memory_item(const struct planned *p, const struct group *one)
{
    double mean = one->allocations > 0 ? one->bytes / one->allocations : 0;
    double whole = events_of(p, one) * p->event_ns, seen = drawn(mean, p->sample_bytes), all = worth(p, one);
    return (struct plan_item){ .n = 3, .options = { [EXACT] = { whole, all },
        [SAMPLED] = { whole * seen, all * (0.3 * (1 - exp(-one->allocations * seen / 20)) + 0.2 * seen) }, [LEFT_OUT] = { 0, 0 } } };
}

enum { EVERIES = 4, OFF = EVERIES };
static const double every_of[EVERIES] = { 1, 10, 100, 1000 };

static struct plan_item rate_item(const struct planned *p, double events, double all)
{
    struct plan_item item = { .n = EVERIES + 1 };
    for (unsigned i = 0; i < EVERIES; i++)
        item.options[i] = (struct plan_option){ events / every_of[i] * p->event_ns + events * p->tried_ns, all * (1 - 0.2 * i) };
    item.options[OFF] = (struct plan_option){ 0, 0 };
    return item;
}

static void solve(struct planned *p)
{
    size_t n = p->groups.n;
    for (size_t i = 0; i < n; i++)
        p->items[i] = memory_item(p, &p->groups.list[i]);
    p->items[n] = rate_item(p, p->lock_events, p->contended > 0 ? 10 : 2);
    p->items[n + 1] = rate_item(p, p->copy_events, 1);
    p->fits = plan_solve(p->items, n + 2, p->budget, &p->value, &p->bound);
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
    for (size_t i = 0; i < p->groups.n; i++)
        p->groups.list[i].chosen = p->items[i].chosen;
}

/* ---- the file ---- */

static int by_number(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return (x->allocations < y->allocations) - (x->allocations > y->allocations);
}

/* Lines of rules with the functions that have been chosen so; those beyond the most become what comes after. */
static void names_write(FILE *out, struct groups *g, unsigned chosen, const char *head, const char *tail, unsigned otherwise)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (g->list[i].chosen != chosen)
            continue;
        if (n >= NAMES_MAX) {
            g->list[i].chosen = otherwise;
            continue;
        }
        fprintf(out, "%s%s", n % NAMES_A_RULE ? "," : n ? tail : "", n % NAMES_A_RULE ? "" : head);
        fputs(g->list[i].function, out);
        n++;
    }
    if (n)
        fputs(tail, out);
}

struct sums { double events, tries, exact, sampled, out, out_bytes; };

static void rate_sum(struct sums *s, double events, unsigned chosen)
{
    s->events += chosen == OFF ? 0 : events / every_of[chosen];
    s->tries += chosen == OFF ? 0 : events;
}

static struct sums sum(const struct planned *p)
{
    struct sums s = { 0 };
    const struct groups *g = &p->groups;
    double named = 0, named_bytes = 0;
    for (size_t i = 0; i < g->n; i++) {
        const struct group *one = &g->list[i];
        double seen = one->chosen == EXACT ? 1 : one->chosen == SAMPLED ? drawn(one->allocations > 0 ? one->bytes / one->allocations : 0, p->sample_bytes) : 0;
        s.events += events_of(p, one) * seen;
        s.exact += one->chosen == EXACT ? one->allocations : 0;
        s.sampled += one->chosen == SAMPLED ? one->allocations : 0;
        s.out += one->chosen == LEFT_OUT ? one->allocations : 0;
        s.out_bytes += one->chosen == LEFT_OUT ? one->bytes : 0;
        named += one->allocations;
        named_bytes += one->bytes;
    }
    if (g->allocations > named) { /* functions without a name fall to the rest */
        s.sampled += g->allocations - named;
        s.events += 2 * (1 + p->resized) * (g->allocations - named) / p->seconds * drawn((g->bytes - named_bytes) / (g->allocations - named), p->sample_bytes);
    }
    rate_sum(&s, p->lock_events, p->items[g->n].chosen);
    rate_sum(&s, p->copy_events, p->items[g->n + 1].chosen);
    return s;
}

static double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

static void comments_write(FILE *out, const struct planned *p, const struct plan_ask *ask, const struct sums *s)
{
    static const struct { unsigned bit; const char *word; } reasons[] = { { GROWS, "grows" }, { LEAKS, "leaks" }, { HANDED, "is handed over" }, { BREAKS, "breaks rules" } };
    const struct groups *g = &p->groups;
    size_t told = 0;
    fprintf(out, "# ownscope plan: from %s, %.1f s of it, for %.2g%% of the program's own CPU", ask->source, p->seconds, 100 * ask->cpu);
    fprintf(out, ask->program_cpu > 0 ? " (it used %.4f processors)\n" : " (taken for one busy processor: a trace does not tell)\n", p->own_ns / 1e9);
    if (!p->spared)
        fprintf(out, "# It does not fit: with no event at all the collector's rounds cost %.2f%% to %.2f%%, and passing calls over %.2f%% to %.2f%%.\n"
                "# Half of the budget is spent on events all the same.\n",
                100 * ask->usual.fixed_ns / p->own_ns, 100 * ask->most.fixed_ns / p->own_ns, 100 * p->calls * ask->usual.passed_ns / p->own_ns,
                100 * p->calls * ask->most.passed_ns / p->own_ns);
    fprintf(out, "# Value %.4g; no choice within the budget has more than %.4g.\n", p->value, p->bound);
    fprintf(out, "# Recorded whole: %.1f%% of the allocations; sampled: %.1f%%; not seen at all: %.1f%%, which are %.1f%% of the bytes.\n",
            percent(s->exact, g->allocations), percent(s->sampled, g->allocations), percent(s->out, g->allocations), percent(s->out_bytes, g->bytes));
    for (size_t i = 0; i < g->n && told < 20; i++) {
        if (g->list[i].chosen != LEFT_OUT || !g->list[i].allocations)
            continue;
        fprintf(out, "# Not seen: %s: %.0f allocations, %.0f bytes, of which %.0f blocks live.\n", g->list[i].function,
                g->list[i].allocations, g->list[i].bytes, g->list[i].live_blocks);
        told++;
    }
    for (size_t i = 0; i < g->n; i++)
        for (size_t r = 0; r < sizeof reasons / sizeof *reasons; r++)
            if (g->list[i].why & reasons[r].bit && g->list[i].chosen == EXACT)
                fprintf(out, "# Kept: %s %s.\n", g->list[i].function, reasons[r].word);
            else if (g->list[i].why & reasons[r].bit)
                fprintf(out, "# %s: %s, though it %s.\n", g->list[i].chosen == SAMPLED ? "Only sampled" : "Not seen", g->list[i].function, reasons[r].word);
}

static void rate_write(FILE *out, const char *kind, double events, unsigned chosen)
{
    if (chosen == OFF) {
        fprintf(out, "# Not seen: %s events, of which there were %.0f a second.\n", kind, events);
        return;
    }
    if (events > 0 && chosen)
        fprintf(out, "trace events=%s sample=1/%.0f\n", kind, every_of[chosen]);
    else if (events > 0 || !chosen)
        fprintf(out, "trace events=%s\n", kind);
}

/* Of the program's own CPU, what is chosen comes to. */
static double cost(const struct planned *p, const struct plan_model *m, const struct sums *s)
{
    return (s->events * (m->sparse_ns + m->collector_ns) + s->tries * m->tried_ns + p->calls * m->passed_ns + m->fixed_ns) / p->own_ns;
}

static char *text(struct planned *p, const struct plan_ask *ask)
{
    struct groups *g = &p->groups;
    char *rules = NULL, *file = NULL;
    size_t bytes;
    FILE *out = open_memstream(&rules, &bytes);
    qsort(g->list, g->n, sizeof *g->list, by_number);
    names_write(out, g, LEFT_OUT, "trace exclude function=", " events=memory\n", SAMPLED);
    names_write(out, g, EXACT, "trace function=", " events=memory\n", SAMPLED);
    fprintf(out, "trace events=memory sample=%.0f\n", p->sample_bytes);
    rate_write(out, "lock", p->lock_events, p->items[g->n].chosen);
    rate_write(out, "copy", p->copy_events, p->items[g->n + 1].chosen);
    fclose(out);
    struct sums s = sum(p);
    double usual = 100 * cost(p, &ask->usual, &s), most = 100 * cost(p, &ask->most, &s), trace = (s.events * ask->event_bytes + ask->fixed_bytes) * 3600;
    out = open_memstream(&file, &bytes);
    comments_write(out, p, ask, &s);
    fprintf(out, "# Expected: about %.0f events/s, %.2f%% CPU, at most %.2f%%, and %.0f bytes of trace an hour, at the pace that was watched.\n", s.events, usual, most, trace);
    fputs(rules, out);
    fprintf(out, "promise cpu=%.2f%% of=%s events/s=%.0f bytes/h=%.0f\n", most, ask->program_cpu > 0 ? "program" : "processor", s.events, trace);
    fclose(out);
    free(rules);
    return file;
}

/* What records may cost: the budget but for what passes in any case; half of it where that is more than all. */
static void budget_find(struct planned *p, const struct plan_ask *ask)
{
    double whole;
    p->tried_ns = ask->most.tried_ns;
    p->event_ns = ask->most.sparse_ns + ask->most.collector_ns;
    p->own_ns = 1e9;
    if (ask->program_cpu > 0) { /* the hooks' part is none of its own; a tenth is in any case (budget_cost_between) */
        double hooks = (p->calls + p->lock_events + p->copy_events) * ask->most.record_ns, all = ask->program_cpu * 1e9;
        p->own_ns = hooks < 0.9 * all ? all - hooks : 0.1 * all;
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
    const json_t *events = json_object_get(report, "events"), *lock;
    size_t i;
    char *file;
    p.seconds = (number(json_object_get(report, "metadata"), "duration_ns") - number(report, "since_ns")) / 1e9;
    groups_take(&p.groups, report);
    if (p.seconds <= 0 || !p.groups.n) {
        free(p.groups.list);
        return NULL;
    }
    p.lock_events = (number(events, "acquire") + number(events, "release") + number(events, "wait") + number(events, "wait-end")) / p.seconds;
    double copies = number(json_object_get(report, "copies"), "copies"), borrows = number(events, "borrow");
    p.copy_events = (copies > borrows ? copies : borrows) / p.seconds;  /* not all are of blocks */
    json_array_foreach(json_object_get(report, "locks_top"), i, lock)
        p.contended += number(lock, "contended");
    double blocks = number(events, "new") + number(events, "drop");
    p.resized = blocks > 0 ? number(events, "move") / blocks : 0;
    p.calls = 2 * (1 + p.resized) * p.groups.allocations / p.seconds;
    budget_find(&p, ask);
    p.items = xcalloc(p.groups.n + 2, sizeof *p.items);
    choose(&p);
    file = text(&p, ask);
    for (i = 0; i < p.groups.n; i++)
        free(p.groups.list[i].function);
    free(p.groups.list);
    free(p.items);
    return file;
}
