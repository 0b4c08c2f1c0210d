/*
 * collector/export/doc_snapshots.c - report.snapshots: the heap snapshots that
 * were taken, as a list. What stands in them is the matter of other documents.
 */
#include <stdlib.h>

#include "event/snapshot.h"
#include "event/xalloc.h"
#include "export/doc_parts.h"
#include "export/text.h"

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = ((const struct trace_snapshot *)a)->number, y = ((const struct trace_snapshot *)b)->number;
    return (x > y) - (x < y);
}

/* Those of the trace that were begun up to the moment, else the view's; those
 * that were not taken (number 0) are none. Texts stay whose they are. */
static struct trace_snapshot *taken(const struct view *v, const struct doc_context *c, size_t *n)
{
    struct trace_snapshot *list = xcalloc(c->n_snapshots + v->n_snapshots + 1, sizeof *list);
    *n = 0;
    for (size_t i = 0; c->snapshots && i < c->n_snapshots; i++)
        if (c->snapshots[i].event <= v->events)
            list[(*n)++] = c->snapshots[i];
    for (size_t i = 0; !c->snapshots && i < v->n_snapshots; i++) {
        const struct snapshot *s = v->snapshots[i];
        if (s->number)
            list[(*n)++] = (struct trace_snapshot){
                .number = s->number, .process = s->process, .pid = s->pid, .ns = s->ns, .event = s->event, .why = s->why,
                .how = s->how, .pause_ns = s->pause_ns, .blocks = s->n_blocks, .edges = s->n_edges, .refused = s->refused,
                .mark = s->mark };
    }
    qsort(list, *n, sizeof *list, compare_numbers);
    return list;
}

json_t *doc_snapshots(const struct view *v, const struct doc_context *c)
{
    json_t *rows = json_array();
    size_t n;
    struct trace_snapshot *list = taken(v, c, &n);
    for (size_t i = 0; i < n; i++) {
        const struct trace_snapshot *s = &list[i];
        json_t *row = json_pack("{s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o}", "number", doc_number(s->number),
                                "process", doc_id('p', s->process), "pid", doc_number(s->pid), "ns", doc_number(s->ns),
                                "event", doc_number(s->event), "why", snapshot_why_name(s->why), "how", snapshot_how_name(s->how),
                                "pause_ns", doc_number(s->pause_ns), "blocks", doc_number(s->blocks),
                                "edges", doc_number(s->edges), "refused", text_json_string(s->refused));
        if (s->mark)
            json_object_set_new(row, "mark", text_json_string(s->mark));
        json_array_append_new(rows, row);
    }
    free(list);
    return rows;
}
