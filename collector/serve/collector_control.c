/*
 * collector/serve/collector_control.c - what a collector does for its control (control.h): what it is told goes into the
 * stream, and it is asked what tracing costs. Ingest thread.
 */
#include "serve/collector_state.h"

#include <stdlib.h>

#include "event/xalloc.h"

/* In all files so far: a next one begins small. */
static uint64_t trace_bytes_of(struct collector *c)
{
    uint64_t bytes = c->writer ? trace_write_size(c->writer) : c->trace_bytes;
    c->bytes_made += bytes >= c->bytes_seen ? bytes - c->bytes_seen : bytes;
    c->bytes_seen = bytes;
    return c->bytes_made;
}

static void measure(void *context, struct limits_input *in)
{
    struct collector *c = context;
    measure_read(c->measure, in);
    in->events += c->events_resumed;
    in->trace_bytes = trace_bytes_of(c);
}

static void counted(void *context, uint64_t *events, uint64_t *trace_bytes)
{
    struct collector *c = context;
    *events = session_events(c->session) + c->events_resumed;
    *trace_bytes = trace_bytes_of(c);
}

/* Of a limit, whose breaker only lets go or tries again when recording goes on. */
static bool is_trip(const struct event *e)
{
    return e->type == EVENT_CONTROL && e->family == EVENT_CONTROL_LIMIT &&
           (e->address == EVENT_PAUSED || e->address == EVENT_TRIPPED || e->address == EVENT_EMERGENCY);
}

static void trip_tell(struct collector *c, const struct event *e)
{
    pthread_mutex_lock(&c->lock);
    free(c->trip_why);
    c->trip_why = xasprintf("%.*s", (int)e->text_bytes, e->text);
    c->trips++;
    pthread_cond_broadcast(&c->answer);
    pthread_mutex_unlock(&c->lock);
}

bool collector_trip_wait(struct collector *c, uint64_t *seen, char **why)
{
    pthread_mutex_lock(&c->lock);
    while (c->trips <= *seen && !c->ending)
        pthread_cond_wait(&c->answer, &c->lock);
    *why = c->trips > *seen ? xstrdup(c->trip_why) : NULL;
    *seen = c->trips;
    bool goes_on = !c->ending;
    pthread_mutex_unlock(&c->lock);
    return goes_on;
}

static void tell(void *context, const struct event *e)
{
    struct collector *c = context;
    if (is_trip(e))
        trip_tell(c, e);
    session_tell(c->session, c->code, collector_ingest, c, e);
}

static void keep(void *context) { collector_trace_keep(context); }

int collector_control_begin(struct collector *c, const struct control_options *o)
{
    struct control_host host = { .session = c->session, .tell = tell, .keep = keep, .measure = measure, .counted = counted, .context = c,
                                 .policy = { .session = c->session, .code = c->code, .live = collector_live, .tell = tell, .keep = keep, .context = c,
                                             .cover = graph_cover_bits(c->graph) } };
    char *error;
    c->measure = measure_new(c->session);
    int e = control_new(&c->control, &host, o, &error);
    free(error);    /* control_check says it before there is a session */
    return e;
}

void collector_control_end(struct collector *c)
{
    control_free(c->control);
    if (c->measure)
        measure_free(c->measure);
}

struct control *collector_control(struct collector *c) { return c->control; }
