#!/bin/bash
# Leak classes of real programs, beside memcheck's of the same run: blocks and
# bytes by class. With TORTURE the same programs do more.
# Arguments: the programs to try; all without.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
unset OWNSCOPE_DEBUG_DIR # places are compared by names of the C library, also inner ones
# shellcheck disable=SC2016 # what stands in single quotes is for other programs

if [ -n "${TORTURE-}" ]; then
    LIMIT=900 MORE=more ROWS=30000 LINES_OF_A_FILE=1500 SOURCE=session/session.c
else
    LIMIT=400 MORE='' ROWS=1500 LINES_OF_A_FILE=50 SOURCE=cli/message.c
fi

# As in leaks.sh. What both call lost must be equal to the block. Of what is reachable, tables may differ
# that grow with the number of environment variables (each tool has its own), or of gigabytes that
# addresses are spread over (two for each in cc1's collector, 34,832 bytes; memcheck's heap lies low).
export REACHABLE_BLOCKS=4 REACHABLE_BYTES=70000
export DIFFERENCES='
* _dlfo_mappings_segment_allocate possible reachable ? - a table of the loader begins at the next line of the cache: at the start of its block, or inside, as addresses fall
* _dlfo_mappings_segment_allocate reachable possible ? - the same
* allocate_dtv possible possible +16 - the table of thread-local memory that each thread has is a line longer: the shim has some
'

real_tools() {
    case $1 in
    python) echo python3 ;;
    sqlite) echo sqlite3 ;;
    git) echo git ;;
    cc1) echo gcc ;;
    esac
}

real_python() {
    cat >p.py <<'E2'
import json, re, sys, decimal, threading, zlib
class Node:
    def __init__(self, n): self.n, self.children, self.me = n, [], self
tree = [Node(i) for i in range(2000)]
for i, n in enumerate(tree): n.children.append(tree[i // 2])
doc = json.loads(json.dumps({"k%d" % i: [i, {"x": str(i) * 7}] for i in range(300)}))
kept = [bytes(1000 + i) for i in range(200)]
t = threading.Thread(target=lambda: kept.append(zlib.compress(b"x" * 10000)))
t.start(); t.join()
print(len(doc), re.findall("[0-9]+", "a12b34"), decimal.Decimal(2).sqrt(), len(kept))
if sys.argv[1:]:
    import asyncio, sqlite3, ssl, unittest, xml.dom.minidom
    async def tick(): await asyncio.sleep(0.01)
    asyncio.run(tick())
    db = sqlite3.connect(":memory:")
    db.executescript("create table t(a); insert into t values(1), (2)")
    print(db.execute("select sum(a) from t").fetchall(), len(xml.dom.minidom.parseString("<a>" + "<b/>" * 500 + "</a>").childNodes))
E2
    PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 "$@" "$("$PYTHON" -c 'import sys; print(sys.executable)')" -s p.py $MORE
}
real_sqlite() {
    "$@" sqlite3 :memory: "create table t(a integer primary key, b text);
        with recursive c(x) as (select 1 union all select x+1 from c where x<$ROWS)
        insert into t select x, hex(x*x) from c; create index i on t(b); select count(*), sum(length(b)) from t; select nonsense;"
}
real_git() {
    export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
    if [ ! -d repo ]; then
        git init -q -b main repo
        for i in 1 2 3 4 5 6; do
            seq $((i * LINES_OF_A_FILE)) >repo/f$((i % 4))
            git -C repo add . && git -C repo commit -qm "number $i"
        done
    fi
    cd repo && "$@" git --no-pager log -p --stat
}
real_cc1() {
    cpp -P -I "$ROOT" -I "$ROOT/collector" -D_GNU_SOURCE "$ROOT/collector/$SOURCE" >in.i
    "$@" "$(gcc -print-prog-name=cc1)" -quiet -O2 -fpreprocessed in.i -o out.s
}

one() {
    local name=$1 why tool trace=$T/$1.own
    for tool in $(real_tools "$name"); do
        have "$tool" || { skip "leaks of $name" "no $tool"; return; }
    done
    rm -rf "$T/work" "$T/memcheck"
    mkdir "$T/work" "$T/memcheck"
    # shellcheck disable=SC2086 # two words
    (cd "$T/work" && "real_$name" timeout -k 5 "$LIMIT" "$OWNSCOPE" run -q $PATIENT -o "$trace" -- >"$T/a.out" 2>"$T/a.err" </dev/null; echo $? >"$T/a.code")
    (cd "$T/work" && "real_$name" timeout -k 5 "$LIMIT" "${MEMCHECK[@]}" --xml-file="$T/memcheck/%p.xml" >"$T/b.out" 2>"$T/b.err" </dev/null; echo $? >"$T/b.code")
    why=$(same "$T/b" "$T/a") || { not_ok "leaks of $name" "$why"; return; }
    why=$("$OWNSCOPE" leaks --class all --top 0 --json "$trace" 2>&1 >"$T/leaks") ||
        [ -z "$why" ] || { not_ok "leaks of $name" "$why"; return; }
    why=$("$PYTHON" "$HERE/leaks.py" totals "$name" "$T/memcheck" "$T/leaks" 2>&1)
    verdict "leaks of $name" $? "$(echo "$why" | tail -n 4 | tr '\n' ';')"
    [ -z "${VERBOSE-}" ] || echo "$why"
    rm -f "$trace"
}

cd "$T" || exit 99
have valgrind || { skip "leaks of real programs" "no valgrind"; exit; }
[ $# -gt 0 ] || set -- python sqlite git cc1
for name; do one "$name"; done
