/*
 * collector/graph/graph_threads_archive.c - threads in a checkpoint, and the
 * lists of them that processes have. Blocks, locks and clocks of threads stand
 * in the parts of these. Run by the folding thread.
 *
 * A process's list of threads is in order of their places and not written. Of
 * the threads of one pthread_t each says how many are newer: so no list of a
 * file can have a circle.
 */
#include "graph/graph_archive.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_threads.h"

enum { RUN = 256 };
/* The flags of a thread, as they are written. */
static const size_t flags[] = {
    offsetof(struct thread, exited), offsetof(struct thread, ended), offsetof(struct thread, detached), offsetof(struct thread, failed),
    offsetof(struct thread, started), offsetof(struct thread, exit_told), offsetof(struct thread, tracked),
    offsetof(struct thread, leaving), offsetof(struct thread, pthread_known) };
enum { FLAGS = sizeof flags / sizeof *flags };
struct row { struct thread t; uint16_t flags; uint8_t newer; };

/* ---- threads of one pthread_t ------------------------------------------------ */

/* For each thread, 1 + how many of its pthread_t are newer; 0: it is in no list. */
static uint8_t *newer_take(const struct graph *g)
{
    uint8_t *newer = xcalloc(g->n_threads, 1);
    for (size_t i = 0; i < g->n_processes; i++) {
        const struct dict *d = &g->processes[i]->pthreads;
        for (uint32_t slot = 0; slot < d->capacity; slot++) {
            uint8_t depth = 0;
            for (uint32_t at = d->entries[slot].value; at; at = thread_at(g, at)->next_same_pthread)
                newer[at] = ++depth;
        }
    }
    return newer;
}

static bool pthread_append(struct graph *g, struct thread *t, unsigned newer)
{
    struct process *p = process_at(g, t->process);
    uint32_t at = dict_get(&p->pthreads, t->pthread);
    if (!t->pthread_known || !t->place)
        return false;
    if (newer == 1) {
        dict_set(&p->pthreads, t->pthread, t->place);
        return !at;
    }
    for (unsigned i = 2; i < newer && at; i++)
        at = thread_at(g, at)->next_same_pthread;
    if (!at || thread_at(g, at)->next_same_pthread)
        return false;
    thread_at(g, at)->next_same_pthread = t->place;
    return true;
}

static void pthreads_make(struct archive *a, struct graph *g, const uint8_t *newer)
{
    for (unsigned depth = 1; depth <= SAME_PTHREAD_MAX; depth++)
        for (size_t i = 0; i < g->n_threads && !archive_bad(a); i++)
            if (newer[i] == depth)
                archive_need(a, pthread_append(g, g->threads[i], depth), "threads of one pthread_t make no list");
}

/* ---- rows --------------------------------------------------------------------- */

static void run_archive(struct archive *a, const struct graph *g, struct row *rows, size_t n)
{
    ARCHIVE_FIELD(a, rows, n, t.serial);
    ARCHIVE_INDEX(a, rows, n, t.process, g->n_processes);
    ARCHIVE_FIELD(a, rows, n, t.tid);
    ARCHIVE_FIELD(a, rows, n, t.creator);
    ARCHIVE_FIELD(a, rows, n, t.joined_by);
    ARCHIVE_FIELD(a, rows, n, t.pthread);
    ARCHIVE_FIELD(a, rows, n, t.born_ns);
    ARCHIVE_FIELD(a, rows, n, t.exit_ns);
    ARCHIVE_FIELD(a, rows, n, t.gone_ns);
    ARCHIVE_FIELD(a, rows, n, t.ended_ns);
    ARCHIVE_FIELD(a, rows, n, flags);
    ARCHIVE_INDEX(a, rows, n, newer, SAME_PTHREAD_MAX + 1);
    ARCHIVE_FIELD(a, rows, n, t.made.blocks);
    ARCHIVE_FIELD(a, rows, n, t.made.bytes);
    ARCHIVE_FIELD(a, rows, n, t.dropped.blocks);
    ARCHIVE_FIELD(a, rows, n, t.dropped.bytes);
    ARCHIVE_FIELD(a, rows, n, t.owns.blocks);
    ARCHIVE_FIELD(a, rows, n, t.owns.bytes);
    ARCHIVE_FIELD(a, rows, n, t.last_new);
    for (size_t i = 0; i < n; i++) {
        size_t bytes = strnlen(rows[i].t.name, sizeof rows[i].t.name - 1);
        archive_count(a, &bytes, sizeof rows[i].t.name - 1);
        archive_bytes(a, rows[i].t.name, bytes);
    }
}

static void run_take(const struct graph *g, size_t first, struct row *rows, size_t n, const uint8_t *newer)
{
    for (size_t i = 0; i < n; i++) {
        const struct thread *t = g->threads[first + i];
        rows[i] = (struct row){ .t = *t, .flags = archive_flags_of(t, flags, FLAGS), .newer = newer[first + i] };
    }
}

/* Loading: the thread of a row; place 0 is there already. */
static void thread_put(struct archive *a, struct graph *g, struct row *row, size_t place)
{
    struct thread *t = g->threads[0];
    bool known = row->t.serial && dict_get(&g->thread_of, row->t.serial);
    if (!archive_need(a, !known && !row->t.serial == !place && (place || !row->t.process), "two threads of the state have one number"))
        return;
    if (place) {
        g->threads = xgrow(g->threads, &g->threads_capacity, place + 1, sizeof *g->threads);
        t = archive_room(a, 1, sizeof *t);
        if (!t)
            return;
        g->threads[g->n_threads++] = t;
        dict_set(&g->thread_of, row->t.serial, (uint32_t)place);
    }
    *t = row->t;
    t->place = (uint32_t)place;
    archive_flags_put(t, flags, FLAGS, row->flags);
    if (!place)
        return;
    struct process *p = process_at(g, t->process);
    t->next_in_process = p->threads;
    p->threads = t->place;
}

static void rows_archive(struct archive *a, struct graph *g, size_t n, uint8_t *newer)
{
    struct row *rows = xmalloc(RUN * sizeof *rows);
    for (size_t done = 0, some; done < n && !archive_bad(a); done += some) {
        some = n - done < RUN ? n - done : RUN;
        if (a->reading)
            memset(rows, 0, some * sizeof *rows);
        else
            run_take(g, done, rows, some, newer);
        run_archive(a, g, rows, some);
        for (size_t i = 0; a->reading && i < some && !archive_bad(a); i++) {
            thread_put(a, g, &rows[i], done + i);
            newer[done + i] = rows[i].newer;
        }
    }
    free(rows);
}

/* ---- what processes have of them ------------------------------------------------ */

static bool is_of(const struct graph *g, uint32_t thread, uint32_t process)
{
    return thread < g->n_threads && (!thread || thread_at(g, thread)->process == process);
}

static void process_archive(struct archive *a, struct graph *g, struct process *p)
{
    archive_u32(a, &p->first_thread);
    archive_need(a, is_of(g, p->first_thread, p->place), "a process began with another's thread");
    archive_rows(a, (void **)&p->leaving, &p->n_leaving, &p->leaving_capacity, sizeof *p->leaving, g->n_threads);
    archive_column(a, p->leaving, sizeof *p->leaving, sizeof *p->leaving, p->n_leaving);
    for (size_t i = 0; a->reading && i < p->n_leaving; i++)
        if (!archive_need(a, p->leaving[i] && is_of(g, p->leaving[i], p->place), "another's thread leaves a process"))
            break;
}

void threads_archive(struct archive *a, struct graph *g)
{
    size_t n = g->n_threads;
    archive_count(a, &n, THREADS_MAX);
    archive_need(a, n, "the state has no threads");
    uint8_t *newer = a->reading ? xcalloc(n ? n : 1, 1) : newer_take(g);
    rows_archive(a, g, archive_bad(a) ? 0 : n, newer);
    if (a->reading && !archive_bad(a))
        pthreads_make(a, g, newer);
    free(newer);
    for (size_t i = 0; i < g->n_processes && !archive_bad(a); i++)
        process_archive(a, g, g->processes[i]);
}
