/*
 * collector/cli/cmd_run.c - `ownscope run`: starts a program under the shim,
 * collects out of process until it and all that it left behind have ended, and
 * ends as the program ended.
 *
 * The program gets our standard streams, terminal, process group and signal
 * state as they are: signals from the terminal reach it by themselves, those
 * sent to ownscope are passed on (session/launch.h).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/deadlock_watch.h"
#include "cli/message.h"
#include "cli/record.h"
#include "cli/refusal.h"
#include "cli/trip_watch.h"
#include "event/xalloc.h"
#include "heap/heap_refusal.h"
#include "heap/heap_watch.h"
#include "serve/api.h"
#include "session/launch.h"
#include "session/proc.h"

struct run {
    struct collector *collector;
    bool watch, execs;      /* --snapshot-on-signal; what children exec too */
    pid_t pid;
    bool ended;
    bool quiet;
    bool told;      /* that descendants are waited for */
    int status;
    const char *program;
};

/* Ctrl-C while only descendants are left: ends the tracing. */
static struct session *stop_session;
static volatile sig_atomic_t stopped;

static void on_stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
    session_wake(stop_session);
}

static void stop_on_signals(struct session *s)
{
    struct sigaction a = {.sa_handler = on_stop};
    stop_session = s;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, &a, NULL);
}

static void refuse(const struct launch_check *c, const char *program)
{
    if (c->reason != LAUNCH_OK)
        message_fail(c->exit_code ? c->exit_code : EXIT_CANNOT_RUN, "%s", refusal_text(c, program));
}

static bool reap(struct run *r)
{
    int status;
    if (!launch_ended(r->pid, &status))
        return false;
    r->ended = true;
    r->status = status;
    session_reaped(collector_session(r->collector), r->pid, status);
    return true;
}

/* Between rounds: has it ended, and all that it left behind? */
static bool run_done(void *context)
{
    struct run *r = context;
    unsigned left;
    bounds_say(r->collector, r->quiet);
    if (!r->ended && launch_child_changed() && reap(r)) {
        launch_signals_end();
        stop_on_signals(collector_session(r->collector));
        return false; /* one more round sees what is left */
    }
    if (!r->ended)
        return false;
    left = session_alive(collector_session(r->collector));
    if (left && !r->told && isatty(2)) {
        r->told = true;
        message("%s has ended; still tracing %u process%s that it left (Ctrl-C ends the tracing, not them)",
                r->program, left, left == 1 ? "" : "es");
    }
    return !left || stopped;
}

/* As a shell would write it. */
static char *command_text(char **argv)
{
    char *text = xstrdup("");
    for (; *argv; argv++) {
        bool plain = **argv && !(*argv)[strspn(*argv, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")];
        char *next, *word, *to;
        const char *from;
        if (plain) {
            next = xasprintf("%s%s%s", text, *text ? " " : "", *argv);
        } else {
            to = word = xmalloc(4 * strlen(*argv) + 3);
            *to++ = '\'';
            for (from = *argv; *from; from++) {
                if (*from == '\'') {
                    memcpy(to, "'\\''", 4);
                    to += 4;
                } else {
                    *to++ = *from;
                }
            }
            *to++ = '\'';
            *to = 0;
            next = xasprintf("%s%s%s", text, *text ? " " : "", word);
            free(word);
        }
        free(text);
        text = next;
    }
    return text;
}

/* The program's name as part of a file's name. */
static char *base_name(const char *program)
{
    const char *slash = strrchr(program, '/');
    char *name = xstrdup(slash ? slash + 1 : program), *at;
    for (at = name; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == '/')
            *at = '_';
    return name;
}

/* Ends as the program did. */
static int end_like(int status)
{
    struct rlimit none = {0, 0};
    sigset_t set;
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    setrlimit(RLIMIT_CORE, &none);
    signal(WTERMSIG(status), SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(WTERMSIG(status));
    return 128 + WTERMSIG(status);
}

/* --fail-on: findings win over the program's end, however that was. Said also
 * with -q, since the status is not what it seems. */
static int end_broken(const struct run *r, const struct verdict *verdict, const char *broken)
{
    if (WIFSIGNALED(r->status))
        message("exit status %d for --fail-on: %s (%s itself was ended by signal %d)", verdict->status, broken, r->program, WTERMSIG(r->status));
    else
        message("exit status %d for --fail-on: %s (%s itself exited with %d)", verdict->status, broken, r->program, WEXITSTATUS(r->status));
    return verdict->status;
}

/* On the watching thread. Our child before its exec does not stand: we wait for that exec, and serve nobody. */
static bool fatal(void *context, pid_t pid, int signal_number)
{
    struct run *r = context;
    return !(pid == r->pid && proc_before_exec((uint32_t)pid)) && collector_fatal(r->collector, pid, signal_number);
}

/* Between fork and exec. */
static void watch_begin(void *context, pid_t pid)
{
    struct run *r = context;
    int e = heap_watch_start(pid, r->execs, fatal, r);
    char why[400];
    if (!e)
        return;
    heap_refusal_text(pid, pid, why, sizeof why);
    message("no snapshot is taken when a signal ends the program: %s", e == -EPERM ? why : strerror(-e));
}

/* Starts the program; ends ours when that fails. */
static void start(struct run *r, struct launch_check *check, char **argv, bool named, const char *name)
{
    int e = launch_start_seen(check, argv, collector_session(r->collector), &r->pid, r->watch ? watch_begin : NULL, r);
    char *path;
    if (e) {
        char *made = named ? NULL : xstrdup(collector_trace_path(r->collector));
        collector_finish(r->collector);
        collector_close(r->collector, true);
        if (made)
            unlink(made);
        if (e > 0)
            refuse(check, r->program);
        message_fail(EXIT_SOURCE, "no process can be started: %s", strerror(-e));
    }
    if (named)
        return;
    path = xasprintf("ownscope.%s.%d.own", name, (int)r->pid);
    e = collector_trace_rename(r->collector, path);
    if (e)
        message("the trace keeps its name %s: %s", collector_trace_path(r->collector), strerror(-e));
    free(path);
}

int cmd_run(int argc, char **argv)
{
    struct options o;
    struct record_options r;
    struct launch_check check;
    struct collector_options open = {0};
    struct run run = {0};
    struct api *api = NULL;
    struct deadlock_watch *watch;
    struct trip_watch *trips;
    char **words, *name, *made = NULL;
    struct record_verdict said = {0};
    int n, e;

    launch_signals_save();
    record_options_init(&r);
    options_start(&o, &usage_run, argc, argv);
    for (int key; (key = options_next(&o)) >= 0;)
        if (key == OPTION_SNAPSHOT_ON_SIGNAL)
            run.watch = true;
        else if (!record_option(&r, &o, key) && !verdict_option(&r.verdict, &o, key) && key == OPTION_JSON)
            r.json = o.argument;
    run.execs = r.session.follow != WIRE_FOLLOW_NONE;
    r.snapshot_fork &= !run.watch; /* an image would be a child that is watched too */
    options_words(&o, &words, &n);
    if (!n)
        options_fail(&o, "a program is needed: ownscope run [OPTIONS] [--] PROGRAM [ARG...]");
    verdict_ready(&r.verdict, &o);
    record_ready(&r, &o);
    run.quiet = r.quiet;
    if (launch_check(words[0], &check))
        refuse(&check, words[0]);
    record_find_shim(&r);
    run.program = words[0];
    name = base_name(words[0]);
    if (!r.output)
        made = xasprintf("ownscope.%s.%d.part.own", name, (int)getpid());
    open.command = command_text(words);
    open.trace_path = r.output ? r.output : made;
    open.session = r.session;
    open.snapshot_fork = r.snapshot_fork;
    open.checkpoints = r.checkpoints;
    open.rotation = r.bounds.rotation;
    open.recorder = r.bounds.recorder;
    open.control = r.control;
    open.session.command = open.command;
    open.session.trace_path = open.recorder.bytes ? NULL : open.trace_path;
    run.collector = record_open(&open);
    start(&run, &check, words, r.output, name);
    e = api_start(&api, run.collector, session_socket_path(collector_session(run.collector)));
    if (e)
        message("no questions can be asked while it runs: %s", strerror(-e));
    watch = deadlock_watch_start(run.collector);
    trips = run.quiet ? NULL : trip_watch_start(run.collector);
    e = collector_run(run.collector, run_done, &run);
    if (!run.ended) { /* another collector took over: the program's end is still ours */
        heap_watch_end();
        launch_wait(run.pid, &run.status);
        launch_signals_end();
    }
    collector_finish(run.collector);
    bounds_say(run.collector, run.quiet);
    heap_watch_end();
    deadlock_watch_stop(watch);
    trip_watch_stop(trips);
    api_stop(api);
    if (e == -ESTALE)
        record_say_yielded(run.collector);
    else
        said = record_summary(run.collector, &r);
    collector_close(run.collector, e != -ESTALE);
    if (r.verdict.fail_on.rules && e == -ESTALE)
        message_fail(EXIT_SOURCE, "--fail-on has no answer: what was found since is in the other collector's report");
    if (said.broken)
        return end_broken(&run, &r.verdict, said.broken);
    if (said.fails)
        message_fail(EXIT_SOURCE, "--fail-on leak has no answer: %s", said.unanswered);
    if (said.unanswered)
        message("--fail-on says nothing of some leaks: %s", said.unanswered);
    return end_like(run.status);
}
