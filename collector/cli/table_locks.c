/*
 * collector/cli/table_locks.c - `ownscope locks`: first who waits for whom,
 * then orders that close a circle, then the locks by what was waited for them.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_group.h"
#include "cli/table_line.h"
#include "event/xalloc.h"

enum { WIDE = 110, LOCKS_MAX = 20, MEETINGS_MAX = 5, WAITED_MAX = 5, SITES_MAX = 4, SITE_FRAMES = 2, CLASSES_MAX = 10, CYCLES_MAX = 10, HELD_MAX = 20, FRAMES = 4,
       GUARDS_MAX = 3, STACK_COLUMN = 18 };

static void stack_line(FILE *out, const struct table_style *s, const char *label, const json_t *stack)
{
    struct shown shown = shown_frames(stack, NULL, FRAMES);
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_to(&l, 6);
    line_text(&l, label);
    line_to(&l, STACK_COLUMN);
    line_look(&l, LOOK_PLAIN);
    line_stack(&l, stack, &shown);
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

/* "mutex app:queue_lock" */
static char *lock_text(const json_t *lock)
{
    return xasprintf("%s %s", get_text(lock, "kind"), get_text(lock, "where"));
}

/* ---- who waits for whom ---- */

static void waiting_thread(FILE *out, const json_t *t, uint64_t at_ns, const struct table_style *s)
{
    uint64_t since_ns = get_number(t, "since_ns");
    const char *name = get_text(t, "name");
    char *text = xasprintf("%s%s%s%s holds %s %s and waits for %s %s, for %s now", get_text(t, "thread"), *name ? " (" : "", name, *name ? ")" : "",
                           get_text(t, "holds_kind"), get_text(t, "holds_where"), get_text(t, "waits_kind"), get_text(t, "waits_where"),
                           number_time(at_ns > since_ns ? at_ns - since_ns : 0).text);
    line_wrapped(out, s, LOOK_WARN, 2, 4, text);
    free(text);
    stack_line(out, s, "taken at", get(t, "stack_held"));
    stack_line(out, s, "waits at", get(t, "stack_waited"));
}

static void deadlocks(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "deadlocks"), *metadata = get(doc, "metadata");
    uint64_t at_ns = get_number(metadata, json_is_true(get(metadata, "live")) && json_is_true(get(metadata, "at_end")) ? "duration_ns" : "at_ns");
    for (size_t i = 0; i < json_array_size(list) && i < CYCLES_MAX; i++) {
        const json_t *deadlock = json_array_get(list, i), *threads = get(deadlock, "threads");
        char *title = xasprintf("Deadlock in %s: %zu threads wait for each other", get_text(deadlock, "process"), json_array_size(threads));
        line_heading(out, s, title);
        free(title);
        for (size_t k = 0; k < json_array_size(threads); k++)
            waiting_thread(out, json_array_get(threads, k), at_ns, s);
    }
    more(out, s, json_array_size(list), CYCLES_MAX);
}

static void order(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "order");
    for (size_t i = 0; i < json_array_size(list) && i < CYCLES_MAX; i++) {
        const json_t *one = json_array_get(list, i), *cycle = get(one, "cycle");
        line_heading(out, s, json_is_true(get(one, "by_class"))
            ? "Lock order: locks of these origins were taken in an order that closes a circle"
            : json_array_size(get(doc, "deadlocks")) ? "Lock order: taken in an order that closes a circle"
            : "Lock order: taken in an order that closes a circle, a deadlock yet to happen");
        for (size_t k = 0; k < json_array_size(cycle); k++) {
            const json_t *e = json_array_get(cycle, k);
            uint64_t count = get_number(e, "count");
            char *text = xasprintf("%s took %s while it held %s%s%s%s", get_text(e, "thread"), get_text(e, "then_where"), get_text(e, "where"),
                                   count > 1 ? ", " : "", count > 1 ? number_count(count).text : "", count > 1 ? " times" : "");
            line_wrapped(out, s, LOOK_WARN, 2, 4, text);
            free(text);
            stack_line(out, s, "held at", get(e, "stack_held"));
            stack_line(out, s, "taken at", get(e, "stack_taken"));
        }
    }
    more(out, s, json_array_size(list), CYCLES_MAX);
}

/* ---- held and waited for now ---- */

static void held_row(FILE *out, const json_t *lock, const json_t *who, const char *verb, uint64_t at_ns, const struct table_style *s)
{
    uint64_t since_ns = get_number(who, "since_ns");
    struct shown shown = shown_frames(get(who, "stack"), NULL, 1);
    char *name = lock_text(lock);
    struct line l;
    line_begin(&l, out, s);
    line_format(&l, "  %s %s %s for %s, at ", get_text(who, "thread"), verb, name, number_time(at_ns > since_ns ? at_ns - since_ns : 0).text);
    line_stack(&l, get(who, "stack"), &shown);
    free(name);
}

static void held(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "locks"), *metadata = get(doc, "metadata");
    uint64_t at_ns = get_number(metadata, json_is_true(get(metadata, "live")) && json_is_true(get(metadata, "at_end")) ? "duration_ns" : "at_ns");
    size_t shown = 0, all = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *lock = json_array_get(list, i);
        const json_t *groups[] = { get(lock, "sharers"), get(lock, "waiters") };
        static const char *const verbs[] = { "reads", "waits for" };
        bool has = json_is_object(get(lock, "holder"));
        if (!has && !json_array_size(groups[0]) && !json_array_size(groups[1]))
            continue;
        if (!all++)
            line_heading(out, s, json_is_true(get(metadata, "at_end")) && !json_is_true(get(metadata, "live")) ? "Held and waited for at the end" : "Held and waited for now");
        if (shown >= HELD_MAX)
            continue;
        shown++;
        if (has)
            held_row(out, lock, get(lock, "holder"), "holds", at_ns, s);
        for (size_t g = 0; g < 2; g++)
            for (size_t k = 0; k < json_array_size(groups[g]) && k < HELD_MAX; k++)
                held_row(out, lock, json_array_get(groups[g], k), verbs[g], at_ns, s);
    }
    more(out, s, all, shown);
}

/* ---- locks by time ---- */

static void columns_head(FILE *out, const struct table_style *s, const char *last)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_right(&l, 9, "acquired");
    line_right(&l, 10, "contended");
    line_right(&l, 10, "waited");
    if (s->width >= WIDE) {
        line_right(&l, 10, "longest");
        line_right(&l, 10, "held");
    }
    line_right(&l, 10, "held p50");
    line_right(&l, 9, "p99");
    if (s->width >= WIDE)
        line_right(&l, 10, "longest");
    line_format(&l, "  %s", last);
    line_end(&l);
}

/* Of what happened since a moment the longest and the percentiles may not be known. */
static struct number time_known(const json_t *times, const char *key)
{
    return get_number(times, "count") && json_is_integer(get(times, key)) ? number_time(get_number(times, key)) : (struct number){ "-" };
}

static void times(struct line *l, const json_t *lock, const struct table_style *s)
{
    const json_t *wait = get(lock, "wait_ns"), *hold = get(lock, "hold_ns");
    line_look(l, LOOK_NUMBER);
    bool estimated = json_is_object(get(lock, "error"));
    line_right(l, 9, number_about(estimated, number_short(get_number(lock, "acquisitions"))).text);
    line_look(l, LOOK_PLAIN);
    line_right(l, 10, number_about(estimated, number_short(get_number(lock, "contended"))).text);
    line_right(l, 10, time_known(wait, "total").text);
    if (s->width >= WIDE) {
        line_right(l, 10, time_known(wait, "max").text);
        line_right(l, 10, time_known(hold, "total").text);
    }
    line_right(l, 10, time_known(hold, "p50").text);
    line_right(l, 9, time_known(hold, "p99").text);
    if (s->width >= WIDE)
        line_right(l, 10, time_known(hold, "max").text);
    line_text(l, "  ");
}

/* What threads meet at or signal by: waiting there is no contention. */
static bool is_meeting(const json_t *lock)
{
    static const char *const kinds[] = { "cond", "cnd", "barrier", "sem" };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(get_text(lock, "kind"), kinds[i]))
            return true;
    return false;
}

/* The first rows of one sort. */
static void locks(FILE *out, const json_t *doc, const struct table_style *s, bool meetings)
{
    const json_t *list = get(doc, "locks");
    size_t all = 0, most = meetings ? MEETINGS_MAX : LOCKS_MAX;
    struct line l;
    line_begin(&l, out, s);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *lock = json_array_get(list, i);
        if (is_meeting(lock) != meetings || all++ >= most)
            continue;
        if (all == 1) {
            line_heading(out, s, meetings ? "Conditions, barriers, semaphores" : "Locks");
            columns_head(out, s, meetings ? "" : "lock");
        }
        times(&l, lock, s);
        line_format(&l, "%s %s %s", get_text(lock, "id"), get_text(lock, "kind"), get_text(lock, "where"));
        line_end(&l);
    }
    more(out, s, all, all < most ? all : most);
}

static void site_times(const json_t *site, uint64_t value[2])
{
    value[0] = get_number(site, "acquisitions");
    value[1] = get_number(get(site, "wait_ns"), "total");
}

/* Where those that were waited for are taken, and what they guard. */
static void waited_lock(FILE *out, const json_t *lock, const struct table_style *s)
{
    const json_t *wait = get(lock, "wait_ns"), *guards = get(lock, "guards");
    char *name = lock_text(lock);
    char *text = xasprintf("%s: waited for %s in all, in %s of %s acquisitions%s", name, number_time(get_number(wait, "total")).text,
                           number_count(get_number(lock, "contended")).text, number_count(get_number(lock, "acquisitions")).text,
                           json_is_true(get(lock, "sites_of_class")) ? "; taken and waited, with others of its origin, by" : "; taken and waited by");
    line_wrapped(out, s, LOOK_PLAIN, 2, 4, text);
    free(name), free(text);
    struct line l;
    line_begin(&l, out, s);
    size_t n;
    struct site_group *groups = site_groups(get(lock, "sites"), (const char *const[]){ "stack", NULL }, SITE_FRAMES, site_times, &n);
    for (size_t i = 0; i < n && i < SITES_MAX; i++) {
        const json_t *stack = get(groups[i].site, "stack");
        struct shown shown = shown_frames(stack, NULL, SITE_FRAMES);
        line_look(&l, LOOK_NUMBER);
        line_right(&l, 11, number_short(groups[i].value[0]).text);
        line_look(&l, LOOK_PLAIN);
        line_right(&l, 10, groups[i].value[1] ? number_time(groups[i].value[1]).text : "-");
        line_text(&l, "  ");
        line_stack(&l, stack, &shown);
    }
    free(groups);
    for (size_t i = 0; i < json_array_size(guards) && i < GUARDS_MAX; i++) {
        const json_t *guard = json_array_get(guards, i);
        struct shown shown = shown_frames(get(guard, "stack"), NULL, 2);
        line_format(&l, "    guards %s block%s made at ", number_count(get_number(guard, "blocks")).text, get_number(guard, "blocks") == 1 ? "" : "s");
        line_stack(&l, get(guard, "stack"), &shown);
    }
}

static void waited(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "locks");
    for (size_t i = 0; i < json_array_size(list) && i < WAITED_MAX; i++) {
        const json_t *lock = json_array_get(list, i);
        if (!get_number(lock, "contended") || is_meeting(lock))
            break;
        if (!i)
            line_heading(out, s, "Waited for longest");
        waited_lock(out, lock, s);
    }
}

/* Locks of one origin, where there are several. */
static void classes(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "classes");
    size_t rows = 0, all = 0;
    struct line l;
    line_begin(&l, out, s);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *class = json_array_get(list, i);
        const json_t *stack = json_is_array(get(class, "init_stack")) ? get(class, "init_stack") : get(class, "block_stack");
        if (get_number(class, "locks") < 2 || all++ >= CLASSES_MAX)
            continue;
        if (!rows++) {
            line_heading(out, s, "Locks of one origin");
            columns_head(out, s, "locks");
        }
        struct shown shown = shown_frames(stack, NULL, 1);
        times(&l, class, s);
        line_format(&l, "%s %s", number_count(get_number(class, "locks")).text, get_text(class, "kind"));
        line_end(&l);
        line_look(&l, LOOK_DIM);
        line_text(&l, json_is_array(get(class, "init_stack")) ? "     set up at " : "     in blocks made at ");
        line_look(&l, LOOK_PLAIN);
        line_stack(&l, stack, &shown);
    }
    more(out, s, all, rows);
}

static const char *const missed_for[] = { "lost", "locks", NULL };

void table_locks(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *t = get(doc, "totals");
    uint64_t count = get_number(json_is_integer(get(doc, "since_ns")) ? doc : t, json_is_integer(get(doc, "since_ns")) ? "locks_total" : "locks");
    uint64_t wait_ns = get_number(t, "lock_wait_ns"), waiting = get_number(t, "waiting_now");
    const json_t *error = get(t, "error");
    bool estimated = json_is_object(error);
    char *text = xasprintf("%s lock%s, %s acquisition%s, %s contended%s%s%s%s%s", number_count(count).text, count == 1 ? "" : "s",
                           number_about(estimated, number_count(get_number(t, "acquisitions"))).text, get_number(t, "acquisitions") == 1 ? "" : "s",
                           number_about(estimated, number_count(get_number(t, "lock_contended"))).text, wait_ns ? "; threads waited " : "",
                           wait_ns ? number_time(wait_ns).text : "", wait_ns ? " for locks" : "", waiting ? "; waiting now: " : "",
                           waiting ? number_count(waiting).text : "");
    line_wrapped(out, s, LOOK_HEAD, 0, 2, text);
    free(text);
    if (json_is_object(error)) {
        text = xasprintf("estimated from samples: ±%s acquisitions, ±%s contended", number_count(get_number(error, "acquisitions")).text,
                         number_count(get_number(error, "contended")).text);
        line_wrapped(out, s, LOOK_DIM, 2, 4, text);
        free(text);
    }
    deadlocks(out, doc, s);
    order(out, doc, s);
    held(out, doc, s);
    locks(out, doc, s, false);
    waited(out, doc, s);
    locks(out, doc, s, true);
    classes(out, doc, s);
    table_not_covered(out, doc, s, missed_for);
}
