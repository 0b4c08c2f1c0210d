"""expect.py SAID FOLDER - holds what a victim said of
itself (its "expect" lines, see tests/victims/victim.h) against the documents
that ownscope made of it (FOLDER/report, threads, export, events, locks, copies,
findings; empty: not needed). A finding that was not expected is a false one.
Prints what is not so; exit 1 when anything is not."""
import json
import operator
import os
import re
import sys

OPERATORS = {"==": operator.eq, ">=": operator.ge, "<=": operator.le}


def load(path):
    text = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
    return json.loads(text) if text.strip() else None


def lines(path):
    if not os.path.exists(path):
        return []
    return [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]


class Documents:
    def __init__(self, folder):
        self.report = load(f"{folder}/report")
        self.threads = load(f"{folder}/threads")
        self.export = load(f"{folder}/export") or {"nodes": [], "stacks": [], "edges": []}
        self.locks = load(f"{folder}/locks")
        self.copies = load(f"{folder}/copies")
        # what is left at the end is held against memcheck by leaks.sh
        self.findings = [f for f in load(f"{folder}/findings")["findings"] if f["rule"] != "leak"]
        self.expected = set()  # indexes of findings that a line asked for
        self.events = lines(f"{folder}/events")
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


def in_stacks(stacks, functions, wanted):
    """Is every function named in `wanted` (F,G) in some of the stacks?"""
    return all(any(has(functions(s), f) for s in stacks) for f in wanted.split(","))


def finding_fits(d, f, w):
    for key, wanted in w.items():
        if key in ("found", "count"):
            continue
        # "held" means held, held_1, held_2…; "in" any of all
        stacks = [s for name, s in f["stacks"].items()
                  if key == "in" or name == key or re.fullmatch(key + r"_\d+", name)]
        if not in_stacks(stacks, d.functions, wanted):
            return False
    return True


def check_finding(d, rest):
    rule, _, rest = rest.partition(" ")
    w = words(rest)
    found = [i for i, f in enumerate(d.findings) if f["rule"] == rule and finding_fits(d, f, w)]
    d.expected.update(found)
    if not compare(w.get("found", "1" if "count" not in w or w["count"] != "0" else "0"))(len(found)):
        yield f"{len(found)} found"
    count = sum(d.findings[i]["count"] for i in found)
    if "count" in w and not compare(w["count"])(count):
        yield f"{count} times"


def unexpected(d):
    for i, f in enumerate(d.findings):
        if i not in d.expected:
            stacks = " ".join(f"{name}: {'<'.join(d.functions(s)[:4])}" for name, s in f["stacks"].items())
            yield f"{f['rule']} x{f['count']} ({f['message']}) {stacks}"


def near(value, wanted):
    """Within 5%, and what a clock read and a switch to the thread take."""
    return abs(value - wanted) <= 0.05 * wanted + 200000


def check_lock(d, rest):
    name, _, rest = rest.partition(" ")
    w = words(rest)
    found = [l for l in d.locks["locks"] if re.search(rf"\b{name}\b", json.dumps(l["where"]))]
    if len(found) != 1:
        yield f"{len(found)} locks of {[l['where'] for l in d.locks['locks']]}"
        return
    for key, wanted in w.items():
        m = re.fullmatch(r"(wait|hold)_(total|max|p50|p99|count)", key)
        value = found[0][m[1] + "_ns"][m[2]] if m else found[0][key]
        if m and m[2] != "count":
            if not near(value, int(wanted)):
                yield f"{key} is {value}"
        elif str(value) != wanted and not (wanted[:1] in "<>" and compare(wanted)(value)):
            yield f"{key} is {value}"


def check_counts_bytes(found, w):
    for key in ("copies", "bytes"):
        n = sum(f[key] for f in found)
        if key in w and not compare(w[key])(n):
            yield f"{n} {key}"


def check_copies(d, w):
    found = [s for s in d.copies["sites"] if has(d.functions(s["stack"]), w["site"])]
    yield from check_counts_bytes(found, w)


def check_flow(d, w):
    found = [f for f in d.copies["flows"]
             if has(d.functions(f["from_site"]), w["from"]) and has(d.functions(f["to_site"]), w["to"])]
    yield from check_counts_bytes(found, w)


CHECKS = {"block": check_blocks, "blocks": check_blocks, "clones": check_clones, "move": check_move,
          "borrow": check_borrow, "handoff": check_handoff, "process": check_process,
          "thread": check_thread, "site": check_site, "lost": check_lost,
          "copies": check_copies, "flow": check_flow}
WHOLE = {"report": check_report, "coverage": check_coverage, "finding": check_finding, "lock": check_lock}


def main():
    said, folder = sys.argv[1:]
    d = Documents(folder)
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
    for problem in unexpected(d):
        print(f"not expected: {problem}")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
