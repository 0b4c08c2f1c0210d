#!/bin/bash
# --snapshot-on-signal: a snapshot of what a signal ends, in every way it can; the
# program ends as without, and sees its signals, stops, children and calls as without.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

cat >ends.c <<'E2'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static char *way;
static int is(const char *w) { return !strcmp(way, w); }
static __attribute__((noinline)) void lose(size_t n) { char *volatile p = malloc(n); memset(p, 1, n); p = NULL; }
static __attribute__((noinline)) void scrub(void) { char room[1 << 14]; memset(room, 0, sizeof room); __asm__ volatile("" : : "r"(room) : "memory"); }
static volatile int ready;
static void *sleeps(void *p) { char *volatile held = malloc(444); ready = 1; pause(); free(held); return p; }
static void *falls(void *p) { char *volatile held = malloc(555); while (!ready) usleep(1000); usleep(20000); *(volatile int *)8 = 1; free(held); return p; }
static void handled(int s) { (void)s; puts("handled"); fflush(stdout); signal(SIGSEGV, SIG_DFL); }
int main(int argc, char **argv)
{
    pthread_t t;
    int status;
    char *volatile held = malloc(333);
    way = argv[argc - 1];
    lose(777);
    scrub();
    if (is("segv")) *(volatile int *)8 = 1;
    if (is("handler")) { signal(SIGSEGV, handled); *(volatile int *)8 = 1; }
    if (is("thread") || is("last")) {
        pthread_create(&t, NULL, sleeps, NULL);
        pthread_create(&t, NULL, falls, NULL);
        if (is("last")) pthread_exit(NULL);
        pause();
    }
    if (is("libc")) { int *volatile corrupt = (int *)(held + 16); free(corrupt); }
    if (is("term")) { kill(getpid(), SIGTERM); pause(); }
    if (is("abort")) abort();
    if (is("raise")) raise(SIGABRT);
    if (is("child")) {
        pid_t child = fork();
        if (!child) { lose(222); scrub(); *(volatile int *)8 = 1; }
        waitpid(child, &status, 0);
        printf("child: %d\n", WTERMSIG(status));
        return 4;
    }
    if (is("kill")) raise(SIGKILL);
    free(held);
    return 5;
}
E2
cat >life.c <<'E2'
/* Signals, stops and calls as a program sees them: what it prints is the same with and without a tracer. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static volatile int got, value, code;
static void on(int s, siginfo_t *i, void *u) { (void)u; got = s; value = i->si_value.sival_int; code = i->si_code; }
static void nap(int ms) { struct timespec t = {ms / 1000, ms % 1000 * 1000000L}; while (nanosleep(&t, &t)) ; }
static void *poker(void *main_thread) { nap(50); pthread_kill(*(pthread_t *)main_thread, SIGWINCH); nap(50); return NULL; }
static void *through(void *p) { return p; }
static void *becomes(void *p) { execlp("sh", "sh", "-c", "echo exec of one with threads; kill -TERM $$", (char *)NULL); return p; }
int main(void)
{
    struct sigaction a = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    struct epoll_event e;
    pthread_t t, self = pthread_self();
    int status, ep = epoll_create1(0), n;
    pid_t child;
    siginfo_t info;
    for (int s = SIGRTMIN; s <= SIGRTMIN + 3; s++) {
        sigaction(s, &a, NULL);
        sigqueue(getpid(), s, (union sigval){.sival_int = s * 7});
        printf("rt %d: %d %d\n", s - SIGRTMIN, value == s * 7, code == SI_QUEUE);
    }
    pthread_create(&t, NULL, poker, &self); /* ignored: no call ends for it */
    n = epoll_wait(ep, &e, 1, 200);
    printf("epoll, ignored signal: %d %d\n", n, n < 0 ? errno : 0);
    pthread_join(t, NULL);
    sigaction(SIGWINCH, &a, NULL);
    pthread_create(&t, NULL, poker, &self);
    n = epoll_wait(ep, &e, 1, 1000);
    printf("epoll, handled signal: %d %d, %d\n", n, n < 0 ? errno : 0, got == SIGWINCH);
    pthread_join(t, NULL);
    if (!(child = fork())) {
        for (;;) pause();
    }
    for (int i = 0; i < 3; i++) {
        kill(child, i == 1 ? SIGTSTP : SIGSTOP);
        n = waitpid(child, &status, WUNTRACED);
        printf("stop: %d %d %d\n", n == child, WIFSTOPPED(status), WSTOPSIG(status));
        nap(20);
        printf("still: %d\n", waitpid(child, &status, WNOHANG | WUNTRACED | WCONTINUED));
        kill(child, SIGCONT);
        n = waitpid(child, &status, WCONTINUED);
        printf("cont: %d %d\n", n == child, WIFCONTINUED(status));
    }
    kill(child, SIGTERM);
    info.si_pid = 0;
    waitid(P_PID, (id_t)child, &info, WEXITED);
    printf("end: %d %d %d\n", info.si_pid == child, info.si_code, info.si_status);
    if (!(child = fork()))
        raise(SIGKILL);
    waitpid(child, &status, 0);
    printf("killed: %x\n", status);
    if (!(child = fork()))
        *(volatile int *)8 = 1;
    waitpid(child, &status, 0);
    printf("segv: %x\n", status & 0x7f);
    if (!(child = vfork()))
        execlp("true", "true", (char *)NULL);
    waitpid(child, &status, 0);
    printf("vfork, exec: %x\n", status);
    printf("system: %x\n", system("kill -9 $$"));
    printf("system: %x\n", system("exit 3"));
    for (int i = 0; i < 200; i++) {
        pthread_create(&t, NULL, through, NULL);
        pthread_join(t, NULL);
    }
    signal(SIGCHLD, SIG_IGN);
    if (!fork())
        _exit(0);
    n = wait(&status);
    printf("ignored children: %d %d\n", n, errno == ECHILD);
    for (int i = 0; i < 2; i++) { /* by the first thread, and by another: the others end, and it becomes the first */
        if (!(child = fork())) {
            pthread_create(&t, NULL, i ? becomes : (void *(*)(void *))pause, NULL);
            if (!i)
                becomes(NULL);
            for (;;) pause();
        }
        signal(SIGCHLD, SIG_DFL);
        waitpid(child, &status, 0);
        printf("after exec: %x\n", status);
        fflush(stdout);
    }
    fflush(stdout);
    signal(SIGUSR1, SIG_DFL);
    raise(SIGUSR1);
    return 0;
}
E2
if ! cc -g -O0 -pthread -w -o ends ends.c || ! cc -g -O1 -pthread -w -o life life.c; then
    not_ok "programs compile" "see above"
    exit 0
fi


# The snapshots of a trace: "process why definite-bytes+of-what-threads-held" in order of processes.
cat >said.py <<'E2'
import json, sys
d = json.load(sys.stdin)
for s in sorted(d["snapshots"], key=lambda s: s["process"]):
    held = sum(l["bytes"] for l in d["leaks"] if l["process"] == s["process"] and l["class"] == "reachable" and l["bytes"] in (333, 444, 555))
    lost = sum(l["bytes"] for l in d["leaks"] if l["process"] == s["process"] and l["class"] == "definite")
    print(s["process"], s["why"], s["how"], lost, held)
E2

# What the script's processes do, a line a thread: "PID/TID NAME: state, tracer, where in the kernel".
doing() {
    local t
    for t in $(leftovers | sed 's:.*:/proc/&/task/*:'); do
        awk -v of="${t#/proc/}" '/^Name/ {name = $2} /^State/ {state = $2} /^PPid/ {parent = $2} /^TracerPid/ {tracer = $2}
            END {printf "%s %s: %s, of %s, traced by %s, ", of, name, state, parent, tracer}' "$t/status" 2>/dev/null
        echo "$(cat "$t/wchan" 2>/dev/null) $(cut -d' ' -f1 "$t/syscall" 2>/dev/null)"
    done
}
mkfifo never
# looked OUT CMD…: as run; shortly before its time is over, what everybody does goes to OUT.doing.
looked() {
    local out=$1 looker
    rm -f "$out.doing"
    (exec 9<>never; read -r -t $((LIMIT * 9 / 10)) -u 9 _ || doing >"$out.doing" 2>&1) &
    looker=$!
    run "$@"
    kill "$looker" 2>/dev/null
    wait "$looker" 2>/dev/null
    [ ! -s "$out.doing" ] || sed 's/^/# /' "$out.doing"
}

# WAY SNAPSHOTS: one "why lost held" a process; held: what the stacks of its threads hold.
ends() {
    local way=$1 expected=$2 why
    run bare ./ends "$way"
    # shellcheck disable=SC2086 # two words
    looked traced "$OWNSCOPE" run -q --snapshot-on-signal $PATIENT -o "$way.own" -- ./ends "$way"
    why=$(same bare traced) || { not_ok "an end by $way is the same" "$why"; return; }
    "$OWNSCOPE" leaks --class all --top 1000 --json "$way.own" >leaks.json 2>leaks.err
    "$PYTHON" said.py <leaks.json >said 2>&1
    [ "$(tr '\n' ';' <said)" = "$expected" ]
    verdict "snapshot at an end by $way" $? "$(tr '\n' ';' <said | tail -c 200), not $expected"
}
ends segv 'p1 signal copied 777 333;'
ends handler 'p1 signal copied 777 333;'
ends thread 'p1 signal copied 777 1332;'
ends last 'p1 signal copied 1110 999;' # pthread_exit leaves main, which held 333
ends term 'p1 signal copied 777 333;'
ends raise 'p1 signal copied 777 333;'
ends libc 'p1 signal copied 777 333;'
ends abort 'p1 abort copied 777 333;'
for _ in 1 2 3 4 5 6 7 8; do # it may end before the collector has looked at what it said
    ends child 'p1 exit copied 1110 0;p2 signal copied 999 333;'
done
ends kill 'p1 exit unread 0 0;'

run bare ./life
# shellcheck disable=SC2086 # two words
looked traced "$OWNSCOPE" run -q --snapshot-on-signal $PATIENT -o life.own -- ./life
why=$(same bare traced)
verdict "signals, stops, children and calls are the same" $? "$why"

# Children of several threads end at once, in every way that concerns who watches them.
cat >crowd.c <<'E2'
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static const char *self;
enum { BOTH = 1 << 8 };         /* or SIGSEGV, whichever comes first */
static void fall(void) { *(volatile int *)8 = 1; }
static void become(void) { execl(self, self, "fall", (char *)NULL); _exit(1); }
static void *sleeps(void *p) { pause(); return p; }
static void *falls(void *p) { usleep(50); fall(); return p; }
static void *becomes(void *p) { become(); return p; }
static void with(void *(*body)(void *)) { pthread_t t; pthread_create(&t, NULL, body, NULL); }
static void grand(void) { if (!fork()) fall(); wait(NULL); fall(); }
static void threads(void) { with(sleeps); with(sleeps); fall(); }
static void last(void) { with(falls); with(falls); pthread_exit(NULL); }
static void by_another(void) { with(becomes); pause(); }
static void amid_exec(void) { with(falls); become(); }
static void term(void) { with(falls); raise(SIGTERM); pause(); }
static void killed(void) { with(falls); raise(SIGKILL); }
static const struct { void (*body)(void); int ends, shares; } ways[] = {
    {fall, SIGSEGV, 0}, {abort, SIGABRT, 0}, {become, SIGSEGV, 0}, {grand, SIGSEGV, 0}, {threads, SIGSEGV, 0}, {last, SIGSEGV, 0},
    {by_another, SIGSEGV, 0}, {amid_exec, SIGSEGV, 0}, {term, SIGTERM | BOTH, 0}, {killed, SIGKILL | BOTH, 0}, {fall, SIGSEGV, 1}, {become, SIGSEGV, 1}};
enum { WAYS = sizeof ways / sizeof *ways };
static void *works(void *first)
{
    for (long i = 0; i < WAYS; i++) {
        int way = (int)((i + (long)first) % WAYS), status = 0;
        pid_t child = ways[way].shares ? vfork() : fork();
        if (!child)
            ways[way].body();
        waitpid(child, &status, 0);
        if (WTERMSIG(status) != (ways[way].ends & 0xff) && !(ways[way].ends & BOTH && WTERMSIG(status) == SIGSEGV))
            printf("way %d: %x\n", way, status);
    }
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t t[2];
    self = argv[0];
    if (argc > 1)
        fall();
    for (long i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, works, (void *)(i * WAYS / 2));
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    puts("all ended");
    return 7;
}
E2
cc -pthread -w -o crowd crowd.c
run bare ./crowd
# shellcheck disable=SC2086 # two words
looked traced "$OWNSCOPE" run -q --snapshot-on-signal $PATIENT -o crowd.own -- ./crowd
why=$(same bare traced)
verdict "children that end at once end as without" $? "$why"

# A signal that comes before the program is begun.
cat >before.c <<'E2'
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void alone(void) { unsetenv("LD_PRELOAD"); }
int execve(const char *path, char *const argv[], char *const env[]) { (void)path, (void)argv, (void)env; return raise(SIGTERM); }
E2
cc -shared -fPIC -w -o before.so before.c
looked before env LD_PRELOAD="$T/before.so" "$OWNSCOPE" run -q --snapshot-on-signal -o before.own -- ./ends kill
verdict "an end before the program has begun" $((! ($(code before) == 143))) "exit code $(code before): $(first_line before.err)"

# A core file, where they go into the folder; what is in /proc is only read.
if [ "$(cat /proc/sys/kernel/core_pattern)" = core ]; then
    mkdir cores
    (cd cores && ulimit -c unlimited && run ../cored "$OWNSCOPE" run -q --snapshot-on-signal -o ../core.own -- ../ends segv)
    [ -n "$(find cores -name 'core*' -size +0)" ]
    verdict "a core file is written" $? "there is none"
else
    skip "a core file is written" "they go elsewhere here"
fi

# While it stands in a stop of job control it is copied and stands on; when the collector is killed it goes on.
cat >stands.c <<'E2'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *works(void *p) { for (;;) { free(malloc(10)); usleep(1000); } return p; }
int main(int argc, char **argv)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        pthread_create(&t, NULL, works, NULL);
    printf("%d\n", (int)getpid());
    fflush(stdout);
    while (access(argv[argc - 1], F_OK))
        usleep(5000);
    return 6;
}
E2
cc -pthread -o stands stands.c
states() { cat "/proc/$1"/task/*/status 2>/dev/null | awk '/^State/ {print $2}' | sort -u | tr -d '\n'; }
begin() {
    rm -f go pid
    timeout -k 5 "$LIMIT" "$OWNSCOPE" run -q --snapshot-on-signal -o "$1.own" -- ./stands go >pid 2>"$1.err" &
    runner=$!
    for _ in $(seq 500); do [ -s pid ] && break; sleep 0.02; done
    pid=$(cat pid)
    collector=$(awk '/^PPid/ {print $2}' "/proc/$pid/status")
}
begin stopped
kill -STOP "$pid"
sleep 0.2
before=$(states "$pid")
"$OWNSCOPE" ctl snapshot -p "$pid" >said 2>&1
sleep 0.2
[ "$before" = t ] && [ "$(states "$pid")" = t ] && grep -q '^copied' said
verdict "a snapshot of a program that stands" $? "$before, $(states "$pid"): $(tail -n 1 said)"
kill -CONT "$pid"
touch go
wait $runner
verdict "it goes on at SIGCONT" $((! ($? == 6))) "it did not end as it should"

begin both
kill -TSTP "$pid" "$collector"
sleep 0.2
kill -CONT "$collector" "$pid"
touch go
wait $runner
verdict "both stop and go on" $((! ($? == 6))) "it did not end as it should"

begin orphan
kill -KILL "$collector"
wait $runner
for _ in $(seq 100); do grep -q '^TracerPid:.0$' "/proc/$pid/status" && break; sleep 0.02; done
grep -q '^TracerPid:.0$' "/proc/$pid/status" && [ "$(states "$pid")" != t ]
verdict "it goes on when the collector is killed" $? "$(states "$pid")"
touch go

begin taken
timeout -k 5 "$LIMIT" "$OWNSCOPE" serve -q --attach "$collector" -o next.own >/dev/null 2>next.err &
next=$!
sleep 0.1
kill -SEGV "$pid"
wait $runner
[ $? = 139 ]
verdict "an end while another collector takes over" $? "it hangs or ended otherwise"
kill -TERM $next 2>/dev/null
wait $next 2>/dev/null
exit 0
