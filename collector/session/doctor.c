/*
 * collector/session/doctor.c - see doctor.h: the list of facts, and how something is tried.
 */
#include "session/doctor.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/xalloc.h"

enum { TRY_S = 5 };

static void add(struct doctor *d, bool ok, const char *name, const char *advice, const char *format, va_list args)
{
    struct doctor_fact *f;
    d->facts = xgrow(d->facts, &d->capacity, d->n + 1, sizeof *d->facts);
    f = &d->facts[d->n++];
    *f = (struct doctor_fact){.ok = ok, .name = name, .advice = advice ? xstrdup(advice) : NULL};
    if (vasprintf(&f->text, format, args) < 0)
        abort();
}

void doctor_ok(struct doctor *d, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, true, name, NULL, format, args);
    va_end(args);
}

void doctor_no(struct doctor *d, const char *name, const char *advice, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, false, name, advice, format, args);
    va_end(args);
}

bool doctor_all_ok(const struct doctor *d)
{
    size_t i;
    for (i = 0; i < d->n; i++)
        if (!d->facts[i].ok)
            return false;
    return true;
}

void doctor_clear(struct doctor *d)
{
    size_t i;
    for (i = 0; i < d->n; i++) {
        free(d->facts[i].text);
        free(d->facts[i].advice);
    }
    free(d->facts);
    *d = (struct doctor){0};
}

int doctor_try(int (*fn)(void))
{
    static const struct rlimit no_core = {0, 0};
    sigset_t none;
    int status;
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (!pid) {
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGALRM, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        alarm(TRY_S);
        _exit(fn() & 0xff);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
