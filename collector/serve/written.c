/*
 * collector/serve/written.c - see written.h. What is left in the session's folder
 * is a line of two numbers for each thread.
 */
#include "serve/written.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "session/directory.h"

enum { THREADS_MAX = 1 << 22 };     /* what a file may make us keep */

static uint64_t *place(struct written *w, uint32_t thread)
{
    if (thread >= THREADS_MAX)
        return NULL;
    if (thread >= w->n) {
        w->of = xgrow(w->of, &w->capacity, (size_t)thread + 1, sizeof *w->of);
        memset(w->of + w->n, 0, (w->capacity - w->n) * sizeof *w->of);
        w->n = w->capacity;
    }
    return &w->of[thread];
}

static void count(struct written *w, const struct event *e)
{
    if (!e->thread || e->type == EVENT_LOST || e->type == EVENT_THREAD_GONE)
        return;
    uint64_t *n = e->thread < w->n ? &w->of[e->thread] : place(w, e->thread);
    w->in_all++;
    if (n)
        ++*n;
}

void written_count(struct written *w, const struct event *events, size_t n)
{
    for (size_t i = 0; i < n; i++)
        count(w, &events[i]);
}

uint64_t written_by(const void *written, uint32_t thread, uint32_t *stack)
{
    const struct written *w = written;
    *stack = thread < w->n_stacks ? w->stacks[thread] : 0;
    return thread < w->n ? w->of[thread] : 0;
}

uint64_t written_beside(const void *written, uint32_t thread, uint32_t *stack)
{
    uint64_t n = written_by(written, thread, stack);
    *stack = 0;
    return n;
}

/* The thread's stack as it told it last. Records of these kinds have one, if it is known at all. */
static void stack_note(struct written *w, const struct event *e)
{
    bool tells = e->type <= EVENT_REALLOC_END || (e->type >= EVENT_WAIT && e->type <= EVENT_COPY);
    if (!e->thread || e->thread >= THREADS_MAX || (!tells && !e->stack))
        return;
    if (e->thread >= w->n_stacks) {
        w->stacks = xgrow(w->stacks, &w->stacks_capacity, (size_t)e->thread + 1, sizeof *w->stacks);
        memset(w->stacks + w->n_stacks, 0, (w->stacks_capacity - w->n_stacks) * sizeof *w->stacks);
        w->n_stacks = w->stacks_capacity;
    }
    w->stacks[e->thread] = e->stack;
}

int written_read(struct written *w, struct trace *t)
{
    const struct trace_filter all = { 0 };
    struct event e;
    int got;
    if (trace_select(t, &all, 0))
        trace_rewind(t);
    while ((got = trace_next(t, &e)) > 0) {
        count(w, &e);
        stack_note(w, &e);
    }
    return got;
}

void written_clear(struct written *w)
{
    free(w->of);
    free(w->stacks);
    *w = (struct written){ 0 };
}

/* ---- in the session's folder ---- */

static const char *const places[] = { "written.0", "written.1" };

static int write_out(const struct written *w, const char *path, uint64_t event)
{
    FILE *f = fopen(path, "we");
    if (!f)
        return -errno;
    fprintf(f, "%" PRIu64 " %" PRIu64 "\n", event, w->in_all);
    for (size_t i = 1; i < w->n; i++)
        if (w->of[i])
            fprintf(f, "%zu %" PRIu64 "\n", i, w->of[i]);
    int e = ferror(f) ? -EIO : 0;
    return fclose(f) && !e ? -errno : e;
}

int written_leave(const struct written *w, const char *session, uint64_t event)
{
    char path[SESSION_PATH_MAX], fresh[SESSION_PATH_MAX];
    int e = session_path(path, sizeof path, session, places[!w->place]);
    if (!e)
        e = session_path(fresh, sizeof fresh, session, "written.new");
    if (!e)
        e = write_out(w, fresh, event);
    if (!e && rename(fresh, path))
        e = -errno;
    return e;
}

void written_turn(struct written *w) { w->place = !w->place; }

/* False: they are not of that moment. */
static bool read_in(struct written *w, FILE *f, uint64_t event)
{
    uint64_t of, n, *at;
    uint32_t thread;
    if (fscanf(f, "%" SCNu64 " %" SCNu64, &of, &n) != 2 || of != event)
        return false;
    w->in_all += n;
    while (fscanf(f, "%" SCNu32 " %" SCNu64, &thread, &n) == 2)
        if ((at = place(w, thread)))
            *at += n;
    return true;
}

int written_find(struct written *w, const char *session, uint64_t event)
{
    bool found = false;
    for (unsigned i = 0; i < 2 && !found; i++) {
        char path[SESSION_PATH_MAX];
        FILE *f = session_path(path, sizeof path, session, places[i]) ? NULL : fopen(path, "re");
        if (!f)
            continue;
        found = read_in(w, f, event);
        fclose(f);
        if (found)
            w->place = i;
    }
    return found ? 0 : -ENOENT;
}
