"""Measures what tracing costs, against the bare program and against its peers:
run by bench/run.sh, with public tools alone.

Every round runs each variant of each workload once, in turn, so that a drift of
the machine's speed meets all alike; the medians of the rounds are compared.
Results go to standard output as they come and, at the end, to bench/RESULTS.md."""
import argparse, os, shutil, sys, tempfile

import extras, heaps, limits, measure, orders, report, results, travel, variants, workloads


def options():
    p = argparse.ArgumentParser(prog="bench/run.sh", description=__doc__.split("\n\n")[0])
    p.add_argument("--rounds", type=int, default=5, metavar="N")
    p.add_argument("--only", default="", metavar="NAME,…", help="workloads whose name has one of these (startup, report, rcu, snapshot, travel, orders and limits are some as well; the last four alone change their own parts of the results)")
    p.add_argument("--seconds", type=float, default=60, metavar="S", help="CPU time that programs under limits run for")
    p.add_argument("--skip", default="", metavar="VARIANT,…", help="variants to leave out")
    p.add_argument("--peers", choices=("some", "all", "none"), default="some", help="all: memcheck too, one round, slow")
    p.add_argument("--no-write", action="store_true", help="leave bench/RESULTS.md as it is")
    a = p.parse_args()
    if a.rounds < 1:
        p.error("--rounds: 1 or more")
    if "native" in a.skip.split(","):
        p.error("--skip: everything is compared with native")
    return a


def wanted(name, only):
    return not only or any(o in name for o in only.split(","))


def measure_workload(w, vs, rounds, notes):
    """variant -> runs. A variant that fails is noted and left out from then on."""
    got = {v.name: [] for v in vs}
    failed = set()
    for i in range(rounds):
        for v in vs:
            if v.name in failed or i >= v.rounds(w, rounds):
                continue
            try:
                got[v.name].append(v.run(w))
            except (RuntimeError, OSError) as e:
                if not v.peer:
                    raise
                failed.add(v.name)
                got[v.name] = []
                notes.append("%s under %s: %s" % (w.name, v.name, str(e).replace("\n", " ").replace(measure.HERE + os.sep, "")))
    return got


def run_all(a, tmp, vs, notes):
    """All workloads; the rows of the results."""
    made = []
    for w in workloads.reals(tmp) + workloads.micros():
        if not wanted(w.name, a.only):
            continue
        why = workloads.usable(w, tmp)
        if why:
            notes.append("%s: %s" % (w.name, why))
            continue
        for row in results.rows(w, measure_workload(w, vs, a.rounds, notes)):
            made.append(row)
            print(report.line(row), flush=True)
    return made


def main():
    a = options()
    tmp = tempfile.mkdtemp(prefix="ownscope-bench.")
    vs = []
    try:
        vs, absent = variants.make(tmp, a.peers)
        notes = ["%s: %s" % each for each in absent.items()]
        chosen = [v for v in vs if v.name not in a.skip.split(",")]
        rows = run_all(a, tmp, chosen, notes)
        startup = extras.startup(tmp, 20, a.peers) if wanted("startup", a.only) else {}
        reports = extras.ten_million(tmp, min(a.rounds, 3)) if wanted("report", a.only) else {}
        rates = {name: extras.millions_a_second(runs) for name, runs in reports.items()}
        rcu = extras.rcu(a.rounds) if wanted("rcu", a.only) else {}
        snapshots = heaps.measure_all(tmp, lambda name: wanted(name, a.only), a.rounds, workloads.reals, notes)
        travelled = travel.measure_all(tmp, lambda name: wanted(name, a.only), a.rounds, notes)
        ordered = orders.measure_all(tmp, lambda name: wanted(name, a.only), a.rounds, notes)
        limited = limits.measure_all(tmp, lambda name: wanted(name, a.only), a.seconds, notes)
        figures = results.Figures(rows, startup, reports, rates, rcu)
        for text in (report.startup(startup) if startup else "", report.reports(reports, rates) if reports else "",
                     report.rcu(rcu) if rcu else "", heaps.section(snapshots) if snapshots else "", travel.section(travelled) if travelled else "",
                     orders.section(ordered) if ordered else "", limits.section(limited) if limited else "", report.targets(figures) if rows else ""):
            print("\n" + text if text else "", end="", flush=True)
        for note in notes:
            print("not measured: " + note)
        path = os.path.join(measure.HERE, "bench", "RESULTS.md")
        parts = [(head, text) for head, text in ((report.SNAPSHOTS, heaps.section(snapshots) if snapshots else ""),
                                                 (report.TRAVEL, travel.section(travelled) if travelled else ""),
                                                 (report.ORDERS, orders.section(ordered) if ordered else ""),
                                                 (report.LIMITS, limits.section(limited) if limited else "")) if text]
        if not a.no_write and parts and not (rows or startup or reports or rcu):
            report.write_parts(path, " ".join(sys.argv[1:]), parts, notes)
        elif not a.no_write:
            report.write(path, " ".join(sys.argv[1:]), rows, figures, parts, notes)
    finally:
        for v in vs:
            v.close()
        shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as e:
        sys.exit("bench: %s" % e)
    except KeyboardInterrupt:
        sys.exit(130)
