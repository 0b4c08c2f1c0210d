/*
 * collector/export/doc_parts.c - numbers, ids, metadata and the lists that
 * several documents have (doc_parts.h).
 */
#include "export/doc_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/doc_sampling.h"
#include "export/interval.h"
#include "export/text.h"
#include "wire/clock.h"
#include "wire/segment.h"

json_t *doc_number(uint64_t n)
{
    return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

json_t *doc_id(char kind, uint64_t id)
{
    char text[24];
    if (!id)
        return json_null();
    snprintf(text, sizeof text, "%c%llu", kind, (unsigned long long)id);
    return json_string(text);
}

json_t *doc_party(uint32_t thread, uint32_t process)
{
    return thread ? doc_id('t', thread) : doc_id('p', process);
}

json_t *doc_count(const struct view_count *c)
{
    return json_pack("{s:o,s:o}", "blocks", doc_number(c->blocks), "bytes", doc_number(c->bytes));
}

json_t *doc_end_ns(bool ended, uint64_t ns)
{
    return ended ? doc_number(ns) : json_null();
}

static int rank_compare(const void *a, const void *b)
{
    const struct doc_rank *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? 1 : -1;
    return x->at < y->at ? -1 : x->at > y->at;
}

void doc_rank_sort(struct doc_rank *order, size_t n)
{
    if (n)
        qsort(order, n, sizeof *order, rank_compare);
}

json_t *doc_events_counts(const struct view *v)
{
    json_t *j = json_object();
    uint64_t total = 0;
    for (unsigned i = 1; i < FACT_TYPES; i++) {
        json_object_set_new(j, fact_type_name(i), doc_number(v->by_fact[i]));
        total += v->by_fact[i];
    }
    json_object_set_new(j, "total", doc_number(total));
    json_object_set_new(j, "recorded", doc_number(v->events));
    return j;
}

json_t *doc_lost(const struct view *v)
{
    json_t *reasons = json_object();
    uint64_t total = 0;
    for (unsigned i = 0; i < sizeof v->lost / sizeof *v->lost; i++) {
        if (v->lost[i])
            json_object_set_new(reasons, lost_name(i), doc_number(v->lost[i]));
        total += v->lost[i];
    }
    return json_pack("{s:o,s:o}", "events", doc_number(total), "by_reason", reasons);
}

static json_t *doc_process_exit(const struct view_process *p)
{
    if (!p->ended || !p->exit_known)
        return json_null();
    if (WIFSIGNALED(p->wait_status))
        return json_pack("{s:i}", "signal", WTERMSIG(p->wait_status));
    return json_pack("{s:i}", "code", WEXITSTATUS(p->wait_status));
}

json_t *doc_process_absent(const struct view *v, uint32_t process)
{
    bool there = !process;
    char text[40];
    for (size_t i = 0; !there && i < v->n_processes; i++)
        there = v->processes[i].id == process;
    snprintf(text, sizeof text, "there is no process p%u", process);
    return there ? NULL : json_string(text);
}

json_t *doc_processes(const struct view *v)
{
    static const char *const bytes[] = { "live_bytes", NULL }, *const blocks[] = { "live_blocks", "allocations", NULL };
    json_t *list = json_array();
    for (size_t i = 0; i < v->n_processes; i++) {
        const struct view_process *p = &v->processes[i];
        json_t *j = json_pack(
            "{s:o,s:I,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:I,s:o,s:o,s:o}",
            "id", doc_id('p', p->id), "pid", (json_int_t)p->pid, "parent", doc_id('p', p->parent),
            "ppid", (json_int_t)p->ppid, "exe", text_json_string(p->exe), "command", text_json_string(p->command),
            "started_ns", doc_number(p->started_ns), "ended_ns", doc_end_ns(p->ended, p->ended_ns),
            "exit", doc_process_exit(p), "images", (json_int_t)p->images, "live_blocks", doc_number(p->live_blocks),
            "live_bytes", doc_number(p->live_bytes), "allocations", doc_number(p->allocations));
        interval_sums(j, v, bytes, blocks);
        json_array_append_new(list, j);
    }
    return list;
}

json_t *doc_moves(const struct view *v)
{
    json_t *j = json_object();
    for (unsigned i = 0; i < sizeof v->moves_by / sizeof *v->moves_by; i++)
        json_object_set_new(j, view_move_names[i], doc_number(v->moves_by[i]));
    return j;
}

/* 2026-11-21T10:53:00.123456789Z; null for 0. */
static json_t *wall_clock(uint64_t real_ns)
{
    time_t seconds = (time_t)(real_ns / 1000000000u);
    struct tm tm;
    char text[64];
    if (!real_ns || !gmtime_r(&seconds, &tm))
        return json_null();
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%09uZ", (unsigned)(real_ns % 1000000000u));
    return json_string(text);
}

static const char *clock_name(uint32_t clock)
{
    switch (clock) {
    case WIRE_CLOCK_MONOTONIC: return "monotonic";
    case WIRE_CLOCK_COUNTER: return "counter";
    case WIRE_CLOCK_COUNTER_STRICT: return "counter-strict";
    }
    return NULL;
}

static const char *stacks_name(uint32_t stacks)
{
    switch (stacks) {
    case WIRE_STACKS_NONE: return "none";
    case WIRE_STACKS_CALLER: return "caller";
    case WIRE_STACKS_FULL: return "full";
    }
    return NULL;
}

json_t *doc_metadata(const struct view *v, const struct doc_context *c, json_t *coverage)
{
    static const struct trace_meta unknown = { .clock = UINT32_MAX, .stacks = UINT32_MAX };
    const struct trace_meta *m = c->meta ? c->meta : &unknown;
    const char *command = m->command ? m->command : v->n_processes ? v->processes[0].command : NULL;
    uint64_t duration_ns = c->duration_ns > v->at_ns ? c->duration_ns : v->at_ns;
    json_t *j = json_object();
    json_object_set_new(j, "command", text_json_string(command));
    json_object_set_new(j, "host", text_json_string(m->host));
    json_object_set_new(j, "session", text_json_string(m->session));
    json_object_set_new(j, "started", wall_clock(m->start_real_ns));
    json_object_set_new(j, "duration_ns", doc_number(duration_ns));
    json_object_set_new(j, "at_ns", doc_number(v->at_ns));
    if (v->is_since)
        json_object_set_new(j, "since_ns", doc_number(v->since_ns));
    json_object_set_new(j, "at_end", json_boolean(!c->earlier));
    json_object_set_new(j, "clock", text_json_string(clock_name(m->clock)));
    json_object_set_new(j, "stacks", text_json_string(stacks_name(m->stacks)));
    json_object_set_new(j, "options", text_json_string(m->options));
    json_object_set_new(j, "trace", text_json_string(c->trace_path));
    json_object_set_new(j, "begins", !c->events_before ? json_null()
                        : json_pack("{s:o,s:o}", "events_before", doc_number(c->events_before), "ns", doc_number(c->begins_ns)));
    json_object_set_new(j, "trigger", text_json_string(c->trigger));
    json_object_set_new(j, "live", json_boolean(c->live));
    json_object_set_new(j, "complete", json_boolean(c->complete));
    json_object_set_new(j, "version", json_string(OWNSCOPE_VERSION));
    json_object_set_new(j, "processes", doc_processes(v));
    json_object_set_new(j, "events", doc_events_counts(v));
    json_object_set_new(j, "lost", doc_lost(v));
    json_object_set_new(j, "sampling", doc_sampling(v));
    json_object_set(j, "coverage", coverage);
    return j;
}

void doc_since(json_t *j, const struct view *v)
{
    if (v->is_since)
        json_object_set_new(j, "since_ns", doc_number(v->since_ns));
}

/* ---- hand-offs ---- */

json_t *doc_handoffs(const struct view *v, struct frames *f, size_t most)
{
    json_t *list = json_array();
    struct doc_rank *order = xcalloc(v->n_handoffs, sizeof *order);
    for (size_t i = 0; i < v->n_handoffs; i++)
        order[i] = (struct doc_rank){ v->handoffs[i].blocks, (uint32_t)i };
    doc_rank_sort(order, v->n_handoffs);
    for (size_t i = 0; i < v->n_handoffs && i < most; i++) {
        const struct view_handoff *h = &v->handoffs[order[i].at];
        json_t *j = json_pack(
            "{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "from", doc_id('t', h->from), "to", doc_id('t', h->to),
            "blocks", doc_number(h->blocks), "bytes", doc_number(h->bytes),
            "mean_ns", doc_number(h->blocks ? h->flight_ns / h->blocks : 0),
            "stack_new", frames_json(f, frames_view_stack(f, h->stack_new)),
            "stack_drop", frames_json(f, frames_view_stack(f, h->stack_drop)));
        interval_count(j, v);
        json_array_append_new(list, j);
    }
    free(order);
    return list;
}

void doc_snapshot_facts(json_t *j, const struct snapshot *s)
{
    json_object_set_new(j, "process", doc_id('p', s->process));
    json_object_set_new(j, "number", doc_number(s->number));
    json_object_set_new(j, "ns", doc_number(s->ns));
    json_object_set_new(j, "why", json_string(snapshot_why_name(s->why)));
    json_object_set_new(j, "how", json_string(snapshot_how_name(s->how)));
    json_object_set_new(j, "pause_ns", doc_number(s->pause_ns));
    json_object_set_new(j, "read_bytes", doc_number(s->read_bytes));
    json_object_set_new(j, "scan_ns", doc_number(s->scan_ns));
    json_object_set_new(j, "blocks", doc_number(s->n_blocks));
    json_object_set_new(j, "stacks_unknown", json_boolean(s->stacks_unknown));
    json_object_set_new(j, "doubtful", json_boolean(s->doubtful));
    json_object_set_new(j, "refused", text_json_string(s->refused));
}
