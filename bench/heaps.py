"""What heap snapshots cost: how long a program stands still, what the scan and
the dominators take, what they add to a short process, and a leak check from
end to end beside its peers. Names: snapshot pause, scan, tree, exit, leaks."""
import os, re, shutil, statistics, subprocess, time
from collections import namedtuple

import measure, report, variants
from measure import CPU, OWNSCOPE

NAMES = ("snapshot pause", "snapshot scan", "snapshot tree", "snapshot exit", "snapshot leaks")
CHECKED = ("sqlite3", "python3 json", "jq", "git log -p")
Checked = namedtuple("Checked", "workload tool own every wall own_x every_x rounds")


def run(*command):
    built = os.path.join(measure.HERE, "build", "bench", command[0])
    return subprocess.run([built] + [str(w) for w in command[1:]], check=True, capture_output=True, text=True).stdout


def pause(mib=1024):
    """way -> {key: number}; each is a median of the program's own rounds."""
    found = {}
    for line in run("snapshot_pause", mib).splitlines():
        way, *words = line.split()
        found[way] = {k: float(v) for k, v in (w.split("=") for w in words)}
    return found


def scan(times, blocks=4000000):
    """[ns a word] and the number of words."""
    took, words = [], 0
    for _ in range(times):
        m = re.search(r"words (\d+) .*ns_a_word ([\d.]+)", run("heap_scan", blocks))
        took.append(float(m[2]))
        words = int(m[1])
    return took, words


def tree(times):
    """millions of blocks -> [(s for classes, s for the tree, GiB)]"""
    got = {}
    for millions in (1, 10):
        for _ in range(times):
            m = re.search(r"^classes ([\d.]+) s, tree ([\d.]+) s, all [\d.]+ s, peak ([\d.]+) GiB", run("heap_tree", millions), re.M)
            got.setdefault(millions, []).append(tuple(float(x) for x in m.groups()))
    return got


def exits(tmp, times):
    """variant -> wall s of each run of `true`, in turn."""
    true, trace = shutil.which("true"), os.path.join(tmp, "true.own")
    commands = {
        "true": [true],
        "ownscope run --no-snapshot-at-exit true": [OWNSCOPE, "run", "-q", "--no-snapshot-at-exit", "-o", trace, true],
        "ownscope run true": [OWNSCOPE, "run", "-q", "-o", trace, true],
    }
    took = {name: [] for name in commands}
    for _ in range(times):
        for name, command in commands.items():
            began = time.monotonic()
            subprocess.run(command, cwd=tmp, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            took[name].append(time.monotonic() - began)
    return took


# ---- a leak check, from end to end ----

def lsan_library():
    if not shutil.which("gcc"):
        return None
    path = os.path.realpath(subprocess.run(["gcc", "-print-file-name=liblsan.so"], capture_output=True, text=True).stdout.strip())
    return path if os.path.exists(path) else None


def commands(tmp):
    """tool -> (words before the program, words after it has ended, rounds at most)"""
    trace, note = os.path.join(tmp, "leaks.own"), os.path.join(tmp, "cpu")
    made = {
        "native": ([CPU, note], None, 99),
        "ownscope": ([OWNSCOPE, "run", "-q", "-o", trace] + variants.MEMORY_ALONE + ["--", CPU, note], [OWNSCOPE, "leaks", trace], 99),
        "ownscope, all recorded": ([OWNSCOPE, "run", "-q", "-o", trace, "--", CPU, note], [OWNSCOPE, "leaks", trace], 99),
    }
    if lsan_library():
        made["LeakSanitizer"] = ([CPU, note, "LD_PRELOAD=" + lsan_library(), "LSAN_OPTIONS=exitcode=0"], None, 99)
    if shutil.which("valgrind"):
        log = "--log-file=" + os.path.join(tmp, "memcheck.log")
        made["memcheck"] = ([CPU, note, "valgrind", "-q", "--leak-check=full", "--show-leak-kinds=all", log], None, 1)
    return made


def check_once(w, before, after, tmp):
    r = measure.run(before + w.command, w.env, tmp)
    own, every, wall = r.own, r.every, r.wall
    if after:
        began = time.monotonic()
        used = os.times()
        done = subprocess.run(after, cwd=tmp, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode > 1:
            raise RuntimeError("%s: exit %d" % (" ".join(after), done.returncode))
        now = os.times()
        every += now.children_user - used.children_user + now.children_system - used.children_system
        wall += time.monotonic() - began
    return own, every, wall


def leak_checks(tmp, all_workloads, rounds, notes):
    made = []
    for w in all_workloads:
        if w.name not in CHECKED or not shutil.which(w.command[0]):
            continue
        tools, got = commands(tmp), {}
        for i in range(rounds):
            for tool, (before, after, most) in tools.items():
                if i >= most or got.get(tool) is None and tool in got:
                    continue
                try:
                    got.setdefault(tool, []).append(check_once(w, before, after, tmp))
                except RuntimeError as e:
                    got[tool] = None
                    notes.append("%s under %s: %s" % (w.name, tool, str(e).replace("\n", " ")[:200]))
        middle = {tool: [statistics.median(column) for column in zip(*runs)] for tool, runs in got.items() if runs}
        for tool, (own, every, wall) in middle.items():
            own_x, every_x = own / middle["native"][0], every / middle["native"][1]
            made.append(Checked(w.name, tool, own, every, wall, own_x, every_x, len(got[tool])))
            print("%-14s %-22s own x%.2f  all x%.2f  wall %.2f s" % (w.name, tool, own_x, every_x, wall), flush=True)
    return made


# ---- all of it ----

Heaps = namedtuple("Heaps", "pause scan tree exit leaks")


def measure_all(tmp, wanted, rounds, reals, notes):
    """None where nothing of it is wanted."""
    if not any(wanted(n) for n in NAMES):
        return None
    return Heaps(pause() if wanted(NAMES[0]) else None, scan(rounds) if wanted(NAMES[1]) else None,
                 tree(min(rounds, 3)) if wanted(NAMES[2]) else None, exits(tmp, 20) if wanted(NAMES[3]) else None,
                 leak_checks(tmp, reals(tmp), rounds, notes) if wanted(NAMES[4]) else None)


def targets(h):
    found = []

    def add(what, target, measured, unit, form="%.3g"):
        found.append([what, "≤ %g%s" % (target, unit), form % measured + unit,
                      "met" if measured <= target else "short by " + form % (measured - target)])

    for way, most in (("copied", 200), ("forked", 40)):
        if h.pause and way in h.pause:
            add("pause, %s (%.1f GiB of heap, %d threads)" % (way, h.pause[way]["gib"], h.pause[way]["threads"]), most,
                h.pause[way]["ms_per_gib"], " ms per GiB")
    if h.scan:
        add("scan, interior pointers included (%.0f M words)" % (h.scan[1] / 1e6), 5, statistics.median(h.scan[0]), " ns a word")
    for millions, runs in (h.tree or {}).items():
        if millions == 10:
            add("dominators and retained sizes, 10 M blocks", 12, statistics.median(r[1] for r in runs), " s")
            add("the same with leak classes: memory, the snapshot included", 2, max(r[2] for r in runs), " GiB")
    return report.table(["what", "target", "measured", ""], found) if found else ""


def section(h):
    """The text of "## Snapshots", without its head."""
    parts = [targets(h)]
    if h.pause:
        keys = ("gib", "blocks", "threads", "pause_ms", "ms_per_gib", "least_ms_per_gib", "cpu_ms_per_gib", "stop_ms", "prepare_ms")
        parts.append("`bench/snapshot_pause.c`: medians, from the first thread's stop to the last one's going on. `copied`: while the heap is read from "
                     "outside, `cpu` of all threads that read; `forked`: while the program forks itself.\n\n" +
                     report.table(["way"] + [k.replace("_", " ") for k in keys],
                                  ([way] + ["%g" % v[k] if k in v else "" for k in keys] for way, v in h.pause.items())))
    if h.tree:
        parts.append("`bench/heap_tree.c`:\n\n" + report.table(
            ["M blocks", "leak classes s", "dominators, retained sizes s (least to most)", "GiB"],
            (["%d" % m, "%.2f" % statistics.median(r[0] for r in runs), "%.2f (%.2f to %.2f)" % (
                statistics.median(r[1] for r in runs), min(r[1] for r in runs), max(r[1] for r in runs)), "%.2f" % max(r[2] for r in runs)]
             for m, runs in h.tree.items())))
    if h.exit:
        parts.append("A process that ends at once:\n\n" + report.startup(h.exit))
    if h.leaks:
        parts.append("A leak check from end to end, CPU over native's: `own` of the program, `all` with the collector and `ownscope leaks`, "
                     "which prints the classes, or whatever else there is. `ownscope` records memory alone, as its peers do.\n\n" + report.table(
                         ["workload", "tool", "own CPU s", "own / native", "all CPU s", "all / native", "wall s", "rounds"],
                         ([r.workload, r.tool, "%.2f" % r.own, "%.2f" % r.own_x, "%.2f" % r.every, "%.2f" % r.every_x, "%.2f" % r.wall, str(r.rounds)]
                          for r in h.leaks)))
    return "\n".join(p for p in parts if p)
