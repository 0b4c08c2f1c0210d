/*
 * collector/cli/table_states.c - `ownscope states`: a line a thread, what it
 * holds and waits for, and where it is.
 */
#include <stdlib.h>

#include "cli/table_line.h"

enum { FRAMES = 4, NATIVE_FRAMES = 16, ROWS_MAX = 1000 };

static double get_real(const json_t *o, const char *key) { return json_number_value(get(o, key)); }

/* "12.3%"; "-" where it is not known. */
static void share(struct line *l, const json_t *of, unsigned width)
{
    char text[16] = "-";
    if (json_is_number(of))
        snprintf(text, sizeof text, "%.1f%%", json_number_value(of) * 100);
    line_right(l, width, text);
}

static void rate(struct line *l, const json_t *rates, const char *key, bool bytes, unsigned width)
{
    double n = get_real(rates, key);
    uint64_t whole = n > 0 ? (uint64_t)(n + 0.5) : 0;
    line_right(l, width, json_is_object(rates) ? bytes ? number_bytes(whole).text : number_short(whole).text : "-");
}

static void head(FILE *out, const struct table_style *s)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_HEAD);
    line_left(&l, 6, "id");
    line_right(&l, 7, "tid");
    line_left(&l, 2, "");
    line_left(&l, 16, "name");
    line_left(&l, 9, "state");
    line_right(&l, 7, "cpu");
    line_right(&l, 11, "events/s");
    line_right(&l, 11, "bytes/s");
    line_right(&l, 11, "owns");
    line_end(&l);
}

/* What it does, in words: the lock that it waits for, else the system call that it is in. */
static void lock_line(FILE *out, const struct table_style *s, const char *verb, const json_t *lock, uint64_t now_ns)
{
    const json_t *by = get(lock, "held_by"), *waiters = get(lock, "waiters");
    uint64_t since = get_number(lock, "since_ns");
    struct shown shown = shown_frames(get(lock, "stack"), NULL, FRAMES);
    struct line l;
    line_begin(&l, out, s);
    line_to(&l, 6);
    line_look(&l, LOOK_WARN);
    line_format(&l, "%s ", verb);
    line_look(&l, LOOK_PLAIN);
    line_format(&l, "%s %s, %s now", get_text(lock, "kind"), get_text(lock, "where"), number_time(now_ns > since ? now_ns - since : 0).text);
    for (size_t i = 0; i < json_array_size(by) && i < 4; i++)
        line_format(&l, "%s %s", i ? "," : "; held by", get_text(json_array_get(by, i), "thread"));
    for (size_t i = 0; i < json_array_size(waiters) && i < 4; i++)
        line_format(&l, "%s %s", i ? "," : "; wanted by", json_string_value(json_array_get(waiters, i)));
    line_end(&l);
    line_to(&l, 8);
    line_stack(&l, get(lock, "stack"), &shown);
}

static void stack_lines(FILE *out, const struct table_style *s, const char *label, const json_t *stack, const struct shown *shown)
{
    struct line l;
    if (!shown->count)
        return;
    line_begin(&l, out, s);
    line_to(&l, 6);
    line_look(&l, LOOK_DIM);
    line_text(&l, label);
    line_look(&l, LOOK_PLAIN);
    line_end(&l);
    line_to(&l, 8);
    line_stack(&l, stack, shown);
}

static void native(FILE *out, const struct table_style *s, const json_t *n)
{
    const char *refused = get_text(n, "refused");
    struct shown shown = shown_plain(get(n, "stack"), NATIVE_FRAMES);
    char label[80];
    if (!json_is_object(n))
        return;
    if (*refused) {
        char *text = NULL;
        if (asprintf(&text, "no native stack: %s", refused) >= 0)
            line_wrapped(out, s, LOOK_WARN, 6, 8, text);
        free(text);
        return;
    }
    snprintf(label, sizeof label, "stands at (it was stopped for %s)", number_time(get_number(n, "stood_ns")).text);
    stack_lines(out, s, label, get(n, "stack"), &shown);
}

static void row(FILE *out, const struct table_style *s, const json_t *t, uint64_t now_ns)
{
    const json_t *rates = get(t, "rates"), *last = get(t, "last"), *holds = get(t, "holds");
    const char *call = get_text(t, "syscall"), *wchan = get_text(t, "wchan");
    uint64_t last_ns = get_number(last, "ns");
    struct shown shown = shown_frames(get(last, "stack"), NULL, FRAMES);
    char label[120];
    struct line l;
    line_begin(&l, out, s);
    line_left(&l, 6, get_text(t, "id"));
    line_right(&l, 7, number_plain(get_number(t, "tid")).text);
    line_left(&l, 2, "");
    line_left(&l, 16, *get_text(t, "name") ? get_text(t, "name") : "-");
    line_left(&l, 9, get_text(t, "state"));
    share(&l, get(t, "cpu_share"), 7);
    rate(&l, rates, "events_per_s", false, 11);
    rate(&l, rates, "bytes_per_s", true, 11);
    line_right(&l, 11, number_bytes(get_number(get(t, "owns"), "bytes")).text);
    line_end(&l);
    if (*call || *wchan) {
        line_to(&l, 6);
        line_look(&l, LOOK_DIM);
        line_format(&l, "in %s%s%s%s", *call ? call : wchan, *call && *wchan ? " (" : "", *call ? wchan : "", *call && *wchan ? ")" : "");
        line_look(&l, LOOK_PLAIN);
        line_end(&l);
    }
    if (json_is_object(get(t, "waits")))
        lock_line(out, s, "waits for", get(t, "waits"), now_ns);
    for (size_t i = 0; i < json_array_size(holds); i++)
        lock_line(out, s, json_is_true(get(json_array_get(holds, i), "shared")) ? "reads" : "holds", json_array_get(holds, i), now_ns);
    snprintf(label, sizeof label, "last event %s ago, at", number_time(now_ns > last_ns ? now_ns - last_ns : 0).text);
    stack_lines(out, s, label, get(last, "stack"), &shown);
    native(out, s, get(t, "native"));
}

void table_states(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *threads = get(doc, "threads");
    size_t n = json_array_size(threads);
    uint64_t now_ns = get_number(doc, "at_ns");
    head(out, s);
    for (size_t i = 0; i < n && i < ROWS_MAX; i++)
        row(out, s, json_array_get(threads, i), now_ns);
    if (n > ROWS_MAX) {
        struct line l;
        line_begin(&l, out, s);
        line_format(&l, "and %s more: --json has them all", number_count(n - ROWS_MAX).text);
        line_end(&l);
    }
}
