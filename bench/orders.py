"""redis-server in each state that orders can bring tracing to, under
redis-benchmark: how long each order took, what clients saw, and the throughput
and the server's CPU against those of a server that nobody traces, which is
loaded in turn with it. Name: orders."""
import json, os, signal, statistics, subprocess, time
from collections import namedtuple

import redis, report
from measure import OWNSCOPE

REQUESTS = 240000
# what: the state; orders: what brings it there; most: s that the order may take
State = namedtuple("State", "what orders most")
# ratios: rate / native's, cpu: server's CPU a request / native's; took: s of the orders; noted: what is to be told
Seen = namedtuple("Seen", "state rates cpus took noted")

STATES = [
    State("paused (`run --paused`)", [], None),
    State("start: everything", [["start"]], 1),
    State("narrowed to one function", [["trace", "function=zmalloc*"]], 1),
    State("narrowed to what is not there", [["untrace", "all"], ["trace", "process=nobody"]], 1),
    State("sampled, 512 KiB", [["untrace", "all"], ["trace", "sample=512K,1/100"]], 1),
    State("limited, cpu=3%", [["untrace", "all"], ["limits", "cpu=3%"]], 1),
    State("tripped by events/s=1000", [["limits", "cpu=off"], ["limits", "events/s=1000:trip", "cooldown=60s"]], 2),
    State("recovered: limits off, reset", [["limits", "events/s=off"], ["reset"], ["start"]], 1),
    State("emergency stop", [["emergency-stop"]], 0.1),
    State("started again", [["start"]], 1),
]


def wait_for(path, process):
    limit = time.monotonic() + 60
    while not (os.path.exists(path) and open(path).read().strip()):
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError("redis-server did not start")
        time.sleep(0.01)
    return int(open(path).read())


class Server:
    def __init__(self, folder, before):
        os.mkdir(folder)
        self.folder = folder
        self.process = subprocess.Popen(before + redis.server(folder), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.pid = wait_for(os.path.join(folder, "redis.pid"), self.process)

    def cpu(self):
        with open("/proc/%d/stat" % self.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def load(self):
        """(requests a second, CPU s a request). A client that saw an error is one of ours."""
        before, began = self.cpu(), time.monotonic()
        done = subprocess.run(["redis-benchmark", "-s", os.path.join(self.folder, "redis.sock"), "-q", "-t", "set,get", "-n", str(REQUESTS // 2),
                               "-c", "20", "-P", "4", "-r", "20000", "-d", "64"], capture_output=True, text=True)
        if done.returncode or "rror" in done.stdout + done.stderr:
            raise RuntimeError("redis-benchmark: " + (done.stderr + done.stdout)[-300:])
        return REQUESTS / (time.monotonic() - began), (self.cpu() - before) / REQUESTS

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        self.process.wait()


def order(server, words):
    """(s, the answer)"""
    began = time.monotonic()
    done = subprocess.run([OWNSCOPE, "ctl", "-p", str(server.pid), "--json"] + words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError("ctl %s: %s" % (" ".join(words), done.stderr.strip()))
    return time.monotonic() - began, json.loads(done.stdout)


def state_now(server):
    return order(server, ["status"])[1]["state"]


def one(state, plain, traced, seen):
    for words in state.orders:
        took, answer = order(traced, words)
        seen.took.append(took)
    if "tripped" in state.what:
        traced.load()
        began = time.monotonic()
        while state_now(traced) != "tripped" and time.monotonic() - began < 10:
            traced.load()
        seen.noted.append("state %s" % state_now(traced))
    elif state.what == "emergency stop":
        seen.noted.append("no hook acted after %.2f ms" % (answer["quiet_ns"] / 1e6))
    elif state.orders:
        traced.load() # what was before is drained, and a budget finds its rate
    rate, cpu = plain.load()
    traced_rate, traced_cpu = traced.load()
    seen.rates.append(traced_rate / rate)
    seen.cpus.append(traced_cpu / cpu)


def measure_all(tmp, wanted, rounds, notes):
    """None where it is not wanted."""
    if not wanted("orders"):
        return None
    if redis.missing():
        notes.append("orders: " + redis.missing())
        return None
    seen = [Seen(s, [], [], [], []) for s in STATES]
    for turn in range(rounds):
        folder = os.path.join(tmp, "orders%d" % turn)
        os.mkdir(folder)
        plain = Server(os.path.join(folder, "plain"), [])
        traced = Server(os.path.join(folder, "traced"), [OWNSCOPE, "run", "-q", "--paused", "-o", os.path.join(folder, "t.own"), "--"])
        try:
            plain.load(), traced.load()
            for each in seen:
                one(each.state, plain, traced, each)
        finally:
            plain.end(), traced.end()
        os.unlink(os.path.join(folder, "t.own"))
    for s in seen:
        print("%-45s requests x%.3f  CPU x%.3f  %s" % (s.state.what, statistics.median(s.rates), statistics.median(s.cpus), "; ".join(s.noted[-1:])), flush=True)
    return seen


def section(seen):
    """The text of "## Orders", without its head."""
    head = ("redis-server under redis-benchmark (%s requests a time, four a packet, 20 clients), traced, and one that nobody traces, loaded in turn: "
            "medians of %d rounds, each a server of its own that goes through all states in this order. No client saw an error. "
            "`took` is of `ownscope ctl`, from its start to its end, of the slowest of the orders that led there.\n\n" % (format(REQUESTS, ","), len(seen[0].rates)))
    rows = ([s.state.what, "%.3f" % statistics.median(s.rates), "%.3f to %.3f" % (min(s.rates), max(s.rates)), "%.3f" % statistics.median(s.cpus),
             "%.0f ms" % (1000 * max(s.took)) if s.took else "", "" if s.state.most is None else "≤ %g s" % s.state.most,
             "" if s.state.most is None else "met" if max(s.took) <= s.state.most else "short", "; ".join(sorted(set(s.noted))[-2:])] for s in seen)
    return head + report.table(["state", "requests / native", "least to most", "server's CPU / native", "took", "target", "", "noted"], rows)
