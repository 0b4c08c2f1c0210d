/*
 * collector/export/doc_leaks.c - the document `leaks` (doc.h): blocks by leak
 * class and the stack that made them, as the newest snapshot of each process
 * has it.
 */
#include "export/doc_leaks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/finding_text.h"
#include "export/fingerprint.h"
#include "export/interval.h"
#include "export/text.h"

enum { LEAKS_DEFAULT = 1000 };

/* ---- leaks and suppressions ----------------------------------------------- */

const struct view *leak_book_open(struct leak_book *b, const struct view *v, struct frames *f, unsigned kinds,
                                  uint64_t since_ns, const struct suppressions *s)
{
    size_t next = v->n_findings;
    b->end_snapshots = NULL;
    b->leaks = leaks_new(v, since_ns);
    b->finding = xcalloc(b->leaks->n + 1, sizeof *b->finding);
    for (size_t i = 0; i < b->leaks->n; i++)
        if (kinds & leak_kind(b->leaks->groups[i].class))
            b->finding[i] = ++next;
    leaks_view(&b->all, b->leaks, kinds);
    return suppressed_view(&b->kept, s, &b->all, f);
}

const struct view *leak_book_open_end(struct leak_book *b, const struct view *v, struct frames *f, unsigned kinds,
                                      const struct suppressions *s)
{
    struct snapshot **some = xcalloc(v->n_snapshots + 1, sizeof *some);
    b->end = leaks_of_end(v, some);
    const struct view *kept = leak_book_open(b, &b->end, f, kinds, v->is_since ? v->since_ns : 0, s);
    b->end_snapshots = some;
    return kept;
}

void leak_book_close(struct leak_book *b)
{
    free(b->end_snapshots);
    suppressed_free(&b->kept);
    leaks_view_free(&b->all);
    leaks_free(b->leaks);
    free(b->finding);
}

/* The suppression of a group, from 1; 0: none. */
static uint32_t suppression_of(const struct leak_book *b, size_t group)
{
    return b->finding[group] ? b->kept.which[b->finding[group] - 1] : 0;
}

/* The name of default.supp's suppression that knows a group; NULL: none does. */
static const char *leak_book_known(const struct leak_book *b, size_t group)
{
    uint32_t by = suppression_of(b, group);
    return by && suppression_is_default(b->kept.by, by - 1) ? suppression_name(b->kept.by, by - 1) : NULL;
}

bool leak_book_silenced(const struct leak_book *b, size_t group)
{
    return suppression_of(b, group) && !leak_book_known(b, group);
}

/* ---- totals --------------------------------------------------------------- */

static void count_add(struct view_count *to, const struct view_count *c)
{
    to->blocks += c->blocks;
    to->bytes += c->bytes;
}

json_t *doc_leaks_totals(const struct leak_book *b, uint32_t snapshot)
{
    static const uint8_t order[] = { LEAK_DEFINITE, LEAK_INDIRECT, LEAK_POSSIBLE, LEAK_REACHABLE };
    struct view_count sum[LEAK_CLASSES + 1] = { 0 }, suppressed = { 0 };
    struct interval_sum stand[LEAK_CLASSES + 1] = { 0 };
    for (size_t i = 0; i < b->leaks->n; i++) {
        const struct leak_group *g = &b->leaks->groups[i];
        if (snapshot != UINT32_MAX && g->snapshot != snapshot)
            continue;
        count_add(leak_book_silenced(b, i) ? &suppressed : &sum[g->class], &g->direct);
        if (!leak_book_silenced(b, i))
            interval_sum_add(&stand[g->class], &g->stands);
    }
    json_t *j = json_object();
    for (size_t i = 0; i < sizeof order; i++) {
        json_t *one = doc_count(&sum[order[i]]);
        if (stand[order[i]].samples)
            json_object_set_new(one, "estimated", interval_sum_json(&stand[order[i]]));
        json_object_set_new(j, leak_class_names[order[i]], one);
    }
    json_object_set_new(j, "suppressed", doc_count(&suppressed));
    if (sum[LEAK_UNKNOWN].blocks)
        json_object_set_new(j, "unknown", doc_count(&sum[LEAK_UNKNOWN]));
    return j;
}

/* ---- snapshots ------------------------------------------------------------ */

static const struct view_process *process_of(const struct view *v, uint32_t id)
{
    for (size_t i = 0; i < v->n_processes; i++)
        if (v->processes[i].id == id)
            return &v->processes[i];
    return NULL;
}

json_t *doc_leaks_snapshots(const struct leak_book *b)
{
    const struct view *v = b->leaks->view;
    json_t *list = json_array();
    for (uint32_t i = 0; i < v->n_snapshots; i++) {
        const struct snapshot *s = v->snapshots[i];
        const struct view_process *p = process_of(v, s->process);
        json_t *j = json_object();
        doc_snapshot_facts(j, s);
        json_object_set_new(j, "pid", doc_number(s->pid));
        json_object_set_new(j, "command", text_json_string(p ? p->command : NULL));
        json_object_set_new(j, "event", doc_number(s->event));
        if (s->mark)
            json_object_set_new(j, "mark", text_json_string(s->mark));
        json_object_set_new(j, "edges", doc_number(s->n_edges));
        json_object_set_new(j, "roots", doc_number(s->n_roots));
        json_object_set_new(j, "totals", doc_leaks_totals(b, i));
        json_array_append_new(list, j);
    }
    return list;
}

bool doc_leaks_at_exit(const struct doc_context *c)
{
    return !c->meta || !c->meta->options || !strstr(c->meta->options, "--no-snapshot-at-exit");
}

char *doc_leaks_gap(const struct leak_gap *gap, const struct doc_context *c)
{
    const struct view_process *p = gap->process;
    if (gap->snapshot)
        return xstrdup(gap->snapshot->refused ? gap->snapshot->refused : "its memory was not read");
    if (!p->ended && c->live)
        return xstrdup("no snapshot was asked for yet; ownscope leaks -p takes one");
    if (!p->ended || c->earlier)
        return xstrdup("there is no snapshot of it at or before this moment");
    if (p->exit_known && WIFSIGNALED(p->wait_status))
        return xasprintf("it was ended by signal %d before a snapshot%s was taken", WTERMSIG(p->wait_status), gap->older ? " of its end" : "");
    if (!doc_leaks_at_exit(c))
        return xstrdup("the session ran with --no-snapshot-at-exit");
    return xstrdup(p->exit_known ? "it ended without a snapshot" : "it ended without a snapshot, and nobody saw how: most likely it was killed");
}

json_t *doc_leaks_refused(const struct view *v)
{
    for (size_t i = 0; i < v->n_snapshots; i++)
        if (!v->snapshots[i]->first && v->snapshots[i]->n_blocks) {
            const char *why = v->snapshots[i]->refused;
            char *text = xasprintf("classes unknown: %s", why ? why : "the memory was not read");
            json_t *j = text_json_string(text);
            free(text);
            return j;
        }
    return json_null();
}

/* ---- groups --------------------------------------------------------------- */

static json_t *ids_json(const struct leak_group *g)
{
    json_t *list = json_array();
    for (size_t i = 0; i < LEAK_EXAMPLES && g->ids[i]; i++)
        json_array_append_new(list, doc_id('b', g->ids[i]));
    return list;
}

json_t *doc_leak(const struct leak_book *b, struct frames *f, struct leak_holders *h, uint32_t group)
{
    const char *by, *type = leak_type(h, group, &by);
    const struct leak_group *g = &b->leaks->groups[group];
    const struct snapshot *s = b->leaks->view->snapshots[g->snapshot];
    struct view_evidence made = { .role = EVIDENCE_MADE, .stack = g->stack };
    struct view one = { .evidence = &made, .n_evidence = 1 };
    struct view_finding finding = { .rule = RULE_LEAK, .n = 1 };
    char print[20];
    snprintf(print, sizeof print, "%016llx", (unsigned long long)fingerprint_finding(&one, f, &finding));
    json_t *j = json_object();
    json_object_set_new(j, "class", g->class < LEAK_CLASSES ? json_string(leak_class_names[g->class]) : json_string("unknown"));
    json_object_set_new(j, "process", doc_id('p', g->process));
    json_object_set_new(j, "blocks", doc_number(g->direct.blocks));
    json_object_set_new(j, "bytes", doc_number(g->direct.bytes));
    if (g->stands.samples)
        json_object_set_new(j, "estimated", interval_sum_json(&g->stands));
    json_object_set_new(j, "indirect", doc_count(&g->indirect));
    json_object_set_new(j, "stack", frames_json(f, frames_view_stack(f, g->stack)));
    json_object_set_new(j, "fingerprint", json_string(print));
    json_object_set_new(j, "holder", leak_holder(h, group));
    if (type) {
        json_object_set_new(j, "type", text_json_string(type));
        json_object_set_new(j, "type_by", json_string(by));
    }
    json_object_set_new(j, "thread", doc_id('t', s->thread[g->example]));
    json_object_set_new(j, "made_by", json_string(finding_family_text(s->family[g->example])));
    json_object_set_new(j, "oldest_ns", doc_number(g->oldest_ns));
    json_object_set_new(j, "newest_ns", doc_number(g->newest_ns));
    json_object_set_new(j, "example", doc_id('b', s->id[g->example]));
    json_object_set_new(j, "example_size_bytes", doc_number(s->size[g->example]));
    json_object_set_new(j, "ids", ids_json(g));
    if (leak_book_known(b, group))
        json_object_set_new(j, "known", text_json_string(leak_book_known(b, group)));
    return j;
}

/* Groups of these kinds (0: those whose class is unknown) that nobody silences, at most `most`: *n of them, of
 * *all; malloc'ed. */
static uint32_t *groups_choose(const struct leak_book *b, unsigned kinds, size_t most, size_t *n, size_t *all)
{
    uint32_t *chosen = xcalloc(b->leaks->n + 1, sizeof *chosen);
    *n = *all = 0;
    for (size_t i = 0; i < b->leaks->n; i++) {
        unsigned kind = leak_kind(b->leaks->groups[i].class);
        if ((kinds ? !(kinds & kind) : kind != 0) || leak_book_silenced(b, i))
            continue;
        if (++*all <= most)
            chosen[(*n)++] = (uint32_t)i;
    }
    return chosen;
}

static json_t *rows_json(const struct leak_book *b, const struct doc_context *c, struct frames *f, const uint32_t *chosen, size_t n,
                         bool suppressions)
{
    bool *wanted = xcalloc(b->leaks->n + 1, sizeof *wanted);
    for (size_t i = 0; i < n; i++)
        wanted[chosen[i]] = true;
    struct leak_holders *h = leak_holders_new(b->leaks, c, f, wanted);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        size_t finding = b->finding[chosen[i]];
        json_t *j = doc_leak(b, f, h, chosen[i]);
        if (suppressions && finding && !leak_book_known(b, chosen[i])) {
            char *text = suppression_block(&b->all, f, &b->all.findings[finding - 1]);
            json_object_set_new(j, "suppression", text_json_string(text));
            free(text);
        }
        json_array_append_new(list, j);
    }
    leak_holders_free(h);
    free(wanted);
    return list;
}

/* Sets `name` and how many there are in all. */
static void list_set(json_t *j, const char *name, const struct leak_book *b, const struct doc_context *c, struct frames *f,
                     unsigned kinds, const struct doc_options *o)
{
    size_t n, all;
    uint32_t *chosen = groups_choose(b, kinds, o && o->sites ? o->sites : LEAKS_DEFAULT, &n, &all);
    char *total = xasprintf("%s_total", name);
    json_object_set_new(j, name, rows_json(b, c, f, chosen, n, o && o->blocks));
    json_object_set_new(j, total, doc_number(all));
    free(total);
    free(chosen);
}

/* The view as this document sees it: of one process if one is asked for, and without other findings. */
static struct view view_of(const struct view *v, const struct doc_options *o, struct snapshot **some)
{
    struct view only = *v;
    only.n_findings = only.n_evidence = only.n_snapshots = 0;
    only.snapshots = some;
    for (size_t i = 0; i < v->n_snapshots; i++)
        if (!o || !o->process || v->snapshots[i]->process == o->process)
            some[only.n_snapshots++] = v->snapshots[i];
    return only;
}

json_t *doc_leaks(const struct view *v, const struct doc_context *c, const struct doc_options *o)
{
    struct snapshot **some = xcalloc(v->n_snapshots + 1, sizeof *some);
    struct view only = view_of(v, o, some);
    struct frames *f = frames_new(c->symbols, v, NULL);
    struct leak_book b;
    json_t *j = json_object();
    leak_book_open(&b, &only, f, LEAK_KINDS_ALL, o ? o->since_ns : 0, o ? o->suppressions : NULL);
    json_object_set_new(j, "totals", doc_leaks_totals(&b, UINT32_MAX));
    json_t *absent = doc_process_absent(v, v->snapshots_of);
    json_object_set_new(j, "refused", absent ? absent : doc_leaks_refused(&only));
    json_object_set_new(j, "snapshots", doc_leaks_snapshots(&b));
    list_set(j, "leaks", &b, c, f, o && o->leak_kinds ? o->leak_kinds : LEAK_KINDS_ERRORS, o);
    list_set(j, "live", &b, c, f, 0, o);
    if (o && o->since_ns)
        json_object_set_new(j, "since_ns", doc_number(o->since_ns));
    json_object_set_new(j, "suppressed", doc_number(b.kept.n - b.kept.n_default));
    json_object_set_new(j, "suppressions", suppressed_used(&b.kept));
    json_t *coverage = doc_coverage(v, c, f);
    json_object_set_new(j, "metadata", doc_metadata(v, c, coverage));
    json_decref(coverage);
    leak_book_close(&b);
    frames_free(f);
    free(some);
    return j;
}
