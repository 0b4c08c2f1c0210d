#!/bin/bash
# Real programs with threads, bare and traced with everything on: the same
# output, nothing lost, and no rule broken, but where one is listed below.
# Arguments: the programs to try; all of SHORT without, all with TORTURE.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC2016 # what stands in single quotes is for other programs

LIMIT=180
SHORT='redis nginx memcached xz python cxx rust git gcc sqlite'
LONG='rustc gdb perl redis_disk python_more git_more node zstd ruby java lld clang'

# Rules that programs are known to break: PROGRAM RULE FUNCTION and why it is
# true, one a line; the function stands in a stack of the finding.
KNOWN='
java exited-holding SafepointSynchronize::begin() the VM thread keeps Threads_lock for ever: it ends at a safepoint (vmThread.cpp, 4526887)
'

real_tools() {
    case $1 in
    redis | redis_disk) echo redis-server redis-benchmark redis-cli ;;
    nginx) echo nginx curl ;;
    memcached) echo memcached ;;
    sqlite) echo sqlite3 ;;
    rust) echo rustc ;;
    python | python_more) echo python3 ;;
    git | git_more) echo git ;;
    lld) echo ld.lld gcc ;;
    cxx) ;;
    *) echo "$1" ;;
    esac
}

real_redis() {
    cat >r.sh <<'E2'
redis-server --port 0 --unixsocket "$PWD/s" --save '' --io-threads 4 --io-threads-do-reads yes --daemonize no >/dev/null &
for i in $(seq 1200); do [ "$(redis-cli -s "$PWD/s" ping 2>/dev/null)" = PONG ] && break; sleep 0.05; done
redis-benchmark -s "$PWD/s" -q -c 40 -P 8 -n "${N:-1500}" -d 600 -t set,get,incr,lpush,rpop,sadd,hset,lrange_100,mset >bench 2>&1
grep -c 'requests per second' bench
redis-cli -s "$PWD/s" eval 'for i = 1, 3000 do redis.call("rpush", "big", string.rep("x", 300)) end return redis.call("llen", "big")' 0
redis-cli -s "$PWD/s" unlink big
redis-cli -s "$PWD/s" flushall async
redis-cli -s "$PWD/s" shutdown nosave; wait $!; echo "server: $?"
E2
    "$@" bash r.sh
}
real_redis_disk() {
    cat >r.sh <<'E2'
redis-server --port 0 --unixsocket "$PWD/s" --dir "$PWD" --io-threads 4 --io-threads-do-reads yes --appendonly yes --appendfsync always --daemonize no >/dev/null &
for i in $(seq 1200); do [ "$(redis-cli -s "$PWD/s" ping 2>/dev/null)" = PONG ] && break; sleep 0.05; done
redis-benchmark -s "$PWD/s" -q -c 20 -P 16 -n "${N:-2000}" -r 5000 -d 1500 -t set,get,lpush,lrange_300 >bench 2>&1
redis-cli -s "$PWD/s" bgsave >/dev/null; sleep 0.5
redis-cli -s "$PWD/s" bgrewriteaof >/dev/null; sleep 1
redis-benchmark -s "$PWD/s" -q -c 50 -P 16 -n "${N:-2000}" -r 5000 -d 1500 -t set,get >bench 2>&1
redis-cli -s "$PWD/s" flushall async
redis-cli -s "$PWD/s" shutdown; wait $!; echo "server: $?"
E2
    "$@" bash r.sh
}
real_nginx() {
    mkdir -p www tmp
    chmod 755 . www
    seq 40000 >www/index.html
    seq 5000 >www/small.html
    cat >n.conf <<E2
daemon off; worker_processes 2; pid $PWD/pid; error_log $PWD/error.log; thread_pool eight threads=8;
events { worker_connections 128; }
http { access_log off; client_body_temp_path $PWD/tmp/b; proxy_temp_path $PWD/tmp/p; fastcgi_temp_path $PWD/tmp/f;
  uwsgi_temp_path $PWD/tmp/u; scgi_temp_path $PWD/tmp/s; gzip on; gzip_types *; gzip_min_length 1; sendfile off; directio off;
  proxy_cache_path $PWD/tmp/cache keys_zone=zone:1m use_temp_path=off;
  server { listen unix:$PWD/back; root $PWD/www; aio threads=eight; aio_write on; }
  server { listen unix:$PWD/sock; location / { proxy_pass http://unix:$PWD/back; proxy_cache zone; proxy_cache_valid any 1s; aio threads=eight; aio_write on; } } }
E2
    cat >n.sh <<'E2'
nginx -e "$PWD/error.log" -p "$PWD" -c "$PWD/n.conf" &
for i in $(seq 1200); do [ -S sock ] && break; sleep 0.05; done
for i in $(seq 20); do
    curl -s --no-progress-meter --compressed --parallel --unix-socket sock -o o1 http://x/ -o o2 http://x/small.html -o o3 "http://x/?$i" -o o4 "http://x/small.html?$i"
    cat o1 o2 o3 o4
done | sha256sum
kill -HUP $!; sleep 0.3
curl -s --unix-socket sock http://x/small.html | sha256sum
kill -QUIT $!; wait $!; echo "server: $?"
E2
    "$@" bash n.sh
}
real_memcached() {
    cat >load.py <<'E2'
import socket, sys, threading
def load(n):
    s = socket.socket(socket.AF_UNIX)
    s.connect("sock")
    f = s.makefile("rwb")
    for i in range(300):
        value = b"%d" % (i * n) * (i % 50 + 200)
        f.write(b"set k%d-%d 0 0 %d\r\n%s\r\n" % (n % 3, i, len(value), value))
        f.write(b"get k%d-%d k0-%d k1-%d\r\n" % (n % 3, i, i // 2, i // 3))
        if i % 20 == 0:
            f.write(b"delete k%d-%d\r\n" % (n % 3, i // 2))
        f.flush()
        ends = 0
        while ends < (3 if i % 20 == 0 else 2):
            line = f.readline()
            if line.startswith(b"VALUE"):
                f.read(int(line.split()[3]) + 2)
            else:
                ends += 1
    f.write(b"stats\r\nstats slabs\r\nquit\r\n")
    f.flush()
    f.read()
threads = [threading.Thread(target=load, args=(n,)) for n in range(12)]
for t in threads: t.start()
for t in threads: t.join()
print("loaded")
E2
    cat >m.sh <<'E2'
"$@" memcached -t 4 -s "$PWD/sock" -m 8 -u "$(id -un)" -o slab_reassign,slab_automove=2,lru_crawler,lru_maintainer &
for i in $(seq 1200); do [ -S sock ] && break; sleep 0.05; done
$PYTHON load.py
kill -TERM $!; wait $!; echo "server: $?"
E2
    bash m.sh "$@"
}
real_xz() {
    seq 150000 >in
    "$@" sh -c 'xz -T2 --block-size=128KiB -1 -k in && sha256sum in.xz && xz -T2 -dc in.xz | sha256sum'
}
real_python() {
    cat >p.py <<'E2'
import hashlib, queue, sqlite3, subprocess, threading, zlib
from concurrent.futures import ThreadPoolExecutor
jobs, results = queue.Queue(8), queue.Queue()
def work():
    while (n := jobs.get()) is not None:
        text = (b"%d," % n) * 20000
        results.put((n, len(zlib.compress(text)), hashlib.sha256(text).hexdigest()[:8]))
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for n in range(60): jobs.put(n)
for _ in threads: jobs.put(None)
for t in threads: t.join()
print(sorted(results.queue)[-2:])
lock, changed, turn = threading.RLock(), threading.Condition(), [0]
def take_turns(i):
    for n in range(50):
        with changed:
            changed.wait_for(lambda: turn[0] % 3 == i)
            turn[0] += 1
            changed.notify_all()
        with lock, lock:
            bytearray(30000)[:] = bytes(30000)
threads = [threading.Thread(target=take_turns, args=(i,)) for i in range(3)]
for t in threads: t.start()
for t in threads: t.join()
print(turn)
def ask(n):
    db = sqlite3.connect(":memory:")
    db.execute("create table t(a, b)")
    db.executemany("insert into t values(?, ?)", ((i, "x" * (i % 100)) for i in range(2000)))
    return db.execute("select sum(a), sum(length(b)) from t where a % ? = 0", (n + 1,)).fetchone()
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(ask, range(6))))
    print(list(pool.map(lambda n: subprocess.run(["echo", str(n)], capture_output=True).stdout, range(4))))
E2
    "$@" "$(python_real)" -I p.py
}
real_python_more() {
    cat >p.py <<'E2'
import asyncio, multiprocessing, os, socket, threading, tracemalloc
from multiprocessing.pool import ThreadPool
def square(n): return n * n
async def serve():
    async def echo(reader, writer):
        while data := await reader.read(40000): writer.write(data); await writer.drain()
        writer.close()
    server = await asyncio.start_unix_server(echo, "sock")
    reader, writer = await asyncio.open_unix_connection("sock")
    total = 0
    for n in range(20):
        writer.write(b"x" * 40000); total += len(await reader.readexactly(40000))
        await asyncio.to_thread(sum, range(10000))
    writer.close(); server.close()
    print(total, await asyncio.gather(*(asyncio.to_thread(square, n) for n in range(10))))
if __name__ == "__main__":
    asyncio.run(serve())
    with multiprocessing.get_context("fork").Pool(3) as pool: print(sum(pool.map(square, range(500))))
    with ThreadPool(4) as pool: print(pool.map(lambda n: len(os.urandom(50000)), range(8)))
    value, barrier = [0], threading.Barrier(4)
    def step():
        for n in range(20):
            if barrier.wait() == 0: value[0] += 1
    threads = [threading.Thread(target=step, daemon=True) for _ in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    print(value)
    threading.Thread(target=threading.Event().wait, daemon=True).start()
E2
    "$@" "$(python_real)" -I p.py
}
python_real() { "$PYTHON" -c 'import sys; print(sys.executable)'; }
real_cxx() { "$@" "$VICTIMS/cxx_locks"; }
real_rust() {
    rustc -O -o channels "$ROOT/tests/victims/rust/channels.rs" && rustc -O -o quiet "$ROOT/tests/victims/rust/quiet.rs" &&
        "$@" sh -c './channels && ./quiet'
}
real_rustc() { # rust-lld has a C++ library of its own, by halves
    printf 'fn main(){let v:Vec<String>=(0..100).map(|i|format!("{}",i)).collect();println!("{}",v.join(","));}' >m.rs
    "$@" rustc -O -C codegen-units=4 m.rs -o m && ./m
}
real_gdb() {
    "$@" gdb -q -nx -batch -ex 'info functions ^transfer' -ex 'break transfer' -ex 'info line main' "$VICTIMS/lock_order"
}
real_perl() {
    # shellcheck disable=SC2016 # for perl
    "$@" perl -e 'use threads; use Thread::Queue; my $q = Thread::Queue->new;
        my @t = map { threads->create(sub { my $s = 0; while (defined(my $n = $q->dequeue)) { $s += length("x" x $n) } $s }) } 1..4;
        $q->enqueue($_ % 3000) for 1..1000; $q->end; my $s = 0; $s += $_->join for @t; print "$s\n"'
}
real_git() {
    cat >g.sh <<'E2'
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main repo && cd repo || exit
for i in 1 2 3; do for f in 1 2 3 4 5 6 7 8; do seq $((i * f * 90)) >f$f; done; git add . && git commit -qm "number $i"; done
git config core.preloadIndex true; git config index.threads 4
git grep --threads=4 -c 77 HEAD~1 | sha256sum; git grep --threads=4 -c 77
git -c pack.threads=4 repack -q -a -d --window=50; git status --porcelain
git clone -q . ../clone && git -C ../clone -c pack.threads=4 fsck 2>&1
E2
    "$@" bash g.sh
}
real_git_more() {
    cat >g.sh <<'E2'
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git clone -q --no-local "$1" copy && cd copy || exit
git -c pack.threads=4 repack -q -a -d -f --depth=20 --window=20
git -c pack.threads=4 index-pack --threads=4 --verify .git/objects/pack/*.pack >/dev/null; echo $?
git grep --threads=8 -c include HEAD | sha256sum
git log --stat -n 30 >/dev/null; git blame Makefile >/dev/null; git fsck 2>&1 | tail -n 1
E2
    "$@" bash g.sh "$ROOT"
}
real_gcc() {
    printf '#include <regex>\n#include <iostream>\nint main(){std::cout<<std::regex_match("aab",std::regex("a*b"))<<"\\n";}\n' >a.cc
    "$@" g++ -O2 -flto=2 -o a a.cc && ./a
}
real_sqlite() {
    "$@" sqlite3 disk.db "pragma journal_mode=wal; pragma threads=4; pragma cache_size=50; create table t(a integer primary key, b text);
        with recursive c(x) as (select 1 union all select x+1 from c where x<30000)
        insert into t select x, hex(x * 7919 % 30011) || hex(zeroblob(x % 40)) from c;
        create index i on t(b); select count(*), sum(length(b)) from t; select b from t order by b desc limit 2;
        update t set b = b || 'y' where a % 3 = 0; delete from t where a % 5 = 0; vacuum; select count(*) from t; pragma integrity_check;"
}
real_node() {
    cat >n.js <<'E2'
const z = require("zlib"), c = require("crypto"), fs = require("fs"), { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
if (!isMainThread) { let s = 0; for (let i = 0; i < workerData * 1e5; i++) s += i % 7; parentPort.postMessage({ s, b: Buffer.alloc(30000, 1) }); return; }
const data = Buffer.alloc(300000, "some text ");
let done = 0;
for (let i = 0; i < 12; i++) {
  z.gzip(data, (e, b) => z.gunzip(b, (e, d) => { done += d.length; }));
  c.pbkdf2("a", "b", 2000, 64, "sha512", (e, k) => { done += k.length; });
  fs.readFile(__filename, (e, d) => { done += 1; });
}
for (let i = 1; i <= 3; i++) new Worker(__filename, { workerData: i }).on("message", (m) => { done += m.s + m.b.length; });
process.on("exit", () => console.log(done));
E2
    "$@" node n.js
}
real_zstd() {
    seq 400000 >in
    "$@" sh -c 'zstd -q -T4 -B131072 -f in -o in.zst && sha256sum in.zst && zstd -q -dc in.zst | sha256sum'
}
real_ruby() {
    # shellcheck disable=SC2016 # for ruby
    "$@" ruby -e 'q = Queue.new; t = 4.times.map { Thread.new { s = 0; while (n = q.pop) do s += ("x" * n).size end; s } }
        3000.times { |n| q << n % 500 }; 4.times { q << nil }; puts t.sum(&:value); m = Mutex.new; c = ConditionVariable.new; r = false
        w = Thread.new { m.synchronize { c.wait(m) until r; r = :seen } }; m.synchronize { r = true; c.signal }; w.join; p r; puts `echo sub`'
}
real_java() {
    cat >T.java <<'E2'
import java.util.concurrent.*;
public class T { public static void main(String[] a) throws Exception {
  ExecutorService pool = Executors.newFixedThreadPool(4); long sum = 0;
  var l = new java.util.ArrayList<Future<Long>>();
  for (int i = 0; i < 50; i++) { int n = i; l.add(pool.submit(() -> { long s = 0; byte[] b = new byte[100000]; for (int k = 0; k < b.length; k++) s += (k * n) % 7; return s; })); }
  for (var f : l) sum += f.get(); pool.shutdown(); System.gc(); System.out.println(sum); } }
E2
    "$@" java -Xmx128m T.java
}
real_lld() {
    for i in $(seq 40); do printf 'int f%d(int x){return x+%d;}\n' "$i" "$i" >f"$i".c; done
    printf 'int f7(int);int main(void){return f7(3);}\n' >main.c
    gcc -c -g ./*.c && "$@" ld.lld --threads=4 --gc-sections --icf=all -e main -o out ./*.o && sha256sum out
}
real_clang() {
    printf '#include <vector>\n#include <map>\n#include <string>\nint main(){std::map<std::string,std::vector<int>>m;m["a"].push_back(1);return m.size();}\n' >a.cc
    "$@" sh -c 'clang++ -O1 -g -c a.cc && clang++ -fsyntax-only -Wall a.cc'
}

in_folder() { # OUT NAME PREFIX…
    local out=$1 name=$2
    shift 2
    rm -rf "$T/work"
    mkdir "$T/work"
    (set -o pipefail; cd "$T/work" && "real_$name" timeout -k 5 "$LIMIT" "$@" >"$out.out" 2>"$out.err" </dev/null; echo $? >"$out.code")
}

# What is found and not known: rule, times, message, innermost functions. Leaks are these programs' own affair.
findings_of() {
    "$OWNSCOPE" findings --json "$1" 2>&1 | KNOWN=$KNOWN "$PYTHON" -c '
import json, os, sys
known = [line.split() for line in os.environ["KNOWN"].splitlines() if line]
name = lambda f: f.get("function") or os.path.basename(f.get("module", "?"))
bad = 0
for f in json.load(sys.stdin)["findings"]:
    if f["rule"] == "leak":
        continue
    names = {name(frame) for s in f["stacks"].values() for frame in s}
    if any(k[0] == sys.argv[1] and k[1] == f["rule"] and k[2] in names for k in known):
        continue
    bad += 1
    print(f["rule"], "x%d:" % f["count"], f["message"], "; ".join(k + ": " + "<".join(name(x) for x in s[:4]) for k, s in f["stacks"].items()))
sys.exit(bool(bad))' "$2"
}

one() {
    local name=$1 why events lost tool trace=$T/$1.own
    for tool in $(real_tools "$name"); do
        have "$tool" || { skip "threads of $name" "no $tool"; return; }
    done
    in_folder "$T/bare" "$name"
    rm -f "$T"/part.*.own
    # shellcheck disable=SC2086 # two words
    in_folder "$T/traced" "$name" "$OWNSCOPE" run -q $PATIENT ${COPIES:+--copies $COPIES} -o "$trace" --
    why=$(same "$T/bare" "$T/traced") || { not_ok "threads of $name" "$why"; return; }
    why=$(number "$trace" totals.allocations lost.events 2>&1) || { not_ok "threads of $name" "$why"; return; }
    read -r events lost <<<"$why"
    if [ "$events" -le 0 ] || [ "$lost" != 0 ]; then
        not_ok "threads of $name" "$events allocations, $lost lost"
        return
    fi
    why=$(findings_of "$trace" "$name")
    verdict "threads of $name" $? "$(echo "$why" | wc -l) findings: $(echo "$why" | head -n 3 | cut -c1-400 | tr '\n' ';')"
    if [ "$name" = rust ]; then
        "$OWNSCOPE" report --json "$trace" | "$PYTHON" -c '
import json, sys
sys.exit("futex" not in json.dumps(json.load(sys.stdin)["coverage"]))'
        verdict "the report says that futex locks are not seen" $? "$("$OWNSCOPE" report --json "$trace" | jq -c .coverage)"
    fi
}

# shellcheck disable=SC2086 # names are words
[ $# -gt 0 ] || set -- $SHORT ${TORTURE:+$LONG}
for name; do one "$name"; done
