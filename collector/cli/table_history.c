/*
 * collector/cli/table_history.c - `ownscope history`: the life of a block or lock.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/event_row.h"
#include "cli/table_line.h"
#include "event/xalloc.h"

/* ---- history ---- */

static void lock_head(FILE *out, const json_t *node, const struct table_style *s)
{
    const json_t *wait = get(node, "wait_ns"), *hold = get(node, "hold_ns");
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_HEAD);
    line_format(&l, "lock %s: %s %s", get_text(node, "id"), get_text(node, "lock_kind"), get_text(node, "where"));
    line_end(&l);
    char *text = xasprintf("acquired %s times, %s contended; waited for %s, held for %s", number_count(get_number(node, "acquisitions")).text,
                           number_count(get_number(node, "contended")).text, number_time(get_number(wait, "total")).text,
                           number_time(get_number(hold, "total")).text);
    line_wrapped(out, s, LOOK_PLAIN, 2, 2, text);
    free(text);
}

static void node_head(FILE *out, const json_t *node, const struct table_style *s)
{
    if (!strcmp(get_text(node, "kind"), "lock")) {
        lock_head(out, node, s);
        return;
    }
    bool dropped = json_is_integer(get(node, "dropped_ns"));
    uint64_t born_ns = get_number(node, "born_ns"), dropped_ns = get_number(node, "dropped_ns");
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_HEAD);
    line_format(&l, "block %s: %s byte%s at %s, made by %s in %s", get_text(node, "id"), number_count(get_number(node, "size_bytes")).text,
                get_number(node, "size_bytes") == 1 ? "" : "s", get_text(node, "address"), family_words(get_text(node, "family")), get_text(node, "thread"));
    line_end(&l);
    char *text;
    if (dropped)
        text = xasprintf("lived %s, from %s to %s", number_time(dropped_ns > born_ns ? dropped_ns - born_ns : 0).text,
                         number_time(born_ns).text, number_time(dropped_ns).text);
    else
        text = xasprintf("alive since %s, owned by %s (%s)", number_time(born_ns).text, get_text(node, "owner"), get_text(node, "owned_by"));
    line_wrapped(out, s, LOOK_PLAIN, 2, 2, text);
    free(text);
    if (json_is_object(get(node, "sampled"))) {
        text = xasprintf("a sample, of one in %s bytes: it stands for ~%.1f blocks like it", number_count(get_number(get(node, "sampled"), "rate_bytes")).text,
                         json_number_value(get(get(node, "sampled"), "stands_for")));
        line_wrapped(out, s, LOOK_PLAIN, 2, 2, text);
        free(text);
    }
}

/* Who held its place before or after it, and where that was made. */
static void neighbour(FILE *out, const char *words, const json_t *node, const struct table_style *s)
{
    if (!json_is_object(node))
        return;
    const json_t *stack = get(node, "stack");
    struct shown shown = shown_frames(stack, NULL, 3);
    struct line l;
    uint64_t born_ns = get_number(node, "born_ns");
    bool dropped = json_is_integer(get(node, "dropped_ns"));
    char *until = dropped ? xasprintf("dropped at %s", number_time(get_number(node, "dropped_ns")).text) : xstrdup("alive");
    char *text = xasprintf("%s at that address: %s, %s bytes, made at %s by %s, %s", words, get_text(node, "id"),
                           number_count(get_number(node, "size_bytes")).text, number_time(born_ns).text, get_text(node, "thread"), until);
    line_begin(&l, out, s);
    line_end(&l);
    line_wrapped(out, s, LOOK_DIM, 2, 4, text);
    free(text);
    free(until);
    if (!json_array_size(stack))
        return;
    line_begin(&l, out, s);
    line_to(&l, 21);
    line_stack(&l, stack, &shown);
}

void table_history(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *events = get(doc, "events");
    node_head(out, get(doc, "node"), s);
    if (json_is_object(get(doc, "begins"))) {
        const json_t *begins = get(doc, "begins");
        char *text = xasprintf("the file begins behind event %s, at %s: what happened to it before is in an earlier file of the session",
                               number_plain(get_number(begins, "events_before")).text, number_time(get_number(begins, "ns")).text);
        line_wrapped(out, s, LOOK_DIM, 2, 4, text);
        free(text);
    }
    if (json_is_integer(get(doc, "since_ns"))) {
        char *text = xasprintf("below, what happened after %s", number_time(get_number(doc, "since_ns")).text);
        line_wrapped(out, s, LOOK_DIM, 2, 4, text);
        free(text);
    }
    neighbour(out, "before", get(doc, "before"), s);
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *e = json_array_get(events, i), *stack = get(e, "stack");
        char stamp[ROW_STAMP_TEXT], text[EVENT_ROW_TEXT];
        struct event_row row;
        struct line l;
        event_row_of_json(&row, e);
        row_stamp_text(row.ns, stamp);
        event_row_text(&row, true, text);
        line_begin(&l, out, s);
        line_end(&l);
        line_look(&l, LOOK_DIM);
        line_right(&l, 13, stamp);
        line_look(&l, LOOK_NUMBER);
        line_text(&l, "  ");
        line_left(&l, 6, *get_text(e, "thread") ? get_text(e, "thread") : "-");
        line_look(&l, LOOK_HEAD);
        line_text(&l, text);
        line_look(&l, LOOK_PLAIN);
        if (event_row_has_size(&row))
            line_format(&l, ", %s bytes", number_count(row.size).text);
        line_end(&l);
        struct shown shown = shown_frames(stack, NULL, 6);
        if (!json_array_size(stack))
            continue;
        line_to(&l, 21);
        line_stack(&l, stack, &shown);
    }
    uint64_t all = get_number(doc, "events_total");
    if (all > json_array_size(events)) {
        struct line l;
        line_begin(&l, out, s);
        line_format(&l, "and %s more", number_count(all - json_array_size(events)).text);
        line_end(&l);
    }
    neighbour(out, "after", get(doc, "after"), s);
}
