/*
 * collector/export/doc_report.c - the document `report` (doc.h), from one view.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "event/event.h"
#include "export/doc_control.h"
#include "export/doc_leaks.h"
#include "export/findings.h"
#include "export/interval.h"
#include "export/lock_names.h"
#include "export/suppressions.h"
#include "export/text.h"
#include "export/plan.h"

enum { SITES_DEFAULT = 1000, HANDOFFS_IN_REPORT = 100, FINDINGS_IN_REPORT = 20, FINDINGS_LOOKED_AT = 1000, LOCKS_IN_REPORT = 5, LEAKS_IN_REPORT = 20 };

static json_t *totals_json(const struct view *v)
{
    const struct view_totals *t = &v->totals;
    const struct { const char *key; uint64_t value; } rows[] = {
        { "allocations", t->allocations }, { "frees", t->frees }, { "reallocations", t->reallocations },
        { "bytes_allocated", t->bytes_allocated }, { "peak_bytes", t->peak_bytes }, { "peak_ns", t->peak_ns }, { "peak_event", t->peak_event },
        { "live_blocks", t->live_blocks }, { "live_bytes", t->live_bytes }, { "temporary", t->temporary },
        { "maps", t->maps }, { "unmaps", t->unmaps }, { "mapped_bytes", t->mapped_bytes },
        { "mapped_peak_bytes", t->mapped_peak_bytes }, { "exec_blocks", t->exec_blocks },
        { "exec_bytes", t->exec_bytes }, { "unseen_drops", t->unseen_drops }, { "unknown_drops", t->unknown_drops } };
    json_t *j = json_object();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        json_object_set_new(j, rows[i].key, doc_number(rows[i].value));
    interval_totals(j, v);
    return j;
}

/* Stacks held against libunwind's; absent without --verify-unwind. */
static json_t *verify_json(const struct view *v)
{
    const uint64_t *n = v->verify;
    json_t *why = json_object();
    for (unsigned i = WIRE_VERIFY_NO_RULES; i <= WIRE_VERIFY_FAILED; i++)
        if (n[i])
            json_object_set_new(why, verify_name(i), doc_number(n[i]));
    return json_pack("{s:o,s:o,s:o,s:o,s:o}",
                     "compared", doc_number(n[WIRE_VERIFY_SAME] + n[WIRE_VERIFY_DIFFERENT]),
                     "different", doc_number(n[WIRE_VERIFY_DIFFERENT]),
                     "incomparable", doc_number(n[WIRE_VERIFY_NO_RULES] + n[WIRE_VERIFY_FAILED]),
                     "incomparable_by", why, "processes_without_libunwind", doc_number(n[WIRE_VERIFY_WITHOUT]));
}

/* ---- sites ---- */

static uint64_t site_measure(const struct view_site *s, unsigned measure)
{
    switch (measure) {
    case 0: return s->peak_bytes;
    case 1: return s->live_bytes;
    case 2: return s->allocations;
    case 3: return s->temporary;
    default: return s->bytes;
    }
}
enum { MEASURES = 5 };

/* Marks the sites that are among the first `most` by any measure. */
static void sites_choose(const struct view *v, size_t most, bool *chosen)
{
    struct doc_rank *order = xcalloc(v->n_sites, sizeof *order);
    for (unsigned m = 0; m < MEASURES; m++) {
        for (size_t i = 0; i < v->n_sites; i++)
            order[i] = (struct doc_rank){ site_measure(&v->sites[i], m), (uint32_t)i };
        doc_rank_sort(order, v->n_sites);
        for (size_t i = 0; i < most && i < v->n_sites && (order[i].key || !m); i++)
            chosen[order[i].at] = true;
    }
    free(order);
}

static json_t *site_json(const struct view *v, const struct view_site *s, struct frames *f)
{
    json_t *j = json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "stack", frames_json(f, frames_view_stack(f, s->stack)),
                     "allocations", doc_number(s->allocations), "bytes", doc_number(s->bytes),
                     "live_blocks", doc_number(s->live_blocks), "live_bytes", doc_number(s->live_bytes),
                     "peak_bytes", doc_number(s->peak_bytes), "temporary", doc_number(s->temporary));
    interval_site(j, v, s);
    return j;
}

/* By bytes at the peak, largest first. */
static json_t *sites_json(const struct view *v, struct frames *f, size_t most)
{
    bool *chosen = xcalloc(v->n_sites, sizeof *chosen);
    struct doc_rank *order = xcalloc(v->n_sites, sizeof *order);
    json_t *list = json_array();
    sites_choose(v, most, chosen);
    for (size_t i = 0; i < v->n_sites; i++)
        order[i] = (struct doc_rank){ v->sites[i].peak_bytes, (uint32_t)i };
    doc_rank_sort(order, v->n_sites);
    for (size_t i = 0; i < v->n_sites; i++)
        if (chosen[order[i].at])
            json_array_append_new(list, site_json(v, &v->sites[order[i].at], f));
    free(order);
    free(chosen);
    return list;
}

/* ---- findings and locks, in short ---- */

/* The entry of the same rule on the same functions: stacks may differ by a line. */
static json_t *findings_like(const json_t *list, const json_t *one)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *known = json_array_get(list, i);
        if (json_equal(json_object_get(known, "fingerprint"), json_object_get(one, "fingerprint")) &&
            json_equal(json_object_get(known, "message"), json_object_get(one, "message")))
            return known;
    }
    return NULL;
}

static void number_add(json_t *j, const char *key, uint64_t more)
{
    json_object_set_new(j, key, doc_number((uint64_t)json_integer_value(json_object_get(j, key)) + more));
}

/* What the person at the terminal is told first: rule, count, sentence, the stack that breaks it. Leaks have a place of their own. */
static json_t *findings_json(const struct view *v, struct frames *f, struct lock_names *names)
{
    static const char *const kept[] = { "rule", "count", "process", "thread", "node", "message", "fingerprint", "doubt" };
    struct finding_maker m = { .view = v, .frames = f, .names = names };
    json_t *list = json_array();
    for (size_t i = 0; i < v->n_findings && i < FINDINGS_LOOKED_AT; i++) {
        const struct view_finding *one = &v->findings[i];
        if (one->rule == RULE_LEAK)
            continue;
        json_t *whole = finding_json(&m, one), *j = findings_like(list, whole);
        if (j || json_array_size(list) >= FINDINGS_IN_REPORT) {
            if (j) {
                number_add(j, "count", one->count);
                number_add(j, "findings", 1);
            }
            json_decref(whole);
            continue;
        }
        j = json_pack("{s:i}", "findings", 1);
        for (size_t k = 0; k < sizeof kept / sizeof *kept; k++)
            json_object_set(j, kept[k], json_object_get(whole, kept[k]));
        uint32_t stack = one->n && one->first < v->n_evidence ? v->evidence[one->first].stack : 0;
        json_object_set_new(j, "stack", frames_json(f, frames_view_stack(f, stack)));
        json_array_append_new(list, j);
        json_decref(whole);
    }
    return list;
}

/* Null: no heap was looked at. */
static json_t *leaks_json(const struct leak_book *b, const struct doc_context *c, struct frames *f)
{
    struct leak_holders *h = leak_holders_new(b->leaks, c, f, NULL);
    const struct leaks *l = b->leaks;
    json_t *top = json_array();
    for (uint32_t i = 0; i < l->n && json_array_size(top) < LEAKS_IN_REPORT; i++)
        if (l->groups[i].class == LEAK_DEFINITE && !leak_book_silenced(b, i))
            json_array_append_new(top, doc_leak(b, f, h, i));
    leak_holders_free(h);
    if (!l->view->n_snapshots) {
        json_decref(top);
        return json_null();
    }
    return json_pack("{s:o,s:o,s:o,s:o}", "totals", doc_leaks_totals(b, UINT32_MAX), "refused", doc_leaks_refused(l->view),
                     "snapshots", doc_leaks_snapshots(b), "top", top);
}

/* The most contended ones. */
static json_t *locks_json(const struct view *v, struct lock_names *names)
{
    json_t *list = json_array();
    struct doc_rank *order = doc_locks_rank(v);
    for (size_t i = 0; i < v->n_locks && i < LOCKS_IN_REPORT; i++) {
        const struct view_lock *l = &v->locks[order[i].at];
        if (!l->contended || !doc_lock_excludes(l->family))
            break;
        json_t *j = json_pack("{s:o,s:s,s:o}", "id", doc_id('l', l->id), "kind", lock_name(l->family),
                              "where", text_json_string(lock_names_where(names, l->id)));
        doc_lock_sums(j, v, l->acquisitions, l->shared_acquisitions, l->contended, &l->wait, &l->hold);
        json_array_append_new(list, j);
    }
    free(order);
    return list;
}

json_t *doc_report(const struct view *v, const struct doc_context *c, const struct doc_options *o)
{
    struct frames *f = frames_new(c->symbols, v, NULL);
    struct leak_book book;
    v = leak_book_open_end(&book, v, f, LEAK_KINDS_ERRORS, o ? o->suppressions : NULL);
    json_t *sites = sites_json(v, f, o && o->sites ? o->sites : SITES_DEFAULT);
    json_t *top = doc_top(v, f, o);
    struct lock_names *names = lock_names_new(v, c->symbols);
    json_t *findings = findings_json(v, f, names), *locks = locks_json(v, names);
    json_t *leaks = leaks_json(&book, c, f);
    json_t *handoffs = doc_handoffs(v, f, o && o->handoffs ? o->handoffs : HANDOFFS_IN_REPORT);
    json_t *coverage = doc_coverage(v, c, f);
    json_t *j = json_object();
    json_object_set_new(j, "metadata", doc_metadata(v, c, coverage));
    doc_since(j, v);
    json_object_set_new(j, "totals", totals_json(v));
    json_object_set_new(j, "events", doc_events_counts(v));
    json_object_set_new(j, "moves", doc_moves(v));
    json_object_set_new(j, "lost", doc_lost(v));
    if (v->verified)
        json_object_set_new(j, "verify_unwind", verify_json(v));
    json_t *control = doc_control(v);
    if (control)
        json_object_set_new(j, "control", control);
    json_t *plan = doc_plan(v);
    if (plan)
        json_object_set_new(j, "plan", plan);
    json_object_set_new(j, "processes", doc_processes(v));
    json_object_set_new(j, "threads_total", doc_number(v->n_threads));
    json_object_set_new(j, "sites", sites);
    json_object_set_new(j, "sites_total", doc_number(v->n_sites));
    json_object_set_new(j, "top", top);
    json_object_set_new(j, "handoffs", handoffs);
    json_object_set_new(j, "handoffs_total", doc_number(v->n_handoffs));
    json_object_set_new(j, "findings", findings_counts(v));
    json_object_set_new(j, "findings_top", findings);
    json_object_set_new(j, "leaks", leaks);
    json_object_set_new(j, "snapshots", doc_snapshots(v, c));
    json_object_set_new(j, "suppressed", doc_number(book.kept.n));
    json_object_set_new(j, "suppressions", suppressed_used(&book.kept));
    json_object_set_new(j, "locks_top", locks);
    json_object_set_new(j, "locks", doc_locks_totals(v));
    json_object_set_new(j, "copies", doc_copies_totals(v));
    json_object_set_new(j, "coverage", coverage);
    leak_book_close(&book);
    lock_names_free(names);
    frames_free(f);
    return j;
}

json_t *doc_sites(const struct view *v, const struct doc_context *c, const struct doc_options *o)
{
    struct frames *f = frames_new(c->symbols, v, NULL);
    json_t *j = json_pack("{s:i,s:o,s:o,s:o}", "ownscope", 1, "at_ns", doc_number(c->duration_ns ? c->duration_ns : v->at_ns),
                          "sites", sites_json(v, f, o && o->sites ? o->sites : SITES_DEFAULT), "sites_total", doc_number(v->n_sites));
    frames_free(f);
    return j;
}
