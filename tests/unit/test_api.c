/*
 * tests/unit/test_api.c - the HTTP API over a collector that this test plays
 * (its calls are wrapped at link time): documents, refusals, other users,
 * hostile requests, clients that stall or leave. The trace it reads is real.
 */
/* LINK: -Wl,--wrap=collector_view_get -Wl,--wrap=collector_view_put -Wl,--wrap=collector_trace_flush -Wl,--wrap=collector_trace_path -Wl,--wrap=collector_trace_get -Wl,--wrap=collector_trace_put -Wl,--wrap=collector_meta -Wl,--wrap=collector_trace_dropped -Wl,--wrap=collector_mark -Wl,--wrap=collector_snapshot -Wl,--wrap=collector_snapshot_of -Wl,--wrap=collector_snapshot_put -Wl,--wrap=collector_control -Wl,--wrap=collector_now_ns -Wl,--wrap=session_is_ours -Wl,--wrap=control_do -Wl,--wrap=control_list -Wl,--wrap=control_note */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "serve/address.h"
#include "serve/api.h"
#include "serve/client.h"
#include "serve/collector.h"
#include "suite.h"

enum { EVENTS = 60000 };
static char dir[64], path[128], trace_path[128];
static struct api *api;
static struct trace_meta meta = { .command = "a 'b c'", .host = "here", .session = "test-1", .clock_hz = 1000000000, .options = "" };
static struct code *code;
static _Alignas(64) char zeros[1 << 16];  /* nothing of it is ever looked at but that there is no recorder */
static struct collector *const nobody = (struct collector *)zeros;

/* ---- the collector -------------------------------------------------------- */

static bool fake_ending;
static int fake_flush;

struct view *__wrap_collector_view_get(struct collector *c, unsigned flags);
void __wrap_collector_view_put(struct collector *c, struct view *v);
int __wrap_collector_trace_flush(struct collector *c);
const char *__wrap_collector_trace_path(const struct collector *c);
int __wrap_collector_trace_get(struct collector *c, char **path);
void __wrap_collector_trace_put(struct collector *c, char *path);
const struct trace_meta *__wrap_collector_meta(const struct collector *c);
uint64_t __wrap_collector_trace_dropped(const struct collector *c);

struct view *__wrap_collector_view_get(struct collector *c, unsigned flags)
{
    if (fake_ending)
        return NULL;
    struct graph *g = graph_new(code);
    struct view *v = graph_view_make(g, code, flags);
    graph_free(g);
    v->at_ns = 77;
    return v;
}
void __wrap_collector_view_put(struct collector *c, struct view *v) { view_free(v); }
int __wrap_collector_trace_flush(struct collector *c) { return fake_flush; }
const char *__wrap_collector_trace_path(const struct collector *c) { return trace_path; }
int __wrap_collector_trace_get(struct collector *c, char **name)
{
    *name = strdup(trace_path);
    return 0;
}
void __wrap_collector_trace_put(struct collector *c, char *name) { free(name); }
const struct trace_meta *__wrap_collector_meta(const struct collector *c) { return &meta; }
uint64_t __wrap_collector_trace_dropped(const struct collector *c) { return 0; }

uint64_t __wrap_collector_now_ns(const struct collector *c);
bool __wrap_session_is_ours(const struct session *s);
uint64_t __wrap_collector_now_ns(const struct collector *c) { return 77; }
bool __wrap_session_is_ours(const struct session *s) { return false; }

/* Orders are noted. */
static char ordered[200], noted[200];

struct control *__wrap_collector_control(struct collector *c);
int __wrap_control_do(struct control *c, const struct control_asker *who, const char *verb, const char *words, json_t **answer, char **error);
json_t *__wrap_control_list(struct control *c);
void __wrap_control_note(struct control *c, const struct control_asker *who, const char *verb, const char *words, int error, const char *why);

struct control *__wrap_collector_control(struct collector *c) { return NULL; }
json_t *__wrap_control_list(struct control *c) { return fake_ending ? NULL : json_pack("{s:i, s:s, s:[], s:[]}", "ownscope", 1, "state", "paused", "rules", "log"); }
void __wrap_control_note(struct control *c, const struct control_asker *who, const char *verb, const char *words, int error, const char *why)
{
    snprintf(noted, sizeof noted, "%s %s %d %u", verb, words, error, (unsigned)who->uid);
}
int __wrap_control_do(struct control *c, const struct control_asker *who, const char *verb, const char *words, json_t **answer, char **error)
{
    static const struct { const char *words; int error; } errors[] = {
        { "einval", -EINVAL }, { "enoent", -ENOENT }, { "eperm", -EPERM }, { "e2big", -E2BIG }, { "enospc", -ENOSPC }, { "ecanceled", -ECANCELED } };
    snprintf(ordered, sizeof ordered, "%s '%s' %u %d", verb, words, (unsigned)who->uid, (int)who->pid);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (!strcmp(words, errors[i].words)) {
            *error = strdup(words);
            return errors[i].error;
        }
    *answer = json_pack("{s:s}", "verb", verb);
    *error = NULL;
    return 0;
}

/* Marks are counted; of process 1, pid 42, there is a snapshot to be had. */
static unsigned fake_marks;
static struct snapshot fake_snapshot = { .number = 3, .process = 1, .pid = 42, .how = SNAPSHOT_COPIED };

int __wrap_collector_mark(struct collector *c, const char *name);
int __wrap_collector_snapshot(struct collector *c, uint32_t process, const struct snapshot **out);
int __wrap_collector_snapshot_of(struct collector *c, pid_t pid, const struct snapshot **out);
void __wrap_collector_snapshot_put(struct collector *c, const struct snapshot *s);

int __wrap_collector_mark(struct collector *c, const char *name)
{
    fake_marks += *name != 0;
    return *name ? 0 : -EINVAL;
}
int __wrap_collector_snapshot(struct collector *c, uint32_t process, const struct snapshot **out)
{
    *out = &fake_snapshot;
    return process == 1 ? 0 : process ? -ESRCH : -EINVAL;
}
int __wrap_collector_snapshot_of(struct collector *c, pid_t pid, const struct snapshot **out)
{
    *out = &fake_snapshot;
    return pid == 42 ? 0 : -ESRCH;
}
void __wrap_collector_snapshot_put(struct collector *c, const struct snapshot *s) { ck_assert_ptr_eq(s, &fake_snapshot); }

/* One process, one thread, blocks made and dropped in turn; b1 stays. */
static void write_trace(void)
{
    struct trace_writer *w;
    struct event e = { .ns = 1, .type = EVENT_PROCESS_START, .process = 1, .thread = 1, .extra = { 42, 1 }, .text = "/bin/x\0x", .text_bytes = 9 };
    ck_assert_int_eq(trace_write_open(&w, trace_path, &meta), 0);
    trace_write_event(w, code, &e);
    e = (struct event){ .ns = 2, .type = EVENT_NEW, .family = WIRE_MALLOC, .process = 1, .thread = 1, .address = 0x1000, .size = 10 };
    trace_write_event(w, code, &e);
    for (int i = 0; i < EVENTS; i++) {
        e = (struct event){ .ns = 10 + (uint64_t)i, .type = i % 2 ? EVENT_DROP : EVENT_NEW, .family = i % 2 ? WIRE_FREE : WIRE_MALLOC,
                            .process = 1, .thread = 1, .address = 0x2000, .size = i % 2 ? 0 : 20 };
        ck_assert_int_eq(trace_write_event(w, code, &e), 0);
    }
    ck_assert_int_eq(trace_write_flush(w, code), 0);
    trace_write_close(w, code, 10 + EVENTS);
}

static void setup(void)
{
    strcpy(dir, "/tmp/ownscope-api-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/socket", dir);
    snprintf(trace_path, sizeof trace_path, "%s/t.own", dir);
    code = code_new();
    write_trace();
    fake_ending = false;
    fake_flush = 0;
    ck_assert_int_eq(api_start(&api, nobody, path), 0);
}

static void teardown(void)
{
    api_stop(api);
    ck_assert_int_eq(access(path, F_OK), -1);
    code_free(code);
    unlink(trace_path);
    rmdir(dir);
}

/* ---- asking --------------------------------------------------------------- */

static char *get(const char *target, int *status, size_t *bytes)
{
    char *body;
    int error = client_get_text(path, target, 64 << 20, &body, bytes, status);
    ck_assert_msg(error == 0, "%s: %s", target, strerror(-error));
    return body;
}

static json_t *get_json(const char *target, int want)
{
    int status;
    size_t bytes;
    char *body = get(target, &status, &bytes);
    ck_assert_msg(status == want, "%s: %d %s", target, status, body);
    json_t *doc = json_loadb(body, bytes, 0, NULL);
    ck_assert_msg(json_is_object(doc), "%s: %s", target, body);
    if (want != 200)
        ck_assert_msg(json_is_string(json_object_get(doc, "error")), "%s: %s", target, body);
    free(body);
    return doc;
}

/* Connects and sends `text`; the descriptor. */
static int send_raw(const char *text, size_t bytes)
{
    struct timeval limit = { .tv_sec = 20 };
    int fd = address_connect(path);
    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    for (size_t at = 0; at < bytes;) {
        ssize_t n = send(fd, text + at, bytes - at, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    return fd;
}

/* Status of the answer on fd, 0 when it was closed without one. */
static int status_raw(int fd)
{
    char head[64] = "";
    ssize_t n = recv(fd, head, sizeof head - 1, MSG_WAITALL);
    return n > 12 && strncmp(head, "HTTP/1.", 7) == 0 ? atoi(head + 9) : 0;
}

static int open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void nap(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

/* The places of connections that were closed are free again, soon or late. */
static void report_comes(void)
{
    int status = 0;
    for (int i = 0; i < 400 && status != 200; i++) {
        char *body = NULL;
        size_t bytes;
        if (client_get_text(path, "/v1/report", 64 << 20, &body, &bytes, &status) || status != 200)
            nap(100);
        free(body);
    }
    ck_assert_int_eq(status, 200);
}

/* ---- tests ---------------------------------------------------------------- */

START_TEST(documents)
{
    json_t *d = get_json("/v1/status", 200);
    ck_assert_str_eq(json_string_value(json_object_get(d, "session")), "test-1");
    ck_assert_int_eq(json_integer_value(json_object_get(d, "at_ns")), 77);
    json_decref(d);
    d = get_json("/v1/report?top=3", 200);
    ck_assert_ptr_nonnull(json_object_get(d, "totals"));
    json_decref(d);
    d = get_json("/v1/report?at=event:2", 200);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(d, "totals"), "allocations")), 1);
    json_decref(d);
    d = get_json("/v1/report?at=end", 200);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(d, "totals"), "allocations")), 1 + EVENTS / 2);
    json_decref(d);
    d = get_json("/v1/threads", 200);
    ck_assert(json_is_array(json_object_get(d, "threads")));
    json_decref(d);
    static const char *const keys[][2] = { { "/v1/locks?top=2", "locks" }, { "/v1/copies", "flows" }, { "/v1/findings?at=event:2", "findings" } };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        d = get_json(keys[i][0], 200);
        ck_assert(json_is_array(json_object_get(d, keys[i][1])) && json_object_get(d, "metadata"));
        json_decref(d);
    }
    d = get_json("/v1/history?id=b1", 200);
    ck_assert_ptr_nonnull(json_object_get(d, "node"));
    json_decref(d);
    d = get_json("/v1/history?id=0x1004", 200);
    json_decref(d);
    d = get_json("/v1/export?format=json", 200);
    ck_assert(json_is_array(json_object_get(d, "nodes")));
    ck_assert_uint_eq(json_array_size(json_object_get(d, "events")), 0);
    json_decref(d);
    d = get_json("/v1/export?events=1&all=1", 200);
    ck_assert_uint_ge(json_array_size(json_object_get(d, "events")), EVENTS);
    json_decref(d);
}
END_TEST

static size_t lines(const char *target)
{
    int status;
    size_t bytes, n = 0;
    char *body = get(target, &status, &bytes);
    ck_assert_int_eq(status, 200);
    for (char *p = body, *end; (end = strchr(p, '\n')); p = end + 1, n++) {
        if (n >= 100)
            continue;
        json_t *line = json_loadb(p, (size_t)(end - p), 0, NULL);
        ck_assert_ptr_nonnull(line);
        json_decref(line);
    }
    ck_assert(bytes == 0 || body[bytes - 1] == '\n');
    free(body);
    return n;
}

START_TEST(events)
{
    size_t all = lines("/v1/events");
    ck_assert_uint_ge(all, EVENTS + 1);
    ck_assert_uint_eq(lines("/v1/events?top=1"), 1);
    ck_assert_uint_eq(lines("/v1/events?top=777"), 777);
    ck_assert_uint_eq(lines("/v1/events?type=drop"), EVENTS / 2);
    ck_assert_uint_eq(lines("/v1/events?type=new&at=event:2"), 1);
    ck_assert_uint_eq(lines("/v1/events?type=new&since=event:2"), EVENTS / 2);
    ck_assert_uint_eq(lines("/v1/events?thread=t9"), 0);
    ck_assert_uint_eq(lines("/v1/events?frames=1"), all);
}
END_TEST

static const struct { const char *target; int status; } refusals[] = {
    { "/", 404 }, { "/v1", 404 }, { "/v1/report/", 404 }, { "/v1/../v1/report", 404 }, { "/v1/nothing", 404 },
    { "/v1/history", 400 }, { "/v1/history?id=", 400 }, { "/v1/history?id=xyz", 400 }, { "/v1/history?id=b999999999", 404 },
    { "/v1/history?id=b1&at=event:1", 404 }, { "/v1/history?id=b99999999999999999999999999", 400 },
    { "/v1/report?top=-1", 400 }, { "/v1/report?top=99999999999", 400 }, { "/v1/report?top=", 400 }, { "/v1/report?top", 400 },
    { "/v1/report?id=b1", 400 }, { "/v1/report?x=1", 400 }, { "/v1/report?%00=1", 400 }, { "/v1/report?at=soon", 400 },
    { "/v1/report?at=mark:nowhere", 404 }, { "/v1/report?at=mark:%ff%fe", 404 }, { "/v1/report?%ff=1", 400 },
    { "/v1/export?format=xml", 400 }, { "/v1/export?events=2", 400 }, { "/v1/events?type=nonsense", 400 },
    { "/v1/events?thread=p1", 400 }, { "/v1/events?frames=65", 400 }, { "/v1/report?frames=1", 400 }, { "/v1/events?since=mark:nowhere", 404 }, { "/v1/status?top=1", 400 },
    { "/v1/findings?suppressions=relative.supp", 400 }, { "/v1/findings?suppressions=/gone.supp", 400 }, { "/v1/locks?suppressions=/etc/passwd", 400 }, { "/v1/findings?blocks=2", 400 },
    { "/v1/leaks?default-suppressions=maybe", 400 }, { "/v1/graph?default-suppressions=no", 400 },
};

START_TEST(refused) { json_decref(get_json(refusals[_i].target, refusals[_i].status)); }
END_TEST

START_TEST(an_ending_session_is_said)
{
    fake_ending = true;
    json_decref(get_json("/v1/report", 503));
    json_decref(get_json("/v1/status", 503));
    fake_flush = -ENOSPC;
    json_decref(get_json("/v1/events", 503));
    json_decref(get_json("/v1/history?id=b1", 503));
    fake_flush = 0;
    ck_assert_int_eq(truncate(trace_path, 3), 0);
    json_decref(get_json("/v1/export", 500));
}
END_TEST

START_TEST(other_users_are_refused)
{
    if (geteuid() != 0)
        return;
    ck_assert_int_eq(chmod(dir, 0755), 0);
    ck_assert_int_eq(chmod(path, 0666), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *body;
        size_t bytes;
        int status = 0;
        if (setgid(65534) || setuid(65534) || client_get_text(path, "/v1/report", 1 << 20, &body, &bytes, &status))
            _exit(1);
        _exit(status == 403 && strstr(body, "\"error\"") ? 0 : 2);
    }
    int how;
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert_int_eq(how, 0);
    json_decref(get_json("/v1/report", 200));
}
END_TEST

START_TEST(sockets_are_private)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(other_methods_and_bodies)
{
    static const struct { const char *text; int status; } t[] = {
        { "POST /v1/report HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 405 },
        { "DELETE /v1/report HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
        { "PUT /v1/report HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 405 },
        { "POST /v1/report HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", 405 },
        { "GET /v1/report HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 200 },
        { "POST /v1/mark?name=one HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 200 },
        { "POST /v1/mark?name=h%C3%A4lfte HTTP/1.1\r\nHost: x\r\n\r\n", 200 },
        { "POST /v1/mark?name=two HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 200 },
        { "POST /v1/mark HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "POST /v1/mark?name= HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "POST /v1/mark?name=a%0Ab HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "POST /v1/mark?name=a%FFb HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "POST /v1/mark?name=a&top=3 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "GET /v1/mark?name=three HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
        { "DELETE /v1/mark?name=four HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
        { "POST /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n", 405 },
        { "POST /v1/snapshot HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
        { "POST /v1/snapshot?pid=42 HTTP/1.1\r\nHost: x\r\n\r\n", 200 },
        { "POST /v1/snapshot?process=p1 HTTP/1.1\r\nHost: x\r\n\r\n", 200 },
        { "POST /v1/snapshot?pid=1 HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
        { "POST /v1/snapshot?process=p99 HTTP/1.1\r\nHost: x\r\n\r\n", 404 },
        { "POST /v1/snapshot?process=b9 HTTP/1.1\r\nHost: x\r\n\r\n", 400 },
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        int status = 503, fd;
        for (int tries = 0; tries < 100 && status == 503; tries++) { /* places of the answers before it */
            usleep(tries * 1000u);
            fd = send_raw(t[i].text, strlen(t[i].text));
            status = status_raw(fd);
            close(fd);
        }
        ck_assert_msg(status == t[i].status, "%d: %s", status, t[i].text);
    }
    ck_assert_uint_eq(fake_marks, 3); /* what was refused did nothing */
}
END_TEST

/* The collector's own number stands for the only process that runs. */
START_TEST(own_pid)
{
    char text[100];
    snprintf(text, sizeof text, "POST /v1/snapshot?pid=%d HTTP/1.1\r\nHost: x\r\n\r\n", (int)getpid());
    int fd = send_raw(text, strlen(text));
    ck_assert_int_eq(status_raw(fd), 400); /* there are several, as without it */
    close(fd);
}
END_TEST

START_TEST(orders)
{
    static const struct { const char *target; int status; const char *ordered; } t[] = {
        { "/v1/start", 200, "start ''" }, { "/v1/stop", 200, "stop ''" }, { "/v1/reset", 200, "reset ''" },
        { "/v1/emergency-stop", 200, "emergency-stop ''" },
        { "/v1/trace?words=function%3Doperator%20new%20size%3D4K..", 200, "trace 'function=operator new size=4K..'" },
        { "/v1/untrace?words=all", 200, "untrace 'all'" }, { "/v1/limits", 200, "limits ''" }, { "/v1/limits?words=cpu%3D3%25", 200, "limits 'cpu=3%'" },
        { "/v1/trace?words=einval", 400, "trace 'einval'" }, { "/v1/untrace?words=enoent", 404, "untrace 'enoent'" },
        { "/v1/limits?words=eperm", 409, "limits 'eperm'" }, { "/v1/trace?words=e2big", 409, "trace 'e2big'" },
        { "/v1/trace?words=enospc", 503, "trace 'enospc'" }, { "/v1/trace?words=ecanceled", 503, "trace 'ecanceled'" },
        { "/v1/start?words=now", 400, "" }, { "/v1/trace?name=x", 400, "" }, { "/v1/list", 405, "" },
    };
    char who[64];
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        char *body;
        size_t bytes;
        int status;
        *ordered = 0;
        ck_assert_int_eq(client_post_text(path, t[i].target, 1 << 20, &body, &bytes, &status), 0);
        ck_assert_msg(status == t[i].status, "%d: %s", status, t[i].target);
        snprintf(who, sizeof who, " %u %d", (unsigned)getuid(), (int)getpid());
        if (*t[i].ordered) {
            ck_assert_int_eq(strncmp(ordered, t[i].ordered, strlen(t[i].ordered)), 0);
            ck_assert_str_eq(ordered + strlen(t[i].ordered), who);
        } else {
            ck_assert_str_eq(ordered, "");
        }
        free(body);
    }
}
END_TEST

START_TEST(hostile_bytes)
{
    unsigned seed = 4711;
    static const char alphabet[] = "GET /v1/report HTTP/1.1\r\n: ?&=%\0\xff";
    size_t huge = 1 << 20;
    char *text = malloc(huge);
    memset(text, 'a', huge);
    memcpy(text, "GET /", 5);
    int fd = send_raw(text, huge), status = status_raw(fd);
    ck_assert_msg(status == 0 || status >= 400, "%d", status);
    close(fd);
    memcpy(text, "GET / HTTP/1.1\r\nHost: ", 22);
    fd = send_raw(text, huge);
    status = status_raw(fd);
    ck_assert_msg(status == 0 || status >= 400, "%d", status);
    close(fd);
    free(text);
    for (int round = 0; round < 300; round++) {
        char bytes[200];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = alphabet[(seed = seed * 1103515245u + 12345) / 65536 % (sizeof alphabet - 1)];
        if (round % 2)
            memcpy(bytes, "GET /v1/report?", 15);
        if (round % 4 == 3)
            memcpy(bytes + 150, " HTTP/1.1\r\nHost: x\r\n\r\n", 22);
        fd = send_raw(bytes, sizeof bytes);
        shutdown(fd, SHUT_WR);
        if (round % 8 == 7)
            status_raw(fd);
        close(fd);
    }
    json_decref(get_json("/v1/report", 200));
}
END_TEST

START_TEST(clients_that_leave_or_stall)
{
    static const char ask[] = "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n";
    int before = open_files(), stalled[4];
    for (int i = 0; i < 20; i++) {
        for (int status = 503, tries = 0; status == 503 && tries < 400; tries++) { /* the places of those before it */
            int fd = send_raw(ask, strlen(ask));
            status = status_raw(fd);
            close(fd);
            nap(20);
            ck_assert(status == 200 || status == 503);
        }
    }
    for (int i = 0; i < 4; i++) {
        stalled[i] = send_raw(ask, strlen(ask));
        ck_assert_int_eq(status_raw(stalled[i]), 200);
    }
    json_decref(get_json("/v1/report", 503));
    for (int i = 0; i < 4; i++)
        close(stalled[i]);
    report_comes();
    for (int i = 0; i < 800 && open_files() > before; i++)
        nap(50);
    ck_assert_int_le(open_files(), before);
}
END_TEST

START_TEST(many_idle_connections)
{
    int fds[60];
    for (int i = 0; i < 60; i++) {
        fds[i] = address_connect(path);
        ck_assert_int_ge(fds[i], 0);
    }
    for (int i = 0; i < 60; i++)
        close(fds[i]);
    report_comes();
}
END_TEST

START_TEST(stopping_does_not_wait_for_clients)
{
    static const char ask[] = "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n";
    struct timespec from, to;
    int idle = address_connect(path), half = send_raw(ask, 20), stalled = send_raw(ask, strlen(ask));
    ck_assert_int_eq(status_raw(stalled), 200);
    clock_gettime(CLOCK_MONOTONIC, &from);
    api_stop(api);
    clock_gettime(CLOCK_MONOTONIC, &to);
    ck_assert_int_lt(to.tv_sec - from.tv_sec, 40); /* API_TIMEOUT_S is 60 */
    api = NULL;
    close(idle);
    close(half);
    close(stalled);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("api");
    TCase *c = tcase_create("api");
    suite_add_tcase(s, c);
    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, documents);
    tcase_add_test(c, events);
    tcase_add_loop_test(c, refused, 0, (int)(sizeof refusals / sizeof *refusals));
    tcase_add_test(c, an_ending_session_is_said);
    tcase_add_test(c, other_users_are_refused);
    tcase_add_test(c, sockets_are_private);
    tcase_add_test(c, other_methods_and_bodies);
    tcase_add_test(c, own_pid);
    tcase_add_test(c, orders);
    tcase_add_test(c, hostile_bytes);
    tcase_add_test(c, clients_that_leave_or_stall);
    tcase_add_test(c, many_idle_connections);
    tcase_add_test(c, stopping_does_not_wait_for_clients);
    return suite_run(s);
}
