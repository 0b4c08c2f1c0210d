/*
 * collector/export/leaks.c - see leaks.h.
 */
#include "export/leaks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "event/event.h"
#include "event/xalloc.h"

unsigned leak_kind(unsigned class)
{
    static const unsigned kinds[LEAK_CLASSES] = { [LEAK_DEFINITE] = LEAK_KIND_DEFINITE, [LEAK_INDIRECT] = LEAK_KIND_INDIRECT,
                                                  [LEAK_POSSIBLE] = LEAK_KIND_POSSIBLE, [LEAK_REACHABLE] = LEAK_KIND_REACHABLE };
    return class < LEAK_CLASSES ? kinds[class] : 0;
}

int leak_kinds_parse(unsigned *kinds, const char *text, char **wrong)
{
    char *copy = xstrdup(text), *save;
    *kinds = 0;
    *wrong = NULL;
    for (char *word = strtok_r(copy, ", \t", &save); word && !*wrong; word = strtok_r(NULL, ", \t", &save)) {
        unsigned class = 0;
        while (class < LEAK_CLASSES && strcmp(word, leak_class_names[class]) != 0)
            class++;
        if (class < LEAK_CLASSES)
            *kinds |= leak_kind(class);
        else if (!strcmp(word, "all"))
            *kinds = LEAK_KINDS_ALL;
        else if (strcmp(word, "none") != 0)
            *wrong = xstrdup(word);
    }
    free(copy);
    return *wrong ? -EINVAL : 0;
}

/* ---- groups --------------------------------------------------------------- */

/* Groups of one snapshot by class and stack: open addressing, index + 1. */
struct table { uint32_t *slots; size_t size, used; };

static size_t slot_of(const struct table *t, const struct leak_group *groups, size_t first, uint8_t class, uint32_t stack)
{
    size_t at = ((uint64_t)stack * LEAK_CLASSES + class) * 0x9e3779b97f4a7c15u >> 20 & (t->size - 1);
    while (t->slots[at]) {
        const struct leak_group *g = &groups[first + t->slots[at] - 1];
        if (g->class == class && g->stack == stack)
            break;
        at = (at + 1) & (t->size - 1);
    }
    return at;
}

static void table_grow(struct table *t, const struct leak_group *groups, size_t first)
{
    free(t->slots);
    t->size = t->size ? t->size * 2 : 256;
    t->slots = xcalloc(t->size, sizeof *t->slots);
    for (size_t i = 0; i < t->used; i++)
        t->slots[slot_of(t, groups, first, groups[first + i].class, groups[first + i].stack)] = (uint32_t)i + 1;
}

static void ids_add(struct leak_group *g, uint64_t id)
{
    size_t at = LEAK_EXAMPLES;
    while (at && (!g->ids[at - 1] || g->ids[at - 1] > id))
        at--;
    if (at == LEAK_EXAMPLES)
        return;
    memmove(&g->ids[at + 1], &g->ids[at], (LEAK_EXAMPLES - 1 - at) * sizeof g->ids[0]);
    g->ids[at] = id;
}

static void group_add(struct leak_group *g, const struct snapshot *s, uint32_t block)
{
    uint64_t born = s->born_ns[block], size = s->size[block];
    uint32_t type = s->type ? s->type[block] : 0;
    bool first = !g->direct.blocks;
    if (first || size > s->size[g->example] || (size == s->size[g->example] && s->id[block] < s->id[g->example]))
        g->example = block;
    if (first || born < g->oldest_ns)
        g->oldest_ns = born;
    if (first || born > g->newest_ns)
        g->newest_ns = born;
    g->type = first || g->type == type ? type : 0;
    g->direct.blocks++;
    g->direct.bytes += size;
    interval_add(&g->stands, size, size, s->rate ? s->rate[block] : 0);
    ids_add(g, s->id[block]);
}

/* Between its birth and the snapshot no releases were told for some time: it may have been gone. */
static bool gone_unseen(const struct view_cover *c, uint64_t born_ns, uint64_t at_ns)
{
    if (c->changes > c->n_spans && c->without_ns[1] && born_ns < c->spans[0].ns)
        return true;
    for (size_t i = 0; i < c->n_spans; i++) {
        uint64_t end = i + 1 < c->n_spans ? c->spans[i + 1].ns : UINT64_MAX;
        if (!(c->spans[i].bits & EVENT_COVER_DROPS) && c->spans[i].ns < at_ns && end > born_ns)
            return true;
    }
    return false;
}

/* Not all blocks were recorded: what is held perhaps may be held by one of the others, which is no leak to speak of. */
static bool has_unrecorded(const struct snapshot *s)
{
    for (size_t i = 0; i < s->n_roots; i++)
        if (s->roots[i].kind == ROOT_UNRECORDED)
            return true;
    return false;
}

struct maker { struct leaks *l; size_t capacity; uint64_t since_ns; };

static void snapshot_group(struct maker *m, uint32_t number)
{
    struct leaks *l = m->l;
    const struct snapshot *s = l->view->snapshots[number];
    const struct heap_reach *r = l->reach[number];
    uint32_t *group_of = l->group_of[number] = xcalloc(s->n_blocks + 1, sizeof *group_of);
    struct table t = { 0 };
    size_t first = l->n;
    bool partial = has_unrecorded(s);
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        if (family_is_map(s->family[i]) || s->born_ns[i] < m->since_ns)
            continue;
        uint8_t class = r ? r->class[i] : LEAK_UNKNOWN;
        if (class == LEAK_POSSIBLE && partial)
            class = LEAK_UNKNOWN;
        if (class != LEAK_REACHABLE && gone_unseen(&l->view->cover, s->born_ns[i], s->ns))
            class = LEAK_UNKNOWN;
        if (t.used * 2 >= t.size)
            table_grow(&t, l->groups, first);
        size_t slot = slot_of(&t, l->groups, first, class, s->stack[i]);
        if (!t.slots[slot]) {
            l->groups = xgrow(l->groups, &m->capacity, l->n + 1, sizeof *l->groups);
            l->groups[l->n++] = (struct leak_group){ .snapshot = number, .process = s->process, .stack = s->stack[i], .class = class };
            t.slots[slot] = (uint32_t)++t.used;
        }
        group_of[i] = (uint32_t)first + t.slots[slot];
        group_add(&l->groups[group_of[i] - 1], s, i);
    }
    for (uint32_t i = 0; r && i < s->n_blocks; i++)
        if (r->class[i] == LEAK_INDIRECT && group_of[r->leader[i]] && !family_is_map(s->family[i])) {
            l->groups[group_of[r->leader[i]] - 1].indirect.blocks++;
            l->groups[group_of[r->leader[i]] - 1].indirect.bytes += s->size[i];
        }
    free(t.slots);
}

/* ---- order ---------------------------------------------------------------- */

static int rank(unsigned class)
{
    static const int ranks[] = { [LEAK_DEFINITE] = 0, [LEAK_POSSIBLE] = 1, [LEAK_INDIRECT] = 2, [LEAK_REACHABLE] = 3, [LEAK_UNKNOWN] = 4 };
    return ranks[class];
}

static int group_compare(const void *a, const void *b)
{
    const struct leak_group *x = *(struct leak_group *const *)a, *y = *(struct leak_group *const *)b;
    uint64_t m = leak_group_bytes(x), n = leak_group_bytes(y);
    if (x->class != y->class)
        return rank(x->class) - rank(y->class);
    if (m != n)
        return m < n ? 1 : -1;
    return x < y ? -1 : x > y;      /* as they came */
}

static void groups_sort(struct leaks *l)
{
    struct leak_group **order = xcalloc(l->n + 1, sizeof *order), *sorted = xcalloc(l->n + 1, sizeof *sorted);
    uint32_t *now = xcalloc(l->n + 1, sizeof *now);
    for (size_t i = 0; i < l->n; i++)
        order[i] = &l->groups[i];
    qsort(order, l->n, sizeof(struct leak_group *), group_compare);
    for (size_t i = 0; i < l->n; i++) {
        sorted[i] = *order[i];
        now[order[i] - l->groups] = (uint32_t)i + 1;
    }
    for (size_t k = 0; k < l->view->n_snapshots; k++)
        for (size_t i = 0; i < l->view->snapshots[k]->n_blocks; i++)
            if (l->group_of[k][i])
                l->group_of[k][i] = now[l->group_of[k][i] - 1];
    free(l->groups);
    l->groups = sorted;
    free(order);
    free(now);
}

struct leaks *leaks_new(const struct view *v, uint64_t since_ns)
{
    struct leaks *l = xcalloc(1, sizeof *l);
    struct maker m = { .l = l, .since_ns = since_ns };
    l->view = v;
    l->reach = xcalloc(v->n_snapshots + 1, sizeof *l->reach);
    l->group_of = xcalloc(v->n_snapshots + 1, sizeof *l->group_of);
    for (uint32_t i = 0; i < v->n_snapshots; i++) {
        l->reach[i] = heap_reach_new(v->snapshots[i]);
        snapshot_group(&m, i);
    }
    groups_sort(l);
    return l;
}

void leaks_free(struct leaks *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->view->n_snapshots; i++) {
        heap_reach_free(l->reach[i]);
        free(l->group_of[i]);
    }
    free(l->reach);
    free(l->group_of);
    free(l->groups);
    free(l);
}

struct view_count leaks_total(const struct leaks *l, uint32_t snapshot, unsigned class)
{
    struct view_count sum = { 0 };
    for (size_t i = 0; i < l->n; i++)
        if (l->groups[i].class == class && (snapshot == UINT32_MAX || l->groups[i].snapshot == snapshot)) {
            sum.blocks += l->groups[i].direct.blocks;
            sum.bytes += l->groups[i].direct.bytes;
        }
    return sum;
}

struct interval_sum leaks_stand_for(const struct leaks *l, unsigned class)
{
    struct interval_sum sum = { 0 };
    for (size_t i = 0; i < l->n; i++)
        if (l->groups[i].class == class)
            interval_sum_add(&sum, &l->groups[i].stands);
    return sum;
}

/* ---- findings ------------------------------------------------------------- */

static uint8_t doubt(const struct view *v, const struct snapshot *s)
{
    return (uint8_t)((s->doubtful ? DOUBT_LOST : 0) | (s->stacks_unknown ? DOUBT_STACKS : 0) | (v->totals.unseen_drops ? DOUBT_DROPS : 0));
}

static struct view_finding finding_of(const struct view *v, const struct leak_group *g)
{
    const struct snapshot *s = v->snapshots[g->snapshot];
    uint32_t i = g->example;
    return (struct view_finding){
        .rule = RULE_LEAK, .doubt = doubt(v, s), .made_family = s->family[i], .process = g->process, .thread = s->thread[i],
        .ns = s->ns, .event = s->event, .count = g->direct.blocks, .block = s->id[i], .block_address = s->address[i],
        .block_size = s->size[i], .n = 1,
        .leak = { .class = g->class, .bytes = g->direct.bytes, .indirect_blocks = g->indirect.blocks, .indirect_bytes = g->indirect.bytes } };
}

void leaks_view(struct view *to, const struct leaks *l, unsigned kinds)
{
    const struct view *v = l->view;
    size_t n = v->n_findings, m = v->n_evidence;
    *to = *v;
    to->findings = xcalloc(n + l->n + 1, sizeof *to->findings);
    to->evidence = xcalloc(m + l->n + 1, sizeof *to->evidence);
    if (n)
        memcpy(to->findings, v->findings, n * sizeof *to->findings);
    if (m)
        memcpy(to->evidence, v->evidence, m * sizeof *to->evidence);
    for (size_t i = 0; i < l->n; i++) {
        const struct leak_group *g = &l->groups[i];
        if (!(kinds & leak_kind(g->class)))
            continue;
        const struct snapshot *s = v->snapshots[g->snapshot];
        to->findings[n] = finding_of(v, g);
        to->findings[n++].first = (uint32_t)m;
        to->evidence[m++] = (struct view_evidence){ .role = EVIDENCE_MADE, .stack = g->stack, .thread = s->thread[g->example],
                                                    .ns = s->born_ns[g->example] };
        to->findings_by_rule[RULE_LEAK] += g->direct.blocks;
    }
    to->n_findings = n;
    to->n_evidence = m;
}

void leaks_view_free(struct view *to)
{
    free(to->findings);
    free(to->evidence);
}

/* ---- what nobody knows ---------------------------------------------------- */

/* Who exits or aborts is looked at then; whom a signal kills, only where somebody asked before. */
static bool of_middle(const struct view_process *p, const struct snapshot *s)
{
    return p->ended && p->exit_known && WIFSIGNALED(p->wait_status) && (s->why == SNAPSHOT_ASKED || s->why == SNAPSHOT_MARK);
}

struct view leaks_of_end(const struct view *v, struct snapshot **some)
{
    struct view end = *v;
    end.n_snapshots = 0;
    end.snapshots = some;
    for (size_t k = 0; k < v->n_snapshots; k++) {
        bool middle = false;
        for (size_t i = 0; i < v->n_processes && !middle; i++)
            middle = v->processes[i].id == v->snapshots[k]->process && of_middle(&v->processes[i], v->snapshots[k]);
        if (!middle)
            some[end.n_snapshots++] = v->snapshots[k];
    }
    return end;
}

struct leak_gap *leak_gaps(const struct view *v, size_t *n)
{
    struct leak_gap *gaps = xcalloc(v->n_processes + 1, sizeof *gaps);
    *n = 0;
    for (size_t i = 0; i < v->n_processes; i++) {
        const struct view_process *p = &v->processes[i];
        const struct snapshot *s = NULL;
        if (v->snapshots_of && v->snapshots_of != p->id)
            continue;
        for (size_t k = 0; k < v->n_snapshots; k++)
            if (v->snapshots[k]->process == p->id)
                s = v->snapshots[k];
        bool older = s && of_middle(p, s);
        if (older)
            s = NULL;
        if (s ? !s->first && s->n_blocks : p->live_blocks > 0)
            gaps[(*n)++] = (struct leak_gap){ .process = p, .snapshot = s, .older = older };
    }
    return gaps;
}
