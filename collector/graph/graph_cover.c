/*
 * collector/graph/graph_cover.c - see graph_cover.h.
 */
#include "graph/graph_cover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_clocks.h"
#include "graph/graph_facts.h"

static struct cover *cover_of(struct graph *g)
{
    if (!g->cover) {
        g->cover = xcalloc(1, sizeof *g->cover);
        g->cover->bits = EVENT_COVER_ALL;
    }
    return g->cover;
}

/* ---- what is recorded --------------------------------------------------------------- */

static void times_count(struct cover *c, uint64_t ns)
{
    for (unsigned part = 0; part < COVER_PARTS && ns > c->since_ns; part++)
        if (!(c->bits >> part & 1))
            c->without_ns[part] += ns - c->since_ns;
    c->since_ns = ns > c->since_ns ? ns : c->since_ns;
}

/* What is known from when on, after a change at ns to `whole`. */
static uint64_t known_since(uint64_t since, bool whole, uint64_t ns)
{
    if (!whole)
        return COVER_NEVER;
    return since == COVER_NEVER ? (ns ? ns : 1) : since;
}

/* Who waited for a lock may have got it unseen, and who synchronised did so unseen. */
static void orders_gap(struct graph *g, uint64_t ns)
{
    g->cover->locks_gap_ns = ns ? ns : 1;
    for (size_t i = 0; i < g->n_threads; i++)
        g->threads[i]->wait.lock = 0;
    for (size_t i = 0; i < g->n_processes; i++) {
        struct process_clocks *k = &g->processes[i]->clocks;
        k->floor_ns = k->floor_ns > ns ? k->floor_ns : ns;
    }
}

static void span_add(struct cover *c, struct view_cover_span span)
{
    if (!c->spans)
        c->spans = xcalloc(COVER_SPANS_MAX, sizeof *c->spans);
    c->n_changes++;
    if (c->n_spans < COVER_SPANS_MAX) {
        c->spans[c->n_spans++] = span;
        return;
    }
    c->spans[c->first_span] = span;
    c->first_span = (c->first_span + 1) % COVER_SPANS_MAX;
}

static void cover_told(struct graph *g, const struct event *e)
{
    static const char *const names[COVER_PARTS] = { "memory", "drops", "locks", "copies", "life" };
    char text[64] = "";
    struct event told = *e;
    for (unsigned part = 0; part < COVER_PARTS; part++)
        if (e->family >> part & 1)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? "," : "", names[part]);
    told.text = text;
    told.text_bytes = (uint16_t)strlen(text);
    fact_life(g, FACT_COVER, &told, NULL, 0);
}

void cover_changed(struct graph *g, const struct event *e)
{
    struct cover *c = cover_of(g);
    const uint8_t orders = EVENT_COVER_LOCKS | EVENT_COVER_LIFE;
    uint8_t was = c->bits, is = e->family & EVENT_COVER_ALL;
    cover_told(g, e);
    times_count(c, e->ns);
    c->bits = is;
    span_add(c, (struct view_cover_span){ .ns = e->ns, .bits = is });
    c->memory_ns = known_since(c->memory_ns, is & EVENT_COVER_MEMORY, e->ns);
    c->drops_ns = known_since(c->drops_ns, is & EVENT_COVER_DROPS, e->ns);
    c->orders_ns = known_since(c->orders_ns, (is & orders) == orders, e->ns);
    if ((was & is & orders) != orders)
        orders_gap(g, e->ns);
}

/* ---- orders ------------------------------------------------------------------------- */

void cover_ordered(struct graph *g, const struct event *e)
{
    static const char *const names[] = { "?", [EVENT_CONTROL_VERB] = "verb", [EVENT_CONTROL_LIMIT] = "limit", [EVENT_CONTROL_BUDGET] = "budget",
                                         [EVENT_CONTROL_PROMISE] = "promise" };
    fact_life(g, FACT_CONTROL, e, names[e->family < sizeof names / sizeof *names ? e->family : 0], 0);
    struct cover *c = cover_of(g);
    uint8_t state = e->address < RECORDING_STATES ? (uint8_t)e->address : c->state;
    uint16_t bytes = e->text_bytes < TEXT_KEPT_MAX ? e->text_bytes : TEXT_KEPT_MAX;
    struct view_control row = { .ns = e->ns, .event = g->number, .kind = e->family, .state = state, .was = c->state,
                                .text = xstrndup(e->text_bytes ? e->text : "", bytes) };
    if (e->ns > c->state_ns) {
        c->ns_by_state[c->state] += e->ns - c->state_ns;
        c->state_ns = e->ns;
    }
    c->state = state;
    if (!c->controls)
        c->controls = xcalloc(CONTROLS_MAX, sizeof *c->controls);
    c->n_orders++;
    if (c->n_controls < CONTROLS_MAX) {
        c->controls[c->n_controls++] = row;
        return;
    }
    free(c->controls[c->first_control].text);
    c->controls[c->first_control] = row;
    c->first_control = (c->first_control + 1) % CONTROLS_MAX;
}

void cover_clear(struct graph *g)
{
    if (!g->cover)
        return;
    for (size_t i = 0; i < g->cover->n_controls; i++)
        free(g->cover->controls[i].text);
    free(g->cover->controls);
    free(g->cover->spans);
    free(g->cover);
    g->cover = NULL;
}

/* ---- for whoever prints --------------------------------------------------------------- */

void view_covers(const struct graph *g, struct view *v)
{
    const struct cover *c = g->cover;
    v->cover.bits = EVENT_COVER_ALL;
    if (!c)
        return;
    struct cover until_now = *c;
    times_count(&until_now, g->now_ns);
    v->cover.told = true;
    v->cover.bits = c->bits;
    v->cover.memory_ns = c->memory_ns;
    v->cover.drops_ns = c->drops_ns;
    v->cover.orders_ns = c->orders_ns;
    memcpy(v->cover.without_ns, until_now.without_ns, sizeof v->cover.without_ns);
    v->cover.changes = c->n_changes;
    v->cover.withheld = c->withheld;
    v->cover.unknown_drops = c->unknown_drops;
    v->cover.state = c->state;
    memcpy(v->cover.ns_by_state, c->ns_by_state, sizeof v->cover.ns_by_state);
    v->cover.ns_by_state[c->state] += g->now_ns > c->state_ns ? g->now_ns - c->state_ns : 0;
    v->cover.orders = c->n_orders;
    v->cover.spans = xcalloc(c->n_spans + 1, sizeof *v->cover.spans);
    v->cover.n_spans = c->n_spans;
    for (size_t i = 0; i < c->n_spans; i++)
        v->cover.spans[i] = c->spans[(c->first_span + i) % COVER_SPANS_MAX];
    v->cover.controls = xcalloc(c->n_controls + 1, sizeof *v->cover.controls);
    v->cover.n_controls = c->n_controls;
    for (size_t i = 0; i < c->n_controls; i++) {
        v->cover.controls[i] = c->controls[(c->first_control + i) % CONTROLS_MAX];
        v->cover.controls[i].text = xstrdup(v->cover.controls[i].text);
    }
}

/* ---- in a checkpoint -------------------------------------------------------------------- */

static void spans_archive(struct archive *a, struct cover *c)
{
    archive_count(a, &c->n_spans, COVER_SPANS_MAX);
    if (a->reading && c->n_spans)
        c->spans = archive_room(a, COVER_SPANS_MAX, sizeof *c->spans);
    if (!c->spans)
        c->n_spans = 0;
    ARCHIVE_FIELD(a, c->spans, c->n_spans, ns);
    ARCHIVE_FIELD(a, c->spans, c->n_spans, bits);
    archive_size(a, &c->first_span);
    archive_need(a, c->first_span < COVER_SPANS_MAX && (!c->first_span || c->n_spans == COVER_SPANS_MAX), "changes of cover begin beside their ring");
}

static void controls_archive(struct archive *a, struct cover *c)
{
    archive_count(a, &c->n_controls, CONTROLS_MAX);
    if (a->reading && c->n_controls)
        c->controls = archive_room(a, CONTROLS_MAX, sizeof *c->controls);
    if (!c->controls)
        c->n_controls = 0;
    ARCHIVE_FIELD(a, c->controls, c->n_controls, ns);
    ARCHIVE_FIELD(a, c->controls, c->n_controls, event);
    ARCHIVE_FIELD(a, c->controls, c->n_controls, kind);
    ARCHIVE_INDEX(a, c->controls, c->n_controls, state, RECORDING_STATES);
    ARCHIVE_INDEX(a, c->controls, c->n_controls, was, RECORDING_STATES);
    for (size_t i = 0; i < c->n_controls && !archive_bad(a); i++) {
        archive_text(a, &c->controls[i].text, TEXT_KEPT_MAX);
        if (a->reading && !c->controls[i].text)
            archive_fail(a, "an order of the state has no words");
    }
    archive_size(a, &c->first_control);
    archive_need(a, c->first_control < CONTROLS_MAX && (!c->first_control || c->n_controls == CONTROLS_MAX), "orders begin beside their ring");
}

static void numbers_archive(struct archive *a, struct cover *c)
{
    archive_u8(a, &c->bits);
    archive_u64(a, &c->since_ns);
    archive_u64(a, &c->memory_ns);
    archive_u64(a, &c->drops_ns);
    archive_u64(a, &c->orders_ns);
    archive_u64(a, &c->locks_gap_ns);
    archive_column(a, c->without_ns, sizeof *c->without_ns, sizeof *c->without_ns, COVER_PARTS);
    archive_u64(a, &c->n_changes);
    archive_u64(a, &c->withheld);
    archive_u64(a, &c->unknown_drops);
    archive_u8(a, &c->state);
    archive_need(a, c->state < RECORDING_STATES, "the state records in no known way");
    archive_u64(a, &c->state_ns);
    archive_column(a, c->ns_by_state, sizeof *c->ns_by_state, sizeof *c->ns_by_state, RECORDING_STATES);
    archive_u64(a, &c->n_orders);
}

void cover_archive(struct archive *a, struct graph *g)
{
    bool any = g->cover;
    if (a->version < 2)
        return;
    archive_bool(a, &any);
    if (a->reading && any)
        g->cover = archive_room(a, 1, sizeof *g->cover);
    if (!g->cover)
        return;
    numbers_archive(a, g->cover);
    spans_archive(a, g->cover);
    controls_archive(a, g->cover);
}

uint32_t graph_cover_bits(const struct graph *g) { return g->cover ? g->cover->bits : EVENT_COVER_ALL; }
