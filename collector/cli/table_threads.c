/*
 * collector/cli/table_threads.c - `ownscope threads`: what each thread made,
 * dropped and owns, the locks that it holds and waits for, then who dropped what
 * others made.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { WIDE = 110, ROWS_MAX = 200, HANDOFFS_MAX = 10 };

/* Counts are shortened: seven columns of numbers fit 80. */
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
    line_left(&l, 4, "in");
    line_left(&l, 10, "name");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        line_right(&l, i ? 20 : 19, groups[i]);
    if (s->width >= WIDE) {
        line_right(&l, 10, "tid");
        line_right(&l, 12, "ended");
        line_text(&l, "  by");
    }
    line_end(&l);
}

/* Of estimates: what they may be off, below them. */
static void errors(FILE *out, const struct table_style *s, const json_t *thread)
{
    static const char *const groups[] = { "made", "dropped", "owns" };
    struct line l;
    if (!json_is_integer(get(get(thread, "made"), "error_blocks")))
        return;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_to(&l, 6);
    line_left(&l, 13, "~, may be off");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        char *blocks = xasprintf("±%s", number_short(get_number(get(thread, groups[i]), "error_blocks")).text);
        struct number bytes = number_bytes(get_number(get(thread, groups[i]), "error_bytes"));
        line_right(&l, 10, blocks);
        line_right(&l, 10, bytes.text);
        free(blocks);
    }
    line_end(&l);
}

/* A process's first thread has its pid; unless it was named it is `main`. */
static const char *thread_name(const json_t *doc, const json_t *thread)
{
    const json_t *processes = get(get(doc, "metadata"), "processes");
    const char *name = get_text(thread, "name");
    if (*name)
        return name;
    for (size_t i = 0; i < json_array_size(processes); i++) {
        const json_t *p = json_array_get(processes, i);
        if (!strcmp(get_text(p, "id"), get_text(thread, "process")))
            return get_number(p, "pid") && get_number(p, "pid") == get_number(thread, "tid") ? "(main)" : "-";
    }
    return "-";
}

static void row(FILE *out, const struct table_style *s, const json_t *thread, const char *name)
{
    const char *creator = get_text(thread, "creator");
    bool ended = json_is_integer(get(thread, "ended_ns"));
    struct line l;
    line_begin(&l, out, s);
    line_left(&l, 6, get_text(thread, "id"));
    line_left(&l, 4, get_text(thread, "process"));
    line_left(&l, 9, name);
    counts(&l, get(thread, "made"));
    counts(&l, get(thread, "dropped"));
    counts(&l, get(thread, "owns"));
    if (s->width >= WIDE) {
        line_right(&l, 10, number_plain(get_number(thread, "tid")).text);
        line_right(&l, 12, ended ? number_time(get_number(thread, "ended_ns")).text : "-");
        line_format(&l, "  %s", *creator ? creator : "-");
    }
    line_end(&l);
    errors(out, s, thread);
}

static void more(FILE *out, const struct table_style *s, uint64_t n)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_format(&l, "and %s more: --json has them all", number_count(n).text);
    line_end(&l);
}

void table_handoff(FILE *out, const json_t *h, const struct table_style *s, unsigned frames)
{
    static const char *const keys[] = { "stack_new", "stack_drop" }, *const labels[] = { "made at", "dropped at" };
    uint64_t blocks = get_number(h, "blocks");
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_NUMBER);
    bool estimated = json_is_integer(get(h, "error_blocks"));
    line_right(&l, 12, number_about(estimated, number_count(blocks)).text);
    line_look(&l, LOOK_PLAIN);
    if (estimated)
        line_format(&l, " ±%s", number_count(get_number(h, "error_blocks")).text);
    line_format(&l, " block%s, %s, from %s to %s, %s in flight", blocks == 1 ? "" : "s", number_about(estimated, number_bytes(get_number(h, "bytes"))).text,
                get_text(h, "from"), get_text(h, "to"), number_time(get_number(h, "mean_ns")).text);
    line_end(&l);
    for (size_t i = 0; i < 2; i++) {
        struct shown shown = shown_frames(get(h, keys[i]), NULL, frames);
        line_look(&l, LOOK_DIM);
        line_to(&l, 14);
        line_left(&l, 12, labels[i]);
        line_look(&l, LOOK_PLAIN);
        line_stack(&l, get(h, keys[i]), &shown);
    }
}

/* ---- locks held and waited for ---- */

static void lock_row(FILE *out, const json_t *thread, const char *verb, const json_t *lock, const struct table_style *s)
{
    struct shown shown = shown_frames(get(lock, "stack"), NULL, 1);
    struct line l;
    line_begin(&l, out, s);
    line_to(&l, 2);
    line_left(&l, 6, get_text(thread, "id"));
    line_left(&l, 11, verb);
    line_format(&l, "%s %s since %s, at ", get_text(lock, "kind"), get_text(lock, "where"), number_time(get_number(lock, "since_ns")).text);
    line_stack(&l, get(lock, "stack"), &shown);
}

static void locks(FILE *out, const json_t *threads, const struct table_style *s)
{
    size_t rows = 0, all = 0;
    for (size_t i = 0; i < json_array_size(threads); i++) {
        const json_t *thread = json_array_get(threads, i), *held = get(thread, "locks_held"), *waits = get(thread, "waits_for");
        if (!json_array_size(held) && !json_is_object(waits))
            continue;
        if (!all++)
            line_heading(out, s, "Locks held and waited for");
        if (rows >= ROWS_MAX)
            continue;
        rows++;
        for (size_t k = 0; k < json_array_size(held) && k < ROWS_MAX; k++)
            lock_row(out, thread, json_is_true(get(json_array_get(held, k), "shared")) ? "reads" : "holds", json_array_get(held, k), s);
        if (json_is_object(waits))
            lock_row(out, thread, "waits for", waits, s);
    }
    if (all > rows)
        more(out, s, all - rows);
}

/* ---- the matrix: made by x dropped by ---- */

struct cell { const char *from, *to; uint64_t blocks, bytes; double flight_ns; bool estimated; };

static int cell_compare(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    return x->blocks < y->blocks ? 1 : x->blocks > y->blocks ? -1 : 0;
}

static int cell_key(const void *a, const void *b)
{
    const struct cell *x = a, *y = b;
    int order = strcmp(x->from, y->from);
    return order ? order : strcmp(x->to, y->to);
}

/* Adds up the hand-offs of each pair of threads; returns how many pairs. */
static size_t matrix_make(const json_t *handoffs, struct cell *cells)
{
    size_t n = json_array_size(handoffs), pairs = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *h = json_array_get(handoffs, i);
        uint64_t blocks = get_number(h, "blocks");
        cells[i] = (struct cell){ get_text(h, "from"), get_text(h, "to"), blocks, get_number(h, "bytes"),
                                  (double)get_number(h, "mean_ns") * (double)blocks, json_is_integer(get(h, "error_blocks")) };
    }
    qsort(cells, n, sizeof *cells, cell_key);
    for (size_t i = 0; i < n; i++) {
        if (pairs && !cell_key(&cells[pairs - 1], &cells[i])) {
            cells[pairs - 1].blocks += cells[i].blocks;
            cells[pairs - 1].bytes += cells[i].bytes;
            cells[pairs - 1].flight_ns += cells[i].flight_ns;
        } else {
            cells[pairs++] = cells[i];
        }
    }
    qsort(cells, pairs, sizeof *cells, cell_compare);
    return pairs;
}

static void matrix(FILE *out, const json_t *handoffs, const struct table_style *s)
{
    struct cell *cells = xcalloc(json_array_size(handoffs), sizeof *cells);
    size_t pairs = matrix_make(handoffs, cells);
    struct line l;
    line_heading(out, s, "Hand-offs (made by one thread, dropped by another)");
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_text(&l, "      blocks      bytes  made by  dropped by  mean time in flight");
    line_end(&l);
    for (size_t i = 0; i < pairs && i < ROWS_MAX; i++) {
        const struct cell *c = &cells[i];
        line_look(&l, LOOK_NUMBER);
        line_right(&l, 12, number_about(c->estimated, number_count(c->blocks)).text);
        line_look(&l, LOOK_PLAIN);
        line_right(&l, 11, number_about(c->estimated, number_bytes(c->bytes)).text);
        line_text(&l, "  ");
        line_left(&l, 9, c->from);
        line_left(&l, 12, c->to);
        line_text(&l, number_time(c->blocks ? (uint64_t)(c->flight_ns / (double)c->blocks) : 0).text);
        line_end(&l);
    }
    if (pairs > ROWS_MAX)
        more(out, s, pairs - ROWS_MAX);
    free(cells);
}

void table_threads(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *threads = get(doc, "threads"), *handoffs = get(doc, "handoffs");
    size_t n = json_array_size(threads), h = json_array_size(handoffs);
    head(out, s);
    for (size_t i = 0; i < n && i < ROWS_MAX; i++)
        row(out, s, json_array_get(threads, i), thread_name(doc, json_array_get(threads, i)));
    if (n > ROWS_MAX)
        more(out, s, n - ROWS_MAX);
    locks(out, threads, s);
    if (!h)
        return;
    matrix(out, handoffs, s);
    line_heading(out, s, "Where");
    for (size_t i = 0; i < h && i < HANDOFFS_MAX; i++)
        table_handoff(out, json_array_get(handoffs, i), s, 3);
    uint64_t all = get_number(doc, "handoffs_total");
    if (all > HANDOFFS_MAX)
        more(out, s, all - HANDOFFS_MAX);
}
