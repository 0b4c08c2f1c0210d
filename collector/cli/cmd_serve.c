/*
 * collector/cli/cmd_serve.c - `ownscope serve`: a collector with no program of
 * its own. Programs that were started with LD_PRELOAD alone join it through
 * DIR/current, a symbolic link to its segment. With --attach it takes over a
 * session whose collector died, and goes on in its trace.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/deadlock_watch.h"
#include "cli/message.h"
#include "cli/origin.h"
#include "cli/record.h"
#include "cli/trip_watch.h"
#include "event/xalloc.h"
#include "serve/api.h"
#include "serve/client.h"
#include "session/directory.h"

static struct session *wake_session;
static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    stopped = 1;
    if (wake_session)
        session_wake(wake_session);
}

static void stop_on_signals(void)
{
    struct sigaction a = { .sa_handler = on_stop };
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, &a, NULL);
}

/* ---- DIR/current ---------------------------------------------------------- */

static char *current_path(void)
{
    char dir[SESSION_PATH_MAX];
    int error = session_directory(dir, sizeof dir);
    if (error)
        message_fail(EXIT_SOURCE, "no folder for sessions: %s%s%s; set OWNSCOPE_DIR to a directory of yours with mode 0700",
                     error == -EPERM ? dir : "", error == -EPERM ? " is not safe to use: " : "", error == -EPERM ? session_directory_flaw() : strerror(-error));
    return xasprintf("%s/current", dir);
}

/* The segment that programs join now; false: none. */
static bool current_read(const char *link, char *segment, size_t size)
{
    ssize_t n = readlink(link, segment, size - 1);
    segment[n > 0 ? n : 0] = 0;
    return n > 0;
}

struct served { const char *segment; unsigned pid; char name[SESSION_NAME_MAX + 1]; };

static int is_served(void *context, const struct session_listing *l)
{
    struct served *s = context;
    if (!l->collector_alive || strcmp(l->segment_path, s->segment) != 0)
        return 0;
    s->pid = l->collector_pid;
    snprintf(s->name, sizeof s->name, "%s", l->name);
    return 1;
}

/* The session that a living collector serves; false: there is none. */
static bool current_served(const char *link, struct served *s)
{
    static char segment[SESSION_PATH_MAX];
    s->segment = segment;
    return current_read(link, segment, sizeof segment) && session_list(is_served, s) == 1;
}

static void current_check(const char *link)
{
    struct served s;
    if (current_served(link, &s))
        message_fail(EXIT_SOURCE, "collector %u serves this user already (session %s); stop it first, take it over with --takeover, or set another OWNSCOPE_DIR",
                     s.pid, s.name);
}

/* Replaced whole: a program that starts meanwhile joins one or the other. */
static void current_set(const char *link, const char *segment)
{
    char *fresh = xasprintf("%s.%d", link, (int)getpid());
    unlink(fresh);
    if (symlink(segment, fresh) || rename(fresh, link)) {
        message("programs cannot join by LD_PRELOAD alone: %s: %s", link, strerror(errno));
        unlink(fresh);
    }
    free(fresh);
}

static void current_clear(const char *link, const char *segment)
{
    char now[SESSION_PATH_MAX];
    if (current_read(link, now, sizeof now) && strcmp(now, segment) == 0)
        unlink(link);
}

/* ---- --attach ------------------------------------------------------------- */

struct wanted { const char *text; unsigned pid; char name[SESSION_NAME_MAX + 1]; };

static int is_wanted(void *context, const struct session_listing *l)
{
    struct wanted *w = context;
    int match = strcmp(l->name, w->text) == 0 || (w->pid && l->collector_pid == w->pid);
    for (size_t i = 0; i < l->process_count; i++)
        match |= w->pid && l->processes[i].pid == w->pid;
    if (match)
        snprintf(w->name, sizeof w->name, "%s", l->name);
    return match;
}

static char *attach_name(const char *text)
{
    struct wanted w = { .text = text };
    uint64_t pid;
    if (parse_count(text, &pid) == 0 && pid <= INT32_MAX)
        w.pid = (unsigned)pid;
    int found = session_list(is_wanted, &w);
    if (found < 0)
        origin_list_fail(found);
    if (!found)
        message_fail(EXIT_SOURCE, "no session has the name or process %s; ownscope ps lists them", text);
    return xstrdup(w.name);
}

/* ---- --takeover ----------------------------------------------------------- */

/* No answer will come of one that does not beat: it is taken for dead as it is. */
#define SILENT_NS (2 * 1000000000ull)

struct holder { const char *name; unsigned pid; uint64_t idle_ns; };

static int is_held(void *context, const struct session_listing *l)
{
    struct holder *h = context;
    if (strcmp(l->name, h->name) != 0)
        return 0;
    h->pid = l->collector_alive ? l->collector_pid : 0;
    h->idle_ns = l->idle_ns;
    return 1;
}

/* A collector that has the session writes out what it has, and lets go. */
static void take_over(const char *name)
{
    struct holder h = { .name = name };
    char path[SESSION_PATH_MAX], *body = NULL;
    size_t bytes;
    int status = 0, error;
    if (session_list(is_held, &h) != 1 || !h.pid || h.idle_ns > SILENT_NS)
        return;
    error = session_path(path, sizeof path, name, "socket");
    if (!error)
        error = client_post_text(path, "/v1/yield", 1 << 16, &body, &bytes, &status);
    if (error)
        message_fail(EXIT_SOURCE, "collector %u has session %s and does not answer: %s; end it first", h.pid, name, strerror(-error));
    if (status != 200) {
        json_t *doc = json_loadb(body, bytes, 0, NULL);
        const char *why = json_string_value(json_object_get(doc, "error"));
        message_fail(EXIT_SOURCE, "collector %u does not hand session %s over: %s", h.pid, name, why ? why : "no reason given");
    }
    free(body);
}

/* ---- serving -------------------------------------------------------------- */

struct serve { struct collector *collector; bool until_gone, quiet; };

/* A taken-over session that nobody can join is over with its last process. */
static bool serve_done(void *context)
{
    struct serve *s = context;
    bounds_say(s->collector, s->quiet);
    return stopped || (s->until_gone && session_alive(collector_session(s->collector)) == 0);
}

static void serve_say(const struct serve *s, const struct record_options *r)
{
    if (r->quiet)
        return;
    if (s->until_gone)
        message("goes on with session %s into %s until its processes end", session_name(collector_session(s->collector)),
                collector_trace_path(s->collector));
    else
        message("session %s, trace %s; start programs with ownscope-preload PROGRAM; Ctrl-C ends it",
                session_name(collector_session(s->collector)), collector_trace_path(s->collector));
}

static int serve(struct serve *s, const struct record_options *r)
{
    struct api *api = NULL;
    wake_session = collector_session(s->collector);
    int error = api_start(&api, s->collector, session_socket_path(wake_session));
    if (error)
        message("no questions can be asked while it runs: %s", strerror(-error));
    serve_say(s, r);
    struct deadlock_watch *watch = deadlock_watch_start(s->collector);
    struct trip_watch *trips = r->quiet ? NULL : trip_watch_start(s->collector);
    error = collector_run(s->collector, serve_done, s);
    collector_finish(s->collector);
    bounds_say(s->collector, s->quiet);
    deadlock_watch_stop(watch);
    trip_watch_stop(trips);
    api_stop(api);
    wake_session = NULL;
    if (error == -ESTALE)
        record_say_yielded(s->collector);
    else
        record_summary(s->collector, r);
    return error;
}

int cmd_serve(int argc, char **argv)
{
    struct options o;
    struct record_options r;
    struct collector_options open = { .command = "ownscope serve" };
    struct serve s = { 0 };
    char **words, *made = NULL, *attach = NULL, segment[SESSION_PATH_MAX];
    bool takeover = false;
    int n;
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes ends the trace, not us */
    record_options_init(&r);
    options_start(&o, &usage_serve, argc, argv);
    for (int key; (key = options_next(&o)) >= 0;)
        if (key == OPTION_TAKEOVER)
            takeover = true;
        else if (!record_option(&r, &o, key) && key == OPTION_ATTACH)
            attach = attach_name(o.argument);
    options_words(&o, &words, &n);
    if (n)
        options_fail(&o, "takes no '%s'; programs are started apart, with ownscope-preload", words[0]);
    record_ready(&r, &o);
    s.quiet = r.quiet;
    if ((attach || takeover) && r.bounds.recorder.bytes)
        options_fail(&o, "--ring-only keeps no file, so it cannot go on with another collector's (%s)", attach ? "--attach" : "--takeover");
    char *link = current_path();
    struct served served;
    if (takeover && !attach && current_served(link, &served))
        attach = xstrdup(served.name);
    if (takeover && attach)
        take_over(attach);
    open.snapshot_fork = r.snapshot_fork;
    open.checkpoints = r.checkpoints;
    open.rotation = r.bounds.rotation;
    open.recorder = r.bounds.recorder;
    open.control = r.control;
    if (attach) {
        open.attach = attach;
        open.trace_path = r.output;
    } else {
        current_check(link);
        record_find_shim(&r);
        if (!r.output)
            made = xasprintf("ownscope.serve.%d.own", (int)getpid());
        open.trace_path = r.output ? r.output : made;
        open.session = r.session;
        open.session.command = open.command;
        open.session.trace_path = open.recorder.bytes ? NULL : open.trace_path;
    }
    stop_on_signals();
    s.collector = record_open(&open);
    const char *path = session_segment_path(collector_session(s.collector));
    if (!attach)
        current_set(link, path);
    s.until_gone = attach && !(current_read(link, segment, sizeof segment) && strcmp(segment, path) == 0);
    int error = serve(&s, &r);
    if (error != -ESTALE)
        current_clear(link, path);
    bool yielded = collector_yielded(s.collector);
    collector_close(s.collector, error != -ESTALE);
    free(link);
    free(made);
    free(attach);
    return error == -ESTALE && !yielded ? EXIT_SOURCE : EXIT_FOUND;
}
