"""The programs that are measured. Real ones are ones that people use, on inputs
of bench/inputs.py; the micro loops are bench/micro.c. One whose program is not
installed is left out, and bench.py says so."""
import os, shutil, subprocess
from collections import namedtuple

import inputs, redis
from measure import MICRO

# operations: what a figure of ns is divided by where nothing of the work is
# allocated (None: the events of the full run). drive: how it is run, where
# starting it and waiting is not enough. about: what it does much of; of the
# heap's workloads memory alone is recorded, as their peers do; of requests only
# the rate matters, bare and with everything recorded. peers: measured under the
# peers too.
HEAP, LOCKS, COPIES, REQUESTS = "heap", "locks", "copies", "requests"
Workload = namedtuple("Workload", "name command env operations drive real about peers")


def micro(name, *words, operations=None, about=HEAP, peers=True):
    return Workload("micro " + name, [MICRO] + [str(w) for w in words], {}, operations, None, False, about, peers)


def micros():
    return [
        micro("pair", "pair", 2000000),
        micro("deep 32", "deep", 2000000, 32),
        micro("deep 64", "deep", 2000000, 64, peers=False),
        micro("random 32", "random", 1500000, 32),
        micro("random 64", "random", 1500000, 64, peers=False),
        micro("live", "live", 1500000),
        micro("threads", "threads", 1000000),
        micro("handoff", "handoff", 700000),
        micro("mutex", "mutex", 2000000, 10, operations=2000000, about=LOCKS),
        micro("copy", "copy", 3000000, 10, operations=3000000, about=COPIES, peers=False),
        micro("short copy", "short", 20000000, operations=20000000, about=COPIES, peers=False),
        micro("short string", "string", 20000000, operations=20000000, about=COPIES, peers=False),
    ]


def program(compiler, name):
    """Where the compiler keeps its own program: cc1, cc1plus."""
    if not shutil.which(compiler):
        return compiler
    return subprocess.run([compiler, "-print-prog-name=" + name], capture_output=True, text=True).stdout.strip()


def reals(tmp):
    js = inputs.data_json(tmp, 40000)
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
    script = "import json\nfor i in range(3):\n d=json.load(open(%r)); json.dumps(d)\n" % js
    made = [
        ("sqlite3", ["sqlite3", ":memory:", inputs.sql(500000)], {}, None),
        ("python3 json", [python, "-c", script], {"PYTHONMALLOC": "malloc"}, None),
        ("cc1 -O1", [program("gcc", "cc1"), "-quiet", "-fpreprocessed", "-O1", inputs.c_unit(tmp, 320), "-o", "/dev/null"], {}, None),
        ("jq", ["jq", "[.[]|select(.id%3==0)|{id,n:.name,t:(.tags|length)}]|length", js, js], {}, None),
        ("git log -p", ["git", "-C", inputs.repository(tmp, 900), "log", "-p", "--stat", "main"],
         {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}, None),
        ("clang", ["clang", "-fsyntax-only", inputs.cc_source(tmp, "clang.cc", ("random", "regex", "thread"))], {}, None),
        ("redis", redis.server(tmp), {}, redis.drive),
    ]
    served = Workload("redis single", redis.server(tmp), {}, redis.SINGLE_REQUESTS, redis.drive_single, False, REQUESTS, False)
    unit = inputs.cc_unit(tmp)
    if unit:
        made.insert(3, ("cc1plus", [program("g++", "cc1plus"), "-quiet", "-fpreprocessed", unit, "-o", "/dev/null"], {}, None))
    return [Workload(name, command, env, None, drive, True, HEAP, True) for name, command, env, drive in made] + [served]


def usable(w, tmp):
    """None, or why it cannot be measured here."""
    if not shutil.which(w.command[0]):
        return "%s is not installed" % w.command[0]
    if w.drive:
        return redis.missing()
    done = subprocess.run(w.command, env=dict(os.environ, **w.env), cwd=tmp, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode:
        return "it fails here: " + (done.stderr.decode().strip().splitlines() or ["exit %d" % done.returncode])[0]
    return None
