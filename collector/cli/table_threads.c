/*
 * collector/cli/table_threads.c - `ownscope threads`: what each thread made,
 * dropped and owns, then who dropped what others made.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { WIDE = 110 };

static void counts(struct line *l, const json_t *count)
{
    line_look(l, LOOK_NUMBER);
    line_right(l, 10, number_short(get_number(count, "blocks")).text);
    line_look(l, LOOK_PLAIN);
    line_right(l, 10, number_bytes(get_number(count, "bytes")).text);
}

static void head(FILE *out, const struct table_style *s)
{
    static const char *const groups[] = { "made", "dropped", "owns" };
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_HEAD);
    line_left(&l, 6, "id");
    line_left(&l, 13, "name");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        line_right(&l, 20, groups[i]);
    if (s->width >= WIDE) {
        line_right(&l, 10, "tid");
        line_right(&l, 12, "ended");
        line_text(&l, "  from");
    }
    line_end(&l);
}

static void row(FILE *out, const struct table_style *s, const json_t *thread)
{
    const char *name = get_text(thread, "name"), *creator = get_text(thread, "creator");
    bool ended = json_is_integer(get(thread, "ended_ns"));
    struct line l;
    line_begin(&l, out, s);
    line_left(&l, 6, get_text(thread, "id"));
    line_left(&l, 13, *name ? name : "-");
    counts(&l, get(thread, "made"));
    counts(&l, get(thread, "dropped"));
    counts(&l, get(thread, "owns"));
    if (s->width >= WIDE) {
        line_right(&l, 10, number_plain(get_number(thread, "tid")).text);
        line_right(&l, 12, ended ? number_time(get_number(thread, "ended_ns")).text : "-");
        line_format(&l, "  %s", *creator ? creator : get_text(thread, "process"));
    }
    line_end(&l);
}

void table_handoff(FILE *out, const json_t *h, const struct table_style *s, unsigned frames)
{
    static const char *const keys[] = { "stack_new", "stack_drop" }, *const labels[] = { "made at", "dropped at" };
    uint64_t blocks = get_number(h, "blocks");
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_NUMBER);
    line_right(&l, 12, number_count(blocks).text);
    line_look(&l, LOOK_PLAIN);
    line_format(&l, " block%s, %s, from %s to %s, %s in flight", blocks == 1 ? "" : "s", number_bytes(get_number(h, "bytes")).text,
                get_text(h, "from"), get_text(h, "to"), number_time(get_number(h, "mean_ns")).text);
    line_end(&l);
    for (size_t i = 0; i < 2; i++) {
        size_t first, shown;
        stack_telling(get(h, keys[i]), frames, &first, &shown);
        line_look(&l, LOOK_DIM);
        line_to(&l, 14);
        line_left(&l, 12, labels[i]);
        line_look(&l, LOOK_PLAIN);
        line_stack(&l, get(h, keys[i]), first, shown);
    }
}

void table_threads(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *threads = get(doc, "threads"), *handoffs = get(doc, "handoffs");
    head(out, s);
    for (size_t i = 0; i < json_array_size(threads); i++)
        row(out, s, json_array_get(threads, i));
    if (!json_array_size(handoffs))
        return;
    line_heading(out, s, "Hand-offs (made by one thread, dropped by another)");
    for (size_t i = 0; i < json_array_size(handoffs); i++)
        table_handoff(out, json_array_get(handoffs, i), s, 4);
    uint64_t all = get_number(doc, "handoffs_total"), shown = json_array_size(handoffs);
    if (all > shown) {
        struct line l;
        line_begin(&l, out, s);
        line_format(&l, "  and %s more", number_count(all - shown).text);
        line_end(&l);
    }
}
