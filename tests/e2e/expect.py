"""expect.py SAID REPORT THREADS EXPORT EVENTS - holds what a victim said of
itself (its "expect" lines, see tests/victims/victim.h) against the documents
that ownscope made of it. Prints what is not so; exit 1 when anything is not."""
import json
import operator
import re
import sys

OPERATORS = {"==": operator.eq, ">=": operator.ge, "<=": operator.le}


def load(path):
    text = open(path, encoding="utf-8").read()
    return json.loads(text) if text.strip() else None


def lines(path):
    return [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]


class Documents:
    def __init__(self, report, threads, export, events):
        self.report = load(report)
        self.threads = load(threads)
        self.export = load(export) or {"nodes": [], "stacks": [], "edges": []}
        self.events = lines(events)
        self.blocks = [n for n in self.export["nodes"] if n["kind"] == "block"]
        self.kind = {n["id"]: n["kind"] for n in self.export["nodes"]}

    def functions(self, stack):
        """Names in a stack; a number is an index into the export's stacks."""
        if stack is None:
            return []
        if isinstance(stack, int):
            stack = self.export["stacks"][stack]
        return [frame.get("function", "") for frame in stack]


def has(names, wanted):
    return any(n == wanted or n.startswith(wanted + "(") for n in names)


def compare(text):
    """'5', '>=5' or '<=5' as a test of a number."""
    m = re.fullmatch(r"(==|>=|<=)?(-?\d+)", text)
    return lambda n: OPERATORS[m[1] or "=="](n, int(m[2]))


def words(rest):
    """key=value, key>=value and key<=value, as a dictionary of texts."""
    found = {}
    for word in rest.split():
        m = re.fullmatch(r"(\w+)(>=|<=|=)(\S+)", word)
        if not m:
            raise ValueError(f"cannot read {word!r}")
        found[m[1]] = (m[2] if m[2] != "=" else "") + m[3]
    return found


def chosen(d, w, cloned=False):
    low = int(w["size"] if "size" in w else w["from"])
    high = int(w["size"] if "size" in w else w["to"])
    return [b for b in d.blocks
            if low <= b["size_bytes"] <= high and bool(b.get("cloned_from")) == cloned]


def check_counts(blocks, w):
    dropped = sum(b["dropped_ns"] is not None for b in blocks)
    if "count" in w and not compare(w["count"])(len(blocks)):
        yield f"{len(blocks)} blocks"
    if "dropped" in w and not compare(w["dropped"])(dropped):
        yield f"{dropped} dropped"
    if "live" in w and not compare(w["live"])(len(blocks) - dropped):
        yield f"{len(blocks) - dropped} live"


def check_blocks(d, w):
    blocks = chosen(d, w)
    yield from check_counts(blocks, w)
    for b in blocks:
        names = d.functions(b.get("stack"))
        if "new" in w and not has(names, w["new"]):
            yield f"{b['id']} made by {names}"
            break
        if "notnew" in w and has(names, w["notnew"]):
            yield f"{b['id']} has {w['notnew']} in {names}"
            break
        if "drop" in w and b["dropped_ns"] is not None and not has(d.functions(b.get("drop_stack")), w["drop"]):
            yield f"{b['id']} dropped by {d.functions(b.get('drop_stack'))}"
            break
        if "family" in w and b["family"] != w["family"]:
            yield f"{b['id']} is of {b['family']}"
            break
        if "owner" in w and d.kind.get(b.get("owner")) != w["owner"]:
            yield f"{b['id']} is owned by {b.get('owner')}"
            break


def check_clones(d, w):
    yield from check_counts(chosen(d, w, cloned=True), w)


def counted_events(d, w, kind):
    ids = {b["id"] for b in chosen(d, w)}
    return sum(e["type"] == kind and e.get("node") in ids and w.get("by", e.get("by")) == e.get("by")
               for e in d.events)


def check_move(d, w):
    n = counted_events(d, w, "move")
    if not compare(w["count"])(n):
        yield f"{n} moves"


def check_borrow(d, w):
    n = counted_events(d, w, "borrow")
    if not compare(w["count"])(n):
        yield f"{n} borrows"


def check_handoff(d, w):
    found = [h for h in d.threads["handoffs"]
             if has(d.functions(h["stack_new"]), w["new"]) and has(d.functions(h["stack_drop"]), w["drop"])]
    blocks, size = sum(h["blocks"] for h in found), sum(h["bytes"] for h in found)
    if blocks != int(w["blocks"]) or size != int(w["bytes"]):
        yield f"{blocks} blocks, {size} bytes"
    for h in found:
        if "mean_min_ns" in w and h["mean_ns"] < int(w["mean_min_ns"]):
            yield f"mean of {h['mean_ns']} ns"
        if "mean_max_ns" in w and h["mean_ns"] > int(w["mean_max_ns"]):
            yield f"mean of {h['mean_ns']} ns"


def check_process(d, w):
    n = len(d.report["processes"])
    if not compare(w["count"])(n):
        yield f"{n} processes"


def check_thread(d, w):
    n = sum(t.get("name") == w["name"] for t in d.threads["threads"])
    if not compare(w["count"])(n):
        yield f"{n} threads"


def check_site(d, w):
    sites = [s for s in d.report["sites"] if has(d.functions(s["stack"]), w["new"])]
    made, live = sum(s["allocations"] for s in sites), sum(s["live_blocks"] for s in sites)
    if "allocations" in w and not compare(w["allocations"])(made):
        yield f"{made} allocations"
    if "live" in w and not compare(w["live"])(live):
        yield f"{live} live"


def check_report(d, rest):
    key, op, wanted = rest.split()
    value = d.report
    for part in key.split("."):
        value = value[part]
    if not OPERATORS[op](value, int(wanted)):
        yield f"{value}"


def check_lost(d, w):
    for reason, wanted in w.items():
        n = d.report["lost"]["by_reason"].get(reason, 0)
        if not compare(wanted)(n):
            yield f"{n}"


def check_coverage(d, rest):
    if not d.report["coverage"]:
        yield "the report says nothing of it"


CHECKS = {"block": check_blocks, "blocks": check_blocks, "clones": check_clones, "move": check_move,
          "borrow": check_borrow, "handoff": check_handoff, "process": check_process,
          "thread": check_thread, "site": check_site, "lost": check_lost}
WHOLE = {"report": check_report, "coverage": check_coverage}


def main():
    said, *documents = sys.argv[1:]
    d = Documents(*documents)
    bad = 0
    said = open(said, encoding="utf-8").readlines()
    if d.report["lost"]["events"] and not any(line.startswith("expect lost ") for line in said):
        print(f"lost {d.report['lost']}")
        bad += 1
    for line in said:
        if not line.startswith("expect "):
            continue
        _, what, *rest = line.rstrip("\n").split(" ", 2)
        rest = rest[0] if rest else ""
        problems = WHOLE[what](d, rest) if what in WHOLE else CHECKS[what](d, words(rest))
        for problem in problems:
            print(f"{line.strip()}: {problem}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
