/*
 * collector/serve/api_action.c - the API's POST requests: what makes the
 * collector do something. Runs in the threads of connections, which wait for
 * the ingest thread (collector.h).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/api_answer.h"

static json_t *snapshot_json(const struct snapshot *s)
{
    uint64_t bytes = 0;
    char id[16];
    for (size_t i = 0; i < s->n_blocks; i++)
        bytes += s->size[i];
    snprintf(id, sizeof id, "p%u", s->process);
    return json_pack("{s:i, s:I, s:s, s:I, s:I, s:I, s:s, s:s, s:s?, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
        "ownscope", 1, "snapshot", (json_int_t)s->number, "process", id, "pid", (json_int_t)s->pid,
        "ns", (json_int_t)s->ns, "event", (json_int_t)s->event, "why", snapshot_why_name(s->why),
        "how", snapshot_how_name(s->how), "refused", s->refused, "stacks_unknown", s->stacks_unknown,
        "blocks", (json_int_t)s->n_blocks, "bytes", (json_int_t)bytes, "roots", (json_int_t)s->n_roots,
        "edges", (json_int_t)s->n_edges, "pause_ns", (json_int_t)s->pause_ns, "read_bytes", (json_int_t)s->read_bytes,
        "scan_ns", (json_int_t)s->scan_ns);
}

static void refuse(struct api_answer *a, int error)
{
    if (error == -ESRCH)
        api_refuse(a, 404, "no such process runs in this session");
    else if (error == -EINVAL)
        api_refuse(a, 400, "several processes run in this session; say which: -p PID, or pid= or process= in a request");
    else if (error == -ECANCELED)
        api_refuse(a, 503, "the session is ending; read its trace file");
    else
        api_refuse(a, 500, "no snapshot could be taken: %s", strerror(-error));
}

/* NULL: turned down. */
static const struct snapshot *snapshot_take(struct collector *c, const struct query *q, struct api_answer *a)
{
    const struct snapshot *s;
    int error = q->pid ? collector_snapshot_of(c, (pid_t)q->pid, &s) : collector_snapshot(c, query_serial(q->process, 'p'), &s);
    if (error)
        refuse(a, error);
    return error ? NULL : s;
}

/* What a recorder has in memory goes into a file. 0, or turned down; *path: its whole name, NULL: there is none. */
static int dump(struct collector *c, const char *why, struct api_answer *a, char **path)
{
    char *written = NULL;
    int error = collector_dump(c, why, &written);
    *path = error ? NULL : realpath(written, NULL);   /* whoever asks works elsewhere */
    if (error == -ECANCELED)
        refuse(a, error);
    else if (error && error != -ENOTSUP)
        api_refuse(a, 503, "the trace cannot be written to %s: %s", collector_trace_path(c), strerror(-error));
    free(written);
    return error;
}

static void answer_snapshot(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct control_asker who = a->who;
    const struct snapshot *s = snapshot_take(c, q, a);
    char *path;
    control_note(collector_control(c), &who, "snapshot", "", s ? 0 : -ESRCH, a->error);
    if (!s)
        return;
    int error = dump(c, "a snapshot was asked for", a, &path);
    if (!error || error == -ENOTSUP) {
        json_t *doc = snapshot_json(s);
        if (path)
            json_object_set_new(doc, "dump", json_string(path));
        api_answer_tree(a, doc);
    }
    free(path);
    collector_snapshot_put(c, s);
}

static void answer_dump(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct control_asker who = a->who;
    char *path;
    int error = dump(c, "it was asked for", a, &path);
    control_note(collector_control(c), &who, "dump", "", error, error == -ENOTSUP ? "the trace is a file anyway" : a->error);
    if (error == -ENOTSUP)
        api_refuse(a, 400, "the trace is a file anyway: %s; dump is for run --ring-only", collector_trace_path(c));
    else if (!error)
        api_answer_tree(a, json_pack("{s:i, s:s?, s:I}", "ownscope", 1, "dump", path, "at_ns", (json_int_t)collector_now_ns(c)));
    free(path);
}

uint32_t api_snapshot(struct collector *c, const struct query *q, struct api_answer *a)
{
    const struct snapshot *s = snapshot_take(c, q, a);
    uint32_t process = s ? s->process : 0;
    if (s)
        collector_snapshot_put(c, s);
    return process;
}

/* Names are printed on terminals and in documents. */
static bool name_is_plain(const char *name)
{
    json_t *text = json_string(name);   /* NULL: no UTF-8 */
    bool plain = text;
    for (; plain && *name; name++)
        plain = (unsigned char)*name >= ' ' && *name != 0x7f;
    json_decref(text);
    return plain;
}

static void answer_mark(struct collector *c, const struct query *q, struct api_answer *a)
{
    int error = !q->name || !name_is_plain(q->name) ? -EINVAL : collector_mark(c, q->name);
    control_note(collector_control(c), &a->who, "mark", q->name ? q->name : "", error, error ? strerror(-error) : NULL);
    if (error == -EINVAL)
        api_refuse(a, 400, "a mark needs a name of 1 to 255 bytes of plain text");
    else if (error)
        refuse(a, error);
    else
        api_answer_tree(a, json_pack("{s:i, s:s, s:I}", "ownscope", 1, "mark", q->name, "at_ns", (json_int_t)collector_now_ns(c)));
}

/* Who reads the trace file itself (ownscope sql) has everything so far in it. */
static void answer_flush(struct collector *c, const struct query *q, struct api_answer *a)
{
    const char *path = collector_trace_path(c);
    char *whole = path ? realpath(path, NULL) : NULL;   /* whoever asks works elsewhere */
    int error = collector_trace_flush(c);
    if (error)
        api_refuse(a, 503, "the trace cannot be flushed: %s", strerror(-error));
    else if (!whole && collector_records(c))
        api_refuse(a, 404, "this session's trace is in memory (--ring-only); ownscope ctl dump writes it to a file");
    else if (!whole)
        api_refuse(a, 404, "this session has no trace file");
    else
        api_answer_tree(a, json_pack("{s:i, s:s, s:I}", "ownscope", 1, "trace", whole, "at_ns", (json_int_t)collector_now_ns(c)));
    free(whole);
}

static void answer_yield(struct collector *c, const struct query *q, struct api_answer *a)
{
    char *to = xasprintf("process %d (uid %u)", (int)a->who.pid, (unsigned)a->who.uid);
    int error = collector_yield(c, to);
    free(to);
    if (error == -ENOTSUP)
        api_refuse(a, 409, "its trace is in memory (--ring-only): there is no file to go on with");
    else if (error == -ECANCELED)
        refuse(a, error);
    else if (error)
        api_refuse(a, 503, "the trace cannot be written out: %s", strerror(-error));
    else
        api_answer_tree(a, json_pack("{s:i, s:b, s:i}", "ownscope", 1, "yielded", 1, "collector", (int)getpid()));
}

/* ---- orders ---- */

static void order(struct collector *c, const char *verb, const struct query *q, struct api_answer *a)
{
    struct control_asker who = a->who;
    json_t *doc;
    char *error;
    switch (control_do(collector_control(c), &who, verb, q->words ? q->words : "", &doc, &error)) {
    case 0: api_answer_tree(a, doc); break;
    case -EINVAL: api_refuse(a, 400, "%s", error); break;
    case -ENOENT: api_refuse(a, 404, "%s", error); break;
    case -EPERM: case -E2BIG: api_refuse(a, 409, "%s", error); break;
    default: api_refuse(a, 503, "%s", error);
    }
    free(error);
}

static void answer_start(struct collector *c, const struct query *q, struct api_answer *a) { order(c, "start", q, a); }
static void answer_stop(struct collector *c, const struct query *q, struct api_answer *a) { order(c, "stop", q, a); }
static void answer_trace(struct collector *c, const struct query *q, struct api_answer *a) { order(c, "trace", q, a); }
static void answer_untrace(struct collector *c, const struct query *q, struct api_answer *a) { order(c, "untrace", q, a); }
static void answer_limits(struct collector *c, const struct query *q, struct api_answer *a) { order(c, "limits", q, a); }
static void answer_reset(struct collector *c, const struct query *q, struct api_answer *a) { order(c, "reset", q, a); }
static void answer_emergency(struct collector *c, const struct query *q, struct api_answer *a) { order(c, "emergency-stop", q, a); }

const struct api_route api_actions[] = {
    { "/v1/yield", 0, answer_yield },
    { "/v1/start", API_LIGHT, answer_start },
    { "/v1/stop", API_LIGHT, answer_stop },
    { "/v1/trace", API_WORDS | API_LIGHT, answer_trace },
    { "/v1/untrace", API_WORDS | API_LIGHT, answer_untrace },
    { "/v1/limits", API_WORDS | API_LIGHT, answer_limits },
    { "/v1/reset", API_LIGHT, answer_reset },
    { "/v1/emergency-stop", API_LIGHT, answer_emergency },
    { "/v1/snapshot", API_PROCESS | API_PID, answer_snapshot },
    { "/v1/dump", API_PID, answer_dump },
    { "/v1/mark", API_NAME, answer_mark },
    { "/v1/flush", 0, answer_flush },
    { NULL, 0, NULL }
};
