"""orders.py OWNSCOPE PID COUNT SEED LOG [kill] - gives a busy program's collector
COUNT orders at random, by `ownscope ctl`, and holds each answer against what
the state must be then. With `kill` the collector is killed at random in the
midst of them and a next one takes over (its process id: LOG.collector, the
first one's at the start).

Writes each order that was answered to LOG, a line each: "done VERB WORDS",
"refused VERB WORDS"; "lost VERB" where the collector was killed under the
order. Prints what was not as it must be; exit 1 then."""
import json
import os
import random
import signal
import subprocess
import sys
import time

ownscope, pid, count, seed, log_path = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
kills = len(sys.argv) > 6
rng = random.Random(seed)
wrong = []
log = open(log_path, "w", encoding="utf-8")
longest_s = 0.0
PATIENCE_S = 90  # where the machine is starved an order waits for its turn: what hangs is what takes longer

RULES = ["function=block_make", "function=block_*", "module=busy size=64..4K", "events=lock sample=1/10", "exclude function=block_grow",
         "events=memory sample=16K", "size=100..200 limit=500", "events=copy", "family=malloc rate=1000/s", "thread=busy events=memory,lock",
         "process=busy sample=4K,1/8", "module=libc.so.6"]
NOT_RULES = ["colour=red", "size=9..1", "events=colours", "sample=-1", "function="]
LIMITS = ["events/s=1G", "cpu=80%", "bytes=100G", "events/s=off", "cpu=off", "rss=1000G", "time=100h"]


class State:
    """What the collector must say of itself."""
    recording = "recording"
    before = "recording"
    rules = {}

    def order(self, verb, words, answer):
        if verb == "emergency-stop":
            if self.recording != "emergency":
                self.before = self.recording
            self.recording = "emergency"
        elif verb == "start":
            self.recording = "recording"
        elif verb == "stop" and self.recording != "emergency":
            self.recording = "paused"
        elif verb == "reset" and self.recording == "emergency":
            self.recording = self.before
        elif verb == "trace":
            self.rules[answer["number"]] = words
        elif verb == "untrace":
            self.rules = {} if words == "all" else {n: r for n, r in self.rules.items() if str(n) != words}


state = State()


def ctl(*words, quick=False):
    """(exit status, document or None, error text)"""
    global longest_s
    began = time.monotonic()
    try:
        done = subprocess.run([ownscope, "ctl", "-p", pid, "--json", *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return -1, None, f"no answer within {PATIENCE_S} s"
    if not quick:
        longest_s = max(longest_s, time.monotonic() - began)
    text = done.stdout.strip()
    return done.returncode, json.loads(text) if text else None, done.stderr.strip()


def choose():
    r = rng.random()
    if r < 0.16:
        return "start", ""
    if r < 0.28:
        return "stop", ""
    if r < 0.50 and len(state.rules) < 12:
        return "trace", rng.choice(RULES)
    if r < 0.62 and state.rules:
        return "untrace", rng.choice([str(n) for n in state.rules] + ["all"])
    if 0.62 <= r < 0.72:
        return "limits", rng.choice(LIMITS)
    if r < 0.78:
        return "reset", ""
    if r < 0.82:
        return "emergency-stop", ""
    if r < 0.88:
        return "mark", f"m{rng.randrange(1000)}"
    if r < 0.91:
        return "trace", rng.choice(NOT_RULES)
    if r < 0.93:
        return "untrace", "99999"
    if r < 0.94:
        return "snapshot", ""
    return rng.choice(["list", "status"]), ""


def check(what, holds):
    if not holds:
        wrong.append(what)


def kill_and_replace():
    with open(log_path + ".collector", encoding="utf-8") as f:
        old = int(f.read())
    os.kill(old, signal.SIGKILL)
    time.sleep(rng.random() * 0.05)
    # its output is not ours: who reads that would wait for its end
    with open(log_path + ".serve", "w", encoding="utf-8") as said:
        new = subprocess.Popen([ownscope, "serve", "-q", "--attach", pid], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    with open(log_path + ".collector", "w", encoding="utf-8") as f:
        f.write(str(new.pid))
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        status, _, _ = ctl("status", quick=True)
        if status == 0:
            return
        if new.poll() is not None:
            with open(log_path + ".serve", encoding="utf-8") as said:
                check(f"the next collector ended: {new.returncode}: {said.read().strip()}", False)
            return
        time.sleep(0.01)
    check("the next collector does not answer", False)


def one(i):
    verb, words = choose()
    arguments = [verb] + (words.split() if words else [])
    status, answer, error = ctl(*arguments)
    bad = verb == "trace" and words in NOT_RULES or words == "99999"
    asks = verb in ("list", "status")
    if bad:
        check(f"order {i}: {verb} {words}: {status} {error}", status == (2 if verb == "trace" else 1) and "\n" not in error)
    elif state.recording == "emergency" and verb in ("stop", "snapshot"):
        bad = status != 0
        check(f"order {i}: {verb}: {status} {error}", status == (125 if verb == "stop" else status))
    else:
        check(f"order {i}: {verb} {words}: {status} {error}", status == 0 and answer is not None)
        if status == 0:
            state.order(verb, words, answer)
    if not asks:
        log.write(f"{'refused' if bad else 'done'} {verb} {words}\n".rstrip() + "\n")
    if asks and answer:
        check(f"order {i}: {verb}: state {answer.get('state')}, must be {state.recording}", answer.get("state") == state.recording)
    if verb == "list" and answer:
        numbers = sorted(r["number"] for r in answer["rules"])
        check(f"order {i}: list has {numbers}, must be {sorted(state.rules)}", numbers == sorted(state.rules))


for i in range(count):
    if kills and rng.random() < 0.02:
        kill_and_replace()
    one(i)
    if wrong:
        break
    if rng.random() < 0.1:
        time.sleep(rng.random() * 0.1)
ctl("start")
log.write("done start\n")
if state.rules:
    ctl("untrace", "all")
    log.write("done untrace all\n")
log.close()
print(f"longest {longest_s:.2f} s", file=sys.stderr)
for line in wrong:
    print(line)
sys.exit(bool(wrong))
