#!/bin/bash
# When snapshots of the heap are taken: at every way to end, at marks, on demand
# while threads run; what becomes of who holds for one when its collector is
# killed or stopped; what is said where memory may not be read.
# SNAPSHOTS=N on demand: 25 unless told, 100 with TORTURE.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
SNAPSHOTS=${SNAPSHOTS:-${TORTURE:+100}}
SNAPSHOTS=${SNAPSHOTS:-25}
SLACK_MS=30000 # what a busy machine may add

now_ms() { echo $(($(date +%s%N) / 1000000)); }

cat >end.c <<'E2'
#include <ownscope.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
static char *way;
static int is(const char *w) { return !strcmp(way, w); }
static __attribute__((noinline)) void lose(size_t n) { char *volatile p = malloc(n); memset(p, 1, n); p = NULL; }
static __attribute__((noinline)) void scrub(void) { char room[1 << 14]; memset(room, 0, sizeof room); __asm__ volatile("" : : "r"(room) : "memory"); }
static void *last(void *p) { usleep(20000); lose(777); scrub(); return p; }
static void *held[64];
int main(int argc, char **argv)
{
    pthread_t t;
    way = argv[1];
    if (is("thread")) {
        pthread_create(&t, NULL, last, NULL);
        pthread_exit(NULL);
    }
    lose(777);
    scrub();
    if (is("mark")) {
        OWNSCOPE_MARK("first");
        lose(888);
        scrub();
        OWNSCOPE_MARK("second");
        lose(999);
        scrub();
    }
    if (is("secret"))
        prctl(PR_SET_DUMPABLE, 0);
    if (is("big")) {
        for (int i = 0; i < 64; i++)
            memset(held[i] = malloc(4 << 20), 1, 4 << 20);
        puts("ends");
        fflush(stdout);
    }
    if (is("wait") || (is("secret") && argc > 2)) {
        puts("ready");
        fflush(stdout);
        sleep(200);
    }
    if (is("exit")) exit(5);
    if (is("_exit")) _exit(6);
    if (is("quick_exit")) quick_exit(7);
    if (is("abort")) abort();
    return is("big") ? 9 : 4;
}
E2
cat >work.c <<'E2'
/* Threads that make and drop blocks, and threads that wait in system calls: until
 * a file appears. Prints what they computed and how many calls were cut short. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static volatile int over;
static unsigned long cut, wrong;
static sem_t never;
struct item { struct item *next; unsigned long value; char pad[80]; };
static void *work(void *number)
{
    unsigned seed = (unsigned)(long)number;
    struct item *list = NULL;
    unsigned long sum = 0, n = 0;
    while (!over) {
        seed = seed * 1103515245 + 12345;
        if (n < 2000 && (seed >> 16) % 2) {
            struct item *i = malloc(sizeof *i + seed % 512);
            *i = (struct item){.next = list, .value = seed};
            sum += seed;
            list = i;
            n++;
        } else if (list) {
            struct item *i = list;
            list = i->next;
            sum -= i->value;
            free(i);
            n--;
        }
    }
    for (; list; n--) {
        struct item *i = list;
        list = i->next;
        sum -= i->value;
        free(i);
    }
    if (sum || n)
        __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    return NULL;
}
static void *wait_in_calls(void *pipe_end)
{
    struct timespec nap = {0, 3000000}, until;
    struct pollfd p = {.fd = (int)(long)pipe_end, .events = POLLIN};
    while (!over) {
        if (nanosleep(&nap, NULL) || poll(&p, 1, 3) < 0)
            __atomic_fetch_add(&cut, 1, __ATOMIC_RELAXED);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec = (until.tv_nsec + 3000000) % 1000000000;
        if (sem_timedwait(&never, &until) && errno == EINTR)
            __atomic_fetch_add(&cut, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t t[4];
    int ends[2];
    sem_init(&never, 0, 0);
    if (pipe(ends))
        return 1;
    for (long i = 0; i < 4; i++)
        pthread_create(t + i, NULL, i < 2 ? work : wait_in_calls, (void *)(i < 2 ? i + 1 : (long)ends[0]));
    puts("ready");
    fflush(stdout);
    while (access(argv[1], F_OK))
        usleep(10000);
    over = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    printf("wrong %lu, cut short %lu\n", wrong, cut);
    return 3;
}
E2
cat >handler.c <<'E3'
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static void end(int signal_number) { exit(40); }
int main(void)
{
    signal(SIGALRM, end);
    ualarm(22000, 0);
    for (;;) {
        char *volatile p = malloc(100);
        *p = 1;
        free(p);
    }
}
E3
cc -O1 -g -I "$ROOT/include" end.c -o end -pthread && cc -O1 -g work.c -o work -pthread && cc -O1 handler.c -o handler
verdict "programs are built" $?

# told TRACE CODE: a Python expression over the report `r` of a trace.
told() {
    "$OWNSCOPE" report --json "$1" >"$1.json" 2>"$1.said" &&
        "$PYTHON" -c 'import json, sys
r = json.load(open(sys.argv[1]))
s = r["snapshots"]
v = eval(sys.argv[2])
print(v if v is not True and v is not False else "")
sys.exit(v is False)' "$1.json" "$2" 2>&1
}
definite() { "$OWNSCOPE" leaks --json "${@:2}" "$1" 2>&1 | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["totals"]["definite"]["bytes"])' 2>&1; }
wait_for() { # FILE WORD
    local end=$((SECONDS + LIMIT))
    until grep -q "$2" "$1" 2>/dev/null; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.01
    done
}
# pid_of RUNNER: the program that a collector runs.
pid_of() { "$OWNSCOPE" ps --json | "$PYTHON" -c 'import json, sys
for s in json.load(sys.stdin)["sessions"]:
    if s["collector"] == int(sys.argv[1]) and s["processes"]:
        print(s["processes"][0]["pid"])' "$1"; }

# ---- as a process ends ----

for way in return exit _exit quick_exit thread abort; do
    run bare ./end $way 2>/dev/null
    traced out "$way.own" ./end $way
    why=$(same bare out) &&
        why=$(told "$way.own" '[i["why"] for i in s] == [sys.argv[2] and ("abort" if "abort" in sys.argv[1] else "exit")] and not s[0]["refused"]') &&
        why="lost $(definite "$way.own")" && [ "$why" = "lost 777" ]
    verdict "$way: a snapshot at the end" $? "$why"
done
run out "$OWNSCOPE" run -q --no-snapshot-at-exit -o none.own -- ./end return
why=$(told none.own 's == []') && [ "$(code out)" = 4 ]
verdict "--no-snapshot-at-exit takes none" $? "$why"
for format in dot heapsnapshot; do
    run out "$OWNSCOPE" export -f "$format" -o none.out none.own
    why="$(code out) $(first_line out.err)"
    [ "$why" = "1 ownscope: none.own has no heap to export: the session ran with --no-snapshot-at-exit" ] && [ ! -e none.out ]
    verdict "export -f $format without a snapshot says so" $? "$why"
done

# A handler that ends the program, mostly amid a malloc or a free, or our record of it.
why=
for _ in 1 2 3 4 5; do
    run bare ./handler
    traced out handler.own ./handler
    if ! why=$(same bare out) || ! why=$(told handler.own '[i["why"] for i in s] == ["exit"]'); then
        why="$why: no snapshot"
        break
    fi
    why=
done
[ -z "$why" ]
verdict "exit in a signal handler: a snapshot at the end" $? "$why"

# ---- at marks ----

run out "$OWNSCOPE" run -q --snapshot-at-mark -o mark.own -- ./end mark
why=$(told mark.own '[i["why"] for i in s] == ["mark", "mark", "exit"]') &&
    why="$(definite mark.own --at mark:first) $(definite mark.own --at mark:second) $(definite mark.own)"
[ "$(code out) $why" = "4 777 1665 2664" ]
verdict "a snapshot at each mark" $? "$why"

# ---- on demand, while it runs ----

# demand NAME OPTION…: SNAPSHOTS of ./work, one after the other.
demand() {
    local name=$1 runner pid i why=''
    shift
    rm -f go "$name.own"
    "$OWNSCOPE" run -q --wait-ms 20000 "$@" -o "$name.own" -- ./work go >"$name.out" 2>"$name.err" </dev/null &
    runner=$!
    wait_for "$name.out" ready
    pid=$(pid_of $runner)
    for i in $(seq "$SNAPSHOTS"); do
        timeout "$LIMIT" "$OWNSCOPE" ctl -p "$pid" snapshot --json >"$name.ctl" 2>&1 || { why="number $i: $(cat "$name.ctl")"; break; }
    done
    touch go
    wait $runner
    [ $? = 3 ] && [ "$(cat "$name.out")" = "ready
wrong 0, cut short 0" ] && [ ! -s "$name.err" ] && [ -z "$why" ]
    verdict "$name: $SNAPSHOTS snapshots of a busy program leave it as it is" $? "$why $(cat "$name.out" "$name.err")"
    why=$(told "$name.own" "len(s) == $SNAPSHOTS + 1 and all(not i['refused'] for i in s) and not r['lost']['events']")
    verdict "$name: all are in the trace, and no event was lost" $? "$why"
}
demand copied
demand forked --snapshot fork
why=$(told forked.own 'any(i["how"] == "forked" for i in s)') # where others have the machine a copy stands in
verdict "forked: they are read of forked images" $? "$why"

"$OWNSCOPE" run -q --snapshot-at-mark -o asked.own -- ./end wait >asked.out 2>&1 </dev/null &
runner=$!
wait_for asked.out ready
pid=$(pid_of $runner)
run ctl "$OWNSCOPE" ctl -p "$pid" mark 'half way'
run ctl2 "$OWNSCOPE" ctl -p "$pid" snapshot
run ctl3 "$OWNSCOPE" ctl -p "$pid" status --json
run ctl4 "$OWNSCOPE" ctl -p "$pid" resume
run ctl5 "$OWNSCOPE" ctl -p "$pid" mark ''
kill "$pid"
wait $runner
grep -q '^marked half way$' ctl.out && grep -q '^snapshot 2 of p1 ' ctl2.out && grep -q '"processes_alive":1' ctl3.out
verdict "ctl: mark, snapshot, status" $? "$(cat ctl.out ctl.err ctl2.out ctl2.err ctl3.err)"
[ "$(code ctl4)" = 2 ] && grep -q "there is no verb 'resume'" ctl4.err && [ "$(code ctl5)" = 2 ]
verdict "ctl: other words and empty names are refused" $? "$(cat ctl4.err ctl5.err)"
why=$(told asked.own '[i["why"] for i in s] == ["mark", "asked"]') && why=$(definite asked.own --at 'mark:half way') && [ "$why" = 777 ]
verdict "a mark of the user's has its snapshot" $? "$why"

# ---- a collector that goes while a process holds ----

# A process of 256 MiB holds for tens of milliseconds: hit at a random moment of it.
hit() {
    local signal=$1 times=$2 i why='' runner began took
    for i in $(seq "$times"); do
        rm -f hit.out
        # shellcheck disable=SC2016 # for the inner shell
        "$OWNSCOPE" run -q --wait-ms 300 -o hit.own -- sh -c './end big; echo "code $?"' >hit.out 2>hit.err </dev/null &
        runner=$!
        wait_for hit.out ends || why="never began: $(cat hit.err)"
        sleep "$(printf '0.%03d' $((RANDOM % 60)))"
        kill "-$signal" $runner
        began=$(now_ms)
        wait_for hit.out code || why="time $i: it hangs"
        took=$(($(now_ms) - began))
        kill -KILL $runner
        wait $runner
        [ "$(tail -n 1 hit.out)" = "code 9" ] || why="time $i: $(tail -n 1 hit.out)"
        [ $took -le $((300 + SLACK_MS)) ] || why="time $i: took $took ms"
        [ -z "$why" ] || break
    done
    [ -z "$why" ]
    verdict "$times times SIG$signal to the collector of a process that ends" $? "$why"
}
{
    hit KILL 8
    hit STOP 4
} 2>/dev/null # the shell's own words about what was killed

# The session of a stopped collector is taken over with its socket, and the one that wakes does not take it away.
taken() {
    local runner server pid why=''
    "$OWNSCOPE" run -q -o taken.own -- ./end wait >taken.out 2>taken.err </dev/null &
    runner=$!
    wait_for taken.out ready
    pid=$(pid_of $runner)
    run ctl0 "$OWNSCOPE" ctl -p "$pid" snapshot
    run flushed "$OWNSCOPE" events -n 1 -p "$pid" # it is in the file, which is all that the next one gets
    kill -STOP $runner
    sleep 2.3
    "$OWNSCOPE" serve --attach "$pid" >serve.out 2>&1 </dev/null &
    server=$!
    wait_for serve.out 'goes on'
    run ctl "$OWNSCOPE" ctl -p "$pid" snapshot
    kill -CONT $runner
    sleep 0.5
    run ctl2 "$OWNSCOPE" ctl -p "$pid" snapshot
    kill "$pid"
    wait $runner $server
    [ "$(code ctl0)$(code ctl)$(code ctl2)" = 000 ] && ! grep -q 'no questions' serve.out
    verdict "who takes a session over gets its socket, and keeps it" $? "$(cat ctl0.err ctl.err ctl2.err serve.out)"
    why=$(told taken.own '[i["number"] for i in s] == [1, 2, 3] and all(i["blocks"] > 0 and not i["refused"] for i in s)')
    verdict "snapshots of both collectors are in the trace" $? "$why $(cat taken.own.said) $(jq -c '[.snapshots[] | [.number, .blocks, .refused]]' taken.own.json)"
}
taken 2>/dev/null

# ---- not permitted ----

# A process that may not be traced, by somebody who is not root.
refused() {
    local as=() runner pid why
    mkdir -p nobody/sessions
    if [ "$(id -u)" = 0 ]; then
        have setpriv || { skip "memory that may not be read" "no setpriv"; return; }
        chmod 755 "$T" end
        chown -R 65534 nobody
        chmod 700 nobody/sessions
        as=(setpriv --reuid=65534 --regid=65534 --clear-groups --)
        "${as[@]}" test -x "$OWNSCOPE" || { skip "memory that may not be read" "another user cannot reach $B"; return; }
    fi
    OWNSCOPE_DIR=$T/nobody/sessions run out "${as[@]}" env HOME="$T/nobody" "$OWNSCOPE" run -q -o nobody/r.own -- ./end secret
    why=$(told nobody/r.own 'len(s) == 1 and s[0]["how"] == "unread" and s[0]["blocks"] > 0 and bool(s[0]["refused"])') && [ "$(code out)" = 4 ]
    verdict "memory that may not be read: a snapshot of blocks alone" $? "$(code out) $why $(cat out.err)"
    "$OWNSCOPE" leaks nobody/r.own >leaks.out 2>&1
    grep -q 'classes unknown' leaks.out
    verdict "and the reader is told that classes are unknown, and why" $? "$(cat leaks.out)"
}
refused
