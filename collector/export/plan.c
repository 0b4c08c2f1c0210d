/*
 * collector/export/plan.c - the choice itself; see plan.h.
 */
#include "export/plan.h"

#include <stdlib.h>

#include "event/xalloc.h"

/* From one option of an item's hull to the next. */
struct step { uint32_t item; unsigned option; double cost, value; };

static int by_gain(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    double left = x->value * y->cost, right = y->value * x->cost;
    if (left != right)
        return left > right ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->cost > y->cost) - (x->cost < y->cost);
}

static unsigned cheapest(const struct plan_item *p)
{
    unsigned best = 0;
    for (unsigned i = 1; i < p->n; i++)
        if (p->options[i].cost < p->options[best].cost ||
            (p->options[i].cost == p->options[best].cost && p->options[i].value > p->options[best].value))
            best = i;
    return best;
}

/* The option with most value for what it costs more than `from`; p->n: none is worth more. */
static unsigned next_of(const struct plan_item *p, unsigned from)
{
    unsigned best = p->n;
    double most = 0;
    for (unsigned i = 0; i < p->n; i++) {
        double cost = p->options[i].cost - p->options[from].cost, value = p->options[i].value - p->options[from].value;
        if (cost > 0 && value > 0 && value / cost > most) {
            most = value / cost;
            best = i;
        }
    }
    return best;
}

static size_t steps_make(const struct plan_item *items, size_t n, struct step *steps)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (unsigned at = cheapest(&items[i]), to; (to = next_of(&items[i], at)) < items[i].n; at = to)
            steps[count++] = (struct step){ (uint32_t)i, to, items[i].options[to].cost - items[i].options[at].cost,
                                            items[i].options[to].value - items[i].options[at].value };
    qsort(steps, count, sizeof *steps, by_gain);
    return count;
}

bool plan_solve(struct plan_item *items, size_t n, double budget, double *value, double *bound)
{
    struct step *steps = xcalloc(n * PLAN_OPTIONS + 1, sizeof *steps);
    bool *ended = xcalloc(n + 1, sizeof *ended), full = false;  /* a step of it was too dear: later ones stand on it */
    double left = budget;
    *value = 0;
    for (size_t i = 0; i < n; i++) {
        items[i].chosen = cheapest(&items[i]);
        left -= items[i].options[items[i].chosen].cost;
        *value += items[i].options[items[i].chosen].value;
    }
    *bound = *value;
    size_t count = left < 0 ? 0 : steps_make(items, n, steps);
    for (size_t i = 0; i < count; i++) {
        const struct step *s = &steps[i];
        if (!full && s->cost > left) { /* of the relaxed problem: a part of this step */
            *bound = *value + s->value * left / s->cost;
            full = true;
        }
        ended[s->item] |= s->cost > left;
        if (ended[s->item])
            continue;
        items[s->item].chosen = s->option;
        left -= s->cost;
        *value += s->value;
    }
    if (!full || *bound < *value)
        *bound = *value;
    free(ended);
    free(steps);
    return left >= 0;
}
