/*
 * collector/session/launch.h - starts the program under the shim.
 *
 * Finds it as execvp does, looks at what it is before it runs (a program that
 * the loader would run without us is refused, with a reason), starts it with
 * the environment of the session, and passes signals on to it. The caller
 * prints. Main thread, before other threads exist; the handlers run anywhere.
 */
#ifndef OWNSCOPE_SESSION_LAUNCH_H
#define OWNSCOPE_SESSION_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "session/session.h"

enum launch_reason {
    LAUNCH_OK = 0,
    LAUNCH_NOT_FOUND,        /* 127; error = ENOENT */
    LAUNCH_NOT_EXECUTABLE,   /* 126 from here on; error says why (EACCES…) */
    LAUNCH_DIRECTORY,
    LAUNCH_UNREADABLE,       /* may be run but not read, so it cannot be judged */
    LAUNCH_STATIC,           /* no dynamic loader, so no LD_PRELOAD */
    LAUNCH_OTHER_MACHINE,    /* another processor or word size */
    LAUNCH_OTHER_LIBC,       /* loader is not glibc's; detail = loader */
    LAUNCH_SETUID,           /* would change ids: the loader ignores LD_PRELOAD */
    LAUNCH_SETGID,
    LAUNCH_CAPABILITIES,     /* file capabilities */
    LAUNCH_SANITIZER,        /* brings its own allocator hooks; detail = which */
    LAUNCH_NO_INTERPRETER,   /* script whose interpreter is missing; detail = it */
    LAUNCH_EXEC_FAILED,      /* exec itself; error = errno */
    LAUNCH_REASONS
};

struct launch_check {
    enum launch_reason reason;
    int exit_code;        /* 0, 126 or 127 */
    int error;            /* errno, 0 when it has no part in this */
    bool by_shell;        /* no #! line and no ELF: /bin/sh runs it, as execvp would */
    char path[4096];      /* the file found; the name given when none was */
    char interpreter[4096]; /* of a script; "" */
    char detail[256];     /* see enum launch_reason */
};

/* Looks; starts nothing. Returns c->exit_code. */
int launch_check(const char *program, struct launch_check *c);

/* First thing in main: remembers mask and dispositions, for the program. From
 * now on a limit on file sizes is an error of write alone (no SIGXFSZ). */
void launch_signals_save(void);

/* Starts argv as checked. 0 and *pid; -errno of fork or pipe; 126/127 when the
 * exec failed (c->reason and c->error say how; the child is reaped). Installs
 * the forwarding of signals that were sent to the collector by kill() (not
 * those from the terminal: the program got them itself), and a SIGCHLD handler
 * that wakes session_wait. */
int launch_start(struct launch_check *c, char *const argv[], struct session *s, pid_t *pid);
/* The same, with `seen` called when there is a process and it is not the program yet. */
int launch_start_seen(struct launch_check *c, char *const argv[], struct session *s, pid_t *pid,
                      void (*seen)(void *context, pid_t pid), void *context);

/* No more forwarding (the program has ended): signals mean again to the
 * collector what they meant when launch_signals_save was called, but SIGXFSZ. */
void launch_signals_end(void);

/* The child has changed state since the last call: worth asking launch_ended. */
bool launch_child_changed(void);
/* True once, when the child has ended: it is reaped. A thread of ours that traces
 * it finds its stops where it left them: these are no ends, and are not taken. */
bool launch_ended(pid_t pid, int *status);
/* Waits for that. Nobody traces the child meanwhile. */
void launch_wait(pid_t pid, int *status);

#endif
