/* All ways to end, each in a process of its own: what handlers and destructors
 * print, and when, whether streams are flushed, and the status. `exit_ways WAY`
 * goes one of them; three more ways are for who stops it on its way. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <assert.h>
#include "victim.h"

static const char *way = "";
static sigjmp_buf back;

static int is(const char *name) { return !strcmp(way, name); }
static void say(const char *text) { write(1, text, strlen(text)); }

static void second(void) { say("second "); }
static void first(void)
{
    say("first ");
    atexit(second);
    free(keep(malloc(55601)));
    if (is("exit_in_handler"))
        exit(21);
    if (is("_exit_in_handler"))
        _exit(22);
    if (is("quick_exit_in_handler"))
        quick_exit(23);
}
static void told(int status, void *argument) { say(argument); }
static void quick(void) { say("quick "); }

__attribute__((destructor)) static void destructor(void)
{
    say("destructor ");
    on_exit(told, "after "); /* nobody's: it runs when all destructors have */
    if (is("exit_in_destructor"))
        exit(24);
    if (is("_exit_in_destructor"))
        _exit(25);
}

static void *leave(void *arg)
{
    victim_sleep_ms(20);
    if (is("exit_in_thread"))
        exit(26);
    if (is("_exit_in_thread"))
        _exit(27);
    if (is("both"))
        _exit(8);
    if (is("both_exit"))
        exit(8);
    return NULL;
}
static void *churn(void *arg)
{
    for (;;)
        for (int i = 0; i < 100; i++)
            free(keep(malloc(55602)));
    return NULL;
}

static void on_abort(int sig)
{
    say("abort ");
    if (is("abort_jump") || is("abort_forks"))
        siglongjmp(back, 1);
    if (is("abort_exit"))
        exit(28);
    if (is("abort__exit"))
        _exit(29);
}
static void on_signal(int sig) { exit(30); }
static void on_message(int sig) { free(keep(malloc(55604))); say("message "); }

/* From now on whoever waits on a futex, or asks for its pid, is killed. */
static void filter(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };
    if (!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

static void forked(int (*child)(void))
{
    int status;
    pid_t pid;
    say("fork ");
    pid = fork();
    if (!pid)
        _exit(child());
    CHECK(waitpid(pid, &status, 0) == pid);
    printf("child %x ", status);
}
static int child_exits(void) { free(keep(malloc(55603))); fflush(stdout); exit(31); }
static int child_leaves(void) { return 32; }
static int child_aborts(void) { signal(SIGABRT, SIG_DFL); abort(); }

/* As programs do it that start others: the child has the parent's memory. */
static void vforked(void)
{
    int status;
    pid_t pid = vfork();
    if (!pid)
        _exit(33);
    CHECK(waitpid(pid, &status, 0) == pid);
    printf("child %x ", status);
}

static int go(void)
{
    static int jumps;
    int kept = fputs("kept ", stdout) != EOF;
    if (is("return") || strstr(way, "_in_handler") || strstr(way, "_in_destructor"))
        return 1;
    if (is("exit"))
        exit(2);
    if (is("_exit"))
        _exit(3);
    if (is("_Exit"))
        _Exit(4);
    if (is("quick_exit"))
        quick_exit(5);
    if (is("raw"))
        syscall(SYS_exit_group, 6);
    if (is("many_handlers"))
        for (int i = 0; i < 100; i++)
            atexit(quick);
    if (is("last_thread") || is("exit_in_thread") || is("_exit_in_thread")) {
        victim_thread(leave, NULL);
        pthread_exit(NULL);
    }
    if (is("threads_run_on"))
        for (int i = 0; i < 4; i++)
            victim_thread(churn, NULL);
    if (is("assert")) {
        dup2(1, 2);
        assert(!kept);
    }
    if (strstr(way, "abort")) {
        if (!is("abort"))
            signal(SIGABRT, is("abort_ignored") ? SIG_IGN : on_abort);
        if (sigsetjmp(back, 1)) {
            if (is("abort_forks"))
                forked(child_aborts);
            if (is("abort_forks") || jumps++)
                return 7;
        }
        abort();
    }
    if (is("signal")) {
        signal(SIGTERM, on_signal);
        raise(SIGTERM);
    }
    if (is("message"))
        signal(SIGUSR1, on_message);
    if (is("filtered")) {
        filter();
        exit(8);
    }
    if (strstr(way, "both"))
        victim_thread(leave, NULL);
    if (is("both_exit"))
        victim_sleep_ms(60);
    if (is("fork_exit"))
        forked(child_exits);
    if (is("fork__exit"))
        forked(child_leaves);
    if (is("vfork"))
        vforked();
    return 8;
}

static void show(const char *name)
{
    char text[4096];
    size_t n = 0;
    ssize_t got;
    int ends[2], status;
    pid_t pid;
    CHECK(!pipe(ends));
    pid = fork();
    if (!pid) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "exit_ways", name, (char *)NULL);
        _exit(99);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
    close(ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid);
    printf("%s: %s%s %d\n", name, text, WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
    static const char *const ways[] = {
        "return", "exit", "_exit", "_Exit", "quick_exit", "raw", "many_handlers", "last_thread", "exit_in_thread",
        "_exit_in_thread", "threads_run_on", "exit_in_handler", "_exit_in_handler", "quick_exit_in_handler",
        "exit_in_destructor", "_exit_in_destructor", "abort", "abort_ignored", "abort_returns", "abort_jump", "abort_forks", "abort_exit",
        "abort__exit", "assert", "signal", "fork_exit", "fork__exit", "vfork",
        "filtered",
    };
    if (argc > 1) {
        way = argv[1];
        atexit(first);
        at_quick_exit(quick);
        return go();
    }
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        show(ways[i]);
    return 0;
}
