/*
 * tests/unit/collector_fixture.h - a live collector with a folder of its own for
 * sessions and traces, and the child that writes events to it. For the tests of
 * collector/serve that run one.
 */
#ifndef COLLECTOR_FIXTURE_H
#define COLLECTOR_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fake_writer.h"
#include "serve/collector.h"

static char dir[] = "/tmp/ownscope-test-XXXXXX";
static char trace_path[128];
static struct collector *collector;
static pid_t child;     /* the traced process */

static void folder_make(void)
{
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    setenv("OWNSCOPE_DIR", dir, 1);
    snprintf(trace_path, sizeof trace_path, "%s/t.own", dir);
}

static void folder_remove(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* With what is common to all of them. */
static inline void open_collector(struct collector_options o)
{
    enum collector_step step;
    o.session.preload_path = "/nowhere.so";
    o.session.stacks = WIRE_STACKS_FULL;
    o.trace_path = o.attach ? NULL : trace_path;
    o.command = "fake";
    ck_assert_int_eq(collector_open(&collector, &o, &step), 0);
}

/* Its first thread, of the segment at `path`; else the process ends. */
static inline void child_begin(struct fake_writer *w, const char *path)
{
    struct wire_segment s;
    if (fake_map(&s, path) || fake_claim(w, &s, fake_process(&s)) || fake_birth(w, 0, WIRE_BORN_EXEC))
        _exit(90);
}

/* For collector_run: the child has ended, and ended well. */
static inline bool child_ended(void *unused)
{
    int status;
    (void)unused;
    if (waitpid(child, &status, WNOHANG) != child)
        return false;
    ck_assert_int_eq(status, 0);
    session_reaped(collector_session(collector), child, status);
    return true;
}

#endif
