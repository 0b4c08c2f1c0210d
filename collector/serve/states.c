/*
 * collector/serve/states.c - see states.h.
 */
#include "serve/states.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_maps.h"
#include "heap/heap_stacks.h"
#include "serve/query.h"
#include "session/proc.h"

#define LEAST_NS 250000000ull     /* between two looks that rates are of */
#define MOST_NS 10000000000ull

static pthread_mutex_t looks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct states_looks looks;   /* of the one session that this process collects */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- a look -------------------------------------------------------------------- */

static int by_thread(const void *a, const void *b)
{
    const struct states_thread *x = a, *y = b;
    return x->thread < y->thread ? -1 : x->thread > y->thread;
}

/* What the kernel shows of all threads; numbers of another namespace, or that were given out again, are not looked up. */
static void kernel_read(const struct view *v, struct doc_state *states)
{
    uint32_t asked = 0;
    bool same = false;
    for (size_t i = 0; i < v->n_states; i++) {
        const struct view_state *t = &v->states[i];
        if (t->foreign || !t->pid)
            continue;
        if (t->pid != asked) {
            uint64_t started = proc_start_time(t->pid);
            asked = t->pid;
            same = !t->start_time || started == t->start_time;
        }
        states[i].seen = same && proc_thread_read("/proc", t->pid, t->tid, &states[i].kernel);
    }
}

static struct states_look look_make(const struct view *v, const struct doc_state *states, uint64_t ns)
{
    struct states_look l = { .ns = ns, .events = v->events, .allocations = v->totals.allocations, .bytes = v->totals.bytes_allocated,
                             .collector_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID), .n = v->n_states };
    l.threads = xcalloc(l.n + 1, sizeof *l.threads);
    for (size_t i = 0; i < l.n; i++) {
        const struct view_thread *t = view_thread_of(v, v->states[i].thread);
        l.threads[i] = (struct states_thread){ .thread = v->states[i].thread, .events = v->states[i].events,
                                               .allocations = t ? t->made.blocks : 0, .bytes = t ? t->made.bytes : 0,
                                               .cpu_ns = states[i].seen ? states[i].kernel.cpu_ns : 0 };
    }
    qsort(l.threads, l.n, sizeof *l.threads, by_thread);
    return l;
}

/* ---- what was asked for ---------------------------------------------------------- */

static bool wanted(const struct states_query *q, const struct view_state *t)
{
    return (!q->thread || q->thread == t->thread) && (!q->process || q->process == t->process) && (!q->pid || q->pid == (pid_t)t->pid);
}

/* Threads that are shown, process by process. 0 or -EBUSY. */
static int stacks_take(const struct view *v, struct doc_state *states, struct code *code, struct heap_stack *list)
{
    size_t n = 0, first = 0;
    bool *done = xcalloc(v->n_states + 1, sizeof *done);
    for (size_t i = 0; i < v->n_states; i++)
        n += states[i].shown;
    for (; n <= STATES_STACKS_MAX && first < v->n_states; first++) {
        struct heap_stack *of = xcalloc(v->n_states + 1, sizeof *of);
        size_t *at = xcalloc(v->n_states + 1, sizeof *at), count = 0;
        for (size_t i = first; i < v->n_states; i++) {
            if (done[i] || !states[i].shown || v->states[i].pid != v->states[first].pid)
                continue;
            done[i] = true;
            if (!states[i].seen) {
                list[i].refused = xstrdup(v->states[i].foreign ? "its process is of another pid namespace" : "the kernel shows no such thread");
                continue;
            }
            at[count] = i;
            of[count++].tid = (pid_t)v->states[i].tid;
        }
        if (count)
            heap_stacks_take((pid_t)v->states[first].pid, of, count, code);
        for (size_t k = 0; k < count; k++)
            list[at[k]] = of[k];
        free(of);
        free(at);
    }
    for (size_t i = 0; i < v->n_states; i++) {
        states[i].native = list[i].stack;
        states[i].refused = list[i].refused;
        states[i].stood_ns = list[i].stood_ns;
    }
    free(done);
    return n <= STATES_STACKS_MAX ? 0 : -EBUSY;
}

static double rate(uint64_t before, uint64_t now, uint64_t over_ns)
{
    return now > before && over_ns ? (double)(now - before) * 1e9 / (double)over_ns : 0;
}

/* Rates against an earlier look, if there is one; this one is kept for later ones. *cpu: of the collector. */
static void rates_set(const struct view *v, struct doc_state *states, struct doc_states_input *in, double *cpu)
{
    struct states_look now = look_make(v, states, clock_ns(CLOCK_MONOTONIC));
    pthread_mutex_lock(&looks_lock);
    const struct states_look *before = states_looks_find(&looks, now.ns, LEAST_NS, MOST_NS);
    for (size_t i = 0; i < v->n_states; i++)
        states_rates(before, &now, v->states[i].thread, &states[i]);
    if (before) {
        in->over_ns = now.ns - before->ns;
        in->events = rate(before->events, now.events, in->over_ns);
        in->allocations = rate(before->allocations, now.allocations, in->over_ns);
        in->bytes = rate(before->bytes, now.bytes, in->over_ns);
        *cpu = rate(before->collector_cpu_ns, now.collector_cpu_ns, in->over_ns) / 1e9;
    }
    states_looks_add(&looks, &now);
    pthread_mutex_unlock(&looks_lock);
}

/* Nobody looked lately: somebody has to, for there to be rates. */
static int look_first(struct collector *c)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    pthread_mutex_lock(&looks_lock);
    bool there = states_looks_find(&looks, now_ns, LEAST_NS, MOST_NS) != NULL;
    pthread_mutex_unlock(&looks_lock);
    if (there)
        return 0;
    struct view *v = collector_view_get(c, COLLECTOR_STATES);
    if (!v)
        return -ECANCELED;
    struct doc_state *states = xcalloc(v->n_states + 1, sizeof *states);
    struct doc_states_input in = { 0 };
    double cpu;
    kernel_read(v, states);
    rates_set(v, states, &in, &cpu);
    free(states);
    collector_view_put(c, v);
    nanosleep(&(struct timespec){ .tv_nsec = LEAST_NS + 10000000 }, NULL);
    return 0;
}

/* What no event tells of the processes that run. */
static void processes_complete(const struct view *v, const struct doc_state *states, json_t *processes)
{
    json_t *p;
    size_t i;
    json_array_foreach(processes, i, p) {
        const char *id = json_string_value(json_object_get(p, "id"));
        uint32_t serial = query_serial(id, 'p'), pid = 0;
        size_t threads = 0;
        double cpu = 0, allocations = 0;
        bool rated = false;
        for (size_t k = 0; k < v->n_states; k++)
            if (v->states[k].process == serial) {
                threads++;
                pid = states[k].seen ? v->states[k].pid : pid;
                rated |= states[k].rated;
                cpu += states[k].cpu;
                allocations += states[k].allocations;
            }
        json_object_set_new(p, "threads", json_integer((json_int_t)threads));
        json_object_set_new(p, "resident_bytes", pid ? json_integer((json_int_t)heap_resident_bytes((pid_t)pid)) : json_null());
        json_object_set_new(p, "cpu_share", rated ? json_real(cpu) : json_null());
        json_object_set_new(p, "allocations_per_s", rated ? json_real(allocations) : json_null());
    }
}

static json_t *session_json(struct collector *c, double cpu, bool rated)
{
    const struct trace_meta *m = collector_meta(c);
    json_t *j = json_pack("{s:s*,s:i,s:s*,s:I}", "name", m->session, "collector", (int)getpid(), "command", m->command,
                          "uptime_ns", (json_int_t)collector_now_ns(c));
    if (!j)
        j = json_object();
    json_object_set_new(j, "collector_cpu_ns", json_integer((json_int_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID)));
    json_object_set_new(j, "collector_cpu_share", rated ? json_real(cpu) : json_null());
    return j;
}

int states_document(struct collector *c, const struct states_query *q, struct symbols **symbols, pthread_mutex_t *lock, json_t **doc)
{
    struct doc_states_input in = { 0 };
    struct code *code = NULL;
    double cpu = 0;
    size_t shown = 0;
    int error = look_first(c);
    struct view *v = error ? NULL : collector_view_get(c, COLLECTOR_STATES);
    if (!v)
        return -ECANCELED;
    struct doc_state *states = xcalloc(v->n_states + 1, sizeof *states);
    struct heap_stack *stacks = xcalloc(v->n_states + 1, sizeof *stacks);
    kernel_read(v, states);
    rates_set(v, states, &in, &cpu);
    for (size_t i = 0; i < v->n_states; i++)
        shown += states[i].shown = wanted(q, &v->states[i]);
    if (!shown && (q->thread || q->process || q->pid))
        error = -ENOENT;
    if (!error && q->stacks)
        error = stacks_take(v, states, code = code_new(), stacks);
    if (!error) {
        in.states = states;
        in.code = code;
        pthread_mutex_lock(lock);
        if (!*symbols)
            *symbols = symbols_new();
        *doc = doc_states(v, &(struct doc_context){ .symbols = *symbols, .live = true, .duration_ns = collector_now_ns(c) }, &in);
        pthread_mutex_unlock(lock);
        processes_complete(v, states, json_object_get(*doc, "processes"));
        json_object_set_new(*doc, "session", session_json(c, cpu, in.over_ns));
    }
    heap_stacks_free(stacks, v->n_states);
    free(stacks);
    free(states);
    collector_view_put(c, v);
    code_free(code);
    return error;
}
