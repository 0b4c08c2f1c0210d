/*
 * collector/cli/reading_live.c - reading commands with -p PID: the question to
 * the collector, and what its refusals mean here. Main thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/message.h"
#include "cli/reading.h"
#include "event/xalloc.h"
#include "serve/address.h"
#include "serve/client.h"

/* The largest document that is taken into memory from a collector. */
#define LIVE_BYTES_MAX ((size_t)1 << 30)

static char *target_add(char *target, const char *name, const char *value)
{
    if (!value)
        return target;
    char *escaped = client_escape(value);
    char *longer = xasprintf("%s%c%s=%s", target, strchr(target, '?') ? '&' : '?', name, escaped);
    free(escaped);
    free(target);
    return longer;
}

/* "/v1/NAME?…" with what the query says; malloc'ed. */
static char *target_make(const struct query *q, const char *name)
{
    char top[24], frames[24], pid[24], depth[24], *target = xasprintf("/v1/%s", name);
    snprintf(top, sizeof top, "%llu", (unsigned long long)q->top);
    snprintf(frames, sizeof frames, "%llu", (unsigned long long)q->frames);
    target = target_add(target, "id", q->id);
    target = target_add(target, "top", q->top_given ? top : NULL);
    target = target_add(target, "frames", q->frames ? frames : NULL);
    target = target_add(target, "at", q->at);
    target = target_add(target, "since", q->since);
    target = target_add(target, "type", q->type);
    target = target_add(target, "site", q->site);
    target = target_add(target, "size", q->size);
    target = target_add(target, "address", q->address);
    target = target_add(target, "thread", q->thread);
    target = target_add(target, "process", q->process);
    snprintf(pid, sizeof pid, "%llu", (unsigned long long)q->pid);
    target = target_add(target, "pid", q->pid ? pid : NULL);
    target = target_add(target, "name", q->name);
    target = target_add(target, "words", q->words);
    target = target_add(target, "class", q->leak_class);
    target = target_add(target, "of", q->of);
    target = target_add(target, "by", q->by);
    snprintf(depth, sizeof depth, "%llu", (unsigned long long)q->depth);
    target = target_add(target, "depth", q->depth ? depth : NULL);
    target = target_add(target, "format", q->format);
    for (size_t i = 0; i < q->n_suppressions; i++) {
        char *path = realpath(q->suppressions[i], NULL);    /* the collector works elsewhere */
        target = target_add(target, "suppressions", path ? path : q->suppressions[i]);
        free(path);
    }
    target = target_add(target, "default-suppressions", q->no_default_suppressions ? "no" : NULL);
    target = target_add(target, "blocks", q->blocks ? "1" : NULL);
    target = target_add(target, "stacks", q->stacks ? "1" : NULL);
    target = target_add(target, "events", q->events ? "1" : NULL);
    return target_add(target, "all", q->all ? "1" : NULL);
}

static void refused(const struct reading *r, int status, const char *body, size_t bytes)
{
    json_t *doc = bytes ? json_loadb(body, bytes, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(doc, "error"));
    if (status == 404)
        message_fail(EXIT_NOTHING, "%s", text ? text : "nothing found");
    message_fail(status == 400 ? EXIT_USAGE : EXIT_SOURCE, "the collector of process %u refuses: %s", r->pid, text ? text : "no reason given");
}

static void ask_failed(const struct reading *r, int error)
{
    char *why;
    if (address_check(r->origin.socket_path, &why) == -EKEYREJECTED)
        message_fail(EXIT_SOURCE, "the collector of process %u is not asked: %s", r->pid, why);
    switch (-error) {
    case EACCES: case EPERM:
        message_fail(EXIT_SOURCE, "may not ask the collector of process %u; only its owner and root may", r->pid);
    case ENOENT: case ECONNREFUSED:
        message_fail(EXIT_SOURCE, "the collector of process %u does not answer on %s; read its trace file", r->pid, r->origin.socket_path);
    case ETIMEDOUT:
        message_fail(EXIT_SOURCE, "the collector of process %u is silent for %d s; is it stopped?", r->pid, CLIENT_TIMEOUT_S);
    case EPROTO:
        message_fail(EXIT_SOURCE, "the collector of process %u broke off its answer; ask again, or read its trace file", r->pid);
    default:
        message_fail(EXIT_SOURCE, "cannot ask the collector of process %u: %s", r->pid, strerror(-error));
    }
}

typedef int (*asking)(const char *socket_path, const char *target, size_t max_bytes, char **body, size_t *bytes, int *status);

static json_t *ask(const struct reading *r, const char *name, asking with)
{
    char *body, *target = target_make(&r->query, name);
    size_t bytes;
    int status, error = with(r->origin.socket_path, target, LIVE_BYTES_MAX, &body, &bytes, &status);
    free(target);
    if (error)
        ask_failed(r, error);
    if (status != 200)
        refused(r, status, body, bytes);
    json_t *doc = json_loadb(body, bytes, 0, NULL);
    if (!json_is_object(doc))
        ask_failed(r, -EPROTO);
    free(body);
    return doc;
}

json_t *reading_ask(const struct reading *r, const char *name) { return ask(r, name, client_get_text); }
json_t *reading_tell(const struct reading *r, const char *name) { return ask(r, name, client_post_text); }

/* Passes a document on, keeps the head of a refusal. *status is set before
 * the first byte of a body comes. */
struct relay { FILE *out; const int *status; char head[1024]; size_t bytes; };

static ssize_t relay_write(void *context, const char *bytes, size_t n)
{
    struct relay *r = context;
    if (*r->status == 200)
        return fwrite(bytes, 1, n, r->out) == n ? (ssize_t)n : 0;
    size_t room = sizeof r->head - r->bytes, kept = n < room ? n : room;
    memcpy(r->head + r->bytes, bytes, kept);
    r->bytes += kept;
    return (ssize_t)n;
}

void reading_ask_stream(const struct reading *r, const char *name, FILE *out)
{
    int status = 0;
    struct relay relay = { .out = out, .status = &status };
    char *target = target_make(&r->query, name);
    FILE *into = fopencookie(&relay, "w", (cookie_io_functions_t){ .write = relay_write });
    int error = into ? client_get(r->origin.socket_path, target, into, &status) : -ENOMEM;
    if (into && fclose(into) && !error)
        error = -EIO;
    free(target);
    if (ferror(out))
        return;
    if (error)
        ask_failed(r, error);
    if (status != 200)
        refused(r, status, relay.head, relay.bytes);
}
