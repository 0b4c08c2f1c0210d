#!/bin/bash
# Estimates of sampled runs against a full run of the same program: five real ones that do the same
# each time, and end with memory that lives. TORTURE=1: 100 runs of each; what
# is true lies in the stated 95% interval in at least 95 of them. The short form has too few runs to tell 95% from
# less: its estimates lie within twice the interval. Then leaks of a sampled program: what unrecorded
# blocks hold is not called lost, what nothing holds is.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"

RUNS=${TORTURE:+100}
RUNS=${RUNS:-3}
RATE=16384
mkdir -p "$T/work"
cd "$T/work" || exit 99

cat >perl.pl <<'EOF'
use POSIX ();
my (@keep, $sum);
for my $i (1 .. 20000) {
    my %h = map { $_ => "v" x ($_ * 7 % 40) } 1 .. 6;
    $sum += length join ",", map { "$_=$h{$_}" } sort keys %h;
    push @keep, \%h if $i % 10 == 0;
}
print "$sum\n";
POSIX::_exit(0);
EOF
cat >lua.lua <<'EOF'
local keep, sum = {}, 0
for i = 1, 40000 do
    local t = {}
    for k = 1, i % 12 do t[k] = "item" .. i .. "/" .. k end
    sum = sum + #table.concat(t, ",")
    if i % 10 == 0 then keep[#keep + 1] = t end
end
print(sum, #keep)
os.exit(0)
EOF
cat >python.py <<'EOF'
import json, os
keep = []
for i in range(4000):
    text = json.dumps({"k%d" % j: [j] * (j % 20) for j in range(i % 12)})
    if i % 10 == 0:
        keep.append((json.loads(text), "x" * (i % 3000)))
print(len(keep), flush=True)
os._exit(0)
EOF
cat >sqlite.sql <<'EOF'
create table t(a integer primary key, b text, c text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000)
insert into t select i, hex(zeroblob(i % 200)), 'row ' || i from n;
create index x on t(c);
select count(*), sum(length(b)) from t where c like 'row 1%';
.shell kill -9 $PPID
EOF
git_repository() {
    git init -q repository && cd repository || return 1
    for i in $(seq 1 120); do
        printf 'commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 5\nstep\n\n' $((1000000000 + i * 60))
        local body
        body=$(seq "$i" 7 "$((i * 30))")
        printf 'M 100644 inline file%d\ndata %d\n%s\n' $((i % 20)) $((${#body} + 1)) "$body"
    done | git fast-import --quiet
    cd ..
}

command_of() {
    case $1 in
    perl) echo "env PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 perl perl.pl" ;;
    lua) echo "lua5.4 lua.lua" ;;
    python) echo "env -i PYTHONHASHSEED=0 PYTHONMALLOC=malloc /usr/bin/python3 -S -E python.py" ;;
    sqlite) echo "sqlite3 :memory: -init sqlite.sql" ;;
    git) echo "git -C repository -c core.pager=cat log --stat -p main" ;;
    esac
}

# once FILE PROGRAM OPTION…: its report.
once() {
    local file=$1 program=$2
    shift 2
    # shellcheck disable=SC2046,SC2086 # words
    bash -c '"$@"; exit' once timeout "$LIMIT" "$OWNSCOPE" run -q $PATIENT --locks off --copies off --no-snapshot-at-exit --json "$file" \
        -o "$T/one.own" "$@" -- $(command_of "$program") </dev/null >/dev/null 2>"$T/err"
    [ -s "$file" ]
}

estimates() {
    local program=$1 i
    rm -rf "$T/reports"
    mkdir "$T/reports"
    once "$T/truth" "$program" || { not_ok "sampling $program" "no full run: $(tail -n 1 "$T/err")"; return; }
    for i in $(seq 1 "$RUNS"); do
        once "$T/reports/$i" "$program" --sample $RATE || { not_ok "sampling $program" "run $i: $(tail -n 1 "$T/err")"; return; }
    done
    "$PYTHON" - "$T/truth" "$T/reports" "$RUNS" <<'EOF' >"$T/verdict" 2>&1
import glob, json, sys
truth = json.load(open(sys.argv[1]))["totals"]
runs = [json.load(open(f)) for f in glob.glob(sys.argv[2] + "/*")]
wanted, bad, told = int(sys.argv[3]), [], []
assert "estimated" not in truth and truth["live_bytes"] > 100000, truth
for key in "bytes_allocated", "live_bytes", "allocations", "live_blocks", "peak_bytes":
    hits = wide = 0
    for r in runs:
        t = r["totals"]
        assert t["estimated"] and t["samples"] > 20 and r["metadata"]["sampling"]["memory"], t
        off = abs(t[key] - truth[key])
        hits += off <= t["error"][key]
        wide += off <= 2 * t["error"][key] and ("bytes" not in key or t["error"][key] < truth[key])
    told.append("%s %d" % (key, hits))
    if wide < len(runs) * (1 if wanted < 100 else 0.99) or (wanted >= 100 and hits < 95 and key != "peak_bytes"):
        bad.append("%s: %d of %d in the interval, %d in twice of it; truth %d, the last %d ± %d" % (
            key, hits, len(runs), wide, truth[key], t[key], t["error"][key]))
print("; ".join(bad) if bad else "of %d runs: %s" % (len(runs), ", ".join(told)))
sys.exit(bool(bad))
EOF
    verdict "sampling $program" $? "$(tail -n 3 "$T/verdict")"
    [ -z "${TORTURE:-}" ] || cat "$T/verdict"
}

git_repository
for program in perl lua python sqlite git; do estimates "$program"; done

# What is reachable is not lost though its holders were not drawn; what nothing holds is, and its sum is told.
leaks_sampled() {
    cat >leaks.c <<'EOF'
#include <stdlib.h>
#include <string.h>
struct node { struct node *next; char *text; char pad[40]; };
static struct node *head;
int main(void)
{
    for (int i = 0; i < 20000; i++) {
        struct node *n = calloc(1, sizeof *n);
        n->next = head;
        n->text = calloc(1, 30);
        head = n;
    }
    for (int i = 0; i < 3000; i++) {
        volatile char *lost = malloc(100);
        lost[0] = 1;
    }
    return 0;
}
EOF
    gcc -O0 -o leaks leaks.c || return 1
    # shellcheck disable=SC2086 # two words
    timeout "$LIMIT" "$OWNSCOPE" run -q $PATIENT --sample 4096 -o "$T/leaks.own" -- ./leaks >"$T/out" 2>&1
    "$OWNSCOPE" leaks --json "$T/leaks.own" >"$T/leaks.json" 2>>"$T/out"
    "$PYTHON" - "$T/leaks.json" <<'EOF' >>"$T/out" 2>&1
import json, sys
leaks = json.load(open(sys.argv[1]))["leaks"]
assert len(leaks) == 1 and leaks[0]["class"] == "definite", [(l["class"], l["blocks"]) for l in leaks]
e = leaks[0]["estimated"]
assert abs(e["bytes"] - 300000) <= 2 * e["error_bytes"] and e["samples"] > 20, e
EOF
}
# What came between two moments is estimated, with an error of its own; what counts for a job is its lower end.
growth_sampled() {
    "$OWNSCOPE" diff --json --since event:1 "$T/leaks.own" >"$T/diff.json" 2>"$T/out"
    "$PYTHON" - "$T/diff.json" <<'EOF' >>"$T/out" 2>&1 || return 1
import json, sys
d = json.load(open(sys.argv[1]))
live, sites = d["totals"], [s for s in d["sites"] if s["error"]["bytes"] > 0]
assert 0 < live["error"]["bytes"] < live["bytes"] and abs(live["bytes"] - 2020000) <= 2 * live["error"]["bytes"], live
assert sites and abs(sum(s["bytes"] for s in d["sites"]) - live["bytes"]) <= 3000, d["sites"]
print(live["bytes"] - live["error"]["bytes"])
EOF
    local least
    least=$(tail -n 1 "$T/out")
    "$OWNSCOPE" diff --fail-if-grown "$least" --since event:1 "$T/leaks.own" >/dev/null 2>&1 || return 1
    "$OWNSCOPE" diff --fail-if-grown $((least - 1)) --since event:1 "$T/leaks.own" >/dev/null 2>&1
    [ $? = 99 ]
}
leaks_sampled
verdict "sampling leaks" $? "$(tail -n 3 "$T/out")"
growth_sampled
verdict "sampling growth" $? "$(tail -n 3 "$T/out")"
