/*
 * collector/serve/collector_yield.c - a session outlives its collector: rings keep what the trace
 * file has not (a killed collector leaves no gap), and a living one gives the session to another
 * that asks for it (`serve --takeover`): it writes out everything, lets go, and ends.
 *
 * Ingest thread, but collector_yield: any.
 */
#include "serve/collector_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

/* A chunk so often where rings would otherwise give up what is not written. */
enum { PUSH_EVERY_NS = 20000000 };

void collector_keep_round(struct collector *c, uint64_t now_ns)
{
    bool keeps = !c->recorder && !c->trace_error;
    session_keep(c->session, keeps);
    if (!keeps || c->held) /* events wait that the writer was not given */
        return;
    if (c->marked && trace_write_kept(c->writer) >= c->marked_events) {
        session_safe(c->session);
        c->marked = false;
    }
    if (session_crowded(c->session) && now_ns - c->pushed_ns >= PUSH_EVERY_NS) {
        trace_write_push(c->writer, c->code);
        c->pushed_ns = now_ns;
    }
    if (c->marked)
        return;
    session_mark(c->session);
    c->marked_events = trace_write_given(c->writer);
    c->marked = true;
}

int collector_yield(struct collector *c, const char *to)
{
    int r;
    if (c->recorder)
        return -ENOTSUP;
    pthread_mutex_lock(&c->lock);
    if (!c->yield_asked) {
        free(c->yield_to);
        c->yield_to = xstrdup(to);
    }
    c->yield_asked = true;
    pthread_mutex_unlock(&c->lock);
    session_wake(c->session);
    pthread_mutex_lock(&c->lock);
    while (c->yield_asked && !c->ending)
        pthread_cond_wait(&c->answer, &c->lock);
    r = c->yielded ? 0 : c->yield_asked ? -ECANCELED : c->yield_result;
    pthread_mutex_unlock(&c->lock);
    return r;
}

const char *collector_yielded(const struct collector *c) { return c->yielded ? c->yield_to : NULL; }

/* In the trace, as every order. */
static void tell(struct collector *c)
{
    char *text = xasprintf("hand over to %s", c->yield_to);
    struct event e = {.type = EVENT_CONTROL, .family = EVENT_CONTROL_VERB, .address = control_state(c->control),
                      .size = control_state(c->control), .text = text, .text_bytes = (uint16_t)strlen(text)};
    session_tell(c->session, c->code, collector_ingest, c, &e);
    free(text);
}

bool collector_yield_round(struct collector *c)
{
    bool asked;
    int r;
    pthread_mutex_lock(&c->lock);
    asked = c->yield_asked;
    pthread_mutex_unlock(&c->lock);
    if (!asked)
        return false;
    tell(c);
    control_leave(c->control);
    heartbeat_begin(c->heart); /* the disk may take its time */
    r = c->trace_error ? c->trace_error : trace_write_drain(c->writer, c->code);
    heartbeat_end(c->heart);
    if (!r)
        session_yield(c->session);
    pthread_mutex_lock(&c->lock);
    c->yield_asked = false;
    c->yield_result = r;
    c->yielded = !r;
    pthread_cond_broadcast(&c->answer);
    pthread_mutex_unlock(&c->lock);
    return !r;
}
