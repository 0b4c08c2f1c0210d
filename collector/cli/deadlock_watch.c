/*
 * collector/cli/deadlock_watch.c - see deadlock_watch.h.
 */
#include "cli/deadlock_watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cli/message.h"
#include "cli/table_line.h"
#include "event/xalloc.h"
#include "export/doc.h"
#include "serve/collector.h"

enum { TOLD_MAX = 1000, THREADS_NAMED = 4 };

struct deadlock_watch {
    struct collector *collector;
    struct symbols *symbols;
    pthread_t thread;
    uint64_t told[TOLD_MAX];
    size_t n_told;
};

/* ", taken in take_a (x.c:3)" */
static char *place(const char *words, const json_t *stack)
{
    struct shown shown = shown_frames(stack, NULL, 1);
    if (!shown.count)
        return xstrdup("");
    char *frame = frame_text(json_array_get(stack, shown.index[0]), 60, false), *text = xasprintf("%s%s", words, frame);
    free(frame);
    return text;
}

static char *waiting_text(const json_t *t)
{
    const char *name = get_text(t, "name");
    char *held = place(", taken in ", get(t, "stack_held")), *waited = place(" in ", get(t, "stack_waited"));
    char *text = xasprintf("%s%s%s%s holds %s %s%s, and waits for %s %s%s", get_text(t, "thread"), *name ? " (" : "", name, *name ? ")" : "",
                           get_text(t, "holds_kind"), get_text(t, "holds_where"), held, get_text(t, "waits_kind"), get_text(t, "waits_where"), waited);
    free(held);
    free(waited);
    return text;
}

char *deadlock_text(const json_t *deadlock)
{
    const json_t *threads = get(deadlock, "threads");
    size_t n = json_array_size(threads);
    char *text = xstrdup("");
    for (size_t i = 0; i < n && i < THREADS_NAMED; i++) {
        char *one = waiting_text(json_array_get(threads, i)), *more = xasprintf("%s%s%s", text, i ? "; " : "", one);
        free(one);
        free(text);
        text = more;
    }
    if (n > THREADS_NAMED) {
        char *more = xasprintf("%s; and %zu threads more", text, n - THREADS_NAMED);
        free(text);
        text = more;
    }
    return text;
}

/* The same for one circle, wherever it is entered. */
static uint64_t circle_hash(const json_t *deadlock)
{
    const json_t *threads = get(deadlock, "threads");
    uint64_t sum = json_array_size(threads);
    for (size_t i = 0; i < json_array_size(threads); i++) {
        const json_t *t = json_array_get(threads, i);
        char *edge = xasprintf("%s %s %s %llu", get_text(t, "thread"), get_text(t, "holds"), get_text(t, "waits"), (unsigned long long)get_number(t, "since_ns"));
        sum += XXH3_64bits(edge, strlen(edge));
        free(edge);
    }
    return sum;
}

static bool told_before(struct deadlock_watch *w, uint64_t hash)
{
    for (size_t i = 0; i < w->n_told; i++)
        if (w->told[i] == hash)
            return true;
    if (w->n_told == TOLD_MAX)
        return true;
    w->told[w->n_told++] = hash;
    return false;
}

static uint64_t pid_of(const json_t *doc, const char *process)
{
    const json_t *list = get(get(doc, "metadata"), "processes");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(get_text(json_array_get(list, i), "id"), process))
            return get_number(json_array_get(list, i), "pid");
    return 0;
}

static void tell(struct deadlock_watch *w, const json_t *doc)
{
    const json_t *list = get(doc, "deadlocks");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *deadlock = json_array_get(list, i);
        unsigned long long pid = pid_of(doc, get_text(deadlock, "process"));
        if (told_before(w, circle_hash(deadlock)))
            continue;
        char *text = deadlock_text(deadlock);
        message("deadlock in process %llu: %s; see ownscope locks -p %llu", pid, text, pid);
        free(text);
    }
}

static void look(struct deadlock_watch *w)
{
    struct view *v = collector_view_get(w->collector, 0);
    struct doc_options o = { .sites = 1 };
    if (!v)
        return;
    if (!w->symbols)
        w->symbols = symbols_new();
    struct doc_context context = { .meta = collector_meta(w->collector), .trace_path = collector_trace_path(w->collector),
                                   .symbols = w->symbols, .live = true, .duration_ns = collector_now_ns(w->collector) };
    json_t *doc = doc_locks(v, &context, &o);
    collector_view_put(w->collector, v);
    tell(w, doc);
    json_decref(doc);
}

static void *watch(void *context)
{
    struct deadlock_watch *w = context;
    uint64_t seen = 0;
    while (collector_deadlock_wait(w->collector, &seen))
        look(w);
    return NULL;
}

struct deadlock_watch *deadlock_watch_start(struct collector *c)
{
    struct deadlock_watch *w = xcalloc(1, sizeof *w);
    sigset_t all, old;
    w->collector = c;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!error)
        return w;
    free(w);
    return NULL;
}

void deadlock_watch_stop(struct deadlock_watch *w)
{
    if (!w)
        return;
    pthread_join(w->thread, NULL);
    symbols_free(w->symbols);
    free(w);
}
