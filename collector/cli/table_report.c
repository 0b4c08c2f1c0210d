/*
 * collector/cli/table_report.c - `ownscope report`, and the summary that
 * `ownscope run` ends with (style->brief): what was run, the totals, the
 * places that matter, hand-offs, what was lost or not covered.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_leaks.h"
#include "cli/table_line.h"
#include "event/xalloc.h"

struct page {
    FILE *out;
    const struct table_style *style;
    const json_t *doc, *totals, *metadata;
};

/* ---- what was run ---- */

static char *exit_text(const json_t *process)
{
    const json_t *exit = get(process, "exit");
    if (json_is_integer(get(exit, "signal"))) {
        int number = (int)get_number(exit, "signal");
        const char *name = sigabbrev_np(number);
        return name ? xasprintf("killed by SIG%s", name) : xasprintf("killed by signal %d", number);
    }
    if (json_is_integer(get(exit, "code")))
        return xasprintf("exit code %llu", (unsigned long long)get_number(exit, "code"));
    return xstrdup(json_is_integer(get(process, "ended_ns")) ? "exit not seen" : "still running");
}

static char *plural(uint64_t n, const char *one, const char *many)
{
    return xasprintf("%s %s", number_count(n).text, n == 1 ? one : many);
}

/* The newest node of the first process's pid: it may have gone on by exec. */
static const json_t *first_program(const json_t *processes)
{
    const json_t *last = json_array_get(processes, 0);
    uint64_t pid = get_number(last, "pid");
    for (size_t i = 1; i < json_array_size(processes); i++)
        if (pid && get_number(json_array_get(processes, i), "pid") == pid)
            last = json_array_get(processes, i);
    return last;
}

static void page_head(const struct page *p)
{
    const json_t *processes = get(p->doc, "processes"), *first = json_array_get(processes, 0);
    bool live = json_is_true(get(p->metadata, "live"));
    const char *command = get_text(p->metadata, "command");
    uint64_t duration_ns = get_number(p->metadata, "duration_ns"), at_ns = get_number(p->metadata, "at_ns");
    const json_t *last = first_program(processes);
    uint64_t from_ns = 0, to_ns = duration_ns;  /* on the clock of all other times here */
    if (!live && json_is_integer(get(last, "ended_ns")) && get_number(last, "ended_ns") >= get_number(first, "started_ns")) {
        from_ns = get_number(first, "started_ns");
        to_ns = get_number(last, "ended_ns");
    }
    char *exit = json_array_size(processes) ? exit_text(last) : xstrdup("no process seen");
    char *count = plural(json_array_size(processes), "process", "processes");
    char *threads = plural(get_number(p->doc, "threads_total"), "thread", "threads");
    char *events = plural(get_number(get(p->doc, "events"), "recorded"), "event", "events");
    char *when = json_is_false(get(p->metadata, "at_end"))
        ? xasprintf("as it was at %s of %s", number_time(at_ns).text, number_time(duration_ns).text)
        : live ? xasprintf("%s, last event at %s", exit, number_time(at_ns).text)
               : xasprintf("ran %s from %s on, %s", number_time(to_ns - from_ns).text, number_time(from_ns).text, exit);
    char *text = xasprintf("%s; %s, %s, %s", when, count, threads, events);
    struct line l;
    line_begin(&l, p->out, p->style);
    line_look(&l, LOOK_HEAD);
    line_format(&l, "ownscope: %s", *command ? command : "(command not known)");
    line_end(&l);
    line_wrapped(p->out, p->style, LOOK_PLAIN, 2, 4, text);
    if (p->style->brief && *get_text(p->metadata, "trace")) {
        line_format(&l, "  trace: %s", get_text(p->metadata, "trace"));
        line_end(&l);
    }
    if (*get_text(p->metadata, "trigger")) {
        char *trigger = xasprintf("written for: %s", get_text(p->metadata, "trigger"));
        line_wrapped(p->out, p->style, LOOK_PLAIN, 2, 4, trigger);
        free(trigger);
    }
    free(exit), free(when), free(count), free(threads), free(events), free(text);
}

/* ---- totals ---- */

static void total(const struct page *p, const char *label, const char *value, char *note)
{
    struct line l;
    line_begin(&l, p->out, p->style);
    line_to(&l, 2);
    line_left(&l, 14, label);
    line_look(&l, LOOK_NUMBER);
    line_right(&l, 14, value);
    line_look(&l, LOOK_PLAIN);
    if (note)
        line_format(&l, "  %s", note);
    line_end(&l);
    free(note);
}

static struct number sum_text(uint64_t n, bool bytes) { return bytes ? number_bytes(n) : number_count(n); }

/* "~34.1 MiB ± 2.2 MiB" of an estimate, else the number. */
static char *sum_with_error(const json_t *sums, const char *key, bool bytes)
{
    struct number value = sum_text(get_number(sums, key), bytes);
    if (!json_is_integer(get(get(sums, "error"), key)))
        return xstrdup(value.text);
    return xasprintf("~%s ± %s", value.text, sum_text(get_number(get(sums, "error"), key), bytes).text);
}

/* A sum of the totals; where it is an estimate, with what it may be off before the note. */
static void total_sum(const struct page *p, const char *label, const char *key, bool bytes, char *note)
{
    const json_t *error = get(get(p->totals, "error"), key);
    char *value = xasprintf("%s%s", json_is_integer(error) ? "~" : "", sum_text(get_number(p->totals, key), bytes).text);
    if (json_is_integer(error)) {
        char *more = xasprintf("± %s%s%s", sum_text((uint64_t)json_integer_value(error), bytes).text, note ? "; " : "", note ? note : "");
        free(note);
        note = more;
    }
    total(p, label, value, note);
    free(value);
}

/* One whose error is not known. */
static void total_about(const struct page *p, const char *label, const char *key)
{
    char *value = xasprintf("%s%s", json_is_true(get(p->totals, "estimated")) ? "~" : "", number_count(get_number(p->totals, key)).text);
    total(p, label, value, NULL);
    free(value);
}

static char *moves_text(const json_t *moves)
{
    char *text = NULL;
    const char *key;
    json_t *n;
    json_object_foreach((json_t *)moves, key, n) {
        if (!json_integer_value(n))
            continue;
        char *more = xasprintf("%s%s%s %s", text ? text : "", text ? ", " : "", key, number_count((uint64_t)json_integer_value(n)).text);
        free(text);
        text = more;
    }
    return text;
}

static uint64_t moves_sum(const json_t *moves)
{
    uint64_t sum = 0;
    const char *key;
    json_t *n;
    json_object_foreach((json_t *)moves, key, n)
        sum += (uint64_t)json_integer_value(n);
    return sum;
}

static char *lost_text(const json_t *lost)
{
    char *text = moves_text(get(lost, "by_reason"));
    return text;
}

static void page_totals(const struct page *p)
{
    const json_t *t = p->totals, *moves = get(p->doc, "moves"), *lost = get(p->doc, "lost");
    uint64_t allocations = get_number(t, "allocations"), live = get_number(t, "live_blocks");
    struct line l;
    line_begin(&l, p->out, p->style);
    line_end(&l);
    char *asked = sum_with_error(t, "bytes_allocated", true), *blocks = sum_with_error(t, "live_blocks", false);
    total_sum(p, "allocations", "allocations", false, xasprintf("%s asked for", asked));
    total_sum(p, "releases", "frees", false, NULL);
    if (get_number(t, "reallocations"))
        total_about(p, "reallocations", "reallocations");
    if (!json_is_true(get(t, "estimated")))
        total_sum(p, "temporary", "temporary", false, !get_number(t, "temporary") ? NULL :
          xasprintf("%s, released before their thread's next one",
                    number_share(get_number(t, "temporary"), allocations).text));
    total_sum(p, "peak", "peak_bytes", true, xasprintf("at %s", number_time(get_number(t, "peak_ns")).text));
    total_sum(p, "still live", "live_bytes", true, xasprintf("in %s block%s", blocks, live == 1 ? "" : "s"));
    free(asked);
    free(blocks);
    if (get_number(t, "exec_blocks"))
        total(p, "gone by exec", number_bytes(get_number(t, "exec_bytes")).text,
              xasprintf("in %s blocks that were live at an exec", number_count(get_number(t, "exec_blocks")).text));
    if (get_number(t, "maps") || get_number(t, "mapped_bytes"))
        total(p, "mapped", number_bytes(get_number(t, "mapped_bytes")).text,
              xasprintf("peak %s; %s mapped, %s unmapped", number_bytes(get_number(t, "mapped_peak_bytes")).text,
                        number_count(get_number(t, "maps")).text, number_count(get_number(t, "unmaps")).text));
    const json_t *locks = get(p->doc, "locks"), *copies = get(p->doc, "copies");
    if (get_number(copies, "copies"))
        total(p, "copied", number_bytes(get_number(copies, "bytes")).text, xasprintf("in %s cop%s", number_count(get_number(copies, "copies")).text, get_number(copies, "copies") == 1 ? "y" : "ies"));
    if (get_number(locks, "lock_wait_ns") >= 1000000) {   /* less is no contention to speak of */
        const json_t *most = json_array_get(get(p->doc, "locks_top"), 0);
        total(p, "lock waits", number_count(get_number(locks, "lock_contended")).text,
              xasprintf("%s in all; %s for %s %s", number_time(get_number(locks, "lock_wait_ns")).text,
                        number_time(get_number(get(most, "wait_ns"), "total")).text, get_text(most, "kind"), get_text(most, "where")));
    }
    if (moves_sum(moves))
        total(p, "moves", number_about(json_is_true(get(t, "estimated")), number_count(moves_sum(moves))).text, moves_text(moves));
    total(p, "lost events", number_count(get_number(lost, "events")).text, lost_text(lost));
}

/* Stacks held against libunwind's, where that was asked for. */
static void page_verify(const struct page *p)
{
    const json_t *verify = get(p->doc, "verify_unwind");
    uint64_t different = get_number(verify, "different"), incomparable = get_number(verify, "incomparable");
    uint64_t without = get_number(verify, "processes_without_libunwind");
    if (!verify)
        return;
    char *by = moves_text(get(verify, "incomparable_by"));
    char *not_compared = incomparable ? xasprintf(", not comparable %s (%s)", number_count(incomparable).text, by) : xstrdup("");
    total(p, "verify-unwind", number_count(get_number(verify, "compared")).text,
          xasprintf("stacks held against libunwind's, different %s%s", number_count(different).text, not_compared));
    if (without)
        total(p, "", number_count(without).text, xasprintf("process%s without libunwind", without == 1 ? "" : "es"));
    if (different || without)
        total(p, "", "", xstrdup("ownscope events --type mark --json says which"));
    free(by), free(not_compared);
}

/* ---- findings ---- */

static void page_finding(const struct page *p, const json_t *f)
{
    uint64_t count = get_number(f, "count");
    struct shown shown = shown_plain(get(f, "stack"), 1);
    struct line l;
    line_begin(&l, p->out, p->style);
    line_look(&l, LOOK_WARN);
    line_format(&l, "  %s", get_text(f, "rule"));
    line_look(&l, LOOK_PLAIN);
    if (count > 1)
        line_format(&l, " %s times", number_count(count).text);
    if (json_array_size(get(f, "doubt")))
        line_text(&l, " (in doubt)");
    line_text(&l, " in ");
    line_stack(&l, get(f, "stack"), &shown);
    line_wrapped(p->out, p->style, LOOK_PLAIN, 4, 6, get_text(f, "message"));
}

static void page_leaks(const struct page *p)
{
    if (json_is_object(get(p->doc, "leaks")))
        table_leaks_brief(p->out, get(p->doc, "leaks"), p->style);
}

/* Leaks are told apart from what went wrong while it ran. */
static void page_findings(const struct page *p)
{
    const json_t *list = get(p->doc, "findings_top");
    size_t n = json_array_size(list), most = p->style->brief ? 5 : 20;
    json_t *by = json_copy((json_t *)get(p->doc, "findings"));
    json_object_del(by, "leak");
    char *by_rule = moves_text(by);
    uint64_t all = moves_sum(by);
    uint64_t suppressed = get_number(p->doc, "suppressed");
    json_decref(by);
    if (!n && !suppressed)
        return;
    char *title = suppressed ? xasprintf("Findings (%s%s%s suppressed)", n ? by_rule : "", n ? "; " : "", number_count(suppressed).text)
                             : xasprintf("Findings (%s)", by_rule);
    line_heading(p->out, p->style, title);
    free(by_rule), free(title);
    if (!n)
        return;
    uint64_t told = 0;
    for (size_t i = 0; i < n && i < most; i++) {
        page_finding(p, json_array_get(list, i));
        told += get_number(json_array_get(list, i), "findings");
    }
    struct line l;
    line_begin(&l, p->out, p->style);
    line_look(&l, LOOK_DIM);
    if (all > told)
        line_format(&l, "  and %s more; ownscope findings shows every stack", number_count(all - told).text);
    else
        line_text(&l, "  ownscope findings shows every stack");
    line_end(&l);
}

/* ---- places that matter ---- */

struct section {
    const char *key;        /* in report.top */
    const char *measure;    /* the number shown first */
    bool bytes;
    unsigned brief;         /* entries in the summary; 0: not there */
};

static const struct section sections[] = {
    { "peak", "peak_bytes", true, 3 },
    { "live", "live_bytes", true, 3 },
    { "temporary", "temporary", false, 2 },
    { "allocations", "allocations", false, 0 },
};

static char *section_title(const struct page *p, const struct section *s)
{
    const json_t *t = p->totals;
    bool about = json_is_true(get(t, "estimated"));
    if (!strcmp(s->key, "peak"))
        return xasprintf("Most memory at the peak (%s at %s)", number_about(about, number_bytes(get_number(t, "peak_bytes"))).text,
                         number_time(get_number(t, "peak_ns")).text);
    if (!strcmp(s->key, "live"))
        return xasprintf("Still live %s (%s in %s block%s)", json_is_true(get(p->metadata, "live")) ? "now" : "at the end",
                         number_about(about, number_bytes(get_number(t, "live_bytes"))).text,
                         number_about(about, number_count(get_number(t, "live_blocks"))).text, get_number(t, "live_blocks") == 1 ? "" : "s");
    if (!strcmp(s->key, "temporary"))
        return xasprintf("Most temporary allocations (%s)", number_count(get_number(t, "temporary")).text);
    return xasprintf("Most allocations (%s)", number_about(about, number_count(get_number(t, "allocations"))).text);
}

static uint64_t section_whole(const struct page *p, const struct section *s)
{
    return get_number(p->totals, s->measure);
}

/* The third column: what the first one is made of. */
static uint64_t entry_count(const struct section *s, const json_t *e)
{
    return get_number(e, !strcmp(s->key, "live") ? "live_blocks" : "allocations");
}

static void section_columns(const struct page *p, const struct section *s)
{
    struct line l;
    line_begin(&l, p->out, p->style);
    line_look(&l, LOOK_DIM);
    line_right(&l, 12, s->bytes ? "bytes" : s->key);
    if (json_is_true(get(p->totals, "estimated")))
        line_right(&l, 12, "±");
    line_right(&l, 8, "share");
    line_right(&l, 12, !strcmp(s->key, "live") ? "blocks" : !strcmp(s->key, "allocations") ? "bytes" : "allocations");
    line_text(&l, "  made by");
    line_end(&l);
}

static void entry(const struct page *p, const struct section *s, const json_t *e)
{
    uint64_t value = get_number(e, s->measure);
    bool calls = !strcmp(s->key, "allocations");
    struct line l;
    line_begin(&l, p->out, p->style);
    line_look(&l, LOOK_NUMBER);
    bool estimated = json_is_object(get(e, "error"));
    char *text = xasprintf("%s%s", estimated ? "~" : "", sum_text(value, s->bytes).text);
    line_right(&l, 12, text);
    free(text);
    line_look(&l, LOOK_PLAIN);
    if (estimated) {
        text = xasprintf("±%s", sum_text(get_number(get(e, "error"), s->measure), s->bytes).text);
        line_right(&l, 12, text);
        free(text);
    } else if (json_is_true(get(p->totals, "estimated"))) {
        line_right(&l, 12, "");
    }
    line_right(&l, 8, number_share(value, section_whole(p, s)).text);
    line_right(&l, 12, number_about(estimated, calls ? number_bytes(get_number(e, "bytes")) : number_count(entry_count(s, e))).text);
    line_text(&l, "  ");
    struct shown shown = shown_frames(get(e, "stack"), get(e, "shown"), SIZE_MAX);
    line_stack(&l, get(e, "stack"), &shown);
}

static void page_section(const struct page *p, const struct section *s)
{
    const json_t *list = get(get(p->doc, "top"), s->key);
    size_t n = json_array_size(list), most = p->style->brief ? s->brief : n;
    if (!n || !most)
        return;
    char *title = section_title(p, s);
    line_heading(p->out, p->style, title);
    section_columns(p, s);
    free(title);
    for (size_t i = 0; i < n && i < most; i++)
        entry(p, s, json_array_get(list, i));
}

/* ---- hand-offs, processes, coverage ---- */

static void page_handoffs(const struct page *p)
{
    const json_t *list = get(p->doc, "handoffs");
    size_t n = json_array_size(list), most = p->style->brief ? 2 : 5;
    uint64_t all = get_number(p->doc, "handoffs_total");
    if (!n)
        return;
    line_heading(p->out, p->style, "Hand-offs (made by one thread, dropped by another)");
    for (size_t i = 0; i < n && i < most; i++)
        table_handoff(p->out, json_array_get(list, i), p->style, p->style->brief ? 1 : 3);
    if (all > most) {
        struct line l;
        line_begin(&l, p->out, p->style);
        line_look(&l, LOOK_DIM);
        line_to(&l, 14);
        line_format(&l, "and %s more: ownscope threads", number_count(all - most).text);
        line_end(&l);
    }
}

static int busier(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    uint64_t n = get_number(x, "allocations"), m = get_number(y, "allocations");
    if (n != m)
        return n < m ? 1 : -1;
    return get_number(x, "started_ns") < get_number(y, "started_ns") ? -1 : 1;
}

/* How it ended, in a few letters. */
static char *end_text(const json_t *process)
{
    const json_t *exit = get(process, "exit");
    int number = (int)get_number(exit, "signal");
    if (json_is_integer(get(exit, "code")))
        return xasprintf("exit %llu", (unsigned long long)get_number(exit, "code"));
    if (number && sigabbrev_np(number))
        return xasprintf("SIG%s", sigabbrev_np(number));
    if (number)
        return xasprintf("signal %d", number);
    return xstrdup(json_is_integer(get(process, "ended_ns")) ? "not seen" : "running");
}

static void process_row(struct line *l, const json_t *process)
{
    char *exit = end_text(process);
    line_to(l, 2);
    line_left(l, 5, get_text(process, "id"));
    line_right(l, 8, number_plain(get_number(process, "pid")).text);
    line_text(l, "  ");
    line_left(l, 9, exit);
    line_look(l, LOOK_NUMBER);
    line_right(l, 12, number_count(get_number(process, "allocations")).text);
    line_look(l, LOOK_PLAIN);
    line_right(l, 11, number_bytes(get_number(process, "live_bytes")).text);
    const char *command = *get_text(process, "command") ? get_text(process, "command") : get_text(process, "exe");
    size_t folder = strcspn(command, " ");
    while (folder && command[folder - 1] != '/')
        folder--;
    line_format(l, "  %s", command + folder);
    line_end(l);
    free(exit);
}

/* Those that allocated most. */
static void page_processes(const struct page *p)
{
    const json_t *list = get(p->doc, "processes");
    size_t n = json_array_size(list), most = p->style->brief ? 5 : 15;
    if (n < 2)
        return;
    line_heading(p->out, p->style, "Processes");
    struct line l;
    line_begin(&l, p->out, p->style);
    line_look(&l, LOOK_DIM);
    line_text(&l, "  id         pid  end       allocations       live  command");
    line_end(&l);
    const json_t **order = xcalloc(n, sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = json_array_get(list, i);
    qsort(order, n, sizeof *order, busier);
    for (size_t i = 0; i < n && i < most; i++)
        process_row(&l, order[i]);
    free(order);
    if (n > most) {
        line_look(&l, LOOK_DIM);
        line_format(&l, "  and %zu more", n - most);
        line_end(&l);
    }
}

static void page_coverage(const struct page *p)
{
    const json_t *list = get(p->doc, "coverage");
    bool any = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (p->style->brief && (!strcmp(get_text(item, "kind"), "lines") || !strcmp(get_text(item, "kind"), "copies")))
            continue;
        if (!any)
            line_heading(p->out, p->style, "Not covered");
        any = true;
        char *text = xasprintf("%s: %s%s%s", get_text(item, "what"), get_text(item, "why"),
                               *get_text(item, "advice") ? "; " : "", get_text(item, "advice"));
        bool usual = !strcmp(get_text(item, "kind"), "lines") || !strcmp(get_text(item, "kind"), "copies");
        line_wrapped(p->out, p->style, usual ? LOOK_PLAIN : LOOK_WARN, 2, 4, text);
        free(text);
    }
}

/* "2.1%", "?" when it is not known. */
static void plan_value(char *to, size_t size, const json_t *part, const char *key)
{
    const json_t *v = json_object_get(part, key);
    if (!json_is_number(v))
        snprintf(to, size, "?");
    else if (!strcmp(key, "cpu"))
        snprintf(to, size, "%.2f%% CPU", 100 * json_number_value(v));
    else
        snprintf(to, size, "%s", number_count((uint64_t)json_number_value(v)).text);
}

static void plan_line(FILE *out, const json_t *plan)
{
    static const char *const keys[] = { "cpu", "events_per_s", "bytes_per_h" };
    char text[2][3][40];
    if (!plan)
        return;
    for (unsigned i = 0; i < 3; i++) {
        plan_value(text[0][i], sizeof text[0][i], get(plan, "promised"), keys[i]);
        plan_value(text[1][i], sizeof text[1][i], get(plan, "real"), keys[i]);
    }
    fprintf(out, "\nPlan: promised at most %s, about %s events/s, %s bytes of trace an hour; it was %s, %s, %s\n", text[0][0], text[0][1], text[0][2],
            text[1][0], text[1][1], text[1][2]);
}

void table_report(FILE *out, const json_t *doc, const struct table_style *s)
{
    struct page p = { out, s, doc, get(doc, "totals"), get(doc, "metadata") };
    page_head(&p);
    page_totals(&p);
    page_verify(&p);
    plan_line(out, get(doc, "plan"));
    table_control(out, get(doc, "control"), s);
    page_findings(&p);
    page_leaks(&p);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        page_section(&p, &sections[i]);
    page_handoffs(&p);
    page_processes(&p);
    page_coverage(&p);
}
