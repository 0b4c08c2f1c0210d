/*
 * collector/serve/collector_control.c - what a collector does for its control (control.h): what it is told goes into the
 * stream, and it is asked what tracing costs. Ingest thread.
 */
#include "serve/collector_state.h"

#include <stdlib.h>

static void measure(void *context, struct limits_input *in)
{
    struct collector *c = context;
    measure_read(c->measure, in);
    in->events += c->events_resumed;
    uint64_t bytes = c->writer ? trace_write_size(c->writer) : c->trace_bytes;
    c->bytes_made += bytes >= c->bytes_seen ? bytes - c->bytes_seen : bytes; /* a next file begins small */
    c->bytes_seen = bytes;
    in->trace_bytes = c->bytes_made;
}

static uint64_t events(void *context)
{
    const struct collector *c = context;
    return session_events(c->session) + c->events_resumed;
}

static void tell(void *context, const struct event *e)
{
    struct collector *c = context;
    session_tell(c->session, c->code, collector_ingest, c, e);
}

static void keep(void *context) { collector_trace_keep(context); }

int collector_control_begin(struct collector *c, const struct control_options *o)
{
    struct control_host host = { .session = c->session, .tell = tell, .keep = keep, .measure = measure, .events = events, .context = c,
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
