"""What is not an event's cost: start-up, the time from the program's end to the
report, how fast the collector takes events in, and the read side of RCU."""
import os, shutil, statistics, subprocess, time

import measure, variants
from measure import CPU, MICRO, OWNSCOPE, RCU
from workloads import HEAP, Workload


def startup(tmp, times, peers):
    """variant -> wall s of each run of `true`, in turn."""
    trace, true = os.path.join(tmp, "true.own"), shutil.which("true")
    commands = {
        "true": [true],
        "ownscope run true": [OWNSCOPE, "run", "-q", "-o", trace, true],
        "shim loaded, off": ["env", "LD_PRELOAD=" + measure.SHIM, "OWNSCOPE_DISABLE=1", true],
    }
    library = variants.heaptrack_library()
    if peers != "none" and library and shutil.which("heaptrack"):
        commands["heaptrack library"] = ["env", "LD_PRELOAD=" + library, "DUMP_HEAPTRACK_OUTPUT=" + os.path.join(tmp, "true.raw"), true]
        commands["heaptrack true"] = ["heaptrack", "-o", os.path.join(tmp, "true.heaptrack"), true]
    took = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            began = time.monotonic()
            subprocess.run(command, cwd=tmp, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            took[name].append(time.monotonic() - began)
    return took


class Reported(variants.Ownscope):
    """As `full`, but with the summary that `ownscope run` prints at the end."""

    memory_alone = True

    def command(self, w):
        return [OWNSCOPE, "run", "-o", self.trace] + variants.MEMORY_ALONE + ["--", CPU, self.note] + w.command


def ten_million(tmp, times):
    """Programs of about 10 million events: name -> their runs, with the report."""
    js = os.path.join(tmp, "data.json")
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
    script = "import json\nfor i in range(3):\n d=json.load(open(%r)); json.dumps(d)\n" % js
    programs = [
        Workload("micro random 32", [MICRO, "random", "5000000", "32"], {}, None, None, False, HEAP, False),
        Workload("micro live", [MICRO, "live", "5000000"], {}, None, None, False, HEAP, False),
        Workload("python3 json", [python, "-c", script], {"PYTHONMALLOC": "malloc"}, None, None, True, HEAP, False),
    ]
    v = Reported("report", tmp, "full")
    got = {w.name: [] for w in programs}
    for _ in range(times):
        for w in programs:
            got[w.name].append(v.run(w))
    return got


def millions_a_second(runs):
    """Events for each second of CPU that is not the program's: what one core would take in."""
    return statistics.median(r.events / max(r.every - r.own, 1e-9) for r in runs) / 1e6


def rcu(times):
    """Flavour -> (ns of a section, ns with a record, us of a registration), medians; `none` is without RCU."""
    got = {}
    for _ in range(times):
        for row in subprocess.run([RCU], check=True, capture_output=True, text=True).stdout.splitlines():
            name, *figures = row.split()
            got.setdefault(name, []).append([float(x) for x in figures])
    return {name: tuple(statistics.median(column) for column in zip(*runs)) for name, runs in got.items()}
