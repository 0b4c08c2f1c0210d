"""leaks.py - what is left of a program's blocks, as memcheck has it and as
ownscope has it. Run by leaks.sh.

  leaks.py victim NAME SAID FOLDER LEAKS   one victim (tests/victims/leak.h): what it said, memcheck's
                                           XML files, our `leaks --json`. The same blocks and bytes
                                           by process, class and place; and as the victim has it
  leaks.py totals NAME FOLDER LEAKS        a real program: blocks and bytes by class. $REACHABLE_BLOCKS
                                           and $REACHABLE_BYTES may differ of what is reachable

$DIFFERENCES: lines `NAME FUNCTION CLASS CLASS[@PLACE] [BLOCKS | +BYTES | ?] - why`: what memcheck has in
the first class, made in FUNCTION, we rightly have in the second (none: not at all), made in PLACE; ?: or in the first.
Prints what is not so; exit 1."""
import fnmatch
import glob
import json
import os
import re
import sys
import xml.etree.ElementTree as xml
from collections import defaultdict

KINDS = {"Leak_DefinitelyLost": "definite", "Leak_IndirectlyLost": "indirect",
         "Leak_PossiblyLost": "possible", "Leak_StillReachable": "reachable"}
CLASSES = ("definite", "indirect", "possible", "reachable")


class Group:
    """Blocks of one process and class with one stack: (function, file, line) from the inside out."""
    def __init__(self, process, kind, blocks, size, frames):
        self.process, self.kind, self.blocks, self.size, self.frames = process, kind, blocks, size, frames

    def made_in(self, function):
        return any(f == function or f.startswith((function + "(", function + "@")) for f, _, _ in self.frames)

    def place(self):
        """Its lines in victims; of what libraries made for themselves only that."""
        return tuple((f, line) for _, f, line in self.frames if f.startswith("leak"))

    def of_loader(self):
        return any(f.startswith("_dl_") for f, _, _ in self.frames)

    def name(self):
        return "<".join(f for f, _, _ in self.frames[:3])


# ---- reading ----

def number(text):
    return int(text.replace(",", ""))


def memcheck_process(path, process):
    for error in xml.parse(path).getroot().iter("error"):
        kind = KINDS.get(error.findtext("kind"))
        if kind:
            text = error.findtext("xwhat/text")
            m = re.match(r"([\d,]+) (?:\(([\d,]+) direct, [\d,]+ indirect\) )?bytes in ([\d,]+) blocks", text)
            frames = [(f.findtext("fn") or "", f.findtext("file") or "", int(f.findtext("line") or 0))
                      for f in error.find("stack") if "vgpreload" not in (f.findtext("obj") or "")]
            yield Group(process, kind, number(m[3]), number(m[2] or m[1]), frames)


def memcheck(folder):
    """Processes are numbered as they were born: parents first, whose pids may be the greater ones."""
    parents = {int(root.findtext("pid")): (int(root.findtext("ppid")), path)
               for path in glob.glob(folder + "/*.xml") for root in [xml.parse(path).getroot()]}

    def line(pid):
        return line(parents[pid][0]) + [pid] if pid in parents else []

    paths = [parents[pid][1] for pid in sorted(parents, key=lambda pid: (len(line(pid)), pid))]
    return [g for i, p in enumerate(paths) for g in memcheck_process(p, i + 1)]


def ours(path):
    doc = json.load(open(path, encoding="utf-8"))
    groups = [Group(int(g["process"][1:]), g["class"], g["blocks"], g["bytes"],
                    [(f.get("function", ""), os.path.basename(f.get("file", "")), f.get("line", 0)) for f in g["stack"]])
              for g in doc["leaks"]]
    for kind in CLASSES:
        listed = sum(g.blocks for g in groups if g.kind == kind), sum(g.size for g in groups if g.kind == kind)
        if listed != (doc["totals"][kind]["blocks"], doc["totals"][kind]["bytes"]):
            print(f"{kind}: {listed} listed of {doc['totals'][kind]}")
    if doc.get("refused"):
        print(doc["refused"])
    return groups


# ---- what may differ ----

def differences(name):
    """(FUNCTION, CLASS, CLASS, PLACE or "", BLOCKS or None, +BYTES, is it for this program alone)"""
    for line in os.environ.get("DIFFERENCES", "").splitlines():
        words = line.partition(" - ")[0].split()
        if len(words) >= 4 and fnmatch.fnmatch(name, words[0]):
            to, _, place = words[3].partition("@")
            count = words[4] if len(words) > 4 else ""
            yield (words[1], words[2], to, place, int(count) if count[:1].isdigit() else None,
                   int(count) if count[:1] == "+" else 0, words[0] == name, count == "?")


def moved(groups, mine, name):
    """Memcheck's groups, as they are in ours."""
    for function, kind, to, place, blocks, more, needed, maybe in differences(name):
        if maybe and not any(g.kind == to and g.made_in(function) for g in mine):
            continue
        found = [g for g in groups if g.kind == kind and g.made_in(function)]
        there = [g for g in mine if g.kind == to and g.made_in(place)]
        if not found and needed:
            print(f"memcheck has none of {function} as {kind}")
        for g in found:
            take = g.blocks if blocks is None else min(g.blocks, blocks)
            size = g.size // g.blocks * take if g.blocks else 0
            groups.append(Group(g.process, to, take, size + more * take, there[0].frames if place and there else g.frames))
            g.blocks, g.size = g.blocks - take, g.size - size
            blocks = blocks and blocks - take
    return [g for g in groups if g.kind != "none" and g.blocks]


# ---- comparing ----

def summed(groups, key):
    sums, names = defaultdict(lambda: [0, 0]), {}
    for g in groups:
        sums[key(g)][0] += g.blocks
        sums[key(g)][1] += g.size
        names.setdefault(key(g), g.name())
    return sums, names


def compare(theirs, mine, key):
    a, names_a = summed(theirs, key)
    b, names_b = summed(mine, key)
    for k in sorted(set(a) | set(b)):
        if a[k] != b[k]:
            yield f"p{k[0]} {k[1]}: memcheck {a[k][0]}/{a[k][1]}, ours {b[k][0]}/{b[k][1]} of {names_a.get(k) or names_b.get(k)}"


def compare_totals(theirs, mine):
    a, _ = summed(theirs, lambda g: (g.process, g.kind))
    b, _ = summed(mine, lambda g: (g.process, g.kind))
    for k in sorted(set(a) | set(b)):
        print(f"p{k[0]} {k[1]}: memcheck {a[k][0]}/{a[k][1]}, ours {b[k][0]}/{b[k][1]}")
        blocks, size = (int(os.environ["REACHABLE_" + what]) if k[1] == "reachable" else 0 for what in ("BLOCKS", "BYTES"))
        if abs(a[k][0] - b[k][0]) > blocks or abs(a[k][1] - b[k][1]) > size:
            yield f"p{k[0]} {k[1]} differs"


def check_said(said, groups):
    """The victim's own words; nothing of its making is in another class but reachable."""
    left = {id(g): g for g in groups if g.kind != "reachable" and g.place() and not g.of_loader()}
    for line in open(said, encoding="utf-8"):
        if not line.startswith("expect leak "):
            continue
        kind, *words = line.split()[2:]
        w = dict(word.split("=") for word in words)
        found = [g for g in groups if g.kind == kind and g.made_in(w["new"]) and g.process == int(w.get("process", "1"))]
        blocks, size = sum(g.blocks for g in found), sum(g.size for g in found)
        if blocks != int(w["blocks"]) or size != int(w.get("bytes", size)):
            yield f"{line.strip()}: {blocks} blocks, {size} bytes"
        for g in found:
            left.pop(id(g), None)
    for g in left.values():
        yield f"not expected: {g.kind} {g.blocks}/{g.size} p{g.process} {g.name()}"


def main():
    how, name, *paths = sys.argv[1:]
    mine = ours(paths[-1])
    theirs = moved(memcheck(paths[-2]), mine, name)
    if how == "victim":
        bad = list(compare(theirs, mine, lambda g: (g.process, g.kind, g.place())))
        bad += check_said(paths[0], mine)
    else:
        bad = list(compare_totals(theirs, mine))
    for line in bad:
        print(line)
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
