/*
 * collector/graph/graph_threads.c - see graph_threads.h.
 *
 * pthread_t is used again as soon as its thread was joined, and the new
 * thread's first event may be stamped before the joiner's: so the threads of
 * one pthread_t form a short list, newest first, and a join means the one
 * that has exited.
 */
#include "graph/graph_threads.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_clocks.h"
#include "graph/graph_custody.h"
#include "graph/graph_drops.h"
#include "graph/graph_facts.h"
#include "graph/graph_heap.h"
#include "graph/graph_locks.h"
#include "graph/graph_pointee.h"

enum { STACK_BYTES = 8 << 20 };     /* of a thread, below its pthread_t */

static struct thread *thread_make(struct graph *g, struct process *p, uint32_t serial, uint64_t ns)
{
    struct thread *t = xcalloc(1, sizeof *t);
    t->place = (uint32_t)g->n_threads;
    t->serial = serial;
    t->process = p->place;
    t->born_ns = ns;
    g->threads = xgrow(g->threads, &g->threads_capacity, g->n_threads + 1, sizeof *g->threads);
    g->threads[g->n_threads++] = t;
    dict_set(&g->thread_of, serial, t->place);
    t->next_in_process = p->threads;
    p->threads = t->place;
    t->tracked = p->first_thread != 0;
    if (p->first_thread)
        p->threaded = true;
    else
        p->first_thread = t->place;
    return t;
}

struct thread *thread_find_slow(struct graph *g, struct process *p, uint32_t serial, uint64_t ns)
{
    struct thread *nobody = thread_at(g, 0), *t;
    if (!serial)
        return nobody;
    uint32_t place = dict_get(&g->thread_of, serial);
    if (place)
        t = thread_at(g, place);
    else if (g->n_threads < THREADS_MAX)
        t = thread_make(g, p, serial, ns);
    else
        return nobody;
    if (t->process != p->place)
        return nobody;
    g->last_thread = t;
    return t;
}

/* ---- stacks ---------------------------------------------------------------- */

/* Of those in order, the first that is not below. */
static size_t stack_find(const struct process *p, uint64_t pthread)
{
    size_t from = 0, to = p->n_stacks;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (p->stacks[middle] < pthread)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void stack_add(struct process *p, uint64_t pthread)
{
    if (!p->stacks)
        return;
    size_t at = stack_find(p, pthread);
    p->stacks = xgrow(p->stacks, &p->stacks_capacity, p->n_stacks + 1, sizeof *p->stacks);
    memmove(&p->stacks[at + 1], &p->stacks[at], (p->n_stacks - at) * sizeof *p->stacks);
    p->stacks[at] = pthread;
    p->n_stacks++;
}

static void stack_remove(struct process *p, uint64_t pthread)
{
    if (!p->stacks)
        return;
    size_t at = stack_find(p, pthread);
    p->n_stacks--;
    memmove(&p->stacks[at], &p->stacks[at + 1], (p->n_stacks - at) * sizeof *p->stacks);
}

static int compare_pthreads(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void stacks_build(struct process *p)
{
    p->stacks = xgrow(NULL, &p->stacks_capacity, p->pthreads.used + 1, sizeof *p->stacks);
    for (uint32_t i = 0; i < p->pthreads.capacity; i++)
        if (p->pthreads.entries[i].value)
            p->stacks[p->n_stacks++] = p->pthreads.entries[i].key;
    qsort(p->stacks, p->n_stacks, sizeof *p->stacks, compare_pthreads);
}

bool threads_stack_at(struct process *p, uint64_t address)
{
    if (!p->stacks)
        stacks_build(p);
    size_t at = address < UINT64_MAX ? stack_find(p, address + 1) : p->n_stacks;
    return at < p->n_stacks && p->stacks[at] - address < STACK_BYTES;
}

void threads_pthreads_clear(struct process *p)
{
    dict_clear(&p->pthreads);
    free(p->stacks);
    p->stacks = NULL;
    p->n_stacks = p->stacks_capacity = 0;
}

/* ---- pthread_t ------------------------------------------------------------ */

static void pthread_unlink(const struct graph *g, struct process *p, struct thread *x)
{
    if (!x->pthread_known)
        return;
    uint32_t at = dict_get(&p->pthreads, x->pthread);
    if (at != x->place) {
        while (at && thread_at(g, at)->next_same_pthread != x->place)
            at = thread_at(g, at)->next_same_pthread;
        if (at)
            thread_at(g, at)->next_same_pthread = x->next_same_pthread;
    } else if (x->next_same_pthread) {
        dict_set(&p->pthreads, x->pthread, x->next_same_pthread);
    } else {
        dict_remove(&p->pthreads, x->pthread);
        stack_remove(p, x->pthread);
    }
    x->pthread_known = false;
    x->next_same_pthread = 0;
}

static void pthread_link(const struct graph *g, struct process *p, struct thread *x, uint64_t pthread)
{
    if (!x->place || (x->pthread_known && x->pthread == pthread))
        return;
    pthread_unlink(g, p, x);
    x->pthread = pthread;
    x->pthread_known = true;
    x->next_same_pthread = dict_get(&p->pthreads, pthread);
    if (!x->next_same_pthread)
        stack_add(p, pthread);
    dict_set(&p->pthreads, pthread, x->place);
    struct thread *last = x;
    for (int n = 1; n < SAME_PTHREAD_MAX && last->next_same_pthread; n++)
        last = thread_at(g, last->next_same_pthread);
    if (last->next_same_pthread)
        pthread_unlink(g, p, thread_at(g, last->next_same_pthread));
}

enum wanted { WANT_ENDED, WANT_LIVE };

/* The newest thread of a pthread_t that is as wanted, else the newest; nobody. */
static struct thread *pthread_find(const struct graph *g, const struct process *p, uint64_t pthread, enum wanted wanted)
{
    uint32_t newest = dict_get(&p->pthreads, pthread);
    for (uint32_t at = newest; at; at = thread_at(g, at)->next_same_pthread) {
        const struct thread *x = thread_at(g, at);
        bool over = x->exited || x->ended;
        if (wanted == WANT_ENDED ? over && !x->detached : !over)
            return thread_at(g, at);
    }
    return thread_at(g, newest);
}

/* ---- birth ---------------------------------------------------------------- */

static void borrow_end(struct graph *g, struct thread *x, const struct event *e, uint64_t ns)
{
    if (!x->arg.id || !x->arg_open)
        return;
    const struct block *b = pool_at(&g->pool, x->arg.block);
    x->arg_open = false;
    fact_borrow(g, FACT_BORROW_END, e, x->arg.id, b->id == x->arg.id ? b : NULL, x->place, ns);
}

void threads_create(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t serial = (uint32_t)e->extra[0];
    struct thread *x = thread_find(g, p, serial, e->ns);
    fact_life(g, FACT_THREAD, e, "create", serial);
    if (!x->place)
        return;
    clocks_created(g, t, x, e->ns);
    x->creator = t->serial;
    x->failed = false;
    if (e->ns < x->born_ns)
        x->born_ns = e->ns;
    borrow_end(g, x, e, e->ns);
    x->arg.id = 0;
    uint32_t place = custody_pointee(g, p, e->address);
    if (!place) {
        drops_used(g, p, e, e->address, 0);
        return;
    }
    const struct block *b = pool_at(&g->pool, place);
    x->arg = (struct held_block){ place, b->id };
    x->arg_ns = e->ns;
    x->arg_open = true;
    fact_borrow(g, FACT_BORROW, e, b->id, b, x->place, e->ns);
}

void threads_created(struct graph *g, struct process *p, const struct event *e)
{
    struct thread *x = thread_find(g, p, (uint32_t)e->extra[0], e->ns);
    if (!x->place)
        return;
    if (e->address) {
        if (e->address != WIRE_PTHREAD_IN_START)
            pthread_link(g, p, x, e->address);
        return;
    }
    borrow_end(g, x, e, e->ns);
    x->arg.id = 0;
    x->failed = !x->started;
}

void threads_start(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    fact_life(g, FACT_THREAD, e, "start", e->thread);
    if (!t->place)
        return;
    t->tid = (uint32_t)e->extra[0];
    t->started = true;
    t->failed = false;
    if (e->address)
        pthread_link(g, p, t, e->address);
}

/* ---- end ------------------------------------------------------------------ */

void threads_exit(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    fact_life(g, FACT_THREAD, e, "exit", e->thread);
    if (!t->place || t->exited || t->ended)
        return;
    t->exited = true;
    t->exit_ns = e->ns;
    uint32_t place = custody_pointee(g, p, e->address);
    const struct block *b = place ? pool_at(&g->pool, place) : NULL;
    if (b && block_owner(g, place, b) == t->place)
        t->result = (struct held_block){ place, b->id };
    borrow_end(g, t, e, e->ns);
}

/* The thread runs no more; what it owns is the caller's matter. */
static void thread_close(struct graph *g, struct process *p, struct thread *x, const struct event *e)
{
    if (x->ended)
        return;
    pending_drop(g, p, x, e);
    x->ended = true;
    x->ended_ns = x->exited ? x->exit_ns : e->ns;
    if (x->detached)
        clocks_ended(g, x);
    borrow_end(g, x, e, x->ended_ns);
    x->arg.id = 0;
}

/* The result of a thread that somebody may still join stays the thread's. */
static struct held_block thread_kept(const struct thread *x)
{
    return x->detached || x->joined_by ? (struct held_block){ 0 } : x->result;
}

void threads_join(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    struct thread *x = pthread_find(g, p, e->address, WANT_ENDED);
    uint64_t value = e->extra[0];
    fact_life(g, FACT_THREAD, e, "join", x->serial);
    if (x != t)
        clocks_joined(g, t, x, e->ns);
    if (!x->place || x == t)
        return;
    thread_close(g, p, x, e);
    x->joined_by = t->serial;
    x->leaving = false;
    pthread_unlink(g, p, x);
    uint32_t place = custody_pointee(g, p, value);
    const struct block *b = place ? pool_at(&g->pool, place) : NULL;
    if (b && t->place && block_owner(g, place, b) == x->place) {
        fact_move(g, e, b, MOVE_JOINED, e->ns, x->place, t->place);
        custody_give(g, place, t->place, OWNED_JOINED, e->ns);
    }
    if (p->ended)
        return;
    custody_outlive(g, e, x, (struct held_block){ 0 });
    locks_thread_ended(g, x, e);
}

void threads_detach(struct graph *g, struct process *p, const struct event *e)
{
    struct thread *x = pthread_find(g, p, e->address, WANT_LIVE);
    fact_life(g, FACT_THREAD, e, "detach", x->serial);
    if (!x->place)
        return;
    x->detached = true;
    if (x->ended)
        clocks_ended(g, x);
    if (x->ended && !x->leaving && !p->ended)
        custody_outlive(g, e, x, (struct held_block){ 0 });
}

void threads_name(struct graph *g, struct process *p, const struct event *e)
{
    struct thread *x = pthread_find(g, p, e->address, WANT_LIVE);
    if (!x->place && !p->threaded)
        x = thread_at(g, p->first_thread);
    fact_life(g, FACT_THREAD, e, "name", x->serial);
    if (!x->place || !e->text)
        return;
    size_t n = strnlen(e->text, e->text_bytes < sizeof x->name - 1 ? e->text_bytes : sizeof x->name - 1);
    memcpy(x->name, e->text, n);
    x->name[n] = '\0';
}

void threads_gone(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    struct event by_nobody = *e;
    by_nobody.thread = 0;
    fact_life(g, FACT_THREAD, &by_nobody, "gone", e->thread);
    if (!t->place || t->ended)
        return;
    thread_close(g, p, t, &by_nobody);
    if (p->ended)
        return;
    if (t->exited && t->place != p->first_thread) {
        custody_outlive(g, &by_nobody, t, thread_kept(t));
        locks_thread_ended(g, t, &by_nobody);
        return;
    }
    t->gone_ns = e->ns;
    t->leaving = true;
    p->leaving = xgrow(p->leaving, &p->leaving_capacity, p->n_leaving + 1, sizeof *p->leaving);
    p->leaving[p->n_leaving++] = t->place;
}

void threads_alive(struct graph *g, struct process *p, const struct event *e)
{
    size_t n = 0;
    if (!e->thread || e->type == EVENT_THREAD_GONE || e->type == EVENT_PROCESS_START)
        return;
    for (size_t i = 0; i < p->n_leaving; i++) {
        struct thread *x = thread_at(g, p->leaving[i]);
        if (x->leaving && (e->ns <= x->gone_ns || e->thread == x->serial)) {
            p->leaving[n++] = x->place;
        } else if (x->leaving) {
            x->leaving = false;
            custody_outlive(g, e, x, thread_kept(x));
            locks_thread_ended(g, x, e);
        }
    }
    p->n_leaving = n;
}

void threads_end_all(struct graph *g, struct process *p, uint64_t ns, uint32_t but_serial)
{
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process) {
        struct thread *x = thread_at(g, at);
        x->leaving = false;
        if (x->serial == but_serial)
            continue;
        x->arg.id = 0;
        x->result.id = 0;
        if (!x->ended) {
            x->ended = true;
            x->ended_ns = x->exited ? x->exit_ns : ns;
        }
    }
    p->n_leaving = 0;
}
