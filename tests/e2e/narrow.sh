#!/bin/bash
# What is recorded is what was asked for, to the event: one program, told when to do what
# it does, under one rule after the other; then while it is busy.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

cat >narrow.py <<'END'
import json, os, subprocess, sys, time

ownscope, victim, patient = sys.argv[1], sys.argv[2], sys.argv[3:]
PATIENCE_S = 90

def verdict(name, good, why=""):
    print(f"ok {name}" if good else f"not ok {name}: {why}", flush=True)

def start(trace):
    p = subprocess.Popen([ownscope, "run", "-q", *patient, "-o", trace, "--", victim], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=open("run.err", "a"), text=True)
    tell(p, "nothing")
    return p, int(subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(p.pid)], text=True).split()[0])

def tell(p, line):
    p.stdin.write(line + "\n")
    p.stdin.flush()
    if p.stdout.readline() != "done\n":
        raise SystemExit("not ok the program: " + open("run.err").read()[-300:])

def ctl(*words):
    r = subprocess.run([ownscope, "ctl", "-p", str(pid), *words, "--json"], capture_output=True, text=True)
    if r.returncode:
        verdict("ctl " + " ".join(words), False, r.stderr.strip()[:300])
    return json.loads(r.stdout or "{}")

def rules():
    return {r["number"]: r for r in ctl("list")["rules"]}

def until(holds):
    """Polls; the last answer."""
    end = time.monotonic() + PATIENCE_S
    while not (answer := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer

def hits_of(number):
    return rules()[number]["hits"]

def settled():
    """Names are looked up, and rules of threads reach them, after the order: the first rule's number and hits."""
    if not until(lambda: not any(r["unmet"] for r in rules().values())):
        verdict("names are looked up", False, json.dumps(rules())[:400])
    first = min(rules())
    if "thread" in rules()[first]["rule"]:
        before = hits_of(first)
        until(lambda: tell(p, "worker 1") or hits_of(first) > before)
    return first, hits_of(first)

def hits(*texts, line="round"):
    """What the first of these rules recorded of it."""
    ctl("untrace", "all")
    for text in texts:
        ctl("trace", *text.split())
    number, before = settled()
    tell(p, line)
    return hits_of(number) - before

def expect(name, want, *texts, off=0, line="round"):
    got = hits(*texts, line=line)
    verdict(name, abs(got - want) <= off, f"{got}, wanted {want}")

p, pid = start("rules.own")
tell(p, "round")
ctl("trace", "size=1..")
expect("one function", 1000, "function=wanted")
expect("a function and a size", 200, "function=grown size=..24")
# The filter of the blocks that lived before may take one of these for such a block: then its realloc is told, and is no hit.
expect("blocks that grow come in by what they are then", 200, "function=grown size=3000..3000", off=3)
expect("a thread by name", 700, "thread=worker events=heap")
expect("a family", 400, "function=zeroed,wanted family=calloc")
every = hits("events=heap family=malloc")
expect("without a module", every - 350, "events=heap family=malloc", "exclude module=libc.so*")
expect("without a function", every - 5000, "events=heap family=malloc", "exclude function=other")
expect("a limit, to the event", 123, "function=wanted limit=123")
expect("locks of a function", 600, "events=lock function=locked")
expect("one lock in ten", 60, "events=lock function=locked sample=1/10", off=40)
expect("blocks by bytes", 906, "function=other sample=1000", off=150)

# Tokens are given by the collector's clock, and those of 100 ms lie there at most: never more than the time that passed has
# earned, whoever was kept from running in it. What there must be at least is told by the moments of what was recorded, below.
RATE, BURST_S, SPIN_SIZE = 200, 0.1, 30
ctl("untrace", "all")
began = time.monotonic()
ctl("trace", "function=spin", f"rate={RATE}/s")
number, before = settled()
tell(p, "spin 1500")
spun = until(lambda: hits_of(number) - before >= 100 or tell(p, "spin 500"))
got, most = hits_of(number) - before, RATE * (time.monotonic() - began + BURST_S)
verdict("so many a second, and no more", spun and got <= most, f"{got}, at most {most:.0f} wanted")

ctl("untrace", "all")
tell(p, "round")
p.stdin.close()
verdict("the program under rules", p.wait() == 0, open("run.err").read()[-300:])

p, pid = start("busy.own")
tell(p, "busy")
for order in (["trace", "sample=4K"], ["untrace", "all"], ["trace", "function=hand_over", "size=100.."], ["stop"], ["start"],
              ["trace", "sample=64K,1/7"], ["untrace", "all"]):
    time.sleep(0.1)
    ctl(*order)
time.sleep(0.1)
tell(p, "idle")
p.stdin.close()
verdict("the busy program", p.wait() == 0, open("run.err").read()[-300:])

r = subprocess.run([ownscope, "sql", "--json", f"SELECT born_ns FROM blocks WHERE size_bytes = {SPIN_SIZE} ORDER BY 1", "rules.own"],
                   capture_output=True, text=True)
born_ns = [row["born_ns"] for row in json.loads(r.stdout or "[]")]
n, apart = len(born_ns), lambda i, j: (born_ns[j] - born_ns[i]) / 1e9
over = [(i, j) for i in range(n) for j in range(i, n) if j - i + 1 > RATE * (apart(i, j) + 2 * BURST_S) + 1]
verdict("nor in any while", not over, f"{over[:1]}: {[(j - i + 1, apart(i, j)) for i, j in over[:1]]} blocks in s")
# a pause of the program, or of the collector, has its tokens behind it, a few less where a thread rested amid its own
earned = RATE * sum(min(apart(i, i + 1), BURST_S) for i in range(n - 1))
verdict("and not much less", n == got and n >= 0.6 * earned, f"{n} blocks, {got} hits, {earned:.0f} earned")

for trace in "rules.own", "busy.own":
    r = subprocess.run([ownscope, "findings", trace, "--json"], capture_output=True, text=True)
    found = json.loads(r.stdout)["findings"]
    verdict("nothing is found that is not there, " + trace, not found, json.dumps(found)[:400])
    r = subprocess.run([ownscope, "leaks", trace, "--json"], capture_output=True, text=True)
    totals = json.loads(r.stdout or "{}").get("totals")
    lost = [totals[c] for c in ("definite", "indirect") if totals[c]["blocks"]] if totals else r.stderr
    verdict("nothing leaks that was dropped, " + trace, not lost, str(lost)[:300])
END
# shellcheck disable=SC2086 # two words
"$PYTHON" narrow.py "$OWNSCOPE" "$VICTIMS/rounds" $PATIENT || not_ok "narrow.py" "ended with $?"
