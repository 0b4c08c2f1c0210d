/*
 * collector/export/suppressions.c - a set of suppressions, and a view's
 * findings under it (suppressions.h).
 */
#include "export/suppressions.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/doc_parts.h"
#include "export/suppressions_rule.h"
#include "export/text.h"

struct suppressions *suppressions_new(void) { return xcalloc(1, sizeof(struct suppressions)); }

void suppressions_free(struct suppressions *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_files; i++)
        free(s->files[i]);
    for (size_t i = 0; i < s->n_texts; i++)
        free(s->texts[i]);
    free(s->files);
    free(s->texts);
    free(s->list);
    free(s->sections);
    free(s->lines);
    free(s);
}

size_t suppressions_count(const struct suppressions *s) { return s ? s->n : 0; }
const char *suppression_name(const struct suppressions *s, size_t i) { return s->list[i].name; }

const char *suppression_file(const struct suppressions *s, size_t i, unsigned *line)
{
    *line = s->list[i].line;
    return s->files[s->list[i].file];
}

bool suppression_is_default(const struct suppressions *s, size_t i) { return s->list[i].is_default; }

/* The stacks of one finding; their places are copies, one array. */
struct stacks { struct suppression_stack *list; size_t capacity; struct frame_place *places; size_t places_capacity; };

static size_t stacks_take(struct stacks *all, const struct view *v, struct frames *f, const struct view_finding *finding)
{
    size_t n = 0, used = 0;
    for (; n < finding->n && finding->first + n < v->n_evidence; n++) {
        const struct view_evidence *e = &v->evidence[finding->first + n];
        const struct frame_place *places;
        size_t count = frames_places(f, frames_view_stack(f, e->stack), 0, &places);
        if (count && places[0].truncated)
            count = 0;
        all->places = xgrow(all->places, &all->places_capacity, used + count + 1, sizeof *places);
        if (count)
            memcpy(all->places + used, places, count * sizeof *places);
        all->list = xgrow(all->list, &all->capacity, n + 1, sizeof *all->list);
        all->list[n] = (struct suppression_stack){ .role = e->role, .n = count };
        used += count;
    }
    for (size_t i = 0, at = 0; i < n; at += all->list[i++].n)
        all->list[i].places = all->places + at;
    return n;
}

enum { NOT_SO = UINT32_MAX };   /* for a suppression's number: the finding is none */

static bool calls(const struct suppression_stack *stack, uint8_t role, const char *function)
{
    return stack->role == role && stack->n && stack->places[0].function &&
           !strncmp(stack->places[0].function, function, strlen(function));
}

/* A C++ library that was linked in has operators that nobody sees, only the
 * malloc and free which they call. */
static bool operator_of_its_own(const struct suppression_subject *f)
{
    if (f->rule != RULE_MISMATCHED_DROP)
        return false;
    bool made_unseen = family_matches(f->made_family, WIRE_FREE), dropped_unseen = family_matches(WIRE_MALLOC, f->family);
    for (size_t i = 0; i < f->n; i++)
        if ((made_unseen && calls(&f->stacks[i], EVIDENCE_MADE, "operator new")) ||
            (dropped_unseen && calls(&f->stacks[i], EVIDENCE_USED, "operator delete")))
            return true;
    return false;
}

static uint32_t *suppressions_apply(const struct suppressions *s, const struct view *v, struct frames *f)
{
    uint32_t *which = xcalloc(v->n_findings + 1, sizeof *which);
    struct stacks all = { 0 };
    for (size_t i = 0; i < v->n_findings; i++) {
        const struct view_finding *finding = &v->findings[i];
        if (!suppressions_count(s) && finding->rule != RULE_MISMATCHED_DROP)
            continue;
        struct suppression_subject subject = { .rule = finding->rule, .use = finding->use, .family = finding->family,
                                               .made_family = finding->made_family,
                                               .leak_kind = (uint8_t)leak_kind(finding->leak.class) };
        subject.n = stacks_take(&all, v, f, finding);
        subject.stacks = all.list;
        which[i] = operator_of_its_own(&subject) ? NOT_SO : suppressions_count(s) ? suppressions_match(s, &subject) : 0;
    }
    free(all.list);
    free(all.places);
    return which;
}

const struct view *suppressed_view(struct suppressed *k, const struct suppressions *s, const struct view *v, struct frames *f)
{
    *k = (struct suppressed){ .view = *v, .all = v, .by = s, .which = suppressions_apply(s, v, f) };
    k->view.findings = xcalloc(v->n_findings + 1, sizeof *v->findings);
    k->view.n_findings = 0;
    for (size_t i = 0; i < v->n_findings; i++) {
        const struct view_finding *finding = &v->findings[i];
        if (!k->which[i]) {
            k->view.findings[k->view.n_findings++] = *finding;
            continue;
        }
        if (k->which[i] == NOT_SO)
            k->view.operators_withheld += finding->count;
        else {
            k->n++;
            k->n_default += suppression_is_default(s, k->which[i] - 1);
        }
        uint64_t *times = &k->view.findings_by_rule[finding->rule];
        *times -= *times < finding->count ? *times : finding->count;
    }
    return &k->view;
}

void suppressed_free(struct suppressed *k)
{
    free(k->view.findings);
    free(k->which);
}

json_t *suppressed_used(const struct suppressed *k)
{
    size_t n = suppressions_count(k->by);
    struct { uint64_t findings, count; } *used = xcalloc(n + 1, sizeof *used);
    json_t *list = json_array();
    for (size_t i = 0; i < k->all->n_findings; i++)
        if (k->which[i] && k->which[i] != NOT_SO) {
            used[k->which[i] - 1].findings++;
            used[k->which[i] - 1].count += k->all->findings[i].count;
        }
    for (size_t i = 0; i < n; i++) {
        unsigned line;
        const char *file = suppression_file(k->by, i, &line);
        if (used[i].findings)
            json_array_append_new(list, json_pack("{s:o,s:o,s:i,s:o,s:o}", "name", text_json_string(suppression_name(k->by, i)),
                                                  "file", text_json_string(file), "line", (int)line,
                                                  "findings", doc_number(used[i].findings), "count", doc_number(used[i].count)));
    }
    free(used);
    return list;
}
