"""From runs to figures: one row for a workload under a variant, and the issue's
targets beside what was measured."""
import statistics
from collections import namedtuple

# spread: least and most of own; *_ns: CPU over native, an event; lost: the most
# of any round; rate: requests a second over native's
Row = namedtuple("Row", "workload variant real own least most own_x every_x own_ns every_ns peak_mib collector_mib lag events lost trace_each rate")


def median(runs, field):
    values = [getattr(r, field) for r in runs if getattr(r, field) is not None]
    return statistics.median(values) if values else None


def rows(workload, got):
    """got: variant -> runs, `native` and `full` among them."""
    native, every_native = median(got["native"], "own"), median(got["native"], "every")
    events = median(got["full"], "events") if got.get("full") else 0
    divisor = workload.operations or events

    def each(cpu, bare):
        return (cpu - bare) * 1e9 / divisor if divisor else None

    rate = median(got["native"], "rate")
    made = []
    for variant, runs in got.items():
        if not runs:
            continue
        own, every, size = median(runs, "own"), median(runs, "every"), median(runs, "trace_bytes")
        lost = [r.lost for r in runs if r.lost is not None]
        own_events = median(runs, "events") if variant == "everything" else events     # a peer's bytes: by our count
        made.append(Row(workload.name, variant, workload.real, own, min(r.own for r in runs), max(r.own for r in runs),
                        own / max(native, 1e-9), every / max(every_native, 1e-9),
                        each(own, native), each(every, every_native),
                        median(runs, "peak_kib") / 1024, median(runs, "collector_kib") / 1024, median(runs, "lag"),
                        median(runs, "events"), max(lost) if lost else None,
                        size / own_events if size is not None and own_events and not workload.operations else None,
                        median(runs, "rate") / rate if rate else None))
    return made


class Figures:
    """Looks rows up for the targets; None where something was not measured."""

    def __init__(self, all_rows, startup, reports, rate, rcu):
        self.rows, self.startup, self.reports, self.rate, self.rcu = {(r.workload, r.variant): r for r in all_rows}, startup, reports, rate, rcu

    def get(self, workload, variant, field):
        row = self.rows.get((workload, variant))
        return getattr(row, field) if row else None

    def reals(self, variant, field):
        """workload -> figure, of the real programs."""
        found = {w: getattr(r, field) for (w, v), r in self.rows.items() if v == variant and r.real}
        return {w: x for w, x in found.items() if x is not None}

    def over_none(self, workload):
        full, none = self.get(workload, "full", "own_ns"), self.get(workload, "none", "own_ns")
        return None if full is None or none is None else full - none

    def of_heaptrack(self):
        """workload -> our extra CPU, the whole, over heaptrack's."""
        ours, theirs = self.reals("full", "every_ns"), self.reals("heaptrack", "every_ns")
        return {w: ours[w] / theirs[w] for w in ours if theirs.get(w, 0) > 0}

    def true_ms(self):
        if not self.startup:
            return None
        return 1000 * (statistics.median(self.startup["ownscope run true"]) - statistics.median(self.startup["true"]))

    def lost(self):
        values = [r.lost for r in self.rows.values() if r.lost is not None and r.variant in ("none", "caller", "full", "everything")]
        return sum(values) if values else None


def verdict(measured, target, most=True):
    if measured <= target if most else measured >= target:
        return "met"
    return "short by %.3g" % abs(measured - target)


def targets(f):
    """[what, target, measured, verdict] of every target that was measured."""
    table = []

    def add(what, measured, target, unit, most=True, form="%.3g"):
        if measured is not None:
            table.append((what, ("≤ %s%s" if most else "≥ %s%s") % (target, unit), form % measured + unit, verdict(measured, target, most)))

    def add_all(what, figures, target, unit, form="%.3g"):
        for name, x in figures.items():
            add("%s: %s" % (what, name), x, target, unit, form=form)

    for name, target in (("sqlite3", 24), ("python3 json", 38), ("cc1plus", 80)):
        add("program's own CPU, full stacks: " + name, f.get(name, "full", "own_ns"), target, " ns an event")
    add_all("program and collector, full stacks", f.reals("full", "every_ns"), 110, " ns an event")
    add_all("the same, of heaptrack's extra CPU", f.of_heaptrack(), 0.3, "")
    add_all("stacks none", f.reals("none", "own_ns"), 15, " ns an event")
    pair = f.get("micro pair", "none", "own_ns")
    add("a malloc-free pair, no stacks", 2 * pair if pair is not None else None, 70, " ns")
    for stacks, target in (("none", 75), ("full", 110)):
        add("an uncontended lock and unlock, stacks " + stacks, f.get("micro mutex", stacks, "own_ns"), target, " ns")
    for name in ("short copy", "short string"):
        add("a copy below the threshold: " + name, f.get("micro " + name, "full", "own_ns"), 3, " ns")
    for name, what in (("redis single", "as it comes"), ("redis", "16 requests a packet")):
        add("redis-benchmark %s, everything recorded, requests a second" % what, f.get(name, "everything", "rate"), 0.8, " of native", most=False)
    add("depth 32, same path, over no stacks", f.over_none("micro deep 32"), 16, " ns an event")
    add("depth 32, top three vary, over no stacks", f.over_none("micro random 32"), 50, " ns an event")
    add_all_rates(add, f.rate)
    for name, target in (("sqlite3", 0.6), ("python3 json", 1.1), ("cc1plus", 2.0)):
        add("trace, an event: " + name, f.get(name, "full", "trace_each"), target, " bytes")
    add("`ownscope run true` over `true`", f.true_ms(), 10, " ms")
    for name, runs in (f.reports or {}).items():
        add("end of program to report, %.1f M events: %s" % (median(runs, "events") / 1e6, name), median(runs, "lag"), 1, " s")
    add_all("shim loaded, recording off", f.reals("off", "own_x"), 1.02, " of native", form="%.3f")
    add_all("under the collector, paused", f.reals("paused", "own_x"), 1.01, " of native", form="%.3f")
    add("lost events, all runs of ownscope", f.lost(), 0, "", form="%d")
    return table


def add_all_rates(add, rates):
    for name, x in (rates or {}).items():
        add("collector on one core: " + name, x, 10, " M events/s", most=False)
