"""What questions cost on a trace of a hundred million events: the state at a
moment, the life of a block, counts by SQL; beside them the same program recorded
without checkpoints, where a moment is reached by folding all before it, which is what
every peer does that can ask at all. Name: travel."""
import json, os, random, statistics, subprocess
from collections import namedtuple

import inputs, report
from measure import CPU, OWNSCOPE

EVENTS = 100000000
# what: the question; times: wall s of each; kib: the largest memory; target: s
Asked = namedtuple("Asked", "what times kib target")
Travel = namedtuple("Travel", "events sizes cpu asked rate")

SCRIPT = """
import json, sys
text = open(sys.argv[1]).read()
kept = []
for i in range(int(sys.argv[2])):
    d = json.loads(text)
    kept.append(d[i % len(d)])
    json.dumps(d)
"""


def once(words, tmp):
    """(wall s, peak KiB, output) of one question."""
    path, note = os.path.join(tmp, "answer"), os.path.join(tmp, "cpu")
    with open(path, "wb") as out:
        done = subprocess.run([CPU, note, OWNSCOPE] + words, cwd=tmp, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)
    if done.returncode not in (0, 1):
        raise RuntimeError("%s: exit %d: %s" % (" ".join(words)[:200], done.returncode, done.stderr.decode()[-300:]))
    _, _, wall, peak, _ = open(note).read().split()
    return float(wall), int(peak), path


def record(tmp, trace, program, options):
    """User and system CPU s of everything, and the events in the file."""
    env = dict(os.environ, PYTHONMALLOC="malloc")
    process = subprocess.Popen([OWNSCOPE, "run", "-q", "-o", trace] + options + ["--"] + program, cwd=tmp, env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError("%s: exit %d" % (" ".join(program)[:200], process.returncode))
    return used.ru_utime + used.ru_stime


def document(words, tmp):
    with open(once(words, tmp)[2]) as f:
        return json.load(f)


def last_event(trace, tmp):
    with open(once(["sql", "-f", "csv", trace, "select max(event) from records"], tmp)[2]) as f:
        return int(f.read().split()[-1])


def asked(what, questions, tmp, target):
    got = [once(words, tmp) for words in questions]
    a = Asked(what, [g[0] for g in got], max(g[1] for g in got), target)
    print("%-52s median %.3f s, most %.3f s, %.0f MiB" % (what, statistics.median(a.times), max(a.times), a.kib / 1024), flush=True)
    return a


def measure_all(tmp, wanted, rounds, notes):
    """None where it is not wanted."""
    if not wanted("travel"):
        return None
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
    script = os.path.join(tmp, "travel.py")
    with open(script, "w") as f:
        f.write(SCRIPT)
    data, small, trace, plain = inputs.data_json(tmp, 20000), "small.own", "travel.own", "plain.own"
    record(tmp, small, [python, script, data, "2"], [])
    two = last_event(small, tmp)
    record(tmp, small, [python, script, data, "4"], [])
    turns = 4 + int((EVENTS - last_event(small, tmp)) / (last_event(small, tmp) - two) * 2) + 1
    program = [python, script, data, str(turns)]
    cpu = {"checkpoints": record(tmp, trace, program, []), "none": record(tmp, plain, program, ["--checkpoint-every", "0"])}
    sizes = {"checkpoints": os.path.getsize(os.path.join(tmp, trace)), "none": os.path.getsize(os.path.join(tmp, plain))}
    events = last_event(trace, tmp)
    dice = random.Random(6)
    many = max(5, 4 * rounds)
    moments = [dice.randrange(1, events) for _ in range(many)]
    end_ns = document(["report", "--json", trace], tmp)["metadata"]["duration_ns"]
    with open(once(["sql", "-f", "csv", trace, "select max(id) from blocks where dropped_ns is null"], tmp)[2]) as f:
        blocks = int(f.read().split()[-1])
    with open(once(["sql", "-f", "csv", trace, "select id from blocks where dropped_ns is null order by born_ns"], tmp)[2]) as f:
        living = [int(n) for n in f.read().split()[1:]]
    with open(once(["sql", "-f", "csv", trace, "select '0x' || printf('%x', address) from blocks where dropped_ns is null order by born_ns"], tmp)[2]) as f:
        addresses = dice.sample(f.read().split()[1:], many)
    window = [dice.randrange(0, int(end_ns * 0.99)) for _ in range(many)]
    sql = lambda query: ["sql", "-f", "csv", trace, query]
    found = [
        asked("report --at event:N, N at random", [["report", "--json", "--at", "event:%d" % n, trace] for n in moments], tmp, 1),
        asked("report --at TIME, at random", [["report", "--json", "--at", "%dns" % ns, trace] for ns in window], tmp, 1),
        asked("report --at peak", [["report", "--json", "--at", "peak", trace]] * rounds, tmp, 1),
        asked("report (the end)", [["report", "--json", trace]] * rounds, tmp, 1),
        asked("history of a block, at random", [["history", "--json", trace, "b%d" % dice.randrange(1, blocks)] for _ in range(many)], tmp, 1),
        asked("history of a block that lives at the end", [["history", "--json", trace, "b%d" % dice.choice(living)] for _ in range(many)], tmp, 1),
        asked("events in a hundredth of the time", [sql("select count(*) from events where ns between %d and %d" % (ns, ns + end_ns // 100)) for ns in window], tmp, 2),
        asked("events of one type, rare", [sql("select count(*) from events where type = 'thread'")] * rounds, tmp, 2),
        asked("records of a type, half of the trace", [sql("select count(*) from records where type = 'drop' and thread = 1")] * rounds, tmp, None),
        asked("records of at least 64 KiB", [sql("select count(*) from records where size_bytes >= 65536 and type = 'new'")] * rounds, tmp, 2),
        asked("history of what was at an address, at random", [["history", "--json", "--at", "event:%d" % n, trace, address] for n, address in zip(moments, addresses)], tmp, 1),
        asked("without checkpoints: report --at event:N", [["report", "--json", "--at", "event:%d" % n, plain] for n in moments[:max(2, rounds)]], tmp, None),
    ]
    took, _, path = once(["events", "--at", "event:10000000", trace], tmp)
    with open(path, "rb") as f:
        rows = sum(chunk.count(b"\n") for chunk in iter(lambda: f.read(1 << 20), b""))
    print("events into a file: %.2f M rows a second" % (rows / took / 1e6), flush=True)
    return Travel(events, sizes, cpu, found, rows / took)


def section(t):
    """The text of "## Time travel", without its head."""
    head = ("A trace of %s events: python3 reads and writes JSON over and over and keeps some of it. Wall time of each question from the start of "
            "`ownscope` to its end; memory is the largest.\n\n" % format(t.events, ","))
    rows = ([a.what, str(len(a.times)), "%.2f" % statistics.median(a.times), "%.2f" % max(a.times), "%.0f" % (a.kib / 1024),
             "" if a.target is None else "≤ %g s, ≤ 1 GiB" % a.target,
             "" if a.target is None else "met" if max(a.times) <= a.target and a.kib <= 2**20 else "short"] for a in t.asked)
    tail = ("\nWhat checkpoints cost: %.3f bytes an event beside %.3f without, %.2f s of CPU beside %.2f (program and collector). "
            "`ownscope events` into a file: %.1f M rows a second.\n" %
            (t.sizes["checkpoints"] / t.events, t.sizes["none"] / t.events, t.cpu["checkpoints"], t.cpu["none"], t.rate / 1e6))
    return head + report.table(["question", "times", "median s", "most s", "MiB", "target", ""], rows) + tail
