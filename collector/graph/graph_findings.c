/*
 * collector/graph/graph_findings.c - see graph_findings.h. Run by the folding
 * thread.
 */
#include "graph/graph_findings.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

const char *const rule_names[RULES] = {
    "leak", "double-drop", "invalid-drop", "mismatched-drop", "use-after-drop", "out-of-bounds", "overlap",
    "unordered-borrow", "dropped-while-locked", "destroyed-while-held", "exited-holding", "released-by-stranger",
    "relock", "lock-order", "deadlock"
};
const char *const evidence_names[EVIDENCES] = {
    "used", "made", "dropped", "other", "held", "taken", "waited", "init"
};

struct view_evidence finding_here(const struct event *e, enum evidence role)
{
    return (struct view_evidence){ .role = (uint8_t)role, .stack = e->stack, .thread = e->thread, .ns = e->ns };
}

static uint64_t mix(uint64_t hash, uint64_t v)
{
    hash = (hash ^ v) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t finding_key(const struct view_finding *f, const struct view_evidence *evidence, size_t n)
{
    uint64_t key = mix(mix(f->rule + 1, f->family), f->doubt);
    for (size_t i = 0; i < n; i++)
        key = mix(mix(key, evidence[i].role), evidence[i].stack);
    return key;
}

static bool same_finding(const struct graph *g, const struct view_finding *known, const struct view_finding *f,
                         const struct view_evidence *evidence, size_t n)
{
    if (known->rule != f->rule || known->family != f->family || known->doubt != f->doubt || known->n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (g->evidence[known->first + i].role != evidence[i].role ||
            g->evidence[known->first + i].stack != evidence[i].stack)
            return false;
    return true;
}

enum use finding_use(const struct event *e)
{
    switch (e->type) {
    case EVENT_DROP: case EVENT_REALLOC_BEGIN: case EVENT_REALLOC_END: return USE_DROP;
    case EVENT_COPY: return USE_COPY;
    case EVENT_THREAD_CREATE: return USE_THREAD;
    case EVENT_WAIT: case EVENT_ACQUIRE: case EVENT_RELEASE: case EVENT_WAIT_END: case EVENT_COND_WAIT: case EVENT_COND_WOKEN:
    case EVENT_SIGNAL: case EVENT_LOCK_INIT: case EVENT_LOCK_DESTROY: case EVENT_LOCK_CONSISTENT: return USE_LOCK;
    default: return USE_NONE;
    }
}

void finding_note(struct graph *g, const struct event *e, struct view_finding f,
                  const struct view_evidence *evidence, size_t n)
{
    if (n > FINDING_EVIDENCE_MAX)
        n = FINDING_EVIDENCE_MAX;
    uint64_t key = finding_key(&f, evidence, n);
    g->findings_by_rule[f.rule]++;
    for (;; key++) {   /* another finding of the same hash stands there: the next key */
        uint32_t at = dict_get(&g->finding_of, key);
        if (!at)
            break;
        if (same_finding(g, &g->findings[at - 1], &f, evidence, n)) {
            g->findings[at - 1].count++;
            return;
        }
    }
    if (g->n_findings >= FINDINGS_MAX)
        return;
    f.use = finding_use(e);
    f.writes |= f.use == USE_COPY && f.address - e->address < (e->size ? e->size : 1);
    f.event = f.event ? f.event : g->number;
    f.ns = f.ns ? f.ns : e->ns;
    f.process = f.process ? f.process : e->process;
    f.thread = f.thread ? f.thread : e->thread;
    f.count = 1;
    f.first = (uint32_t)g->n_evidence;
    f.n = (uint32_t)n;
    g->evidence = xgrow(g->evidence, &g->evidence_capacity, g->n_evidence + n, sizeof *g->evidence);
    if (n)
        memcpy(&g->evidence[g->n_evidence], evidence, n * sizeof *evidence);
    g->n_evidence += n;
    g->findings = xgrow(g->findings, &g->findings_capacity, g->n_findings + 1, sizeof *g->findings);
    g->findings[g->n_findings++] = f;
    dict_set(&g->finding_of, key, (uint32_t)g->n_findings);
}

void findings_clear(struct graph *g)
{
    free(g->findings);
    free(g->evidence);
    dict_clear(&g->finding_of);
}

void view_findings(const struct graph *g, struct view *v)
{
    v->findings = xcalloc(g->n_findings + 1, sizeof *v->findings);
    v->evidence = xcalloc(g->n_evidence + 1, sizeof *v->evidence);
    v->n_findings = g->n_findings;
    v->n_evidence = g->n_evidence;
    if (g->n_findings)
        memcpy(v->findings, g->findings, g->n_findings * sizeof *v->findings);
    if (g->n_evidence)
        memcpy(v->evidence, g->evidence, g->n_evidence * sizeof *v->evidence);
    memcpy(v->findings_by_rule, g->findings_by_rule, sizeof v->findings_by_rule);
}
