# tests/e2e/programs.sh - real programs of many kinds, as data for the tests
# that run them bare and traced; sourced after lib.sh.
#
# Each program_NAME runs one thing with fixed output, in an empty folder, as
# "$@" CMD… : the caller gives the words to put in front. `programs` lists the
# names whose tools are here; each is "NAME TOOL…".
# shellcheck shell=bash
# shellcheck disable=SC2016 # what stands in single quotes is for other programs

PROGRAMS='
python_threads python3
python_json python3
python_processes python3
git git
gcc gcc
gxx g++
sqlite sqlite3
jq jq
perl perl
bash bash
xz xz
redis redis-server redis-cli
nginx nginx curl
lua lua5.4
php php
node node
awk awk
sort sort
tar tar gzip
make make gcc
rustc rustc
clang clang
coreutils find grep sed sha256sum
stdbuf stdbuf tr
gdb gdb
'

python_real() { "$PYTHON" -c 'import sys; print(sys.executable)'; }
programs() {
    local name tools tool
    while read -r name tools; do
        [ -n "$name" ] || continue
        for tool in $tools; do
            have "$tool" || { skip "${1-program} $name" "no $tool" >&3; continue 2; }
        done
        echo "$name"
    done <<<"$PROGRAMS"
}

program_python_threads() {
    cat >t.py <<'EOF'
import queue, threading
jobs, results = queue.Queue(), queue.Queue()
def work():
    while (n := jobs.get()) is not None:
        results.put((n, sum(ord(c) for c in str(list(range(n))))))
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for n in range(400): jobs.put(n)
for _ in threads: jobs.put(None)
for t in threads: t.join()
print(sorted(results.queue)[-5:])
EOF
    "$@" "$(python_real)" -I t.py
}
program_python_json() {
    "$@" "$(python_real)" -I -c '
import json, re, sys
doc = {"k%d" % i: [i, {"x": str(i) * (i % 7)}, None, 1.5 * i] for i in range(3000)}
text = json.dumps(doc, indent=1)
print(len(text), json.loads(text) == doc, len(re.findall(r"\d+", text)))
print("to stderr", file=sys.stderr)
sys.exit(5)'
}
program_python_processes() {
    cat >p.py <<'EOF'
import multiprocessing, subprocess, sys, os
def square(n): return n * n
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(3) as pool:
        print(sum(pool.map(square, range(1000))))
    print(subprocess.run(["sh", "-c", "echo child; exit 3"], capture_output=True))
    print(subprocess.run([sys.executable, "-I", "-c", "import os; print(dict(os.environ))"],
                         env={"ONLY": "this"}, capture_output=True, text=True).stdout.count("ONLY"))
EOF
    "$@" "$(python_real)" -I p.py
}
program_git() {
    cat >g.sh <<'EOF'
export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2001-02-03T04:05:06Z' GIT_COMMITTER_DATE='2001-02-03T04:05:06Z'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main repo && cd repo || exit
for i in 1 2 3 4; do seq $((i * 50)) >f$i; git add . && git commit -qm "number $i"; done
git log -p --stat | cat
echo changed >f2; git status --porcelain; git diff --stat
git gc -q; git fsck 2>&1; git checkout -q nothing; echo $?
EOF
    "$@" bash g.sh
}
program_gcc() {
    printf '#include <stdio.h>\n#include <math.h>\nint main(void){for(int i=0;i<5;i++)printf("%%f\\n",sqrt(i));return 6;}\n' >a.c
    "$@" gcc -O2 -g -Wall -o a a.c -lm && sha256sum a && ./a
}
program_gxx() {
    printf '#include <map>\n#include <string>\n#include <iostream>\nint main(){std::map<std::string,int>m;for(int i=0;i<99;i++)m[std::to_string(i)]=i;for(auto&p:m)std::cout<<p.first<<p.second;unused x;}\n' >a.cc
    "$@" g++ -O1 a.cc
}
program_sqlite() {
    "$@" sqlite3 :memory: "create table t(a integer primary key, b text);
        with recursive c(x) as (select 1 union all select x+1 from c where x<5000)
        insert into t select x, printf('%d-%s', x, hex(x*x)) from c;
        create index i on t(b); select count(*), sum(length(b)) from t;
        select substr(b,1,2) as k, count(*) from t group by k order by k limit 10; select nonsense;"
}
program_jq() {
    seq 3000 | sed 's/.*/{"a":&,"b":["x&",{"c":&}]}/' >in.json
    "$@" jq -s 'map(.b[1].c * 2) | add, length, (map(tostring) | join(",") | length)' in.json
}
program_perl() {
    "$@" perl -e 'my %h; $h{$_ % 97} .= "$_," for 1..20000; print join("|", map { length $h{$_} } sort { $a <=> $b } keys %h), "\n";
        my $pid = fork; if (!$pid) { print "child\n"; exit 4 } waitpid $pid, 0; print $? >> 8, "\n"; warn "warned\n"; exit 3'
}
program_bash() {
    cat >b.sh <<'EOF'
f() { local i; for i in {1..300}; do printf '%s ' "$((i * i))"; done | tr ' ' '\n' | sort -n | tail -n 3; }
x=$(f); echo "$x"
declare -A m; for i in {1..500}; do m[$i]=$((i % 13)); done; echo "${#m[@]} ${m[77]}"
( exit 9 ); echo $?; cat <<<"here"; echo err >&2; trap 'echo trapped' EXIT; exit 17
EOF
    "$@" bash b.sh
}
program_xz() {
    seq 200000 >in
    "$@" xz -T2 --block-size=256KiB -1 -k in && sha256sum in.xz && "$@" xz -dc in.xz | sha256sum
}
program_redis() {
    cat >r.sh <<'EOF'
redis-server --port 0 --unixsocket "$PWD/s" --save '' --appendonly no --daemonize no --io-threads 2 >/dev/null &
for i in $(seq 1200); do [ "$(redis-cli -s "$PWD/s" ping 2>/dev/null)" = PONG ] && break; sleep 0.05; done
{ for i in $(seq 500); do echo "set k$i v$i"; done; echo "get k77"; echo dbsize; for i in $(seq 200); do echo "lpush l $i"; done
  echo "lrange l 0 3"; echo "eval 'return 1+1' 0"; echo flushall; echo dbsize; } | redis-cli -s "$PWD/s" | tail -n 12
redis-cli -s "$PWD/s" shutdown nosave; wait $!; echo "server: $?"
EOF
    "$@" bash r.sh
}
program_nginx() {
    mkdir -p www tmp
    chmod 755 . www
    seq 2000 >www/index.html
    cat >n.conf <<EOF
daemon off; worker_processes 2; pid $PWD/pid; error_log $PWD/error.log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $PWD/tmp/b; proxy_temp_path $PWD/tmp/p; fastcgi_temp_path $PWD/tmp/f;
  uwsgi_temp_path $PWD/tmp/u; scgi_temp_path $PWD/tmp/s; gzip on; gzip_types *; gzip_min_length 1;
  server { listen unix:$PWD/sock; root $PWD/www; } }
EOF
    cat >n.sh <<'EOF'
nginx -e "$PWD/error.log" -p "$PWD" -c "$PWD/n.conf" &
for i in $(seq 1200); do [ -S sock ] && break; sleep 0.05; done
for i in 1 2 3; do curl -s --compressed --unix-socket sock http://x/ | sha256sum; done
curl -s -o /dev/null -w '%{http_code}\n' --unix-socket sock http://x/missing
kill -QUIT $!; wait $!; echo "server: $?"
EOF
    "$@" bash n.sh
}
program_lua() {
    "$@" lua5.4 -e 'local t={} for i=1,20000 do t[i]=tostring(i)..("x"):rep(i%9) end
        local co=coroutine.wrap(function() for i=1,100 do coroutine.yield(#t[i]) end end)
        local s=0 for i=1,100 do s=s+co() end print(#table.concat(t), s, pcall(error,"e")) os.exit(11)'
}
program_php() {
    "$@" php -n -r '$a=[]; for($i=0;$i<20000;$i++) $a["k$i"]=str_repeat("x",$i%50);
        ksort($a); echo strlen(serialize($a)), " ", md5(json_encode($a)), "\n"; exit(12);'
}
program_node() {
    "$@" node -e 'const a=[];for(let i=0;i<20000;i++)a.push({i,s:"x".repeat(i%40)});
        console.log(JSON.stringify(a).length); const z=require("zlib");
        z.gzip(JSON.stringify(a),(e,b)=>{console.log(z.gunzipSync(b).length); process.exitCode=13;});'
}
program_awk() {
    "$@" awk 'BEGIN { for (i = 0; i < 30000; i++) a[i % 1009] = a[i % 1009] i; for (i = 0; i < 5; i++) print length(a[i]); exit 14 }'
}
program_sort() {
    seq 150000 | awk '{ print ($1 * 7919) % 150001 }' >in
    "$@" sort -n --parallel=2 -S 1M -T . in | sha256sum
}
program_tar() {
    mkdir d
    for i in 1 2 3 4 5 6 7 8; do seq $((i * 1000)) >"d/f$i"; done
    "$@" tar --sort=name --mtime=@0 --owner=0 --group=0 -c -z -f d.tgz d && gzip -dc d.tgz | sha256sum && "$@" tar -tzvf d.tgz
}
program_make() {
    printf 'all: a b c d\na b c d:\n\t@echo "int f(void){return 1;}" | gcc -x c -c -o $@ - && echo made >>log\nfail: a\n\t@exit 3\n' >Makefile
    "$@" make -s -j2 && sort log && "$@" make fail
}
program_rustc() {
    printf 'use std::thread;\nfn main(){let h:Vec<_>=(0..4).map(|i|thread::spawn(move||vec![i;1000].iter().sum::<i32>())).collect();for t in h{println!("{}",t.join().unwrap());}std::process::exit(15)}\n' >r.rs
    rustc -O r.rs && "$@" ./r
}
program_clang() {
    printf '#include <stdlib.h>\n#include <stdio.h>\nint main(void){return undefined_name + sizeof(struct nothing);}\n' >a.c
    "$@" clang -fsyntax-only -Wall a.c
}
program_coreutils() {
    mkdir -p d/e
    for i in $(seq 200); do echo "line $i" >"d/e/f$i"; done
    "$@" sh -c 'find d -type f | sort | head -n 5; grep -rl "line 1" d | wc -l; cat d/e/* | sed "s/line/row/" | sha256sum; ls -1 d/e | wc -l; date -d @0; expr 1 + nothing; exit 42'
}
program_stdbuf() { # has a preload of its own
    seq 1000 | "$@" stdbuf -o0 -i0 tr 0-9 a-j
}
program_gdb() {
    "$@" gdb -q -nx -batch -ex 'print 6 * 7' -ex 'info line main' -ex 'print sizeof(long)' "$VICTIMS/ctor"
}
