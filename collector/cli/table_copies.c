/*
 * collector/cli/table_copies.c - `ownscope copies`: where most is copied, and
 * what flows from which blocks into which.
 */
#include <stdlib.h>

#include "cli/table_group.h"
#include "cli/table_line.h"
#include "event/xalloc.h"

enum { SITES_MAX = 15, FLOWS_MAX = 10, FRAMES = 3, FLOW_COLUMN = 24 };

static void totals(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *t = get(doc, "totals"), *amplification = get(t, "amplification");
    const json_t *error = get(t, "error");
    bool estimated = json_is_object(error);
    char *text = xasprintf("%s cop%s, %s; %s of it into blocks", number_about(estimated, number_count(get_number(t, "copies"))).text,
                           get_number(t, "copies") == 1 ? "y" : "ies", number_about(estimated, number_bytes(get_number(t, "bytes"))).text,
                           number_about(estimated, number_bytes(get_number(t, "bytes_to_blocks"))).text);
    if (json_is_real(amplification)) {
        char *more = xasprintf("%s, %.2f times what was allocated", text, json_real_value(amplification));
        free(text);
        text = more;
    }
    line_wrapped(out, s, LOOK_HEAD, 0, 2, text);
    free(text);
    if (estimated) {
        text = xasprintf("estimated from samples: ±%s copies, ±%s", number_count(get_number(error, "copies")).text, number_bytes(get_number(error, "bytes")).text);
        line_wrapped(out, s, LOOK_DIM, 2, 4, text);
        free(text);
    }
    const json_t *coverage = get(get(doc, "metadata"), "coverage");
    for (size_t i = 0; i < json_array_size(coverage); i++) {
        const json_t *item = json_array_get(coverage, i);
        if (get_text(item, "kind")[0] != 'c')   /* copies */
            continue;
        text = xasprintf("without %s: %s", get_text(item, "what"), get_text(item, "why"));
        line_wrapped(out, s, LOOK_DIM, 2, 4, text);
        free(text);
    }
}

static void more(FILE *out, const struct table_style *s, uint64_t all, size_t shown)
{
    struct line l;
    if (all <= shown)
        return;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_format(&l, "  and %s more: --json has them all", number_count(all - shown).text);
    line_end(&l);
}

static void copied(const json_t *site, uint64_t value[2])
{
    value[0] = get_number(site, "bytes");
    value[1] = get_number(site, "copies");
}

static void sites(FILE *out, const json_t *doc, const struct table_style *s)
{
    size_t n;
    struct site_group *groups = site_groups(get(doc, "sites"), (const char *const[]){ "stack", NULL }, FRAMES, copied, &n);
    uint64_t whole = get_number(get(doc, "totals"), "bytes");
    struct line l;
    line_heading(out, s, "Most copied");
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_text(&l, "       bytes   share      copies  by");
    line_end(&l);
    for (size_t i = 0; i < n && i < SITES_MAX; i++) {
        const struct site_group *g = &groups[i];
        line_look(&l, LOOK_NUMBER);
        line_right(&l, 12, number_about(json_is_object(get(g->site, "error")), number_bytes(g->value[0])).text);
        line_look(&l, LOOK_PLAIN);
        line_right(&l, 8, number_share(g->value[0], whole).text);
        line_right(&l, 12, number_about(json_is_object(get(g->site, "error")), number_count(g->value[1])).text);
        line_text(&l, "  ");
        struct shown shown = shown_frames(get(g->site, "stack"), NULL, FRAMES);
        line_stack(&l, get(g->site, "stack"), &shown);
    }
    more(out, s, n, n < SITES_MAX ? n : SITES_MAX);
    free(groups);
}

static void flow_end(FILE *out, const struct table_style *s, const char *label, const json_t *site)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_to(&l, 14);
    line_text(&l, label);
    line_to(&l, FLOW_COLUMN);
    if (!json_is_array(site)) {
        line_text(&l, "what is no heap block");
        line_end(&l);
        return;
    }
    struct shown shown = shown_frames(site, NULL, FRAMES);
    line_look(&l, LOOK_PLAIN);
    line_stack(&l, site, &shown);
}

static void flows(FILE *out, const json_t *doc, const struct table_style *s)
{
    size_t n;
    struct site_group *groups = site_groups(get(doc, "flows"), (const char *const[]){ "from_site", "to_site", NULL }, FRAMES, copied, &n);
    struct line l;
    if (!n) {
        free(groups);
        return;
    }
    line_heading(out, s, "Flows (from blocks made in one place to blocks made in another)");
    line_begin(&l, out, s);
    for (size_t i = 0; i < n && i < FLOWS_MAX; i++) {
        const json_t *flow = groups[i].site;
        uint64_t copies = groups[i].value[1];
        line_look(&l, LOOK_NUMBER);
        line_right(&l, 12, number_about(json_is_object(get(flow, "error")), number_bytes(groups[i].value[0])).text);
        line_look(&l, LOOK_PLAIN);
        line_format(&l, " in %s cop%s", number_about(json_is_object(get(flow, "error")), number_count(copies)).text, copies == 1 ? "y" : "ies");
        line_end(&l);
        flow_end(out, s, "made at", get(flow, "from_site"));
        flow_end(out, s, "into", get(flow, "to_site"));
    }
    more(out, s, n, n < FLOWS_MAX ? n : FLOWS_MAX);
    free(groups);
}

void table_copies(FILE *out, const json_t *doc, const struct table_style *s)
{
    totals(out, doc, s);
    if (json_array_size(get(doc, "sites")))
        sites(out, doc, s);
    flows(out, doc, s);
}
