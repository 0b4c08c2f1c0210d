/*
 * collector/serve/collector_control.c - what a collector does for its control (control.h): what it is told goes into the
 * stream, and what tracing costs is measured. Ingest thread.
 */
#include "serve/collector_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/policy.h"

enum { PROCESSES_MAX = 1024 };

/* ---- what it costs ---- */

static bool text_read(pid_t pid, const char *file, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

/* User and system time of all its threads; 0: it is gone. */
static uint64_t cpu_ns(pid_t pid)
{
    unsigned long long user, kernel;
    char text[1024], *p;
    if (!text_read(pid, "stat", text, sizeof text) || !(p = strrchr(text, ')')) ||  /* the name before it may hold anything */
        sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &kernel) != 2)
        return 0;
    return (user + kernel) * (1000000000u / (unsigned)sysconf(_SC_CLK_TCK));
}

static uint64_t rss_bytes(pid_t pid)
{
    unsigned long long pages;
    char text[256];
    if (!text_read(pid, "statm", text, sizeof text) || sscanf(text, "%*u %llu", &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* What this process has used so far: kept when it is gone. */
static void spent_note(struct collector *c, uint32_t process, uint64_t ns)
{
    size_t i = 0;
    while (i < c->n_spent && c->spent[i].process != process)
        i++;
    if (i == c->n_spent) {
        c->spent = xgrow(c->spent, &c->spent_capacity, c->n_spent + 1, sizeof *c->spent);
        c->spent[c->n_spent++] = (struct collector_spent){ .process = process };
    }
    if (ns > c->spent[i].ns) {
        c->spent_ns += ns - c->spent[i].ns;
        c->spent[i].ns = ns;
    }
}

static void measure(void *context, struct limits_input *in)
{
    struct collector *c = context;
    static uint32_t running[PROCESSES_MAX];
    struct session_counts counts;
    struct timespec own;
    size_t n = session_running(c->session, running, PROCESSES_MAX);
    session_counts(c->session, &counts);
    in->events = counts.events;
    in->trace_bytes = c->writer ? trace_write_size(c->writer) : c->trace_bytes;
    in->calls = session_calls(c->session);
    in->ring_fill = session_ring_fill(c->session);
    in->rss_bytes = 0;
    for (size_t i = 0; i < n && i < PROCESSES_MAX; i++) {
        pid_t pid = session_pid_of(c->session, running[i]);
        if (pid) {
            in->rss_bytes += rss_bytes(pid);
            spent_note(c, running[i], cpu_ns(pid));
        }
    }
    in->program_cpu_ns = c->spent_ns;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    in->collector_cpu_ns = (uint64_t)own.tv_sec * 1000000000u + (uint64_t)own.tv_nsec;
}

/* ---- control ---- */

static void tell(void *context, const struct event *e)
{
    struct collector *c = context;
    session_tell(c->session, c->code, collector_ingest, c, e);
}

int collector_control_begin(struct collector *c, const struct control_options *o)
{
    struct control_host host = { .session = c->session, .tell = tell, .measure = measure, .context = c,
                                 .policy = { .session = c->session, .code = c->code, .live = collector_live, .tell = tell, .context = c } };
    char *error;
    int e = control_new(&c->control, &host, o, &error);
    free(error);    /* control_check says it before there is a session */
    return e;
}

void collector_control_end(struct collector *c)
{
    control_free(c->control);
    free(c->spent);
}

struct control *collector_control(struct collector *c) { return c->control; }
