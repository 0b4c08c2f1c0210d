/*
 * collector/serve/policy_ranges.c - the calling addresses that rules speak of: modules by
 * path, functions in them by name, of all processes. Ingest thread.
 *
 * What of a module which rules speak of is worked out once, at link-time addresses, and laid
 * over each process that has the module.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "serve/policy_state.h"

struct known { uint32_t process, module; uint64_t begin, end, bias; };
/* Rules by their slot: bits 0 to 31 of the calling address, 32 to 63 of one anywhere on the stack. */
enum { STACKS = 32 };
struct piece { uint64_t begin, end, rules; };
struct edge { uint64_t at; uint8_t slot; int8_t step; };

struct layer {                          /* of one module */
    bool made;
    bool pending;                       /* of some rule it is not known yet */
    uint64_t everywhere;                /* rules that speak of all of it */
    struct piece *pieces; size_t n, capacity;   /* and of parts: sorted, disjoint */
};

struct making {
    struct policy *p;
    const struct policy_spec *spec;
    const uint8_t *slot_of;
    struct known *known; size_t n_known, capacity;
    struct layer *layers; size_t n_layers;      /* by module */
    struct edge *edges; size_t n_edges, edges_capacity;
};

static bool word_is_of(const struct rule_words *words, const char *path)
{
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    for (size_t i = 0; i < words->n; i++)
        if (!fnmatch(words->list[i], path, 0) || !fnmatch(words->list[i], last, 0))
            return true;
    return !words->n;
}

static bool is_by_caller(const struct rule *r) { return r->functions.n || r->modules.n; }
static bool is_by_site(const struct rule *r) { return is_by_caller(r) || r->stacks.n; }

/* ---- one module ---- */

static void edge_add(struct making *m, uint64_t at, unsigned slot, int step)
{
    m->edges = xgrow(m->edges, &m->edges_capacity, m->n_edges + 1, sizeof *m->edges);
    m->edges[m->n_edges++] = (struct edge){at, (uint8_t)slot, (int8_t)step};
}

static void functions_add(struct making *m, struct layer *l, uint32_t module, const struct rule_words *functions, unsigned slot)
{
    for (size_t i = 0; i < functions->n; i++) {
        const struct names_answer *a = names_ask(m->p->names, module, functions->list[i]);
        l->pending |= !a->whole;
        for (size_t k = 0; k < a->n; k++) {
            edge_add(m, a->at[k].begin, slot, 1);
            edge_add(m, a->at[k].end, slot, -1);
        }
    }
}

static int by_place(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* From edges to pieces. */
static void pieces_make(struct making *m, struct layer *l)
{
    uint32_t open[2 * WIRE_RULES_MAX] = {0};
    uint64_t rules = 0;
    if (m->n_edges)
        qsort(m->edges, m->n_edges, sizeof *m->edges, by_place);
    for (size_t i = 0; i < m->n_edges; i++) {
        const struct edge *e = &m->edges[i];
        open[e->slot] += (uint32_t)(int32_t)e->step;
        rules = open[e->slot] ? rules | 1ull << e->slot : rules & ~(1ull << e->slot);
        if (!rules || i + 1 == m->n_edges || m->edges[i + 1].at == e->at)
            continue;
        l->pieces = xgrow(l->pieces, &l->capacity, l->n + 1, sizeof *l->pieces);
        l->pieces[l->n++] = (struct piece){e->at, m->edges[i + 1].at, rules};
    }
    m->n_edges = 0;
}

static struct layer *layer_of(struct making *m, uint32_t module)
{
    const struct code_module *c = code_module(m->p->host.code, module);
    static struct layer none = {.made = true};
    if (!c || module >= m->n_layers)
        return &none;
    struct layer *l = &m->layers[module];
    for (size_t i = 0; !l->made && i < m->spec->n_rules; i++) {
        const struct rule *r = &m->spec->rules[i];
        functions_add(m, l, module, &r->stacks, STACKS + m->slot_of[i]);
        if (!is_by_caller(r) || !word_is_of(&r->modules, c->path))
            continue;
        if (r->functions.n)
            functions_add(m, l, module, &r->functions, m->slot_of[i]);
        else
            l->everywhere |= 1ull << m->slot_of[i];
    }
    if (!l->made)
        pieces_make(m, l);
    l->made = true;
    return l;
}

/* ---- all of them, in all processes ---- */

static void range_add(struct policy_ranges *to, uint32_t process, uint64_t begin, uint64_t end, uint64_t rules, uint32_t flags)
{
    struct wire_range *last = to->n ? &to->at[to->n - 1] : NULL;
    if (begin >= end)
        return;
    if (last && last->process == process && last->rules == (uint32_t)rules && last->stacks == (uint32_t)(rules >> STACKS) &&
        last->flags == flags && last->end == begin) {
        last->end = end;
        return;
    }
    to->at = xgrow(to->at, &to->capacity, to->n + 1, sizeof *to->at);
    to->at[to->n++] = (struct wire_range){begin, end, process, (uint32_t)rules, (uint32_t)(rules >> STACKS), flags};
}

static uint64_t within(uint64_t at, const struct known *k) { return at < k->begin ? k->begin : at > k->end ? k->end : at; }

static void ranges_add(struct policy_ranges *to, const struct known *k, const struct layer *l)
{
    uint64_t here = k->begin;
    uint32_t flags = l->pending ? WIRE_RANGE_PENDING : 0;
    for (size_t i = 0; i < l->n; i++) {
        uint64_t begin = within(l->pieces[i].begin + k->bias, k), end = within(l->pieces[i].end + k->bias, k);
        if (begin >= end || begin < here) /* behind the end of all addresses it begins anew */
            continue;
        range_add(to, k->process, here, begin, l->everywhere, flags);
        range_add(to, k->process, begin, end, l->everywhere | l->pieces[i].rules, flags);
        here = end;
    }
    range_add(to, k->process, here, k->end, l->everywhere, flags);
}

static void module_know(void *context, uint32_t process, uint64_t begin, uint64_t end, uint64_t bias, uint32_t module)
{
    struct making *m = context;
    m->known = xgrow(m->known, &m->capacity, m->n_known + 1, sizeof *m->known);
    m->known[m->n_known++] = (struct known){process, module, begin, end, bias};
}

static int by_process(const void *a, const void *b)
{
    const struct known *x = a, *y = b;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static void making_end(struct making *m)
{
    for (size_t i = 0; i < m->n_layers; i++)
        free(m->layers[i].pieces);
    free(m->layers);
    free(m->known);
    free(m->edges);
}

/* Rules all of whose names were found somewhere. */
static void met_find(struct policy *p, const struct policy_spec *spec, const uint8_t *slot_of)
{
    uint32_t callers = 0, stacks = 0;
    for (size_t i = 0; i < p->ranges.n; i++) {
        callers |= p->ranges.at[i].rules;
        stacks |= p->ranges.at[i].stacks;
    }
    for (size_t i = 0; i < spec->n_rules; i++) {
        const struct rule *r = &spec->rules[i];
        uint32_t bit = 1u << slot_of[i];
        if (is_by_site(r) && (!is_by_caller(r) || callers & bit) && (!r->stacks.n || stacks & bit))
            p->met |= bit;
    }
}

void ranges_make(struct policy *p, const struct policy_spec *spec, const uint8_t *slot_of)
{
    struct making m = {.p = p, .spec = spec, .slot_of = slot_of};
    p->ranges.n = 0;
    p->by_site = false;
    for (size_t i = 0; i < spec->n_rules; i++)
        p->by_site |= is_by_site(&spec->rules[i]);
    p->modules_version = session_modules_version(p->host.session);
    names_begin(p->names);
    if (p->by_site)
        session_each_module(p->host.session, module_know, &m);
    if (m.n_known)
        qsort(m.known, m.n_known, sizeof *m.known, by_process);
    m.n_layers = code_modules(p->host.code) + 1;
    m.layers = xcalloc(m.n_layers, sizeof *m.layers);
    for (size_t i = 0; i < m.n_known; i++)
        if (!i || m.known[i].process != m.known[i - 1].process || m.known[i].begin >= m.known[i - 1].end)
            ranges_add(&p->ranges, &m.known[i], layer_of(&m, m.known[i].module));
    met_find(p, spec, slot_of);
    names_end(p->names);
    making_end(&m);
}

bool ranges_stale(struct policy *p)
{
    enum names_news news = names_round(p->names);
    return p->by_site && (news == NAMES_FOUND || (news && p->spec.settles) || session_modules_version(p->host.session) != p->modules_version);
}
