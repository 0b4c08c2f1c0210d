#!/bin/bash
# Snapshots on demand of programs at work, copied and forked: no call of theirs
# ends for it, no client sees an error, their data are what they were.
# SNAPSHOTS=N of each kind: 5 unless told, 100 with TORTURE.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

N=${SNAPSHOTS:-${TORTURE:+100}}
N=${N:-5}

# wait_for CONDITION…: until it holds, LIMIT at most.
wait_for() {
    local end=$((SECONDS + LIMIT))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

# snapshots PID HOW: N of them, each told as whole; else the reason.
snapshots() {
    local i said
    for i in $(seq "$N"); do
        said=$(timeout -k 5 "$LIMIT" "$OWNSCOPE" ctl -p "$1" --json snapshot 2>&1) || { echo "$i: $said"; return 1; }
        case $said in
        *'"refused": null'* | *'"refused":null'*) ;;
        *) echo "$i: $said"; return 1 ;;
        esac
        case $said in *'"how": "forked"'* | *'"how":"forked"'*) forked=$((forked + 1)) ;; esac
    done
}

# Every kind of wait that the kernel could end with EINTR when a thread is stopped.
waits_under() {
    local how=$1 runner why forked=0
    rm -f "$T/pid"
    # shellcheck disable=SC2086 # two words
    "$OWNSCOPE" run -q $PATIENT --snapshot "$how" -o "$T/w.own" -- "$VICTIMS/waits_all" $((N / 4 + 1)) "$T/pid" \
        >"$T/w.out" 2>"$T/w.err" </dev/null &
    runner=$!
    wait_for test -s "$T/pid"
    why=$(N=$N snapshots "$(cat "$T/pid")")
    verdict "$N snapshots ($how) of threads in every kind of wait" $? "$why"
    wait $runner
    [ "$(cat "$T/w.out" "$T/w.err")" = "done" ]
    verdict "no wait is interrupted by snapshots ($how)" $? "$(head -n 3 "$T/w.out" "$T/w.err" | tr '\n' ' ')"
}

# ---- forked images: who they live and die with ----------------------------------

# A list of 150 MB that a static variable holds, and threads that work for 5 ms each.
# Of the files named: when the second is there no thread is made any more, until the first is.
cat >"$T/images.c" <<'EOF'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
struct item { struct item *next; char pad[1000]; } *list;
static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static void *work(void *unused)
{
    for (long end = now_ms() + 5; now_ms() < end;)
        for (int i = 0; i < 1000; i++) {
            void *volatile p = malloc(64);
            free(p);
        }
    return unused;
}
int main(int argc, char **argv)
{
    if (argc > 3) { /* what a forked child does not get */
        list = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(list, 0, 1 << 20);
        madvise(list, 1 << 20, MADV_DONTFORK);
        list[1000].next = malloc(500);
    }
    for (int i = 0; i < 150000; i++) {
        struct item *n = malloc(sizeof *n);
        memset(n, 0, sizeof *n);
        n->next = list;
        list = n;
    }
    printf("%d\n", getpid());
    fflush(stdout);
    while (access(argv[1], F_OK)) {
        pthread_t t;
        if (!access(argv[2], F_OK)) {
            usleep(20000);
            continue;
        }
        pthread_create(&t, NULL, work, NULL);
        pthread_join(t, NULL);
    }
    return 3;
}
EOF

images_begin() {
    rm -f "$T/stop" "$T/quiet" "$T/i.own" "$T/i.out" "$T/ctl"
    "$OWNSCOPE" run -q "$@" --snapshot fork -o "$T/i.own" -- "$T/images" "$T/stop" "$T/quiet" >"$T/i.out" 2>"$T/i.err" </dev/null &
    runner=$!
    wait_for test -s "$T/i.out"
    pid=$(cat "$T/i.out")
}

# A snapshot is asked for in the background: until its image is there. One that was too short to be seen is asked for again.
image_begin() {
    for _ in $(seq 20); do
        timeout -k 5 "$LIMIT" "$OWNSCOPE" ctl -p "$pid" --json snapshot >"$T/ctl" 2>&1 &
        asker=$!
        while kill -0 "$asker" 2>/dev/null; do
            image=$(image_of "$pid") && return
        done
        wait "$asker"
    done
    return 1
}
image_of() {
    local child comm
    while read -r child; do
        read -r comm 2>/dev/null <"/proc/$child/comm" && [ "$comm" = ownscope-image ] && echo "$child" && return
    done < <(cat /proc/"$1"/task/*/children 2>/dev/null | tr ' ' '\n')
    return 1
}
# It sleeps no more: its memory is given back.
ended() { ! grep -qs '^State:.[RSD]' "/proc/$1/status"; }

images() {
    local runner pid asker image why forked=0 lost
    # shellcheck disable=SC2086 # two words
    images_begin $PATIENT
    why=''
    for _ in $(seq 20); do # a copy stands in where the program comes to no event in time
        snapshots "$pid" >"$T/why" || why=$(cat "$T/why")
        { [ -n "$why" ] || [ "$forked" -ge "$N" ]; } && break
    done
    [ -z "$why" ] && [ "$forked" -ge "$N" ]
    verdict "images outlive the threads that forked them" $? "$why, $forked forked of $N"
    lost=$("$OWNSCOPE" leaks -p "$pid" --json | "$PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
print(d["refused"], d["totals"]["definite"]["blocks"], d["totals"]["reachable"]["blocks"] >= 150000)')
    [ "$lost" = "None 0 True" ]
    verdict "what they hold is not lost" $? "$lost"

    why='no image was seen, of 20 snapshots'
    for _ in $(seq 20); do
        image_begin || break
        kill -KILL "$image"
        wait "$asker"
        why=$(cat "$T/ctl")
        case $why in *'"how": "forked"'* | *'"how":"forked"'*) ;; *) break ;; esac # it was done before it was killed
    done
    case $why in *'"how": "copied"'*'"refused": null'* | *'"how":"copied"'*'"refused":null'*) true ;; *) false ;; esac
    verdict "an image that is killed amid its scan: the process is copied" $? "$why"

    why='no image was seen, of 20 snapshots'
    if image_begin; then
        kill -STOP "$runner"
        kill -KILL "$pid"
        why="image $image: $(grep State "/proc/$image/status")"
        wait_for ended "$image" && why=''
        kill -CONT "$runner"
        wait "$asker"
    fi
    [ -z "$why" ]
    verdict "an image ends with its process" $? "$why"
    kill -KILL "$pid" 2>/dev/null
    wait "$runner"

    rm -f "$T/i.out"
    "$OWNSCOPE" run -q --snapshot fork -o "$T/i.own" -- "$T/images" "$T/stop" "$T/quiet" dontfork >"$T/i.out" 2>"$T/i.err" </dev/null &
    runner=$!
    wait_for test -s "$T/i.out"
    pid=$(cat "$T/i.out")
    why=$("$OWNSCOPE" leaks -p "$pid" --json | "$PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
print(d["refused"], d["totals"]["definite"]["blocks"], *(s["how"] for s in d["snapshots"]))' 2>&1)
    [ "$why" = "None 0 copied" ]
    verdict "memory that an image would not get: the process is copied" $? "$why"
    : >"$T/stop"
    wait "$runner"

    images_begin --wait-ms 1000
    why='no image was seen, of 20 snapshots'
    if image_begin; then
        kill -STOP "$runner"
        : >"$T/quiet"
        kill -KILL "$runner"
        why="image $image: $(grep State "/proc/$image/status")"
        wait_for ended "$image" && why=''
    fi
    [ -z "$why" ] && ! ended "$pid"
    verdict "an image ends when the collector was killed, of a process that sleeps too" $? "$why"
    : >"$T/stop"
    kill -KILL "$pid"
    wait "$runner" "$asker" 2>/dev/null
}

# ---- redis under load -----------------------------------------------------------

ask_redis() { redis-cli -s "$T/socket" "$@"; }

# The data that must stay: strings, lists, hashes, sets, sorted sets.
fill_redis() {
    "$PYTHON" -c '
for i in range(4000):
    print("SET", f"s{i}", "x" * (i % 300) + str(i))
    print("RPUSH", f"l{i % 100}", *range(i, i + 5))
    print("HSET", f"h{i % 100}", f"f{i}", i * 7919)
    print("ZADD", f"z{i % 50}", i % 977, f"m{i}")
    print("SADD", f"t{i % 50}", f"e{i * 31}")' | ask_redis | grep -vE '^[0-9]+$|^OK$' | head -n 1
}

# A client of its own: every answer is held against what it set.
cat >"$T/client.py" <<'EOF'
import os, random, socket, sys, time
path, stop = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
f = s.makefile("rb")
def ask(*words):
    s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    line = f.readline()
    if line[:1] == b"$":
        n = int(line[1:])
        return f.read(n + 2)[:-2] if n >= 0 else None
    if line[:1] in b":+":
        return line[1:-2]
    sys.exit(f"answer to {words[0]}: {line!r}")
ask(b"SELECT", b"2")
kept, r, n, worst = {}, random.Random(1), 0, 0
while not os.path.exists(stop):
    key = b"key%d" % r.randrange(500)
    began = time.monotonic()
    if r.random() < 0.5:
        kept[key] = b"%d" % n * r.randrange(1, 400)
        ask(b"SET", key, kept[key])
    elif ask(b"GET", key) != kept.get(key):
        sys.exit(f"{key}: not what was set")
    worst = max(worst, time.monotonic() - began)
    n += 1
print(f"{n} requests, the longest took {worst * 1000:.0f} ms")
EOF

redis_under() {
    local how=$1 pid before after why benchmark client runner forked=0
    rm -f "$T/stop" "$T/r.own"
    # shellcheck disable=SC2086 # two words
    "$OWNSCOPE" run -q $PATIENT --snapshot "$how" -o "$T/r.own" -- redis-server --port 0 --unixsocket "$T/socket" \
        --save '' --appendonly no --io-threads 2 --enable-debug-command yes --daemonize no >"$T/r.out" 2>"$T/r.err" </dev/null &
    runner=$!
    wait_for ask_redis ping || { not_ok "redis under snapshots ($how)" "it did not start: $(first_line "$T/r.err")"; return; }
    pid=$(ask_redis info server | tr -d '\r' | sed -n 's/^process_id://p')
    why=$(fill_redis)
    before=$(ask_redis debug digest)
    if [ -n "$why" ] || [ ${#before} != 40 ]; then
        not_ok "redis under snapshots ($how)" "cannot be filled: $why, $before"
        return
    fi
    until [ -e "$T/stop" ]; do
        redis-benchmark -s "$T/socket" --dbnum 1 -q -n 2000 -c 20 -r 5000 -d 100 -t set,get,lpush,lpop,hset,zadd || echo "Error: ended with $?"
    done >"$T/benchmark" 2>&1 </dev/null &
    benchmark=$!
    timeout 600 "$PYTHON" "$T/client.py" "$T/socket" "$T/stop" >"$T/client" 2>&1 </dev/null &
    client=$!
    sleep 0.3
    snapshots "$pid" >"$T/why"
    verdict "$N snapshots ($how) of redis under load" $? "$(cat "$T/why")"
    for _ in $(seq 20); do # a copy stands in where the program comes to no event in time
        [ "$how" = copy ] || [ "$forked" -gt 0 ] || N=1 snapshots "$pid" >"$T/why"
    done
    [ "$how" = copy ] || [ "$forked" -gt 0 ]
    verdict "they are made as they were asked for ($how)" $? "$forked of $N are forked"
    : >"$T/stop"
    wait $client
    verdict "a client that checks its answers sees nothing of snapshots ($how)" $? "$(cat "$T/client")"
    wait $benchmark
    ! grep -iq error "$T/benchmark"
    verdict "no client sees an error under snapshots ($how)" $? "$(grep -ai error "$T/benchmark" | head -n 2)"
    [ "$(ask_redis -n 1 flushdb)" = OK ] && [ "$(ask_redis -n 2 flushdb)" = OK ]
    after=$(ask_redis debug digest)
    [ "$before" = "$after" ]
    verdict "redis has the same data after snapshots ($how)" $? "$before before, $after after"
    ask_redis shutdown nosave
    wait $runner
    verdict "redis ends as it would, after snapshots ($how)" $? "exit code, $(first_line "$T/r.err")"
    why=$(number "$T/r.own" lost.events) && [ "$why" = 0 ]
    verdict "no event of redis is lost under snapshots ($how)" $? "$why"
    [ -n "${VERBOSE-}" ] && cat "$T/client"
    rm -f "$T/r.own"
}

cd "$T" || exit 99
waits_under copy
waits_under fork
if cc -O1 -g "$T/images.c" -o "$T/images" -pthread; then
    images
else
    not_ok "forked images" "the program cannot be built"
fi
if have redis-server && have redis-benchmark && have redis-cli; then
    redis_under copy
    redis_under fork
else
    skip "snapshots of redis" "no redis-server, redis-benchmark, redis-cli"
fi
