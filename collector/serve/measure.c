/*
 * collector/serve/measure.c - see measure.h.
 */
#include "serve/measure.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/cost.h"
#include "wire/atomic.h"
#include "wire/policy.h"

enum { RSS_EACH = 3 /* looks */ };

struct measured_process { uint32_t process; clockid_t clock; uint64_t first_ns, cpu_ns; bool seen; };

struct measure {
    struct session *session;
    struct measured_process *processes; size_t n, capacity;
    uint32_t *running; size_t running_capacity;
    uint64_t ended_cpu_ns;          /* of processes that went */
    bool began;
    unsigned looks;
    uint64_t rss_bytes;
    uint64_t events, tries;         /* at the last look */
    double records_ns, passed_ns;   /* so far */
    double record_ns;               /* of a timed one, lately */
    uint64_t timed, timed_ns, passed;
};

/* ---- questions ---- */

static atomic_u64 questions_ns;
static __thread uint64_t question_began_ns;

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t) ? UINT64_MAX : (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void measure_question_begin(void) { question_began_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID); }

void measure_question_end(void)
{
    add_relaxed(&questions_ns, cpu_ns(CLOCK_THREAD_CPUTIME_ID) - question_began_ns);
}

/* ---- processes ---- */

struct measure *measure_new(struct session *s)
{
    struct measure *m = xcalloc(1, sizeof *m);
    m->session = s;
    m->record_ns = MEASURE_USUAL.record_ns;
    return m;
}

void measure_free(struct measure *m)
{
    if (!m)
        return;
    free(m->processes);
    free(m->running);
    free(m);
}

static struct measured_process *process_of(struct measure *m, uint32_t process)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->processes[i].process == process)
            return &m->processes[i];
    return NULL;
}

/* One that came since the first look is counted from its start. */
static void process_add(struct measure *m, uint32_t process)
{
    pid_t pid = session_pid_of(m->session, process);
    struct measured_process p = {.process = process, .seen = true};
    if (!pid || clock_getcpuclockid(pid, &p.clock) || (p.cpu_ns = cpu_ns(p.clock)) == UINT64_MAX)
        return;
    p.first_ns = m->began ? 0 : p.cpu_ns;
    m->processes = xgrow(m->processes, &m->capacity, m->n + 1, sizeof *m->processes);
    m->processes[m->n++] = p;
}

static uint64_t rss_of(pid_t pid)
{
    unsigned long long size, resident = 0;
    char path[40], text[128];
    ssize_t n;
    int fd;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = 0;
    return sscanf(text, "%llu %llu", &size, &resident) == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static void processes_read(struct measure *m, struct limits_input *in)
{
    size_t n = session_running(m->session, m->running, m->running_capacity);
    if (n > m->running_capacity) {
        m->running = xgrow(m->running, &m->running_capacity, n, sizeof *m->running);
        n = session_running(m->session, m->running, m->running_capacity);
    }
    for (size_t i = 0; i < m->n; i++)
        m->processes[i].seen = false;
    bool rss = m->looks++ % RSS_EACH == 0;
    if (rss)
        m->rss_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        struct measured_process *p = process_of(m, m->running[i]);
        uint64_t now_ns;
        if (!p)
            process_add(m, m->running[i]);
        else if ((now_ns = cpu_ns(p->clock)) != UINT64_MAX && now_ns > p->cpu_ns)
            p->cpu_ns = now_ns;
        if (p)
            p->seen = true;
        if (rss)
            m->rss_bytes += rss_of(session_pid_of(m->session, m->running[i]));
    }
    in->rss_bytes = m->rss_bytes;
    in->program_cpu_ns = 0;
    for (size_t i = 0; i < m->n; i++) {
        struct measured_process *p = &m->processes[i];
        if (!p->seen) {
            m->ended_cpu_ns += p->cpu_ns - p->first_ns;
            *p = m->processes[--m->n];
            i--;
            continue;
        }
        in->program_cpu_ns += p->cpu_ns - p->first_ns;
    }
    in->program_cpu_ns += m->ended_cpu_ns;
    m->began = true;
}

/* ---- hooks ---- */

/* What tries came to since the last look, at what they cost lately. */
static void hooks_read(struct measure *m, struct limits_input *in)
{
    struct session_cost c;
    session_cost(m->session, &c);
    if (c.timed > m->timed && c.timed_ns >= m->timed_ns) {
        double mean = (double)(c.timed_ns - m->timed_ns) / (double)(c.timed - m->timed), weight = (double)(c.timed - m->timed) / 64;
        m->record_ns += (mean - m->record_ns) * (weight > 1 ? 1 : weight);
    }
    if (c.tries > m->tries)
        m->records_ns += (double)(c.tries - m->tries) * m->record_ns;
    if (!c.filtered && in->events > m->events)
        m->records_ns += (double)(in->events - m->events) * MEASURE_USUAL.record_ns;
    if (c.passed > m->passed)
        m->passed_ns += (double)(c.passed - m->passed) * MEASURE_USUAL.passed_ns;
    m->events = in->events;
    m->tries = c.tries;
    m->timed = c.timed;
    m->timed_ns = c.timed_ns;
    m->passed = c.passed;
    in->calls = c.passed;
    in->hooks_cpu_ns = (uint64_t)m->records_ns;
    in->passed_cpu_ns = (uint64_t)m->passed_ns;
}

void measure_read(struct measure *m, struct limits_input *in)
{
    struct session_counts counts;
    uint64_t own_ns = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), asked_ns = load_relaxed(&questions_ns);
    session_counts(m->session, &counts);
    in->events = counts.events;
    hooks_read(m, in);
    processes_read(m, in);
    in->collector_cpu_ns = own_ns > asked_ns ? own_ns - asked_ns : 0;
    in->ring_fill = session_ring_fill(m->session);
}
