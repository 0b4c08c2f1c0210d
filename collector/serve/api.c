/*
 * collector/serve/api.c - HTTP side of the API: who may ask, what was asked,
 * how it is refused.
 *
 * A thread a connection (libmicrohttpd), at most API_CONNECTIONS; at most
 * API_HEAVY of them make a document at a time, more get 503. Everything a
 * peer sends is input: MHD bounds the head, parameters are checked here, a
 * request's body is never read.
 */
#include "serve/api.h"

#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/address.h"
#include "serve/api_answer.h"
#include "serve/api_stream.h"
#include "serve/measure.h"

enum { API_CONNECTIONS = 32, API_HEAVY = 4, API_TIMEOUT_S = 60, API_LAST_S = 1, API_HEAD_BYTES = 32 * 1024,
       API_STACK_BYTES = 8 * 1024 * 1024, API_TOP_MAX = 1000000, API_FRAMES_MAX = 64 };

struct api {
    struct collector *collector;
    struct MHD_Daemon *daemon;
    char *path;
    struct address_file file;   /* the socket, to be removed if it is still there */
    sem_t heavy;
};

void api_refuse(struct api_answer *a, unsigned status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vasprintf(&a->error, format, args) < 0)
        a->error = NULL;
    va_end(args);
    a->status = status;
}

/* `allow`: the method that 405 names. */
static enum MHD_Result answer_refusal(struct MHD_Connection *c, unsigned status, const char *text, const char *allow)
{
    json_t *words = json_string(text ? text : "?");  /* NULL: no UTF-8 */
    json_t *o = json_pack("{s:o}", "error", words ? words : json_string("?"));
    char *body = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (!body)
        return MHD_NO;
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(body);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, allow);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result answer_error(struct MHD_Connection *c, unsigned status, const char *text)
{
    return answer_refusal(c, status, text, NULL);
}

static bool peer_is_allowed(struct MHD_Connection *c, struct control_asker *who)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (!info || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes))
        return false;
    *who = (struct control_asker){ .uid = peer.uid, .pid = peer.pid };
    return peer.uid == 0 || peer.uid == geteuid();
}

/* ---- parameters ----------------------------------------------------------- */

struct ask { struct query q; unsigned allowed; char *error; };

static int flag_read(const char *value, bool *flag)
{
    *flag = strcmp(value, "1") == 0;
    return *flag || strcmp(value, "0") == 0 ? 0 : -EINVAL;
}

static int number_read(const char *value, uint64_t most, uint64_t *n)
{
    if (!*value || strspn(value, "0123456789") != strlen(value) || strlen(value) > 9)
        return -EINVAL;
    *n = strtoull(value, NULL, 10);
    return *n > most ? -EINVAL : 0;
}

/* 0, or -EINVAL for a value that cannot be. Texts are checked by query_check. */
/* Our own: whichever process runs in the session. */
static int pid_read(const char *value, uint64_t *pid)
{
    int e = number_read(value, INT32_MAX, pid);
    if (!e && *pid == (uint64_t)getpid())
        *pid = 0;
    return e;
}

static int parameter_set(struct query *q, unsigned bit, const char *value)
{
    switch (bit) {
    case API_ID: q->id = value; return 0;
    case API_AT: q->at = value; return 0;
    case API_SINCE: q->since = value; return 0;
    case API_FORMAT: q->format = value; return 0;
    case API_TYPE: q->type = value; return 0;
    case API_SITE: q->site = value; return 0;
    case API_SIZE: q->size = value; return 0;
    case API_ADDRESS: q->address = value; return 0;
    case API_THREAD: q->thread = value; return 0;
    case API_PROCESS: q->process = value; return 0;
    case API_NAME: q->name = value; return 0;
    case API_WORDS: q->words = value; return 0;
    case API_TOP: q->top_given = true; return number_read(value, API_TOP_MAX, &q->top);
    case API_FRAMES: return number_read(value, API_FRAMES_MAX, &q->frames);
    case API_SUPPRESSIONS: return *value == '/' ? query_add_suppressions(q, value) : -EINVAL;
    case API_CLASS: q->leak_class = value; return 0;
    case API_PID: return pid_read(value, &q->pid);
    case API_OF: q->of = value; return 0;
    case API_BY: q->by = value; return 0;
    case API_DEPTH: return number_read(value, QUERY_DEPTH_MAX, &q->depth);
    case API_DEFAULT_SUPPRESSIONS:
        q->no_default_suppressions = !strcmp(value, "no");
        return q->no_default_suppressions || !strcmp(value, "yes") ? 0 : -EINVAL;
    case API_BLOCKS: return flag_read(value, &q->blocks);
    case API_EVENTS: return flag_read(value, &q->events);
    case API_STACKS: return flag_read(value, &q->stacks);
    default: return flag_read(value, &q->all);
    }
}

static enum MHD_Result parameter_take(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    static const char *const names[] = { "id", "at", "since", "format", "type", "thread", "process", "top", "events", "all",
                                         "frames", "suppressions", "blocks", "class", "pid", "name", "of", "by", "depth", "default-suppressions",
                                         "site", "size", "address", "stacks", "words" };
    struct ask *a = context;
    unsigned bit = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            bit = (1u << i) & a->allowed;
    if (!bit)
        a->error = xasprintf("no parameter '%.60s' here", name);
    else if (parameter_set(&a->q, bit, value ? value : ""))
        a->error = xasprintf("parameter '%s' cannot be '%.60s'", name, value ? value : "");
    return a->error ? MHD_NO : MHD_YES;
}

/* ---- one request ---------------------------------------------------------- */

static enum MHD_Result answer_send(struct MHD_Connection *c, struct api_answer *a)
{
    if (a->status && a->status != MHD_HTTP_OK) {
        enum MHD_Result refused = answer_error(c, a->status, a->error);
        if (a->free)
            a->free(a->state);
        free(a->error);
        return refused;
    }
    struct MHD_Response *r = api_stream(a);
    if (!r)
        return answer_error(c, MHD_HTTP_SERVICE_UNAVAILABLE, "no thread or pipe to be had; ask again later");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type ? a->type : "application/json");
    enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return result;
}

static const struct api_route *route_find(const struct api_route *r, const char *path)
{
    while (r->path && strcmp(r->path, path) != 0)
        r++;
    return r->path ? r : NULL;
}

/* NULL: it was refused, with *result. */
static const struct api_route *route_choose(struct MHD_Connection *c, const char *path, const char *method,
                                            enum MHD_Result *result)
{
    bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0, post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    const struct api_route *document = route_find(api_routes, path), *action = route_find(api_actions, path);
    if (get && document)
        return document;
    if (post && action)
        return action;
    if (document || (!action && !get))
        *result = answer_refusal(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET asks for documents", MHD_HTTP_METHOD_GET);
    else if (action)
        *result = answer_refusal(c, MHD_HTTP_METHOD_NOT_ALLOWED, "POST does that", MHD_HTTP_METHOD_POST);
    else
        *result = answer_error(c, MHD_HTTP_NOT_FOUND, "no such document; see /v1/status");
    return NULL;
}

/* *context stays set while this request holds a place in `heavy`. */
static enum MHD_Result request_answer(void *server, struct MHD_Connection *c, const char *path, const char *method,
                                      const char *version, const char *upload, size_t *upload_bytes, void **context)
{
    struct api *api = server;
    struct api_answer answer = { 0 };
    enum MHD_Result result = MHD_NO;
    if (!peer_is_allowed(c, &answer.who)) {
        if (!strncmp(path, "/v1/", 4) && !strcmp(method, MHD_HTTP_METHOD_POST))
            control_note(collector_control(api->collector), &answer.who, path + 4, "", -EACCES, "only the session's owner and root may");
        return answer_error(c, MHD_HTTP_FORBIDDEN, "only the session's owner and root may ask");
    }
    const struct api_route *route = route_choose(c, path, method, &result);
    if (!route)
        return result;
    struct ask ask = { .allowed = route->parameters };
    MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, parameter_take, &ask);
    if (ask.error || query_check(&ask.q, &ask.error)) {
        enum MHD_Result refused = answer_error(c, MHD_HTTP_BAD_REQUEST, ask.error);
        free(ask.error);
        return refused;
    }
    if (!*context && !(route->parameters & API_LIGHT)) {
        if (sem_trywait(&api->heavy))
            return answer_error(c, MHD_HTTP_SERVICE_UNAVAILABLE, "busy with other questions; ask again later");
        *context = api;
    }
    measure_question_begin();
    route->answer(api->collector, &ask.q, &answer);
    measure_question_end();
    return answer_send(c, &answer);
}

static void request_done(void *server, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode code)
{
    struct api *api = *context;
    *context = NULL;
    if (api)
        sem_post(&api->heavy);
}

/* ---- start and stop ------------------------------------------------------- */

static struct MHD_Daemon *daemon_start(struct api *api, int fd)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ITC, 0, NULL, NULL, request_answer, api,
        MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)API_TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)API_HEAD_BYTES,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)API_STACK_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, request_done, api,
        MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return d;
}

int api_start(struct api **out, struct collector *collector, const char *socket_path)
{
    int fd = address_listen(socket_path, API_CONNECTIONS);
    if (fd == -EADDRINUSE && session_is_ours(collector_session(collector)))
        fd = address_replace(socket_path, API_CONNECTIONS); /* its last collector is stopped, and has lost the session */
    if (fd < 0)
        return fd;
    struct api *api = xcalloc(1, sizeof *api);
    api->collector = collector;
    api->path = xstrdup(socket_path);
    address_file_of(socket_path, &api->file);
    sem_init(&api->heavy, 0, API_HEAVY);
    api->daemon = daemon_start(api, fd);
    if (!api->daemon) {
        close(fd);
        unlink(socket_path);
        sem_destroy(&api->heavy);
        free(api->path);
        free(api);
        return -EAGAIN;
    }
    *out = api;
    return 0;
}

/* Answers on their way may arrive: who asked as the program ended is told so. New ones find no place. */
static void answers_end(struct api *api)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += API_LAST_S;
    for (int i = 0; i < API_HEAVY && !sem_timedwait(&api->heavy, &until); i++)
        ;
}

void api_stop(struct api *api)
{
    if (!api)
        return;
    address_remove(api->path, &api->file);
    answers_end(api);
    MHD_stop_daemon(api->daemon);
    sem_destroy(&api->heavy);
    free(api->path);
    free(api);
}
