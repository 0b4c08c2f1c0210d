"""The figures as people read them: lines while it runs, and bench/RESULTS.md."""
import datetime, os, platform, statistics

import results

LEGEND = """Medians of interleaved rounds: every round runs each variant of a workload once, in turn.
`own` is the user and system CPU of the program and its children, with the least and the most of the rounds; `all` adds the collector and helpers.
ns are over native, divided by the events of the full run (News, Drops and Moves; for mutex and the copies by the operations: a lock with its
unlock, a copy). `none`, `caller` and `full` are choices of stacks: of programs and of the heap's loops with memory alone recorded
(`--locks off --copies off`), as the heap's peers do; `everything` records locks and copies too, with full stacks, and counts all its events.
`lag` is from the program's end to the exit of all; peak memory is of the largest process, and of the largest collector, with the rings it maps.
`off` is the shim loaded with OWNSCOPE_DISABLE=1, `paused` a program under the collector of which only processes and threads are recorded. `heaptrack library` is its preload alone (the program's own cost), `heaptrack` its script (of the whole).
`lttng` is LTTng-UST's libc wrapper (for mutex its pthread wrapper), without stacks, in default buffers; its bytes are divided by our count of events.
Peers get the first three rounds, helgrind and memcheck one.
redis: requests a second under redis-benchmark, as a part of native's: 16 requests a packet, and (`single`) as redis-benchmark comes, one;
of that ns are by request.
"""


RCU = """`bench/rcu.c`: a section (lock, follow a published pointer, unlock) alone, and beside a record written to a ring as a hook
writes it, each over the same without RCU; and what a thread's first section takes, with its registration. `qsbr` locks nothing
and asks every thread for quiescent states instead (`qsbr+quiescent`: one after each section). A shim can neither ask that of a
program's threads nor have them register: `bp` alone needs neither.
"""


def number(x, form="%.2f"):
    return "" if x is None else form % x


def line(r):
    """One row, while it runs."""
    text = "%-18s %-17s own %.3f s (%.3f to %.3f) x%.2f  all x%.2f" % (r.workload, r.variant, r.own, r.least, r.most, r.own_x, r.every_x)
    if r.own_ns is not None:
        text += "  ns %4.0f / %4.0f" % (r.own_ns, r.every_ns)
    if r.rate is not None:
        text += "  requests x%.2f" % r.rate
    if r.events:
        text += "  %d events" % r.events
    if r.lost is not None:
        text += "  %d lost" % r.lost
    if r.trace_each is not None:
        text += "  %.2f bytes each" % r.trace_each
    return text


def table(head, body):
    return "".join("| %s |\n" % " | ".join(cells) for cells in [head, ["---"] * len(head)] + list(body))


def targets(figures):
    return table(["what", "target", "measured", ""], results.targets(figures))


def rows(all_rows):
    return table(
        ["workload", "variant", "own CPU s (least to most)", "own / native", "all / native", "own ns", "all ns", "peak MiB", "collector MiB",
         "lag ms", "events", "lost", "trace bytes an event", "requests / native"],
        ([r.workload, r.variant, "%.3f (%.3f to %.3f)" % (r.own, r.least, r.most), number(r.own_x), number(r.every_x), number(r.own_ns, "%.0f"),
          number(r.every_ns, "%.0f"), number(r.peak_mib, "%.1f"), number(r.collector_mib or None, "%.1f"), number(r.lag * 1000, "%.0f"),
          number(r.events, "%d"), number(r.lost, "%d"), number(r.trace_each), number(r.rate)] for r in all_rows))


def startup(took):
    return table(["start-up, wall ms", "median", "least to most"],
                 ([name, "%.1f" % (1000 * statistics.median(v)), "%.1f to %.1f" % (1000 * min(v), 1000 * max(v))] for name, v in took.items()))


def reports(got, rates):
    return table(["program", "events", "end to report s (least to most)", "collector, M events/s of its CPU", "collector MiB", "lost"],
                 ([name, "%d" % results.median(runs, "events"),
                   "%.2f (%.2f to %.2f)" % (results.median(runs, "lag"), min(r.lag for r in runs), max(r.lag for r in runs)),
                   "%.1f" % rates[name], "%.1f" % (results.median(runs, "collector_kib") / 1024), "%d" % max(r.lost for r in runs)]
                  for name, runs in got.items()))


def rcu(got):
    bare = got["none"]
    return table(["flavour", "section ns", "added to a record ns", "first section us"],
                 [["none", "(%.2f)" % bare[0], "(%.2f)" % bare[1], ""]] +
                 [[name, "%.2f" % (round(one - bare[0], 2) + 0.0), "%.2f" % (round(beside - bare[1], 2) + 0.0), "%.2f" % first]
                  for name, (one, beside, first) in got.items() if name != "none"])


def machine():
    model = platform.machine()
    with open("/proc/cpuinfo") as f:
        for each in f:
            if each.startswith("model name"):
                model = each.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) / 2**20
    return "%s, %d processors, %.0f GiB, Linux %s, glibc %s" % (model, os.cpu_count(), memory, platform.release(), platform.libc_ver()[1])


SNAPSHOTS = "\n## Snapshots\n\n"
TRAVEL = "\n## Time travel\n\n"
ORDERS = "\n## Orders\n\n"
LIMITS = "\n## Limits\n\n"


def made_by(options):
    return "Made by `%s` on %s: %s.\n" % (("bench/run.sh " + options).strip(), datetime.date.today().isoformat(), machine())


def write_parts(path, options, parts, notes):
    """Those parts alone, (head, text) each; the others stay as they are."""
    with open(path) as f:
        text = f.read()
    for head, section in parts:
        before, found, rest = text.partition(head)
        if not found:
            before, _, rest = text.partition("\n## What falls short")
            rest = "\n## What falls short" + rest
        else:
            rest = rest[rest.index("\n## "):]
        text = before.rstrip("\n") + "\n" + head + made_by(options) + "\n" + section + "".join("\nNot measured: %s.\n" % n for n in notes) + rest
    with open(path, "w") as f:
        f.write(text)


def write(path, options, all_rows, figures, parts, notes):
    with open(path, "w") as f:
        f.write("# What tracing costs\n\n" + made_by(options) + "\n## Targets\n\n")
        f.write(targets(figures))
        f.write("\n## Every workload\n\n" + LEGEND + "\n" + rows(all_rows))
        if figures.startup:
            f.write("\n## Start-up\n\n" + startup(figures.startup))
        if figures.reports:
            f.write("\n## Ten million events, with the report at the end\n\n" + reports(figures.reports, figures.rate))
        if figures.rcu:
            f.write("\n## RCU read side\n\n" + RCU + "\n" + rcu(figures.rcu))
        for head, section in parts:
            f.write(head + section)
        for note in notes:
            f.write("\nNot measured: %s.\n" % note)
        with open(os.path.join(os.path.dirname(path), "SHORTFALLS.md")) as why:  # by hand, from profiles
            f.write("\n" + why.read())
