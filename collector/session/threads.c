/*
 * collector/session/threads.c - the threads of a session as their lanes know
 * them, for who watches states (serve/states.h). Ingest thread, between rounds.
 */
#include "session/state.h"

static struct session_thread thread_of(const struct lane *l)
{
    const struct process *p = l->process;
    return (struct session_thread){
        .thread = l->thread, .process = p->id, .pid = l->pid, .tid = l->tid, .start_time = p->start_time, .foreign = p->foreign,
        .stack = l->stack.broken ? 0 : l->stack.top, .last_ns = l->last_ns, .events = l->taken,
        .ring_bytes = l->ring_size, .ring_fill = l->fill < l->ring_size ? l->fill : l->ring_size };
}

size_t session_threads(const struct session *s, struct session_thread *list, size_t max)
{
    size_t n = 0;
    for (uint32_t i = 0; i < s->made; i++) {
        const struct lane *l = s->lanes[i];
        if (!l || !l->live || l->gone || !l->process || l->process->gone)
            continue;
        if (n < max)
            list[n] = thread_of(l);
        n++;
    }
    return n;
}
