/*
 * collector/serve/collector_files.c - which files a collector's trace lies in: one,
 * a row of them (rotation.h), or none until something happens (recorder.h).
 *
 * A next file begins with the fold's state, which checkpoints.h has saved; while
 * that is done aside, events wait in the backlog and go into the next file first of
 * all. Whatever fails here, the file that there is goes on, and people are told once.
 */
#include "serve/collector_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/series.h"

enum { MARK_BYTES_MAX = 250 };

/* ---- news ---- */

/* Texts are taken over. */
static void news_add(struct collector *c, enum collector_news_kind kind, int error, char *path, char *why)
{
    c->news = xgrow(c->news, &c->news_capacity, c->n_news + 1, sizeof *c->news);
    c->news[c->n_news++] = (struct collector_news){ .kind = kind, .error = error, .path = path, .why = why };
}

bool collector_news(struct collector *c, struct collector_news *n)
{
    if (!c->n_news)
        return false;
    *n = c->news[0];
    memmove(c->news, c->news + 1, --c->n_news * sizeof *c->news);
    return true;
}

/* ---- beginning ---- */

bool collector_records(const struct collector *c) { return c->recorder; }
bool collector_recorded(const struct collector *c) { return load_relaxed(&c->recorded); }

int collector_file_new(struct collector *c, const struct collector_options *o)
{
    if (!o->recorder.bytes)
        return trace_write_open(&c->writer, c->trace_path, &c->meta);
    c->recorder = recorder_new(&o->recorder, c->session);
    return recorder_begin(c->recorder, &c->writer, &c->meta);
}

void collector_files_begin(struct collector *c, const struct collector_options *o, uint64_t events_before)
{
    c->rotates = o->rotation.bytes || o->rotation.ns;
    rotation_begin(&c->rotation, &o->rotation, events_before, session_now_ns(c->session));
    if (c->rotates)
        series_trim(c->trace_path, o->rotation.keep);
}

void collector_files_end(struct collector *c)
{
    struct collector_news n;
    while (collector_news(c, &n)) {
        free(n.path);
        free(n.why);
    }
    free(c->news);
    free(c->dump_why);
    free(c->dump_path);
    written_clear(&c->written);
    recorder_free(c->recorder);
}

/* ---- events on their way ---- */

void collector_files_write(struct collector *c, const struct event *events, size_t count)
{
    if (c->rotates)
        written_count(&c->written, events, count);
    int error = trace_write_batch(c->writer, c->code, events, count); /* after an error it counts */
    if (!c->trace_error)
        c->trace_error = error;
}

void collector_files_next(struct collector *c, uint64_t event, uint64_t ns, struct archive *state)
{
    const struct backlog *b = &c->backlog;
    int e;
    heartbeat_begin(c->heart);
    if (c->recorder) {
        e = recorder_turn(c->recorder, c->writer, c->code, event, ns, state);
    } else {
        written_leave(&c->written, session_name(c->session), event);
        e = rotation_turn(&c->rotation, c->writer, c->trace_path, c->code, event, ns, session_now_ns(c->session), state);
        if (c->rotation.events_before == event)
            written_turn(&c->written);
    }
    if (c->held && !backlog_empty(b))
        collector_files_write(c, b->events + b->first, b->n - b->first);
    heartbeat_end(c->heart);
    c->held = false;
    c->flushed_events = UINT64_MAX; /* there is something to flush */
    if (e && e != c->next_error)
        news_add(c, NEWS_ROTATION_FAILED, e, xstrdup(c->trace_path), NULL);
    c->next_error = e;
}

/* ---- the recorder ---- */

/* In the stream, and so at the end of the file: what it was written for. */
static void tell(struct collector *c, const char *why)
{
    char *text = xasprintf("trigger: %s", why);
    size_t n = strnlen(text, MARK_BYTES_MAX);
    struct event e = { .type = EVENT_MARK, .text = text, .text_bytes = (uint16_t)n };
    session_tell(c->session, c->code, collector_ingest, c, &e);
    free(text);
}

/* What was asked for since the last round. */
static void dumps_see(struct collector *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->dump_why)
        recorder_ask(c->recorder, c->dump_why, c->dump_asked);
    c->dump_why = NULL;
    pthread_mutex_unlock(&c->lock);
}

static void written_see(struct collector *c, bool wait)
{
    struct recorder_written w;
    if (!recorder_done(c->recorder, wait, &w))
        return;
    if (w.ticket) {
        pthread_mutex_lock(&c->lock);
        free(c->dump_path);
        c->dump_path = xstrdup(w.path);
        c->dump_answered = w.ticket;
        c->dump_result = w.error;
        pthread_cond_broadcast(&c->answer);
        pthread_mutex_unlock(&c->lock);
    }
    if (!w.error)
        store_relaxed(&c->recorded, 1);
    news_add(c, w.error ? NEWS_RECORDING_FAILED : NEWS_RECORDED, w.error, w.path, w.why);
}

static const char *look(struct collector *c, bool last)
{
    dumps_see(c);
    return recorder_look(c->recorder, c->graph, trace_write_size(c->writer), last ? UINT64_MAX : session_now_ns(c->session));
}

static void recorder_round(struct collector *c)
{
    const char *why;
    written_see(c, false);
    if (!(why = look(c, false)))
        return;
    tell(c, why);
    trace_write_flush(c->writer, c->code);
    recorder_write(c->recorder, c->trace_path, false);
}

void collector_files_round(struct collector *c)
{
    uint64_t bytes, events;
    if (!c->recorder && !c->rotates)
        return;
    if (c->recorder)
        recorder_round(c);
    bytes = trace_write_size(c->writer);
    events = graph_events(c->graph);
    if (c->recorder ? recorder_due(c->recorder, bytes, events)
                    : !c->trace_error && rotation_due(&c->rotation, bytes, events, session_now_ns(c->session)))
        checkpoints_next(c->checkpoints);
}

bool collector_files_last(struct collector *c)
{
    if (!c->recorder)
        return false;
    written_see(c, true);
    const char *why = look(c, true);
    if (why)
        tell(c, why);
    return why;
}

void collector_files_finish(struct collector *c)
{
    recorder_write(c->recorder, c->trace_path, true);
    written_see(c, true);
}

/* ---- other threads ---- */

int collector_trace_get(struct collector *c, char **path)
{
    int error = 0;
    if (!c->recorder) {
        *path = xstrdup(c->trace_path);
        return 0;
    }
    *path = xasprintf("%s.read.%" PRIu64, session_segment_path(c->session), add_relaxed(&c->reading, 1));
    error = recorder_copy(c->recorder, *path);
    if (error)
        free(*path);
    return error;
}

void collector_trace_put(struct collector *c, char *path)
{
    if (c->recorder)
        unlink(path);
    free(path);
}

int collector_dump(struct collector *c, const char *why, char **path)
{
    uint64_t ticket;
    int r = -ECANCELED;
    *path = NULL;
    if (!c->recorder)
        return -ENOTSUP;
    pthread_mutex_lock(&c->lock);
    ticket = ++c->dump_asked;
    free(c->dump_why);
    c->dump_why = xstrdup(why);
    pthread_mutex_unlock(&c->lock);
    session_wake(c->session);
    pthread_mutex_lock(&c->lock);
    while (c->dump_answered < ticket && !c->ending)
        pthread_cond_wait(&c->answer, &c->lock);
    if (c->dump_answered >= ticket) {
        r = c->dump_result;
        *path = xstrdup(c->dump_path);
    }
    pthread_mutex_unlock(&c->lock);
    return r;
}
