/*
 * collector/graph/graph_findings.c - see graph_findings.h. Run by the folding
 * thread.
 */
#include "graph/graph_findings.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_claims.h"
#include "graph/graph_drops.h"

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
    uint64_t key = mix(mix(mix(f->rule + 1, f->family), f->use), f->writes);
    for (size_t i = 0; i < n; i++)
        key = mix(mix(key, evidence[i].role), evidence[i].stack);
    return key;
}

static bool same_finding(const struct graph *g, const struct view_finding *known, const struct view_finding *f,
                         const struct view_evidence *evidence, size_t n)
{
    if (known->rule != f->rule || known->family != f->family || known->use != f->use ||
        known->writes != f->writes || known->n != n)
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

/* The row of a finding, or where it may be put (*key). */
static uint32_t finding_find(const struct graph *g, const struct view_finding *f,
                             const struct view_evidence *evidence, size_t n, uint64_t *key)
{
    uint32_t row;
    *key = finding_key(f, evidence, n);
    for (; (row = dict_get(&g->finding_of, *key)) != 0; ++*key)   /* another one of the same hash: the next key */
        if (same_finding(g, &g->findings[row - 1], f, evidence, n))
            return row;
    return 0;
}

uint32_t graph_found(const struct graph *g, uint64_t *seen)
{
    uint32_t rules = 0;
    for (; *seen < g->n_findings; ++*seen)
        rules |= 1u << g->findings[*seen].rule;
    return rules;
}

/* Once more: it is told as it was the first time with the least doubt. */
static void finding_again(struct graph *g, struct view_finding *known, struct view_finding f,
                          const struct view_evidence *evidence)
{
    f.doubt &= known->count ? known->doubt : f.doubt;
    if (!known->count || f.doubt != known->doubt) {
        f.count = known->count;
        f.first = known->first;
        f.n = known->n;
        *known = f;
        if (f.n)
            memcpy(&g->evidence[f.first], evidence, f.n * sizeof *evidence);
    }
    known->count++;
}

static uint32_t finding_add(struct graph *g, struct view_finding f, const struct view_evidence *evidence, size_t n)
{
    f.count = 1;
    f.first = (uint32_t)g->n_evidence;
    f.n = (uint32_t)n;
    g->evidence = xgrow(g->evidence, &g->evidence_capacity, g->n_evidence + n, sizeof *g->evidence);
    if (n)
        memcpy(&g->evidence[g->n_evidence], evidence, n * sizeof *evidence);
    g->n_evidence += n;
    g->findings = xgrow(g->findings, &g->findings_capacity, g->n_findings + 1, sizeof *g->findings);
    g->findings[g->n_findings++] = f;
    return (uint32_t)g->n_findings;
}

uint32_t finding_note(struct graph *g, const struct event *e, struct view_finding f,
                      const struct view_evidence *evidence, size_t n)
{
    uint64_t key;
    if (n > FINDING_EVIDENCE_MAX)
        n = FINDING_EVIDENCE_MAX;
    f.use = finding_use(e);
    f.writes |= f.use == USE_COPY && f.address - e->address < (e->size ? e->size : 1);
    f.event = f.event ? f.event : g->number;
    f.ns = f.ns ? f.ns : e->ns;
    f.process = f.process ? f.process : e->process;
    f.thread = f.thread ? f.thread : e->thread;
    g->findings_by_rule[f.rule]++;
    uint32_t row = finding_find(g, &f, evidence, n, &key);
    if (row) {
        finding_again(g, &g->findings[row - 1], f, evidence);
    } else if (g->n_findings < FINDINGS_MAX) {
        row = finding_add(g, f, evidence, n);
        dict_set(&g->finding_of, key, row);
    }
    return row;
}

void finding_withdraw(struct graph *g, uint32_t row, uint64_t times)
{
    struct view_finding *f = &g->findings[row - 1];
    times = times < f->count ? times : f->count;
    f->count -= times;
    g->findings_by_rule[f->rule] -= times;
}

uint8_t finding_doubt(const struct graph *g, const struct process *p, uint64_t since_ns)
{
    return lost_ns(g, p) && since_ns <= lost_ns(g, p) ? DOUBT_LOST : 0;
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
    for (size_t i = 0; i < g->n_findings; i++) {
        struct view_finding f = g->findings[i];
        if (!f.count)
            continue;
        memcpy(&v->evidence[v->n_evidence], &g->evidence[f.first], f.n * sizeof *v->evidence);
        f.first = (uint32_t)v->n_evidence;
        v->n_evidence += f.n;
        v->findings[v->n_findings++] = f;
    }
    memcpy(v->findings_by_rule, g->findings_by_rule, sizeof v->findings_by_rule);
    v->drops_withheld = g->drops_withheld;
    v->bounds_withheld = g->bounds_withheld;
}

/* ---- in a checkpoint ------------------------------------------------------------- */

/* The rows' own evidence lies behind one another: only how much each has is kept. */
static void evidence_archive(struct archive *a, struct graph *g)
{
    uint64_t n = 0;
    ARCHIVE_INDEX(a, g->findings, g->n_findings, n, FINDING_EVIDENCE_MAX + 1);
    for (size_t i = 0; i < g->n_findings && !archive_bad(a); i++) {
        g->findings[i].first = (uint32_t)n;
        n += g->findings[i].n;
    }
    archive_rows(a, (void **)&g->evidence, &g->n_evidence, &g->evidence_capacity, sizeof *g->evidence,
                 (size_t)FINDINGS_MAX * FINDING_EVIDENCE_MAX);
    archive_need(a, g->n_evidence == n, "findings have other evidence than they name");
    ARCHIVE_INDEX(a, g->evidence, g->n_evidence, role, EVIDENCES);
    ARCHIVE_FIELD(a, g->evidence, g->n_evidence, stack);
    ARCHIVE_FIELD(a, g->evidence, g->n_evidence, thread);
    ARCHIVE_FIELD(a, g->evidence, g->n_evidence, ns);
    ARCHIVE_FIELD(a, g->evidence, g->n_evidence, lock);
}

static void rows_archive(struct archive *a, struct graph *g)
{
    archive_rows(a, (void **)&g->findings, &g->n_findings, &g->findings_capacity, sizeof *g->findings, FINDINGS_MAX);
    struct view_finding *f = g->findings;
    size_t n = g->n_findings;
    ARCHIVE_INDEX(a, f, n, rule, RULES);
    ARCHIVE_FIELD(a, f, n, doubt);
    ARCHIVE_INDEX(a, f, n, use, USE_THREAD + 1);
    ARCHIVE_INDEX(a, f, n, writes, 2);
    ARCHIVE_FIELD(a, f, n, family);
    ARCHIVE_FIELD(a, f, n, made_family);
    ARCHIVE_FIELD(a, f, n, process);
    ARCHIVE_FIELD(a, f, n, thread);
    ARCHIVE_FIELD(a, f, n, ns);
    ARCHIVE_FIELD(a, f, n, event);
    ARCHIVE_FIELD(a, f, n, count);
    ARCHIVE_FIELD(a, f, n, block);
    ARCHIVE_FIELD(a, f, n, lock);
    ARCHIVE_FIELD(a, f, n, address);
    ARCHIVE_FIELD(a, f, n, block_address);
    ARCHIVE_FIELD(a, f, n, block_size);
    ARCHIVE_FIELD(a, f, n, offset);
    ARCHIVE_FIELD(a, f, n, length);
}

/* By rule are counted all that are rows, and those that came when there could be no more. */
static void sums_archive(struct archive *a, struct graph *g)
{
    uint64_t told[RULES] = { 0 };
    bool holds = true;
    for (size_t i = 0; a->reading && i < g->n_findings && !archive_bad(a); i++)
        holds &= !__builtin_add_overflow(told[g->findings[i].rule], g->findings[i].count, &told[g->findings[i].rule]);
    for (size_t i = 0; i < RULES; i++) {
        archive_u64(a, &g->findings_by_rule[i]);
        holds &= g->findings_by_rule[i] >= told[i];
    }
    archive_need(a, holds, "more findings are told than were counted");
    archive_u64(a, &g->drops_withheld);
    archive_u64(a, &g->bounds_withheld);
}

static void findings_index(struct archive *a, struct graph *g)
{
    uint64_t key;
    for (size_t i = 0; i < g->n_findings && !archive_bad(a); i++) {
        const struct view_finding *f = &g->findings[i];
        uint32_t known = finding_find(g, f, f->n ? &g->evidence[f->first] : NULL, f->n, &key);
        if (archive_need(a, !known, "a finding is there twice"))
            dict_set(&g->finding_of, key, (uint32_t)i + 1);
    }
}

void findings_archive(struct archive *a, struct graph *g)
{
    rows_archive(a, g);
    evidence_archive(a, g);
    sums_archive(a, g);
    if (a->reading)
        findings_index(a, g);
    for (size_t i = 0; i < g->n_processes; i++) {
        claims_archive(a, g, process_at(g, (uint32_t)i));
        drops_archive(a, g, process_at(g, (uint32_t)i));
    }
}
