/*
 * collector/heap/heap_watch.c - see heap_watch.h.
 *
 * Stops are looked at (WNOWAIT), so that heap_tracer sees them too, and taken when they
 * are passed on: who stands on would be shown again and again, and one that an exec made
 * the first of its process is refused to us until then. The dead are reaped as their
 * tracer has to, but for the collector's own child: that one is its waiter's.
 *
 * Stops of several are seen in any order: what a child does may be seen before
 * the fork that it came from, up to its end. So nothing rests on a fork's event.
 *
 * Who wants something of the watching thread stands in line with it and wakes it with
 * WAKE, again until it has noticed: a wake may come just before it waits.
 */
#include "heap/heap_watch.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_refusal.h"
#include "heap/heap_registers.h"
#include "session/doctor.h"
#include "session/proc.h"

enum { WAKE = SIGSTKFLT /* no kernel sends it; launch_start.c leaves it alone */, KICK_NS = 1000000, NAP_NS = 1000000 };

/* A thread that stands for its process's fatal signal; tid 0: the process went on, the rest of it follows. */
struct standing {
    pid_t pid, tid;
    uint64_t start_time;        /* of the process, 0 when that cannot be told: its number may be another's later */
};

/* What somebody asks of the watching thread, on his stack until it has taken it. */
struct asked {
    void *(*work)(void *context); /* NULL: to release */
    void *context;
    pid_t release;              /* EVERYBODY: and that is the end */
    bool taken;
    struct asked *next;
};
enum { EVERYBODY = -1 };

static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool alive, told;           /* it watches; it has said whether */
    int error;
    pid_t tid;                  /* the watching thread's */
    pid_t child;                /* the collector's own */
    bool execs;                 /* children stay watched behind an exec */
    heap_watch_fatal fatal;
    void *context;
    struct asked *line;         /* in turn */
    /* the watching thread's own */
    struct standing *standing; size_t n, capacity;
} watch = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- who stands ---- */

static bool is_known(pid_t pid, uint64_t start_time, bool *went_on)
{
    bool known = false;
    *went_on = false;
    for (size_t i = 0; i < watch.n; i++)
        if (watch.standing[i].pid == pid && watch.standing[i].start_time == start_time) {
            known = true;
            *went_on |= !watch.standing[i].tid;
        }
    return known;
}

/* Of processes that went on and are gone nothing has to be known any more. */
static void forget(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < watch.n; i++) {
        const struct standing *s = &watch.standing[i];
        if (s->tid || !proc_gone((uint32_t)s->pid, s->start_time))
            watch.standing[kept++] = *s;
    }
    watch.n = kept;
}

static void note(pid_t pid, pid_t tid, uint64_t start_time)
{
    if (watch.n == watch.capacity)
        forget();
    watch.standing = xgrow(watch.standing, &watch.capacity, watch.n + 1, sizeof *watch.standing);
    watch.standing[watch.n++] = (struct standing){pid, tid, start_time};
}

static void release(pid_t pid)
{
    uint64_t start_time = 0;
    bool any = false;
    size_t kept = 0;
    for (size_t i = 0; i < watch.n; i++) {
        struct standing *s = &watch.standing[i];
        if ((pid == EVERYBODY || s->pid == pid) && s->tid) {
            ptrace(PTRACE_DETACH, s->tid, NULL, NULL);
            start_time = s->start_time;
            any = true;
        } else {
            watch.standing[kept++] = *s;
        }
    }
    watch.n = kept;
    if (any && pid != EVERYBODY)
        note(pid, 0, start_time);
}

/* ---- stops ---- */

static bool stops(int signal_number)
{
    return signal_number == SIGSTOP || signal_number == SIGTSTP || signal_number == SIGTTIN || signal_number == SIGTTOU;
}

/* Whether a thread that is about to end is to stand. */
static bool wanted(pid_t pid, uint64_t start_time, int signal_number)
{
    bool went_on, yes;
    if (is_known(pid, start_time, &went_on))
        return !went_on;
    pthread_mutex_lock(&watch.mutex);
    yes = watch.fatal && watch.fatal(watch.context, pid, signal_number);
    pthread_mutex_unlock(&watch.mutex);
    if (!yes)
        note(pid, 0, start_time);
    return yes;
}

static void ending(pid_t tid)
{
    unsigned long code = 0;
    int signal_number;
    uint64_t start_time;
    long pid;
    if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &code))
        code = 0;
    signal_number = (int)(code & 0x7f);
    pid = signal_number && signal_number != SIGKILL ? heap_refusal_status(tid, tid, "Tgid") : 0;
    start_time = pid > 0 ? proc_start_time((uint32_t)pid) : 0;
    if (pid <= 0 || !wanted((pid_t)pid, start_time, signal_number)) {
        ptrace(PTRACE_DETACH, tid, NULL, NULL);
        return;
    }
    note((pid_t)pid, tid, start_time);
}

/* False: it does not stand any more, or stands for its fatal signal already. */
static bool take(pid_t tid)
{
    siginfo_t info;
    info.si_pid = 0;
    return !waitid(P_PID, (id_t)tid, &info, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD) && info.si_pid;
}

void heap_watch_pass(pid_t tid, int status)
{
    int event = status >> 8, signal_number = status & 0x7f;
    if (!take(tid))
        return;
    switch (event) {
    case 0: /* a signal, before its handler or whatever else it does: an ignored one would not have been seen at all */
        if (!stops(signal_number))
            heap_registers_mend(tid);
        ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)signal_number);
        return;
    case PTRACE_EVENT_STOP:
        ptrace(stops(signal_number) ? PTRACE_LISTEN : PTRACE_CONT, tid, NULL, NULL);
        return;
    case PTRACE_EVENT_EXIT:
        ending(tid);
        return;
    case PTRACE_EVENT_EXEC:
        if (watch.execs || tid == watch.child)
            break;
        ptrace(PTRACE_DETACH, tid, NULL, NULL);
        return;
    }
    ptrace(PTRACE_CONT, tid, NULL, NULL);
}

static void nap(void)
{
    struct timespec t = {0, NAP_NS};
    nanosleep(&t, NULL);
}

/* One that ended without our letting it go first: it was killed. */
static void dead(pid_t tid)
{
    siginfo_t info;
    if (tid == watch.child)
        nap(); /* its waiter takes it */
    else
        waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL | __WNOTHREAD);
}

/* ---- the thread ---- */

/* The next thing that others asked for. */
static bool next_asked(struct asked *out)
{
    struct asked *a;
    pthread_mutex_lock(&watch.mutex);
    a = watch.line;
    if (a) {
        *out = *a;
        watch.line = a->next;
        a->taken = true;
        pthread_cond_broadcast(&watch.changed);
    }
    pthread_mutex_unlock(&watch.mutex);
    return a;
}

/* False: to end. */
static bool serve(void)
{
    struct asked a;
    while (next_asked(&a)) {
        if (a.work)
            a.work(a.context);
        else
            release(a.release);
        if (a.release == EVERYBODY)
            return false;
    }
    return true;
}

static void *run(void *unused)
{
    long options = PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    sigset_t mask;
    siginfo_t info;
    sigfillset(&mask);
    sigdelset(&mask, WAKE);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    int error = ptrace(PTRACE_SEIZE, watch.child, NULL, (void *)options) ? -errno : 0;
    pthread_mutex_lock(&watch.mutex);
    watch.error = error;
    watch.tid = gettid();
    watch.alive = !error;
    watch.told = true;
    pthread_cond_broadcast(&watch.changed);
    pthread_mutex_unlock(&watch.mutex);
    while (!error) {
        info.si_pid = 0;
        if (!serve())
            error = -ECANCELED;
        else if (waitid(P_ALL, 0, &info, WSTOPPED | WEXITED | WNOWAIT | __WALL | __WNOTHREAD))
            error = errno == EINTR ? 0 : -errno;
        else if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED)
            heap_watch_pass(info.si_pid, info.si_status);
        else
            dead(info.si_pid);
    }
    pthread_mutex_lock(&watch.mutex); /* whoever is left goes on when this thread ends, with the signal that it stopped for */
    watch.alive = false;
    pthread_cond_broadcast(&watch.changed);
    pthread_mutex_unlock(&watch.mutex);
    return unused;
}

static void on_wake(int unused)
{
    (void)unused; /* waitid returns */
}

int heap_watch_start(pid_t pid, bool execs, heap_watch_fatal fatal, void *context)
{
    struct sigaction a = {.sa_handler = on_wake};
    sigset_t all, mask;
    int e;
    if (doctor_looking_kills())
        return -EPERM;
    watch.child = pid;
    watch.execs = execs;
    watch.fatal = fatal;
    watch.context = context;
    watch.told = watch.alive = false;
    sigaction(WAKE, &a, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    e = pthread_create(&watch.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    if (e)
        return -e;
    pthread_mutex_lock(&watch.mutex);
    while (!watch.told)
        pthread_cond_wait(&watch.changed, &watch.mutex);
    e = watch.error;
    pthread_mutex_unlock(&watch.mutex);
    if (e)
        pthread_join(watch.thread, NULL);
    return e;
}

/* ---- other threads ---- */

/* Under the lock: in line until the thread has taken it. False: it is gone, and has not. */
static bool ask(struct asked *a)
{
    struct asked **at = &watch.line;
    while (*at)
        at = &(*at)->next;
    *at = a;
    while (watch.alive && !a->taken) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += KICK_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_kill(watch.thread, WAKE);
        pthread_cond_clockwait(&watch.changed, &watch.mutex, CLOCK_MONOTONIC, &until);
    }
    if (a->taken)
        return true;
    for (at = &watch.line; *at != a; at = &(*at)->next)
        ;
    *at = a->next;
    return false;
}

static void ask_release(pid_t pid)
{
    struct asked a = {.release = pid};
    if (watch.alive)
        ask(&a);
}

void heap_watch_release(pid_t pid)
{
    pthread_mutex_lock(&watch.mutex);
    ask_release(pid);
    pthread_mutex_unlock(&watch.mutex);
}

void heap_watch_end(void)
{
    bool was;
    pthread_mutex_lock(&watch.mutex);
    was = watch.told && !watch.error;
    watch.fatal = NULL;
    watch.told = false;
    ask_release(EVERYBODY);
    pthread_mutex_unlock(&watch.mutex);
    if (!was)
        return;
    pthread_join(watch.thread, NULL);
    free(watch.standing);
    watch.standing = NULL;
    watch.n = watch.capacity = 0;
}

/* One of its threads is in our hands; the first may have ended before. */
static bool is_watched(pid_t pid)
{
    struct dirent *e;
    bool is = false;
    char name[64];
    DIR *d;
    snprintf(name, sizeof name, "/proc/%d/task", (int)pid);
    d = opendir(name);
    while (d && !is && (e = readdir(d))) {
        pid_t tid = (pid_t)atoi(e->d_name);
        is = tid > 0 && heap_refusal_status(pid, tid, "TracerPid") == watch.tid;
    }
    if (d)
        closedir(d);
    return is;
}

bool heap_watch_run(pid_t pid, void *(*work)(void *context), void *context)
{
    struct asked a = {.work = work, .context = context};
    bool begun;
    pthread_mutex_lock(&watch.mutex);
    begun = watch.alive && is_watched(pid) && ask(&a);
    pthread_mutex_unlock(&watch.mutex);
    return begun;
}
