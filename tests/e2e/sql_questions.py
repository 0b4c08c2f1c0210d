"""sql_questions.py OWNSCOPE PAGE TRACE… - asks every worked question of
ownscope-sql(7) of each trace, as the page has it, and works the answer out
again from the JSON documents of that trace. Each question has to have rows in
at least one of the traces.
Prints `ok …` and `not ok …` lines."""
import json, os, re, subprocess, sys, tempfile
from collections import Counter, defaultdict

OWNSCOPE, PAGE, TRACES = sys.argv[1], sys.argv[2], sys.argv[3:]


def page_questions():
    text = open(PAGE).read().split(".Sh EXAMPLES", 1)[1]
    for title, body in re.findall(r"^\.Ss (\d+\. .*)\n((?:.*\n)*?)\.Ed$", text, re.M):
        yield title, body.split(".Bd -literal -offset indent\n", 1)[1]


def said(folder, *words):
    """A document; "{}" where there is nothing of the kind."""
    done = subprocess.run([OWNSCOPE, *words], cwd=folder, capture_output=True, text=True, timeout=60)
    if done.returncode not in (0, 1):
        raise AssertionError("%s: exit %d: %s" % (words[0], done.returncode, done.stderr[:200]))
    return done.stdout or "{}"


def ids(value):
    """b12 -> 12"""
    return int(value[1:]) if value else None


class Documents:
    """What the documents of one trace say, read when first asked for."""

    def __init__(self, folder):
        self.folder, self.read = folder, {}

    def of(self, *words):
        if words not in self.read:
            text = said(self.folder, *words)
            self.read[words] = [json.loads(l) for l in text.splitlines()] if words[0] == "events" else json.loads(text)
        return self.read[words]

    def nodes(self, kind, at="end", *more):
        return [n for n in self.of("export", "-f", "json", "--at", at, *more)["nodes"] if n["kind"] == kind]

    def blocks(self):
        return self.nodes("block", "end", "--all")

    def live(self, at="end"):
        return self.nodes("block", at)

    def events(self, *types):
        return [e for e in self.of("events", "--json") if e["type"] in types]

    def sites(self):
        return self.of("report", "--json", "-n", "0")["sites"]


def told(stack):
    """The frame that tells most is one of the stack's."""
    return {(f.get("function"), f.get("file"), f.get("line")) for f in stack}


def same(rows, expected, *columns):
    """The rows' columns are these tuples, in any order."""
    have = Counter(tuple(r[c] for c in columns) for r in rows)
    want = Counter(tuple(e) for e in expected)
    if have != want:
        raise AssertionError("more %s, less %s" % (list((have - want).items())[:3], list((want - have).items())[:3]))


def falling(rows, column):
    values = [r[column] for r in rows]
    assert values == sorted(values, reverse=True), "not in order"


def top(pairs, n):
    return sorted(pairs, key=lambda p: p[0], reverse=True)[:n]


def grouped(blocks, key, *sums):
    """{key: [count, sum…]}"""
    out = defaultdict(lambda: [0] * (len(sums) + 1))
    for b in blocks:
        row = out[key(b)]
        row[0] += 1
        for i, s in enumerate(sums):
            row[i + 1] += s(b)
    return out


def by_stack(blocks):
    return grouped(blocks, lambda b: b["stack"], lambda b: b["size_bytes"]).values()


# ---- one function a question: d the documents, rows the answer ----

def q1(d, rows):
    sites = top([(s["live_bytes"], s["live_blocks"], told(s["stack"])) for s in d.sites()], 10)
    assert [r["live_bytes"] for r in rows] == [s[0] for s in sites]
    for r, s in zip(rows, sites):
        if sum(t[0] == s[0] for t in sites) == 1:
            assert r["live_blocks"] == s[1] and (r["function"], r["file"], r["line"]) in s[2], r


def q2(d, rows):
    start = min(e["ns"] for e in d.of("events", "--json") if e["event"] >= 100)
    same(rows, by_stack(b for b in d.live() if b["born_ns"] >= start), "blocks", "bytes")
    falling(rows, "bytes")


def q3(d, rows):
    others = [b for b in d.blocks() if b.get("dropped_by") and b["dropped_by"] != b["thread"]]
    want = grouped(others, lambda b: (b["thread"], b["dropped_by"]), lambda b: b["size_bytes"])
    same(rows, [(ids(k[0]), ids(k[1]), *v) for k, v in want.items()], "made_by", "dropped_by", "blocks", "bytes")
    heap = {(h["from"], h["to"]): h["blocks"] for h in d.of("threads", "--json", "-n", "0")["handoffs"]}
    assert sum(heap.values()) <= sum(r["blocks"] for r in rows)


def q4(d, rows):
    held, taken, want = Counter(), {}, defaultdict(lambda: [0, 0])
    where = {n["id"]: n["where"] for n in d.nodes("lock", "end", "--all")}
    for e in d.of("events", "--json"):
        if e["type"] == "acquire":
            held[e["thread"]] += 1
            taken[e["thread"]] = e["node"]
        elif e["type"] == "release":
            held[e["thread"]] -= 1
        elif e["type"] == "new" and held[e["thread"]] > 0:
            want[taken[e["thread"]]][0] += 1
            want[taken[e["thread"]]][1] += e["size_bytes"]
    same(rows, [(where[l], *n) for l, n in want.items()], "place", "blocks", "bytes")


def q5(d, rows):
    short = [b for b in d.blocks() if b["dropped_ns"] is not None and b["dropped_ns"] - b["born_ns"] < 1000000]
    want = grouped(short, lambda b: b["stack"])
    longest = defaultdict(int)
    for b in short:
        longest[b["stack"]] = max(longest[b["stack"]], b["dropped_ns"] - b["born_ns"])
    assert [r["blocks"] for r in rows] == [n for n, in top(want.values(), 10)]
    pairs = {(n, longest[s]) for s, (n,) in want.items()}
    assert all((r["blocks"], r["longest_ns"]) in pairs for r in rows)


def q6(d, rows):
    live = sorted(d.live("peak"), key=lambda b: (-b["size_bytes"], ids(b["id"])))[:10]
    same(rows, [(ids(b["id"]), b["size_bytes"], ids(b["thread"]), b["born_ns"]) for b in live], "id", "size_bytes", "thread", "born_ns")


def q7(d, rows):
    flows = [f for f in d.of("copies", "--json", "-n", "0").get("flows", []) if f["from_site"] and f["to_site"]]
    same(rows, [(f["copies"], f["bytes"]) for f in flows], "copies", "bytes")


def q8(d, rows):
    moves = Counter(e["node"] for e in d.events("move") if e["by"] != "realloc")
    want = sorted(((-n, ids(b)) for b, n in moves.items()))[:10]
    assert [(r["block"], r["moves"]) for r in rows] == [(b, -n) for n, b in want]


def q9(d, rows):
    waits = sorted((-e["wait_ns"], e["event"], ids(e["thread"]), ids(e["node"])) for e in d.events("acquire") if e["wait_ns"] > 1000000)
    assert [(r["wait_ns"], r["event"], r["thread"], r["lock"]) for r in rows] == [(-w[0], *w[1:]) for w in waits[:20]]


def q10(d, rows):
    half = max(e["ns"] for e in d.of("events", "--json")) // 2
    same(rows, by_stack(b for b in d.live() if b["born_ns"] < half), "blocks", "bytes")


def q11(d, rows):
    want = grouped((e for e in d.events("new") if e["by"] is None), lambda e: e["ns"] // 10000000 * 10, lambda e: e["size_bytes"])
    same(rows, [(k, *v) for k, v in want.items()], "ms", "allocations", "bytes")


def q12(d, rows):
    want = sorted(((-e["size_bytes"], e["event"], ids(e["thread"])) for e in d.events("new") if e["size_bytes"] >= 16384 and e["by"] is None))
    assert [(-r["size_bytes"], r["event"], r["thread"]) for r in rows] == want[:10]


def q13(d, rows):
    sizes = [e["size_bytes"] for e in d.events("new") if e["by"] is None]
    want = Counter("1: to 64" if n <= 64 else "2: to 1 K" if n <= 1024 else "3: to 64 K" if n <= 65536 else "4: more" for n in sizes)
    same(rows, want.items(), "size", "blocks")


def q14(d, rows):
    moves = [e for e in d.events("move") if e["by"] == "realloc"]
    n, most = Counter(e["node"] for e in moves), defaultdict(int)
    for e in moves:
        most[e["node"]] = max(most[e["node"]], e["size_bytes"])
    want = sorted((-c, ids(b)) for b, c in n.items())[:10]
    assert [(r["block"], r["reallocs"], r["bytes"]) for r in rows] == [(b, -c, most["b%d" % b]) for c, b in want]


def q15(d, rows):
    edges = d.of("export", "-f", "json", "--at", "event:1000")["edges"]
    same(rows, [(ids(e["from"]), ids(e["to"]), e["kind"], e["since_ns"]) for e in edges if e["to"][0] == "l"], "thread", "lock", "kind", "since_ns")


def q16(d, rows):
    assert sum(r["allocations"] for r in rows) == sum(s["allocations"] for s in d.sites() if s["stack"])
    assert sum(r["bytes"] for r in rows) == sum(s["bytes"] for s in d.sites() if s["stack"])
    modules = {f.get("module") for s in d.sites() for f in s["stack"]}
    assert {r["module"] for r in rows} <= modules
    for module in (r["module"] for r in rows):      # what no other module is on the stack of is its own
        alone = sum(s["bytes"] for s in d.sites() if s["stack"] and {f.get("module") for f in s["stack"]} == {module})
        assert next(r["bytes"] for r in rows if r["module"] == module) >= alone


def q17(d, rows):
    want = top([(s["temporary"], s["allocations"]) for s in d.sites() if s["temporary"]], 10)
    assert [r["temporary"] for r in rows] == [w[0] for w in want]
    assert {(r["temporary"], r["allocations"]) for r in rows} <= {(s["temporary"], s["allocations"]) for s in d.sites()}


def q18(d, rows):
    locks = [n for n in d.nodes("lock", "end", "--all") if n["contended"]]
    same(rows, [(ids(n["id"]), n["lock_kind"], n["where"], n["acquisitions"], n["contended"], n["wait_ns"]["total"], n["hold_ns"]["max"]) for n in locks],
         "id", "kind", "place", "acquisitions", "contended", "wait_ns", "hold_max_ns")
    falling(rows, "wait_ns")


def q19(d, rows):
    same(rows, [(ids(t["id"]), t["name"], t["made"]["blocks"], t["made"]["bytes"], t["dropped"]["blocks"], t["owns"]["bytes"])
                for t in d.nodes("thread")], "id", "name", "made_blocks", "made_bytes", "dropped_blocks", "owns_bytes")


def q20(d, rows):
    last = {}
    for e in d.of("events", "--json"):
        if e["thread"]:
            last.setdefault(e["thread"], []).append(e)
    assert [r["thread"] for r in rows] == sorted(ids(t) for t in last)
    for r in rows:
        events = last["t%d" % r["thread"]]
        assert r["event"] == max(e["event"] for e in events)
        assert r["type"] in {e["type"] for e in events if e["event"] == r["event"]}


def q21(d, rows):
    want = Counter()
    for s in d.sites():
        for name in {f.get("function") for f in s["stack"]} - {None, "[truncated]"}:
            want[name] += s["bytes"]
    rows = [r for r in rows if r["function"] != "[truncated]"]
    assert all(want[r["function"]] == r["bytes"] for r in rows), [r for r in rows if want[r["function"]] != r["bytes"]][:3]
    assert [r["bytes"] for r in rows] == [n for _, n in want.most_common(len(rows))]


def q22(d, rows):
    findings = d.of("export", "-f", "json")["findings"]
    same(rows, [(f["rule"], f["count"], f["message"]) for f in findings], "rule", "times", "message")


def q23(d, rows):
    live = sorted((-b["retained_bytes"], ids(b["id"]), b["size_bytes"], b["type"]) for b in d.live() if b["retained_bytes"] is not None)
    assert [(-r["retained_bytes"], r["id"], r["size_bytes"], r["type"]) for r in rows] == live[:10]


def q24(d, rows):
    n = Counter(int(e["address"], 16) for e in d.events("new"))
    want = sorted((-c, a) for a, c in n.items() if c > 1)[:10]
    assert [(int(r["at"], 16), r["blocks"]) for r in rows] == [(a, -c) for c, a in want]


CHECKS = {int(name[1:]): f for name, f in list(globals().items()) if re.fullmatch(r"q\d+", name)}


def ask(folder, command):
    env = dict(os.environ, OWNSCOPE_OPTIONS="-f json", PATH="%s:%s" % (os.path.dirname(OWNSCOPE), os.environ["PATH"]))
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=15)
    if done.returncode not in (0, 1):
        raise AssertionError("exit %d: %s" % (done.returncode, done.stderr.strip()[:300]))
    rows = json.loads(done.stdout)
    assert (done.returncode == 0) == bool(rows), "exit %d with %d rows" % (done.returncode, len(rows))
    return rows


def main():
    questions = list(page_questions())
    some = Counter()
    print(("ok" if [int(t.split(".")[0]) for t, _ in questions] == sorted(CHECKS) and len(questions) >= 20 else "not ok") +
          " every question of the page is checked: %d" % len(questions))
    for trace in TRACES:
        with tempfile.TemporaryDirectory() as folder:   # a question names no trace: it is the newest in the folder
            os.symlink(os.path.abspath(trace), os.path.join(folder, "t.own"))
            documents = Documents(folder)
            for title, command in questions:
                number, name = int(title.split(".")[0]), "%s: %s" % (os.path.basename(trace), title)
                try:
                    rows = ask(folder, command)
                    some[number] += len(rows)
                    CHECKS[number](documents, rows)
                    print("ok " + name)
                except (AssertionError, KeyError, TypeError, ValueError, StopIteration, subprocess.SubprocessError) as e:
                    print("not ok %s: %s: %s" % (name, type(e).__name__, str(e)[:300].replace("\n", " ")))
    for title, _ in questions:
        if not some[int(title.split(".")[0])]:
            print("not ok %s: no trace has a row" % title)


main()
