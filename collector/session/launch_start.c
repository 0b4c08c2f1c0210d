/*
 * collector/session/launch_start.c - starts the program, and passes signals on
 * to it; see launch.h.
 *
 * Until the program's pid is known all signals are blocked, so none is lost.
 * The handlers run in whatever thread the kernel picks and make only calls
 * that a handler may: kill, sigqueue, and the futex of session_wake.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/launch.h"

/* Passed on when somebody sent them to the collector. SIGTSTP, SIGTTIN and
 * SIGTTOU keep their meaning for both: the shell stops and goes on with the job. */
static const int PASSED_ON[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT,
                                SIGALRM, SIGVTALRM, SIGURG, SIGIO, SIGPWR};
enum { PASSED_ON_COUNT = sizeof PASSED_ON / sizeof *PASSED_ON };

static struct { struct sigaction actions[NSIG]; sigset_t mask; bool saved; } before;
static atomic_u32 child_pid;
static atomic_u32 child_changed;
static struct session *woken;

void launch_signals_save(void)
{
    int i;
    for (i = 1; i < NSIG; i++)
        sigaction(i, NULL, &before.actions[i]);
    sigprocmask(SIG_SETMASK, NULL, &before.mask);
    before.saved = true;
    signal(SIGXFSZ, SIG_IGN);
}

static void on_signal(int sig, siginfo_t *info, void *unused)
{
    int error = errno;
    pid_t child = (pid_t)load_relaxed(&child_pid);
    (void)unused;
    if (child > 0 && info->si_pid != child) { /* what it sends to its parent is not for itself */
        if (info->si_code == SI_QUEUE)
            sigqueue(child, sig, info->si_value);
        else if (info->si_code == SI_USER || info->si_code == SI_TKILL)
            kill(child, sig);
    }
    errno = error;
}

static void on_child(int sig)
{
    int error = errno;
    store_relaxed(&child_changed, 1);
    if (woken)
        session_wake(woken);
    errno = error;
}

bool launch_child_changed(void)
{
    return exchange_acq_rel(&child_changed, 0);
}

bool launch_ended(pid_t pid, int *status)
{
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WNOTHREAD) || !info.si_pid)
        return false;
    if (info.si_code != CLD_EXITED && info.si_code != CLD_KILLED && info.si_code != CLD_DUMPED)
        return false;
    return waitpid(pid, status, WNOHANG | __WNOTHREAD) == pid && !WIFSTOPPED(*status);
}

void launch_wait(pid_t pid, int *status)
{
    struct timespec nap = {0, 1000000};
    siginfo_t info;
    *status = 0;
    while (!launch_ended(pid, status)) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WNOTHREAD) && errno != EINTR)
            return;
        nanosleep(&nap, NULL); /* a stop is its tracer's, and shows until that has seen it */
    }
}

static void handlers_install(void)
{
    struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigaction child = {.sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    int i;
    sigfillset(&a.sa_mask);
    sigfillset(&child.sa_mask);
    for (i = 0; i < PASSED_ON_COUNT; i++)
        sigaction(PASSED_ON[i], &a, NULL);
    for (i = SIGRTMIN; i <= SIGRTMAX; i++)
        sigaction(i, &a, NULL);
    sigaction(SIGCHLD, &child, NULL);
}

/* Who started us may have left signals blocked: those that we handle must come, or the program's end is never seen. */
static void mask_open(sigset_t *mask)
{
    int i;
    for (i = 0; i < PASSED_ON_COUNT; i++)
        sigdelset(mask, PASSED_ON[i]);
    for (i = SIGRTMIN; i <= SIGRTMAX; i++)
        sigdelset(mask, i);
    sigdelset(mask, SIGCHLD);
}

static void dispositions_restore(void)
{
    int i;
    for (i = 1; i < NSIG; i++)
        if (i != SIGKILL && i != SIGSTOP && i != SIGSTKFLT) /* the last is never ours: heap_watch.c has it */
            sigaction(i, &before.actions[i], NULL);
}

void launch_signals_end(void)
{
    struct sigaction child = {.sa_handler = SIG_DFL};
    store_relaxed(&child_pid, 0);
    dispositions_restore();
    sigaction(SIGCHLD, &child, NULL);
    signal(SIGXFSZ, SIG_IGN);
    woken = NULL;
}

/* ---- environment ---- */

static bool is_variable(const char *entry, const char *name)
{
    size_t n = strlen(name);
    return !strncmp(entry, name, n) && entry[n] == '=';
}

/* Ours in front: what stands in LD_PRELOAD stays. */
static char **environment_make(const struct session *s)
{
    const char *preload = (const char *)session_plan(s)->preload_path, *had = getenv("LD_PRELOAD");
    size_t n = 0, i, out = 0;
    char **env;
    while (environ[n])
        n++;
    env = xcalloc(n + 3, sizeof *env);
    env[out++] = had && *had ? xasprintf("LD_PRELOAD=%s:%s", preload, had) : xasprintf("LD_PRELOAD=%s", preload);
    env[out++] = xasprintf("OWNSCOPE_SESSION=%s", session_segment_path(s));
    for (i = 0; i < n; i++)
        if (!is_variable(environ[i], "LD_PRELOAD") && !is_variable(environ[i], "OWNSCOPE_SESSION"))
            env[out++] = environ[i];
    return env;
}

static void environment_free(char **env)
{
    free(env[0]);
    free(env[1]);
    free(env);
}

/* ---- start ---- */

/* In the child: becomes the program, or says why not. Not before `go` is closed. */
static _Noreturn void become(const struct launch_check *c, char *const argv[], char **env, char **shell_argv, int report, int go)
{
    int error;
    char none;
    while (go >= 0 && read(go, &none, 1) < 0 && errno == EINTR)
        ;
    dispositions_restore();
    sigprocmask(SIG_SETMASK, &before.mask, NULL);
    if (c->by_shell)
        execve("/bin/sh", shell_argv, env);
    else
        execve(c->path, argv, env);
    error = errno;
    if (write(report, &error, sizeof error) < 0)
        _exit(125);
    _exit(126);
}

/* For a script without a #! line: sh FILE ARG… */
static char **shell_arguments(const struct launch_check *c, char *const argv[])
{
    size_t n = 0;
    char **out;
    while (argv[n])
        n++;
    out = xcalloc(n + 3, sizeof *out);
    out[0] = argv[0] ? argv[0] : (char *)"sh";
    out[1] = (char *)c->path;
    if (n > 1)
        memcpy(out + 2, argv + 1, (n - 1) * sizeof *out);
    return out;
}

/* Waits for the exec: its end of the pipe is closed by it. 0 or the errno. */
static int exec_outcome(int from)
{
    int error = 0;
    ssize_t n;
    do
        n = read(from, &error, sizeof error);
    while (n < 0 && errno == EINTR);
    return n == sizeof error ? error : 0;
}

int launch_start(struct launch_check *c, char *const argv[], struct session *s, pid_t *pid)
{
    return launch_start_seen(c, argv, s, pid, NULL, NULL);
}

int launch_start_seen(struct launch_check *c, char *const argv[], struct session *s, pid_t *pid,
                      void (*seen)(void *context, pid_t pid), void *context)
{
    char **env, **shell_argv;
    sigset_t all, mask;
    int ends[2], go[2] = {-1, -1}, error, status;

    if (!before.saved)
        launch_signals_save();
    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    if (seen && pipe2(go, O_CLOEXEC)) {
        error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    env = environment_make(s);
    shell_argv = shell_arguments(c, argv);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &mask);
    handlers_install();
    *pid = fork();
    error = errno;
    if (!*pid) {
        if (seen)
            close(go[1]);
        become(c, argv, env, shell_argv, ends[1], go[0]);
    }
    if (seen && *pid > 0)
        seen(context, *pid);
    if (seen) {
        close(go[0]);
        close(go[1]);
    }
    woken = s;
    store_relaxed(&child_pid, *pid > 0 ? (uint32_t)*pid : 0);
    mask_open(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(ends[1]);
    environment_free(env);
    free(shell_argv);
    if (*pid > 0)
        error = exec_outcome(ends[0]);
    close(ends[0]);
    if (*pid > 0 && !error)
        return 0;
    launch_signals_end();
    if (*pid < 0)
        return -error;
    launch_wait(*pid, &status);
    c->reason = error == ENOENT ? LAUNCH_NOT_FOUND : LAUNCH_EXEC_FAILED;
    c->error = error;
    c->exit_code = error == ENOENT ? 127 : 126;
    return c->exit_code;
}
