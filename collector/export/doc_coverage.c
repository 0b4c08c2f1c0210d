/*
 * collector/export/doc_coverage.c - what a document does not know, and why.
 *
 * Every item is {"kind","what","why"} and, where something can be done about
 * it, "advice". Kinds: `nothing` (no event, no allocation), `lost` (events),
 * `drops` (releases that do not fit), `file` (the trace), `process`, `stacks`,
 * `names` (code without names), `lines` (code without files and lines), `locks`
 * (those that are not seen), `copies` (those that are not recorded), `order`
 * (what may or may not be ordered), `classes` (leak classes that are not known,
 * or not surely), `sampled`, `unrecorded`, `control` (doc_sampling.c). Nothing to say is an empty array.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/doc_leaks.h"
#include "export/doc_sampling.h"
#include "export/text.h"
#include "wire/segment.h"

static void add(json_t *list, const char *kind, char *what, const char *why, const char *advice)
{
    json_t *item = json_object();
    json_object_set_new(item, "kind", json_string(kind));
    json_object_set_new(item, "what", text_json_string(what));
    json_object_set_new(item, "why", text_json_string(why));
    if (advice)
        json_object_set_new(item, "advice", text_json_string(advice));
    json_array_append_new(list, item);
    free(what);
}

static char *counted(uint64_t n, const char *one, const char *many)
{
    return xasprintf("%llu %s", (unsigned long long)n, n == 1 ? one : many);
}

static void nothing_seen(json_t *list, const struct view *v)
{
    if (v->by_fact[FACT_NEW])
        return;
    if (!v->events)
        add(list, "nothing", xstrdup("nothing was seen"),
            "no event arrived: no traced program started (static and setuid programs ignore LD_PRELOAD)",
            "trace a dynamically linked build, or the program that starts it");
    else if (v->cover.without_ns[0] || !(v->cover.bits & EVENT_COVER_MEMORY))
        add(list, "nothing", xstrdup("no allocation was recorded"),
            "memory was not recorded, or not all of it: what the program allocated then is not known",
            "record all of it: `ownscope ctl start`, without rules");
    else
        add(list, "nothing", xstrdup("no allocation was seen"),
            "the program ran under trace but never called the C library's allocator: it has an allocator of its own, or needed none",
            "link the program against the C library's malloc, or mark its allocator with ownscope.h");
}

static void lost_events(json_t *list, const struct view *v)
{
    static const struct { const char *why, *advice; } text[WIRE_LOST_REASONS] = {
        [WIRE_LOST_RING_FULL] = { "rings were full: the collector was alive and too slow", "use --on-full wait, or a longer --wait-ms" },
        [WIRE_LOST_NO_COLLECTOR] = { "the collector was dead or stopped", NULL },
        [WIRE_LOST_NO_SLOT] = { "a new thread found no free ring", NULL },
        [WIRE_LOST_NESTED] = { "a signal handler did something while its thread was recording", NULL },
        [WIRE_LOST_TORN] = { "a ring held what no writer of ours writes: the program overwrote it", NULL },
        [WIRE_LOST_COLLECTOR_DIED] = { "a collector died before it wrote them", NULL },
    };
    for (unsigned i = 0; i < WIRE_LOST_REASONS; i++)
        if (v->lost[i])
            add(list, "lost", counted(v->lost[i], "event was lost", "events were lost"), text[i].why, text[i].advice);
}

static void drops(json_t *list, const struct view *v)
{
    if (v->totals.unseen_drops)
        add(list, "drops", counted(v->totals.unseen_drops, "release was not seen", "releases were not seen"),
            "the address was given out again: a library releases memory past the preloaded functions, or the event was lost",
            NULL);
    if (v->totals.unknown_drops)
        add(list, "drops", counted(v->totals.unknown_drops, "release of unknown memory", "releases of unknown memory"),
            "nothing traced lived there: made before tracing began or past the preloaded functions, or dropped twice", NULL);
}

static void file_state(json_t *list, const struct doc_context *c)
{
    if (c->events_before)
        add(list, "file", xasprintf("the file begins at event %llu, %.3f s after the start", (unsigned long long)c->events_before + 1,
                                    (double)c->begins_ns / 1e9),
            "the run's trace is bounded: totals are of the whole run, but single events before that are not in this file", NULL);
    if (c->damage)
        add(list, "file", xstrdup("the trace was read only in part"), c->damage, NULL);
    if (c->torn_bytes)
        add(list, "file", counted(c->torn_bytes, "byte at the trace's end could not be used", "bytes at the trace's end could not be used"),
            "the file was cut off: its collector was killed, or the disk was full", NULL);
    else if (!c->complete && !c->live && c->trace_path && !c->trigger)
        add(list, "file", xstrdup("the end of the session is missing"),
            "the collector was killed, or is still writing this trace", NULL);
    if (c->unwritten_events)
        add(list, "file", counted(c->unwritten_events, "event is not in the trace", "events are not in the trace"),
            "the file could not be written any further (disk full?)", NULL);
}

/* Adds a name to a list of which the first few are spelled out. */
static void name_more(char **names, size_t *n, char *name)
{
    enum { NAMED = 4 };
    if ((*n)++ < NAMED) {
        char *more = xasprintf("%s%s%s", *names ? *names : "", *names ? ", " : "", name);
        free(*names);
        *names = more;
    }
    free(name);
}

static char *names_end(char *names, size_t n)
{
    enum { NAMED = 4 };
    if (n <= NAMED)
        return names;
    char *more = xasprintf("%s and %zu more", names, n - NAMED);
    free(names);
    return more;
}

static bool lost_by_exec(const struct view_process *p) { return p->untraced_image; }
static bool runs_on(const struct view_process *p) { return !p->untraced_image && !p->ended; }

static void processes_that(json_t *list, const struct view *v, bool (*test)(const struct view_process *),
                           const char *what, const char *why)
{
    char *names = NULL;
    size_t n = 0;
    for (size_t i = 0; i < v->n_processes; i++)
        if (test(&v->processes[i]))
            name_more(&names, &n, xasprintf("p%u (pid %u)", v->processes[i].id, v->processes[i].pid));
    names = names_end(names, n);
    if (n)
        add(list, "process", xasprintf("%s: %s", what, names), why, NULL);
    free(names);
}

static void processes(json_t *list, const struct view *v, const struct doc_context *c)
{
    processes_that(list, v, lost_by_exec, "not traced after an exec",
                   "the new program never spoke up: it is static, setuid, of another architecture, or was started without LD_PRELOAD");
    if (c->complete && !c->live && !c->earlier)
        processes_that(list, v, runs_on, "still running at the end of the session", "what was done later is not in the trace");
}

/* Processes with blocks alive, by what keeps their classes unknown. */
static void leak_classes(json_t *list, const struct view *v, const struct doc_context *c)
{
    size_t n;
    struct leak_gap *gaps = leak_gaps(v, &n);
    char **why = xcalloc(n + 1, sizeof *why);
    for (size_t i = 0; i < n; i++)
        why[i] = doc_leaks_gap(&gaps[i], c);
    for (size_t i = 0; i < n; i++) {
        char *names = NULL;
        size_t named = 0;
        for (size_t k = i; gaps[i].process && k < n; k++)
            if (gaps[k].process && (k == i || !strcmp(why[i], why[k]))) {
                name_more(&names, &named, xasprintf("p%u (pid %u)", gaps[k].process->id, gaps[k].process->pid));
                if (k > i)
                    gaps[k].process = NULL;
            }
        names = names_end(names, named);
        if (named)
            add(list, "classes", xasprintf("leak classes unknown: %s", names), why[i], NULL);
        free(names);
    }
    for (size_t i = 0; i < n; i++)
        free(why[i]);
    free(why);
    free(gaps);
}

/* Classes that are known, but not surely so. */
static void leak_doubts(json_t *list, const struct view *v)
{
    for (size_t i = 0; i < v->n_snapshots; i++) {
        const struct snapshot *s = v->snapshots[i];
        if (s->first && (s->stacks_unknown || s->refused))
            add(list, "classes", xasprintf("leak classes in doubt: p%u (pid %u)", s->process, s->pid),
                s->refused ? s->refused : "the stacks and registers of some threads could not be read: what only they hold counts as lost", NULL);
    }
}

static void stacks_mode(json_t *list, const struct doc_context *c)
{
    if (!c->meta || c->meta->stacks == WIRE_STACKS_FULL)
        return;
    add(list, "stacks", xstrdup(c->meta->stacks == WIRE_STACKS_NONE ? "no stacks" : "only the innermost frame of each stack"),
        "the session ran with --stacks none or caller", "run with --stacks full");
}

/* "worker (queue.c:12)": the innermost frame that tells something. */
static char *place_text(struct frames *f, uint32_t stack)
{
    const struct frame_place *places;
    uint32_t shown;
    size_t n = frames_places(f, frames_view_stack(f, stack), 0, &places);
    if (!frames_telling(places, n, 1, &shown))
        return NULL;
    const struct frame_place *p = &places[shown];
    const char *path = p->file ? p->file : p->module ? p->module : "?", *slash = strrchr(path, '/');
    path = slash && slash[1] ? slash + 1 : path;
    if (!p->function)
        return xasprintf("0x%llx in %s", (unsigned long long)p->offset, path);
    return p->file && p->line ? xasprintf("%s (%s:%u)", p->function, path, p->line) : xasprintf("%s (%s)", p->function, path);
}

static void futexes(json_t *list, const struct view *v, struct frames *f)
{
    if (!v->futex_threads)
        return;
    char *first = v->futex_stack ? place_text(f, v->futex_stack) : NULL;
    char *why = xasprintf("locks built on futexes, such as Rust's std or std::atomic::wait, are not seen%s%s",
                          first ? ": first at " : "", first ? first : "");
    add(list, "locks", counted(v->futex_threads, "thread calls futex itself", "threads call futex themselves"), why, NULL);
    free(first);
    free(why);
}

static void locks_and_order(json_t *list, const struct view *v, struct frames *f)
{
    futexes(list, v, f);
    if (v->locks_left_out)
        add(list, "locks", counted(v->locks_left_out, "lock is not listed", "locks are not listed"),
            "there are more than are kept apart; their classes have their sums", NULL);
    if (v->unordered_withheld)
        add(list, "order", counted(v->unordered_withheld, "borrow without a seen order was not reported", "borrows without a seen order were not reported"),
            "their threads synchronise, or may, by what is not seen: atomics, counts of owners, pipes, futexes and locks built on them (of Rust, OpenMP, GLib, Qt)", NULL);
    if (v->bounds_withheld)
        add(list, "copies", counted(v->bounds_withheld, "copy beyond a block's size was not reported", "copies beyond a block's size were not reported"),
            "the program asks so often how much of its blocks is usable (malloc_usable_size) that the answers are not recorded", NULL);
    if (v->operators_withheld)
        add(list, "drops", counted(v->operators_withheld, "drop by another family was not reported", "drops by another family were not reported"),
            "a C++ library was linked into the code, and its operators new and delete are not seen, only what they call", NULL);
    if (v->drops_withheld)
        add(list, "drops", counted(v->drops_withheld, "finding about a block was not reported", "findings about blocks were not reported"),
            "its process has blocks that were made or released where nobody sees it", NULL);
}

/* The value of an option in the session's own list of them; "" for none. */
static const char *option_value(const struct doc_context *c, const char *option)
{
    const char *at = c->meta && c->meta->options ? strstr(c->meta->options, option) : NULL;
    return at ? at + strlen(option) : "";
}

static void not_recorded(json_t *list, const struct doc_context *c)
{
    const char *copies = option_value(c, "--copies ");
    unsigned long long least = strtoull(copies, NULL, 10);
    if (!strncmp(option_value(c, "--locks "), "off", 3))
        add(list, "locks", xstrdup("no locks"), "the session ran with --locks off", "run with --locks on");
    if (!strncmp(copies, "off", 3))
        add(list, "copies", xstrdup("no copies"), "the session ran with --copies off", "run with --copies 256");
    else if (least > 1)
        add(list, "copies", xasprintf("copies of fewer than %llu bytes", least), "they are not recorded (--copies)", "run with --copies 1");
}

static void modules_in(json_t *list, struct frames *f, enum symbols_state wanted,
                       const char *what, const char *why, const char *advice)
{
    char *names = NULL;
    size_t n = 0;
    for (size_t i = 0; i < frames_modules(f); i++) {
        enum symbols_state state;
        const struct code_module *m = frames_module(f, i, &state);
        if (state == wanted && *m->path && *m->path != '[')
            name_more(&names, &n, xstrdup(m->path));
    }
    names = names_end(names, n);
    if (n)
        add(list, wanted == SYMBOLS_TABLE ? "lines" : "names", xasprintf("%s: %s", what, names), why, advice);
    free(names);
}

json_t *doc_coverage(const struct view *v, const struct doc_context *c, struct frames *f)
{
    json_t *list = json_array();
    nothing_seen(list, v);
    lost_events(list, v);
    file_state(list, c);
    processes(list, v, c);
    drops(list, v);
    doc_sampling_coverage(list, v);
    leak_classes(list, v, c);
    leak_doubts(list, v);
    stacks_mode(list, c);
    locks_and_order(list, v, f);
    not_recorded(list, c);
    modules_in(list, f, SYMBOLS_NO_FILE, "no names for code in", "the file is not there any more", NULL);
    modules_in(list, f, SYMBOLS_OTHER_BUILD, "no names for code in",
               "the file there has another build-id: it was rebuilt or updated since", "trace it again");
    modules_in(list, f, SYMBOLS_NO_SYMBOLS, "no names for code in", "it has no symbols: stripped",
               "install its debug symbols");
    modules_in(list, f, SYMBOLS_TABLE, "no file and line in", "it has no debug data", "install its debug symbols, or build with -g");
    return list;
}
