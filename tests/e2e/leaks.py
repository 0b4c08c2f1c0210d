"""leaks.py - what is left of a program's blocks, by memcheck and by ownscope:
read, compared with each other and with what a victim said of itself
(tests/victims/leak.h). Run by leaks.sh.

  leaks.py victim SAID MEMCHECK LEAKS EXCEPT   one victim: its output, the folder of memcheck's XML
                                files, our `leaks --json`, and what may differ ("whom key=value …"
                                lines, ours or memcheck's, that are right beside what was said)
Prints what is not so; exit 1."""
import glob
import json
import os
import re
import sys
import xml.etree.ElementTree as xml
from collections import Counter, defaultdict

KINDS = {"Leak_DefinitelyLost": "definite", "Leak_IndirectlyLost": "indirect",
         "Leak_PossiblyLost": "possible", "Leak_StillReachable": "reachable"}
CLASSES = ("definite", "indirect", "possible", "reachable")


def number(text):
    return int(text.replace(",", ""))


def memcheck_one(path):
    """[(class, blocks, bytes, frames)] of one process; a frame is (function, file, line)."""
    found = []
    for error in xml.parse(path).getroot().iter("error"):
        kind = KINDS.get(error.findtext("kind"))
        if not kind:
            continue
        text = error.findtext("xwhat/text")
        m = re.match(r"([\d,]+) (?:\(([\d,]+) direct, [\d,]+ indirect\) )?bytes in ([\d,]+) blocks", text)
        frames = [(f.findtext("fn") or "", f.findtext("file") or "", int(f.findtext("line") or 0))
                  for f in error.find("stack")]
        found.append((kind, number(m[3]), number(m[2] or m[1]), frames))
    return found


def memcheck(folder):
    """By process, in the order in which they were born."""
    paths = sorted(glob.glob(folder + "/*.xml"), key=lambda p: int(re.findall(r"\d+", os.path.basename(p))[-1]))
    return [memcheck_one(p) for p in paths]
