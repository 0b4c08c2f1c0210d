#!/usr/bin/env python3
"""Measures what tracing costs, against the bare program and against heaptrack.

Every round runs each variant of each workload once, in turn, so that a drift of
the machine's speed meets all alike; the medians of the rounds are compared.
  own    CPU (user + system) of the program and its children alone
  all    CPU of everything started for the run: collector, helpers
  ns     CPU over native, divided by the number of events (News, Drops, Moves)
Anyone can run this: python3, and heaptrack if it is to be compared.
"""
import argparse, datetime, json, os, platform, resource, shutil, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OWNSCOPE, CPU, MICRO = (os.path.join(HERE, "build", p) for p in ("ownscope", "bench/cpu", "bench/micro"))


def workloads(tmp):
    """name -> command; inputs are made here, from nothing but this script."""
    js = os.path.join(tmp, "data.json")
    with open(js, "w") as f:
        json.dump([{"id": i, "name": "item %d" % i, "tags": [str(i * k) for k in range(8)], "x": i / 7} for i in range(40000)], f)
    py = "import json\nfor i in range(3):\n d=json.load(open(%r)); json.dumps(d)\n" % js
    sql = ("create table t(a integer primary key,b text,c real);"
           "with recursive n(i) as (select 1 union all select i+1 from n where i<150000) insert into t select i, 'row '||i, i*0.5 from n;"
           "create index x on t(b); select count(*),sum(c) from t where b like '%7%';"
           "select b,count(*) from (select substr(b,1,6) as b from t) group by b order by 2 desc limit 3;")
    c = os.path.join(tmp, "unit.c")
    with open(c, "w") as f:
        f.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n")
        for i in range(1500):
            f.write("struct s%d{int a[%d];char*p;};int f%d(struct s%d*s,int n){int t=0;for(int i=0;i<n;i++)t+=s->a[i%%%d]*i+%d;"
                    "if(s->p&&strlen(s->p)>%d)t^=printf(\"%%d\",t);return t;}\n" % (i, i % 9 + 1, i, i, i % 9 + 1, i, i % 5))
    i = c[:-1] + "i"
    subprocess.run(["gcc", "-E", c, "-o", i], check=True)
    cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True).stdout.strip()
    w = {
        "python3 json": ["env", "PYTHONMALLOC=malloc", "/usr/bin/python3", "-c", py],
        "sqlite3": ["sqlite3", ":memory:", sql],
        "jq": ["jq", "[.[]|select(.id%3==0)|{id,n:.name,t:(.tags|length)}]|length", js],
        "cc1 -O1": [cc1, "-quiet", "-fpreprocessed", "-O1", i, "-o", "/dev/null"],
        "git log -p": ["git", "-C", HERE, "log", "-p", "--stat"],
        "micro pair": [MICRO, "pair", "3000000"],
        "micro deep 32": [MICRO, "deep", "3000000"],
        "micro random 32": [MICRO, "random", "3000000"],
        "micro live": [MICRO, "live", "2000000"],
        "micro threads": [MICRO, "threads", "1500000"],
        "micro handoff": [MICRO, "handoff", "1500000"],
    }
    return {k: v for k, v in w.items() if shutil.which(v[0])}


def measure(command, tmp):
    """Runs it; (own CPU, CPU of everything, wall, peak KiB)."""
    note = os.path.join(tmp, "cpu")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    r = subprocess.run([a if a != "@CPU" else CPU for a in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tmp)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if r.returncode:
        sys.exit("%s: exit %d: %s" % (command, r.returncode, r.stderr.decode()[-500:]))
    own = open(note).read().split()
    every = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(own[0]) + float(own[1]), every, wall, int(own[3])


def variants(tmp):
    note, trace = os.path.join(tmp, "cpu"), os.path.join(tmp, "t.own")
    v = {
        "native": lambda c: [CPU, note] + c,
        "off": lambda c: ["env", "LD_PRELOAD=" + os.path.join(HERE, "build/libownscope.so"), "OWNSCOPE_DISABLE=1", CPU, note] + c,
        "none": lambda c: [OWNSCOPE, "run", "-q", "-o", trace, "--stacks", "none", "--", CPU, note] + c,
        "full": lambda c: [OWNSCOPE, "run", "-q", "-o", trace, "--", CPU, note] + c,
    }
    raw = next((p for p in ("/usr/lib/heaptrack/libheaptrack_preload.so", "/usr/lib/x86_64-linux-gnu/heaptrack/libheaptrack_preload.so",
                            "/usr/lib/heaptrack/x86_64-linux-gnu/libheaptrack_preload.so") if os.path.exists(p)), None)
    # heaptrack takes its preload away from children, so its own cost is measured on its library alone, the whole on the script
    if shutil.which("heaptrack") and raw:
        v["heaptrack lib"] = lambda c: [CPU, note, "env", "LD_PRELOAD=" + raw, "DUMP_HEAPTRACK_OUTPUT=" + os.path.join(tmp, "h.raw")] + env_of(c) + strip(c)
        v["heaptrack"] = lambda c: [CPU, note, "env"] + env_of(c) + ["heaptrack", "-o", os.path.join(tmp, "h")] + strip(c)
    return v


def strip(c):
    """The command without a leading env NAME=value…"""
    return c[2:] if c[0] == "env" else c


def env_of(c):
    return [a for a in c[1:2] if c[0] == "env"]


def facts(tmp):
    """Of the trace just written: events, lost, bytes."""
    trace = os.path.join(tmp, "t.own")
    d = json.loads(subprocess.run([OWNSCOPE, "report", "--json", trace], capture_output=True, check=True).stdout)
    e = d["events"]
    return e["new"] + e["drop"] + e["move"], d["lost"]["events"], os.path.getsize(trace)


def spread(values):
    return "%.2f (%.2f to %.2f)" % (statistics.median(values), min(values), max(values))


def run(args):
    tmp = tempfile.mkdtemp(prefix="ownscope-bench.")
    rows, vs = [], variants(tmp)
    if args.skip:
        vs = {k: v for k, v in vs.items() if k not in args.skip.split(",")}
    for name, command in workloads(tmp).items():
        if args.only and not any(o in name for o in args.only.split(",")):
            continue
        got = {v: [] for v in vs}
        info = (0, 0, 0)
        for _ in range(args.rounds):
            for v, make in vs.items():
                got[v].append(measure(make(command), tmp))
                if v == "full":
                    info = facts(tmp)
        med = {v: [statistics.median(x[i] for x in got[v]) for i in range(4)] for v in got}
        native, events = med["native"][0], max(info[0], 1)
        for v in vs:
            own, every = med[v][0], med[v][1]
            rows.append((name, v, spread([x[0] for x in got[v]]), own / native, every / max(native, 1e-9),
                         (own - native) * 1e9 / events, (every - med["native"][1]) * 1e9 / events,
                         med[v][3] / 1024, info if v == "full" else None))
            print("%-16s %-10s own %s s  x%.2f  all x%.2f  ns %.0f / %.0f%s" % (
                name, v, rows[-1][2], rows[-1][3], rows[-1][4], rows[-1][5], rows[-1][6],
                "  %d events, %d lost, %.2f bytes each" % (info[0], info[1], info[2] / events) if v == "full" else ""), flush=True)
    shutil.rmtree(tmp)
    return rows


def write(rows, args):
    path = os.path.join(HERE, "bench", "RESULTS.md")
    with open(path, "w") as f:
        f.write("# What tracing costs\n\nMade by `make bench` (`bench/run.sh --rounds %d%s%s`) on %s: %s, %d processors, Linux %s.\n"
                "Medians of interleaved rounds; CPU is user + system. `own`: the program alone; `all`: with collector and helpers; ns: over native, an event\n"
                "(News, Drops and Moves of the full run).\n\n" % (
                    args.rounds, " --only '%s'" % args.only if args.only else "", " --skip " + args.skip if args.skip else "",
                    datetime.date.today().isoformat(), cpu_name(), os.cpu_count(), platform.release()))
        f.write("| workload | variant | own CPU s (least to most) | own / native | all / native | own ns | all ns | peak MiB | events | lost | trace bytes an event |\n")
        f.write("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
        for n, v, s, own, every, a, b, mib, info in rows:
            tail = "%d | %d | %.2f" % (info[0], info[1], info[2] / max(info[0], 1)) if info else " | | "
            f.write("| %s | %s | %s | %.2f | %.2f | %.0f | %.0f | %.1f | %s |\n" % (n, v, s, own, every, a, b, mib, tail))


def cpu_name():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--only", default="", help="workloads whose name has one of these, separated by commas")
    p.add_argument("--skip", default="", help="variants to leave out")
    p.add_argument("--no-write", action="store_true")
    a = p.parse_args()
    result = run(a)
    if not a.no_write:
        write(result, a)
