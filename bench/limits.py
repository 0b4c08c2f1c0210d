"""Does a limit on CPU hold? A program that allocates a lot runs for a minute under
`--limits cpu=3%`, in turns of half a second with the same program alone; what counts is CPU per unit of
work, of the program and the collector together, over the program alone. Beside it what the budget thinks of itself. Name: limits."""
import json, os, signal, subprocess, time
from collections import namedtuple

import inputs, report
from measure import HERE, OWNSCOPE, descendants

WORK = os.path.join(HERE, "build", "bench", "work")
TURN_S, LIMIT = 0.5, 3.0
# percent of the program's own: cost, of it in the program and in the collector; told: what the budget thinks, of the last minute;
# lines: its log, (s, text)
Held = namedtuple("Held", "name seconds cost own collector told events lines")

SCRIPT = """
import json, sys, time
text, seconds, n = open(sys.argv[1]).read(), float(sys.argv[2]), 0
while time.process_time() < seconds:
    json.dumps(json.loads(text))
    n += 1
print(n, time.process_time())
"""


def send(pid, sign):
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        pass


def runs(pid):
    """It has not ended; nobody's wait is taken away."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def program_of(collector, name):
    """The traced program's pid, once it has become that program."""
    while runs(collector.pid):
        for pid in descendants(collector.pid)[1:]:
            try:
                if os.path.basename(os.readlink("/proc/%d/exe" % pid)) == name:
                    return pid
            except OSError:
                pass
        time.sleep(0.001)
    raise RuntimeError("the traced program did not start")


def ask(env, pid):
    """What the budget says of itself; None: nobody answers any more."""
    done = subprocess.run([OWNSCOPE, "ctl", "-p", str(pid), "list", "--json"], env=env, capture_output=True)
    try:
        return json.loads(done.stdout)["limits"]["cpu"]
    except (ValueError, KeyError):
        return None


def ended(process):
    """CPU s of a process and its children, and the words of its output."""
    words = process.stdout.read().split()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or len(words) < 2:
        raise RuntimeError("%s: exit %d" % (" ".join(process.args)[:200], process.returncode))
    return used.ru_utime + used.ru_stime, int(words[0]), float(words[1])


def in_turns(traced, alone, env, seconds):
    """Lets one run, then the other, until one ends; the budget's last word on the last minute."""
    told, ran, asked = None, 0.0, 0.0
    while runs(traced) and runs(alone):
        send(alone, signal.SIGSTOP)
        send(traced, signal.SIGCONT)
        time.sleep(TURN_S)
        ran += TURN_S
        if ran >= seconds * 0.8 and ran - asked >= seconds * 0.04:
            told, asked = ask(env, traced) or told, ran
        send(traced, signal.SIGSTOP)
        send(alone, signal.SIGCONT)
        time.sleep(TURN_S)
    send(alone, signal.SIGCONT)
    send(traced, signal.SIGCONT)
    return told


def held(name, command, seconds, tmp):
    env = dict(os.environ, OWNSCOPE_DIR=os.path.join(tmp, "sessions"), PYTHONMALLOC="malloc")
    trace = os.path.join(tmp, "limits.own")
    collector = subprocess.Popen([OWNSCOPE, "run", "-q", "-o", trace, "--limits", "cpu=%g%%" % LIMIT, "--"] + command, env=env, cwd=tmp,
                                 stdout=subprocess.PIPE)
    traced = program_of(collector, os.path.basename(os.path.realpath(command[0])))
    alone = subprocess.Popen(command, env=env, cwd=tmp, stdout=subprocess.PIPE)
    told = in_turns(traced, alone.pid, env, seconds)
    both, work, own = ended(collector)
    _, alone_work, alone_own = ended(alone)
    unit = alone_own / alone_work
    done = subprocess.run([OWNSCOPE, "report", "--json", trace], env=env, capture_output=True, check=True)
    document = json.loads(done.stdout)
    log = [(row["ns"] / 1e9, row["text"]) for row in document["control"]["budget"]["log"]]
    percent = lambda cpu: 100 * (cpu / work / unit)
    told = {key: 100 * told[key] for key in ("mean", "hooks", "collector")} if told else None
    h = Held(name, own, percent(both) - 100, percent(own) - 100, percent(both - own), told, document["events"].get("recorded"), log)
    print("%-24s %.2f%% (program %.2f, collector %.2f); the budget's own: %s; %d changes of rates" %
          (name, h.cost, h.own, h.collector, "%.2f%%" % told["mean"] if told else "-", len(log)), flush=True)
    os.unlink(trace)
    return h


def measure_all(tmp, wanted, seconds, notes):
    """None where it is not wanted."""
    if not wanted("limits"):
        return None
    python = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
    script = os.path.join(tmp, "limits.py")
    with open(script, "w") as f:
        f.write(SCRIPT)
    data = inputs.data_json(tmp, 2000)
    found = []
    for name, command in (("C, work on each block", [WORK, str(seconds)]), ("python3 json", [python, script, data, str(seconds)])):
        try:
            found.append(held(name, command, seconds, tmp))
        except (RuntimeError, OSError, subprocess.CalledProcessError) as e:
            notes.append("limits, %s: %s" % (name, e))
    return found


def section(found):
    """The text of "## Limits", without its head."""
    head = ("`run --limits cpu=%g%%`, in turns of %g s with the same program alone. Cost: CPU a unit of work, of the program and the collector, over the "
            "program alone. The goal is a mean of %g%% ± 1%% over a minute.\n\n" % (LIMIT, TURN_S, LIMIT))
    rows = ([h.name, "%.0f" % h.seconds, "%.2f" % h.cost, "%.2f" % h.own, "%.2f" % h.collector,
             "%.2f (%.2f, %.2f)" % (h.told["mean"], h.told["hooks"], h.told["collector"]) if h.told else "", format(h.events or 0, ","), str(len(h.lines)),
             "met" if abs(h.cost - LIMIT) <= 1 else "short"] for h in found)
    text = head + report.table(["program", "CPU s", "cost %", "program %", "collector %", "the budget's own figure (hooks, collector)", "events", "changes", ""], rows)
    for h in found:
        text += "\nThe budget's log, %s:\n\n```\n%s\n```\n" % (h.name, "\n".join("%8.1f s  %s" % line for line in h.lines[:40]))
    return text
