#!/bin/bash
# Time travel on real programs: the state at random moments by --at against a replay
# from the start (tests/moments), what changed --since, lives of blocks, the same of
# a live process. MOMENTS=N each: 3 unless told, 200 with TORTURE (a thousand in all).
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
MOMENTS=${MOMENTS:-${TORTURE:+200}}
MOMENTS=${MOMENTS:-3}
LIMIT=$((30 + MOMENTS * 10))
SEED=${SEED:-1}

cat >threads.cc <<'E1'
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>
static std::mutex lock;
static std::condition_variable more;
static std::vector<std::unique_ptr<std::string>> queue;
static std::map<int, std::string> kept;
static bool over;
static void work()
{
    for (;;) {
        std::unique_lock<std::mutex> l(lock);
        more.wait(l, [] { return over || !queue.empty(); });
        if (queue.empty())
            return;
        auto one = std::move(queue.back());
        queue.pop_back();
        kept[one->size() % 500] = *one;
    }
}
int main()
{
    for (int round = 0; round < 4; round++) {
        std::vector<std::thread> threads;
        over = false;
        for (int i = 0; i < 4; i++)
            threads.emplace_back(work);
        for (int i = 0; i < 1500; i++) {
            std::lock_guard<std::mutex> l(lock);
            queue.push_back(std::make_unique<std::string>(20 + i % 700, 'x'));
            more.notify_one();
        }
        {
            std::lock_guard<std::mutex> l(lock);
            over = true;
            more.notify_all();
        }
        for (auto &t : threads)
            t.join();
    }
}
E1
cat >redis.sh <<'E2'
redis-server --port 0 --unixsocket "$PWD/s" --save '' --appendonly no --daemonize no --io-threads 2 >/dev/null &
for i in $(seq 1200); do [ "$(OWNSCOPE_DISABLE=1 redis-cli -s "$PWD/s" ping 2>/dev/null)" = PONG ] && break; sleep 0.05; done
for i in $(seq 500); do echo "set k$i v$i"; echo "lpush l $i"; done | OWNSCOPE_DISABLE=1 redis-cli -s "$PWD/s" >/dev/null
OWNSCOPE_DISABLE=1 redis-cli -s "$PWD/s" shutdown nosave
wait
E2
printf '#include <stdio.h>\n#include <string.h>\nint main(void) { char a[20]; strcpy(a, "x"); puts(a); return 0; }\n' >one.c

# program NAME TOOL CMD…: traced with many checkpoints, then held against a replay.
program() {
    local name=$1 tool=$2 why
    shift 2
    have "$tool" || { skip "$name at any moment" "no $tool"; return; }
    # shellcheck disable=SC2086 # two words
    "$OWNSCOPE" run -q $PATIENT --snapshot-at-mark --checkpoint-every 8000 -o "$name.own" -- "$@" >"$name.out" 2>&1 </dev/null
    why=$(timeout "$LIMIT" "$B/tests/moments/moments" "$name.own" "$MOMENTS" "$SEED" 2>&1)
    verdict "$name: any of $MOMENTS moments is what a replay gives" $? "$why"
    [[ $why == *" 0 checkpoints" ]] && not_ok "$name has checkpoints" "$why"
}
program python3 python3 "$PYTHON" -c 'import json; print(len(json.dumps(list(range(1000)))))'
git init -q r && for i in $(seq 12); do
    seq $((i * 50)) | sed "s/3/$i/" >r/file$((i % 3))
    git -C r add . && git -C r -c user.name=a -c user.email=a@b commit -q -m "number $i"
done
program git git git -C r --no-pager log -p --stat
have gcc && program cc1 gcc "$(gcc -print-prog-name=cc1)" -quiet -O1 one.c -o one.s
program redis redis-server bash redis.sh
if have g++ && g++ -O1 -pthread threads.cc -o threads; then
    program threads g++ ./threads
else
    skip "threads at any moment" "no g++"
fi

# The events of a block are those that `events` names it in; what changed is the difference of two reports.
cat >check.py <<'E3'
import json, random, subprocess, sys
own, trace, what, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
def ask(*words):
    return json.loads(subprocess.run([own, *words, "--json", trace], capture_output=True, check=True).stdout)
random.seed(count)
if what == "lives":
    lives = {}
    for line in subprocess.run([own, "events", "--json", trace], capture_output=True, check=True).stdout.splitlines():
        e = json.loads(line)
        if e["node"] and e["node"][0] == "b":
            lives.setdefault(e["node"], []).append((e["event"], e["type"], e["ns"]))
    for block in random.sample(sorted(lives), min(count, len(lives))):
        doc = json.loads(subprocess.run([own, "history", "--json", trace, block], capture_output=True, check=True).stdout)
        told = [(e["event"], e["type"], e["ns"]) for e in doc["events"] if e["node"] == block]
        assert told == lives[block], f"{block}: {told} is not {lives[block]}"
        for other in ("before", "after"):
            if doc[other]:
                first = lives[doc[other]["id"]][0]
                assert first[1] == "new" and doc[other]["address"], f"{block}: {other} is {doc[other]['id']}"
else:
    n = ask("report")["metadata"]["events"]["total"]
    for _ in range(count):
        first = random.randrange(n)
        last = first + random.randrange(n - first + 1)
        a, b, d = ask("report", "--at", f"event:{first}"), ask("report", "--at", f"event:{last}"), ask("report", "--since", f"event:{first}", "--at", f"event:{last}")
        for key in ("allocations", "frees", "bytes_allocated", "reallocations", "temporary"):
            assert d["totals"][key] == b["totals"][key] - a["totals"][key], f"{key} from {first} to {last}"
        assert d["totals"]["live_bytes"] == b["totals"]["live_bytes"] and "since_ns" in d
        if b["sites_total"] < 1000:
            assert sum(s["allocations"] for s in d["sites"]) == d["totals"]["allocations"], f"sites from {first} to {last}"
E3
for name in python3 threads; do
    [ -e $name.own ] || continue
    why=$("$PYTHON" check.py "$OWNSCOPE" $name.own lives $((3 * MOMENTS)) 2>&1)
    verdict "$name: the lives of blocks are what their events say" $? "$why"
    why=$("$PYTHON" check.py "$OWNSCOPE" $name.own since $(((MOMENTS + 2) / 3)) 2>&1)
    verdict "$name: what changed since is the difference of two moments" $? "$why"
done

# Moments that are not there.
said() { # WHAT CODE WORDS ARG…
    local what=$1 status=$2 words=$3
    shift 3
    run out "$OWNSCOPE" "$@" python3.own
    [ "$(code out)" = "$status" ] && grep -q "$words" out.err && [ "$(wc -l <out.err)" = 1 ]
    verdict "$what is said in one line" $? "$(code out): $(cat out.err)"
}
said "a moment past the end" 0 'ends before 9000s: the answer is its end' report --at 9000s
said "a mark that never was" 1 'no mark' report --at mark:never
said "since a mark that never was" 1 'no such mark' threads --since mark:never
said "since what lies behind" 2 'lies behind' locks --since event:1000 --at event:10

# The same questions to the living.
mkfifo hold
PYTHONMALLOC=malloc "$OWNSCOPE" run -q --checkpoint-every 8000 -o live.own -- "$PYTHON" -c 'import json, sys
for i in range(20): json.dumps([str(n) for n in range(1000)])
print("ready", flush=True)
sys.stdin.read()' <hold >live.out 2>&1 &
runner=$!
exec 9>hold
until grep -q ready live.out || ! kill -0 $runner 2>/dev/null; do sleep 0.02; done
pid=$("$OWNSCOPE" ps --json | "$PYTHON" -c 'import json, sys
for s in json.load(sys.stdin)["sessions"]:
    if s["collector"] == int(sys.argv[1]) and s["processes"]:
        print(s["processes"][0]["pid"])' $runner)
n=0
same='import json, sys
a, b = (json.load(open(n)) for n in sys.argv[1:])
for d in (a, b):
    d.pop("metadata", None), d.pop("coverage", None), d.pop("snapshots", None), d.pop("leaks", None)
sys.exit(a != b)'
for words in "report --at event:12000" "report --since event:5000 --at event:12000" "threads --since event:100 --at event:12000" \
    "locks --since event:5000 --at event:9000" "findings --since event:5000 --at event:9000"; do
    # shellcheck disable=SC2086 # words
    n=$((n + 1))
    # shellcheck disable=SC2086 # words
    "$OWNSCOPE" $words --json -p "$pid" >live.$n 2>&1
done
"$OWNSCOPE" history --json -p "$pid" b1000 >live.history 2>&1
exec 9>&-
wait $runner
n=0 why=''
for words in "report --at event:12000" "report --since event:5000 --at event:12000" "threads --since event:100 --at event:12000" \
    "locks --since event:5000 --at event:9000" "findings --since event:5000 --at event:9000"; do
    # shellcheck disable=SC2086
    n=$((n + 1))
    # shellcheck disable=SC2086 # words
    "$OWNSCOPE" $words --json live.own >file.$n 2>&1
    "$PYTHON" -c "$same" live.$n file.$n || why="$words: $(head -c 200 live.$n)"
done
[ -z "$why" ]
verdict "a live process tells of its moments what its file tells later" $? "$why"
"$OWNSCOPE" history --json --at event:12000 live.own b1000 >file.history 2>&1
[ "$(jq -c .node.id live.history)" = "$(jq -c .node.id file.history)" ] && [ "$(jq -c '.events[0]' live.history)" = "$(jq -c '.events[0]' file.history)" ]
verdict "and of the lives of its blocks" $? "$(head -c 200 live.history)"
