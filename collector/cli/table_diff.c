/*
 * collector/cli/table_diff.c - `ownscope diff`: sums of both moments, then what
 * grew and what went.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { FRAMES = 3, ROWS = 15 };

static json_int_t delta_of(const json_t *j, const char *key) { return json_integer_value(get(j, key)); }

/* "+1.2 MiB"; "~+1.2 MiB" where it is estimated. */
static char *bytes_delta(const json_t *one)
{
    json_int_t n = delta_of(one, "bytes");
    return xasprintf("%s%s%s", json_is_object(get(one, "error")) ? "~" : "", n < 0 ? "-" : "+", number_bytes((uint64_t)(n < 0 ? -n : n)).text);
}

static char *count_delta(const json_t *one)
{
    json_int_t n = delta_of(one, "blocks");
    return xasprintf("%s%s%s", json_is_object(get(one, "error")) ? "~" : "", n < 0 ? "-" : "+", number_count((uint64_t)(n < 0 ? -n : n)).text);
}

/* What an estimate may be off. */
static void error_text(struct line *l, const json_t *one)
{
    if (json_is_object(get(one, "error")))
        line_format(l, "  ±%s", number_bytes(get_number(get(one, "error"), "bytes")).text);
}

static void total(FILE *out, const struct table_style *s, const char *label, const json_t *one)
{
    const json_t *before = get(one, "before"), *after = get(one, "after");
    char *bytes = bytes_delta(one), *blocks = count_delta(one);
    struct line l;
    line_begin(&l, out, s);
    line_to(&l, 2);
    line_left(&l, 14, label);
    line_look(&l, LOOK_NUMBER);
    line_right(&l, 14, bytes);
    line_look(&l, LOOK_PLAIN);
    line_right(&l, 14, blocks);
    error_text(&l, one);
    line_format(&l, "  %s in %s, then", number_bytes(get_number(before, "bytes")).text, number_count(get_number(before, "blocks")).text);
    line_format(&l, " %s in %s", number_bytes(get_number(after, "bytes")).text, number_count(get_number(after, "blocks")).text);
    line_end(&l);
    free(bytes), free(blocks);
}

static void head(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *a = get(doc, "before"), *b = get(doc, "after"), *class;
    bool one = !strcmp(get_text(a, "trace"), get_text(b, "trace"));
    char *text = one ? xasprintf("%s: from %s to %s", get_text(b, "trace"), number_time(get_number(a, "at_ns")).text, number_time(get_number(b, "at_ns")).text)
                     : xasprintf("from %s (at %s) to %s (at %s)", get_text(a, "trace"), number_time(get_number(a, "at_ns")).text,
                                 get_text(b, "trace"), number_time(get_number(b, "at_ns")).text);
    const char *name;
    struct line l;
    line_wrapped(out, s, LOOK_HEAD, 0, 2, text);
    free(text);
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_to(&l, 16);
    line_right(&l, 14, "bytes");
    line_right(&l, 14, "blocks");
    line_end(&l);
    total(out, s, "live", get(doc, "totals"));
    total(out, s, "allocated", get(get(doc, "totals"), "allocated"));
    json_object_foreach((json_t *)get(doc, "classes"), name, class)
        if (delta_of(class, "blocks") || delta_of(class, "bytes"))
            total(out, s, name, class);
}

static void columns(FILE *out, const struct table_style *s, const char *what)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_right(&l, 12, "bytes");
    line_right(&l, 12, "blocks");
    line_right(&l, 12, "then live");
    line_format(&l, "  %s", what);
    line_end(&l);
}

static void row(FILE *out, const json_t *one, const struct table_style *s)
{
    char *bytes = bytes_delta(one), *blocks = count_delta(one);
    const char *change = get_text(one, "change");
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_NUMBER);
    line_right(&l, 12, bytes);
    line_look(&l, LOOK_PLAIN);
    line_right(&l, 12, blocks);
    line_right(&l, 12, !strcmp(change, "gone") ? "gone" : number_bytes(get_number(get(one, "after"), "bytes")).text);
    error_text(&l, one);
    line_text(&l, "  ");
    if (!strcmp(change, "new"))
        line_text(&l, "(new) ");
    if (json_is_string(get(one, "type"))) {
        line_text(&l, get_text(one, "type"));
        line_end(&l);
    } else {
        struct shown shown = shown_frames(get(one, "stack"), NULL, FRAMES);
        line_stack(&l, get(one, "stack"), &shown);
    }
    free(bytes), free(blocks);
}

static bool grew(const json_t *one)
{
    return !strcmp(get_text(one, "change"), "new") || !strcmp(get_text(one, "change"), "grew");
}

/* Those of one direction. */
static void rows(FILE *out, const json_t *list, bool up, const char *title, const char *what, const struct table_style *s)
{
    size_t told = 0, n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (grew(json_array_get(list, i)) != up || n++ >= ROWS)
            continue;
        if (!told++) {
            line_heading(out, s, title);
            columns(out, s, what);
        }
        row(out, json_array_get(list, i), s);
    }
    if (n > told) {
        struct line l;
        line_begin(&l, out, s);
        line_look(&l, LOOK_DIM);
        line_format(&l, "  and %zu more: --json has them all", n - told);
        line_end(&l);
    }
}

void table_diff(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *sites = get(doc, "sites"), *types = get(doc, "types");
    head(out, doc, s);
    rows(out, sites, true, "Grew", "made by", s);
    rows(out, types, true, "Grew, by type", "type", s);
    rows(out, sites, false, "Went", "made by", s);
    rows(out, types, false, "Went, by type", "type", s);
    if (!json_array_size(sites) && !json_array_size(types))
        line_wrapped(out, s, LOOK_PLAIN, 0, 2, "the same blocks by place live at both moments");
}
