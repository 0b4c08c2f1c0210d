"""books.py BOOKS REPORT… - holds the books that the victim selfcount kept of
itself against the report: mallocs and frees on record must lie between what
was done and what was begun when it was killed, and nothing may be lost. With
two reports, of a killed collector and of the one that took over, the sum of
both and of what they count as lost must be the whole;
/dev/null as the second: it went on in the first one's file.
Prints the difference; exit 1."""
import json
import struct
import sys


def made(report, function):
    return sum(s["allocations"] for s in report["sites"]
               if any(f.get("function") == function for f in s["stack"]))


page = open(sys.argv[1], "rb").read(4064)
made_begun, made_done, freed_begun, freed_done = (sum(c) for c in zip(*struct.iter_unpack("<4Q", page)))
reports = [json.load(open(path, encoding="utf-8")) for path in sys.argv[2:] if path != "/dev/null"]
on_record = sum(made(r, "counted_malloc") for r in reports)
freed = sum(r["totals"]["frees"] + r["totals"]["unknown_drops"] for r in reports)
lost = sum(r["lost"]["events"] for r in reports)
bad = []
if len(sys.argv) == 3:
    if lost:
        bad.append(f"lost {reports[0]['lost']}")
    if not made_done <= on_record <= made_begun:
        bad.append(f"mallocs: {on_record} on record, {made_done} done, {made_begun} begun")
    if not freed_done <= freed <= freed_begun + 2:  # libc's own at the start
        bad.append(f"frees: {freed} on record, {freed_done} done, {freed_begun} begun")
else:
    allocations = sum(r["totals"]["allocations"] for r in reports)
    whole, known = made_done + freed_done, allocations + freed + lost
    if not whole <= known <= whole + 16:  # libc's own at the start
        bad.append(f"{whole} events, {known} on record or lost ({lost} lost)")
print("; ".join(bad) if bad else f"{on_record} mallocs, {freed} frees, {lost} lost")
sys.exit(1 if bad else 0)
