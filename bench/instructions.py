"""How many instructions each hook executes, counted by callgrind: exact to a few
in a thousand on any machine, where times are not. Run by `make bench-instructions`.

A loop is run at two lengths; the difference, less that of the same loop without
the shim, is what the shim adds to one turn of it. bench/instructions.txt holds
the limits; a count above its limit by more than SLACK is a regression and fails.
UPDATE=1 writes the file anew from what is counted."""
import glob, json, os, re, shutil, subprocess, sys, tempfile

from measure import HERE, MICRO, OWNSCOPE, SHIM

LIMITS = os.path.join(HERE, "bench", "instructions.txt")
SLACK = 0.03
SHORT, LONG = 2000, 6000

# name: stacks (None: the shim is off; or an option of WAYS), the loop, events of one turn
CASES = {
    "pair off": (None, ["pair"], 0),
    "pair paused": ("paused", ["pair"], 0),
    "pair passed": ("passed", ["pair"], 0),
    "pair none": ("none", ["pair"], 2),
    "pair caller": ("caller", ["pair"], 2),
    "pair full": ("full", ["pair"], 2),
    "deep 8 full": ("full", ["deep", "8"], 2),
    "deep 32 full": ("full", ["deep", "32"], 2),
    "deep 64 full": ("full", ["deep", "64"], 2),
    "random 32 none": ("none", ["random", "32"], 2),
    "random 32 full": ("full", ["random", "32"], 2),
    "live none": ("none", ["live"], 1),
    "map none": ("none", ["map"], 2),
    "map full": ("full", ["map"], 2),
    "mutex off": (None, ["mutex", "10"], 0),
    "mutex paused": ("paused", ["mutex", "10"], 0),
    "mutex none": ("none", ["mutex", "10"], 2),
    "mutex full": ("full", ["mutex", "10"], 2),
    "copy none": ("none", ["copy", "10"], 5 / 7),
    "copy full": ("full", ["copy", "10"], 5 / 7),
    "short full": ("full", ["short"], 0),
    "string full": ("full", ["string"], 0),
}

# Nothing is recorded, or of what is asked nothing is drawn: what all that is not recorded costs.
WAYS = {"paused": ["--paused"], "passed": ["--sample", "1T"]}


def callgrind(loop, turns, tmp, before, env):
    """Instructions of the loop run for so many turns."""
    for old in glob.glob(os.path.join(tmp, "callgrind.*")):
        os.unlink(old)
    command = before + ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + os.path.join(tmp, "callgrind.out"),
                        MICRO, loop[0], str(turns)] + loop[1:]
    done = subprocess.run(command, env=dict(os.environ, **env), cwd=tmp, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not counted:
        raise RuntimeError("%s: exit %d: %s" % (" ".join(command), done.returncode, done.stderr.strip()[-300:]))
    return int(counted.group(1))


def recorded(trace):
    """Events in the trace; none may be lost."""
    d = json.loads(subprocess.run([OWNSCOPE, "report", "--json", trace], capture_output=True, check=True).stdout)
    if d["lost"]["events"]:
        raise RuntimeError("%d events were lost" % d["lost"]["events"])
    return d["events"]["recorded"]


def traced(name, turns, tmp):
    """Instructions of the case under the shim. A shim that records nothing would
    count wonderfully: what it recorded is checked."""
    stacks, loop, events = CASES[name]
    if not stacks:
        return callgrind(loop, turns, tmp, [], {"LD_PRELOAD": SHIM, "OWNSCOPE_DISABLE": "1"})
    trace = os.path.join(tmp, "t.own")
    count = callgrind(loop, turns, tmp, [OWNSCOPE, "run", "-q", "-o", trace, *WAYS.get(stacks, ["--stacks", stacks]), "--"], {})
    if recorded(trace) < turns * events:
        raise RuntimeError("%s: %d events recorded, %d expected" % (name, recorded(trace), turns * events))
    return count


def count(name, tmp, bare):
    """Instructions that the shim adds to one turn. bare: of loops without it, kept."""
    loop = CASES[name][1]
    key = " ".join(loop)
    if key not in bare:
        bare[key] = callgrind(loop, LONG, tmp, [], {}) - callgrind(loop, SHORT, tmp, [], {})
    return (traced(name, LONG, tmp) - traced(name, SHORT, tmp) - bare[key]) / (LONG - SHORT)


def limits():
    if not os.path.exists(LIMITS):
        return {}
    with open(LIMITS) as f:
        rows = (line.rsplit(None, 1) for line in f if line.strip() and not line.startswith("#"))
        return {name.strip(): float(n) for name, n in rows}


def write(counts):
    with open(LIMITS, "w") as f:
        f.write("# Instructions that the shim adds to one turn of each loop of bench/micro.c: loop, depth, stacks.\n"
                "# A turn of `map` is an mmap and a munmap, of `live` a free and a malloc, of the others as they are called.\n"
                "# Checked, and rewritten with UPDATE=1, by `make bench-instructions`.\n")
        f.writelines("%-16s %8.1f\n" % each for each in counts.items())


def verdict(counted, limit):
    if limit is None:
        return "no limit: UPDATE=1 sets one", False
    if counted > limit * (1 + SLACK) + 0.5:
        return "ABOVE its limit of %.1f by %.1f%%" % (limit, 100 * (counted / limit - 1) if limit else 100), False
    if counted < limit * (1 - SLACK) - 0.5:
        return "below its limit of %.1f: UPDATE=1 keeps the gain" % limit, True
    return "limit %.1f" % limit, True


def main():
    if not shutil.which("valgrind"):
        sys.exit("bench-instructions: valgrind is not installed")
    only, update = sys.argv[1:], os.environ.get("UPDATE") == "1"
    known, counts, bare, good = limits(), {}, {}, True
    with tempfile.TemporaryDirectory(prefix="ownscope-instructions.") as tmp:
        for name in CASES:
            if only and not any(o in name for o in only):
                continue
            counts[name] = count(name, tmp, bare)
            text, met = verdict(counts[name], known.get(name))
            good = good and met
            print("%-16s %8.1f a turn   %s" % (name, counts[name], "" if update else text), flush=True)
    if update:
        write({name: counts.get(name, known.get(name)) for name in CASES if name in counts or name in known})
    elif not good:
        sys.exit("bench-instructions: failed")


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as e:
        sys.exit("bench-instructions: %s" % e)
