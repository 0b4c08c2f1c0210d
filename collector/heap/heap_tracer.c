/*
 * collector/heap/heap_tracer.c - see heap_tracer.h.
 *
 * A thread's list in /proc is looked through again until it shows nobody new
 * while all that are known stand still: then nobody is left who could begin one.
 *
 * A thread stops in one of two ways: for us, or with a signal that it was about
 * to get. The latter is as good, and the signal is handed on when it is let go.
 */
#include "heap/heap_tracer.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_refusal.h"
#include "heap/heap_registers.h"
#include "heap/heap_watch.h"

enum {
    PATIENCE_NS = 500000000,        /* for the next one to stop … */
    PATIENCE_ROUNDS = 500,          /* … and so many looks: where we wait for a processor ourselves, so do they … */
    PATIENCE_ALL = 6,               /* … and so many times that for all */
    PATIENCE_ASLEEP_NS = 20000000,  /* for uninterruptible sleepers, when nobody else is waited for */
    PATIENCE_HELD_NS = 20000000,
    FEW = 8, FULL_LOOK = 16         /* most rounds look at the first few only: many stop in the order they were told to */
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int fail(struct heap_tracing *t, int error)
{
    pid_t pid = t->stop->pid;
    if (error == -ESRCH && t->became_another)
        snprintf(t->text, sizeof t->text, "process %d became another program (exec) before it was looked at", (int)pid);
    else if (error == -ESRCH && t->only)
        snprintf(t->text, sizeof t->text, "thread %d of process %d has ended", (int)t->only, (int)pid);
    else if (error == -ESRCH)
        snprintf(t->text, sizeof t->text, "process %d has ended", (int)pid);
    else if (error == -ETIMEDOUT)
        snprintf(t->text, sizeof t->text, "a thread of process %d did not stop within %d ms", (int)pid, PATIENCE_NS / 1000000);
    return error;
}

/* Among the first n, which are sorted. */
static bool is_known(const struct heap_tracing *t, size_t n, pid_t tid)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (t->list[at].tid < tid)
            low = at + 1;
        else
            high = at;
    }
    return low < n && t->list[low].tid == tid;
}

static int by_tid(const void *a, const void *b)
{
    const struct heap_traced *x = a, *y = b;
    return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* -EPERM for a thread: is it only dying, or still in the hands of our last stop? */
static bool refused_for_now(pid_t pid, pid_t tid, bool *gone)
{
    char state = heap_refusal_state(pid, tid);
    long tracer;
    *gone = !state || state == 'Z' || state == 'X';
    if (*gone)
        return true;
    tracer = heap_refusal_status(pid, tid, "TracerPid");
    return tracer == getpid() || (tracer > 0 && heap_refusal_state(getpid(), (pid_t)tracer));
}

/* 0 or -1 with errno. What is watched is never seized: that could wait for an exec which waits for us. */
static int take_in_hand(const struct heap_tracing *t, pid_t tid)
{
    if (t->watched)
        return (int)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    return (int)ptrace(PTRACE_SEIZE, tid, NULL, (void *)PTRACE_O_TRACEEXEC);
}

/* Seizes one that is not known yet. 0, or -errno; *again: it will be free soon. */
static int seize_one(struct heap_tracing *t, pid_t tid, bool *again)
{
    pid_t pid = t->stop->pid;
    bool gone;
    if (!take_in_hand(t, tid)) {
        t->list = xgrow(t->list, &t->capacity, t->n + 1, sizeof *t->list);
        t->list[t->n++] = (struct heap_traced){.tid = tid};
    } else if (errno == EPERM) {
        if (!refused_for_now(pid, tid, &gone)) {
            heap_refusal_text(pid, tid, t->text, sizeof t->text);
            return -EPERM;
        }
        *again |= !gone;
    } else if (errno != ESRCH) {
        int error = errno;
        snprintf(t->text, sizeof t->text, "process %d cannot be traced: %s", (int)pid, strerror(error));
        return -error;
    }
    return 0;
}

/* All threads that there are, but those that are not to be stopped. */
static int seize_listed(struct heap_tracing *t, bool *again)
{
    size_t before = t->n;
    struct dirent *e;
    int error = 0;
    char name[64];
    DIR *d;
    snprintf(name, sizeof name, "/proc/%d/task", (int)t->stop->pid);
    d = opendir(name);
    if (!d)
        return errno == ENOENT ? -ESRCH : -errno;
    while (!error && (e = readdir(d))) {
        pid_t tid = (pid_t)atoi(e->d_name);
        if (tid > 0 && tid != t->held.tid && !is_known(t, before, tid))
            error = seize_one(t, tid, again);
    }
    closedir(d);
    return error;
}

/* Seizes who is not known yet; how many that were, -EAGAIN: some will be free soon, or -errno. */
static int seize_new(struct heap_tracing *t)
{
    size_t before = t->n, added;
    bool again = false;
    int error = 0;
    if (!t->only)
        error = seize_listed(t, &again);
    else if (!is_known(t, before, t->only))
        error = heap_refusal_state(t->stop->pid, t->only) ? seize_one(t, t->only, &again) : -ESRCH;
    for (added = before; !t->watched && !error && added < t->n; added++)
        ptrace(PTRACE_INTERRUPT, t->list[added].tid, NULL, NULL);
    added = t->n - before;
    if (added)
        qsort(t->list, t->n, sizeof *t->list, by_tid);
    return error ? error : again ? -EAGAIN : (int)added;
}

/* How a thread stands: 0 it runs, 1 it stopped, -1 it is gone. */
static int peek(const struct heap_tracing *t, pid_t tid, int *status)
{
    siginfo_t info;
    if (t->watched && !ptrace(PTRACE_GETSIGINFO, tid, NULL, &info)) { /* its stop may have been taken */
        *status = info.si_code >> 8 > 0 ? info.si_code : info.si_signo;
        return 1;
    }
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD))
        return errno == ECHILD ? -1 : 0;
    if (!info.si_pid)
        return 0;
    *status = info.si_status;
    return info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED ? 1 : -1;
}

static struct heap_thread *thread_add(struct heap_tracing *t, pid_t tid)
{
    struct heap_stop *s = t->stop;
    s->threads = xgrow(s->threads, &t->threads_capacity, s->n + 1, sizeof *s->threads);
    memset(&s->threads[s->n], 0, sizeof *s->threads);
    s->threads[s->n].tid = tid;
    return &s->threads[s->n++];
}

static void stopped(struct heap_tracing *t, struct heap_traced *one, int status)
{
    int event = status >> 8;
    struct heap_thread *thread = one->state == TRACED_ASLEEP ? &t->stop->threads[one->at] : thread_add(t, one->tid);
    one->at = (size_t)(thread - t->stop->threads);
    one->state = TRACED_STOPPED;
    one->signal = event ? 0 : status & 0x7f;
    if (event == PTRACE_EVENT_EXEC)
        t->became_another = true;
    if (heap_registers_read(thread)) { /* it was killed */
        thread->n_registers = 0;
        one->state = TRACED_GONE;
    }
}

/* Looks at the first `most` of those that have not stopped; true when there are none left. */
static bool look(struct heap_tracing *t, size_t most)
{
    bool all = true;
    for (size_t i = 0; i < t->n && most; i++) {
        struct heap_traced *one = &t->list[i];
        int status, how;
        if (one->state != TRACED_RUNS)
            continue;
        how = peek(t, one->tid, &status);
        if (how > 0)
            stopped(t, one, status);
        else if (how < 0)
            one->state = TRACED_GONE;
        else
            all = false, most--;
        t->settled += how != 0;
    }
    return all;
}

static void rest(unsigned round)
{
    struct timespec t = {0, round < 100 ? 20000 : 500000};
    if (round < 10)
        sched_yield();
    else
        nanosleep(&t, NULL);
}

static bool all_asleep(const struct heap_tracing *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->list[i].state == TRACED_RUNS && heap_refusal_state(t->stop->pid, t->list[i].tid) != 'D')
            return false;
    return true;
}

static void leave_asleep(struct heap_tracing *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct heap_traced *one = &t->list[i];
        struct heap_thread *thread;
        if (one->state != TRACED_RUNS)
            continue;
        thread = thread_add(t, one->tid);
        heap_registers_asleep(t->stop->pid, thread);
        one->at = t->stop->n - 1;
        one->state = TRACED_ASLEEP;
        t->stop->missed++;
    }
}

/* Until all that are known stand still, as long as some do. 0 or -ETIMEDOUT. */
static int wait_all(struct heap_tracing *t, uint64_t deadline_ns)
{
    uint64_t progress = now_ns(), now;
    size_t settled = t->settled;
    unsigned progressed = 0;
    for (unsigned round = 0; !look(t, round % FULL_LOOK ? FEW : SIZE_MAX); round++) {
        now = now_ns();
        if (settled != t->settled) {
            settled = t->settled;
            progress = now;
            progressed = round;
        }
        if (now - progress > PATIENCE_ASLEEP_NS && round % FULL_LOOK == 0 && all_asleep(t)) {
            if (!look(t, SIZE_MAX))
                leave_asleep(t);
            return 0;
        }
        if ((now - progress > PATIENCE_NS && round - progressed > PATIENCE_ROUNDS) || now > deadline_ns)
            return fail(t, -ETIMEDOUT);
        rest(round);
    }
    return 0;
}

/* The held thread waits in the kernel, in our own code: where it may be asked
 * for its registers it is, and goes on waiting at once: others may need it. */
static void ask_held(struct heap_tracing *t)
{
    struct heap_thread *thread = thread_add(t, t->held.tid);
    uint64_t began = now_ns();
    int status, how;
    thread->sp = t->held.sp;
    if (!t->watched && ptrace(PTRACE_SEIZE, t->held.tid, NULL, NULL))
        return;
    ptrace(PTRACE_INTERRUPT, t->held.tid, NULL, NULL);
    for (unsigned round = 0; !(how = peek(t, t->held.tid, &status)) && now_ns() - began < PATIENCE_HELD_NS; round++)
        rest(round);
    if (how != 1)
        return;
    if (heap_registers_read(thread)) {
        thread->n_registers = 0;
        thread->sp = t->held.sp;
    }
    if (t->watched)
        heap_watch_pass(t->held.tid, status);
    else
        ptrace(PTRACE_DETACH, t->held.tid, NULL, (void *)(intptr_t)(status >> 8 ? 0 : status & 0x7f));
}

/* A stop is seen whether asked for or not, and would be taken: so look first. */
static void reap_dead(pid_t tid)
{
    siginfo_t info;
    info.si_pid = 0;
    if (!waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) && info.si_pid &&
        info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
        waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL);
}

void heap_tracing_reap(pid_t pid)
{
    struct dirent *e;
    char name[64];
    DIR *d;
    snprintf(name, sizeof name, "/proc/%d/task", (int)pid);
    d = opendir(name);
    while (d && (e = readdir(d))) {
        pid_t tid = (pid_t)atoi(e->d_name);
        if (tid > 0 && tid != pid)
            reap_dead(tid);
    }
    if (d)
        closedir(d);
}

static bool somebody_stands(const struct heap_tracing *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->list[i].state != TRACED_GONE)
            return true;
    return t->held.tid != 0;
}

int heap_tracing_stop(struct heap_tracing *t)
{
    uint64_t deadline;
    int added = 0, error;
    t->stop->began_ns = now_ns();
    deadline = t->stop->began_ns + (uint64_t)PATIENCE_NS * PATIENCE_ALL;
    if (t->held.tid)
        ask_held(t);
    for (;;) {
        added = seize_new(t);
        if (added == -EAGAIN && now_ns() < deadline) {
            rest(100);
            continue;
        }
        if (added < 0)
            return fail(t, added == -EAGAIN ? -ETIMEDOUT : added);
        if (!added && look(t, SIZE_MAX))
            break;
        if ((error = wait_all(t, deadline)))
            return error;
    }
    if (t->became_another || !somebody_stands(t))
        return fail(t, -ESRCH);
    return 0;
}

/* Who was asleep and has stopped since did so before it ran: its registers are as they were. */
static void wake_late(struct heap_tracing *t)
{
    for (size_t i = 0; i < t->n; i++) {
        int status;
        if (t->list[i].state == TRACED_ASLEEP && peek(t, t->list[i].tid, &status) == 1) {
            stopped(t, &t->list[i], status);
            t->stop->missed--;
        }
    }
}

void heap_tracing_let_go(struct heap_tracing *t)
{
    wake_late(t);
    for (size_t i = 0; i < t->n; i++) {
        struct heap_traced *one = &t->list[i];
        if (one->state == TRACED_STOPPED && !t->watched)
            ptrace(PTRACE_DETACH, one->tid, NULL, (void *)(intptr_t)one->signal);
        one->state = TRACED_GONE;
    }
    free(t->list);
    t->list = NULL;
    t->n = 0;
}
