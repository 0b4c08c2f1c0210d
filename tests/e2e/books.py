"""books.py BOOKS REPORT - holds the books that the victim selfcount kept of
itself against the report: mallocs and frees on record must lie between what
was done and what was begun when it was killed. Prints the difference; exit 1."""
import json
import struct
import sys

page = open(sys.argv[1], "rb").read(4088)
report = json.load(open(sys.argv[2], encoding="utf-8"))
columns = [sum(page_row[i] for page_row in struct.iter_unpack("<4Q", page[:4064])) for i in range(4)]
made_begun, made_done, freed_begun, freed_done = columns
made = sum(s["allocations"] for s in report["sites"]
           if any(f.get("function") == "counted_malloc" for f in s["stack"]))
freed = report["totals"]["frees"]
bad = []
if report["lost"]["events"]:
    bad.append(f"lost {report['lost']}")
if not made_done <= made <= made_begun:
    bad.append(f"mallocs: {made} on record, {made_done} done, {made_begun} begun")
if not freed_done <= freed <= freed_begun + 2:  # libc's own at the start
    bad.append(f"frees: {freed} on record, {freed_done} done, {freed_begun} begun")
print("; ".join(bad) if bad else f"{made} mallocs, {freed} frees")
sys.exit(1 if bad else 0)
