"""The ways a workload is run: bare, under ownscope, under its peers. A variant
has `run(workload) -> measure.Run`, and removes what it wrote."""
import glob, json, os, shutil, subprocess

import lttng, measure
from measure import CPU, OWNSCOPE, SHIM
from workloads import HEAP, LOCKS, REQUESTS


class Variant:
    peer = False
    about = (HEAP,)     # of a peer: the workloads it is for

    def __init__(self, name, tmp):
        self.name, self.tmp, self.note = name, tmp, os.path.join(tmp, "cpu")

    def command(self, w):
        return [CPU, self.note] + w.command

    def run(self, w):
        r = measure.run(self.command(w), w.env, self.tmp, w.drive)
        return self.facts(r)

    def rounds(self, w, wanted):
        """Peers are slow: fewer rounds, and none of some micro loops."""
        if not self.peer:
            return wanted if w.about != REQUESTS or self.name in ("native", "everything") else 0
        return min(wanted, 3) if w.peers and w.about in self.about else 0

    def facts(self, r):
        return r

    def take(self, pattern):
        """The size of what was written, which is removed."""
        size = 0
        for path in glob.glob(os.path.join(self.tmp, pattern)):
            size += os.path.getsize(path)
            os.unlink(path)
        return size

    def close(self):
        pass


class Off(Variant):
    def command(self, w):
        return [CPU, self.note, "LD_PRELOAD=" + SHIM, "OWNSCOPE_DISABLE=1"] + w.command


MEMORY_ALONE = ["--locks", "off", "--copies", "off"]


class Ownscope(Variant):
    """`ownscope run` with one choice of stacks; what it counted is in its trace.
    Of the heap's workloads it records memory alone, as the peers do."""

    def __init__(self, name, tmp, stacks):
        super().__init__(name, tmp)
        self.stacks, self.trace = stacks, os.path.join(tmp, "t.own")

    def parts(self, w):
        return MEMORY_ALONE if w.about == HEAP else []

    def command(self, w):
        self.memory_alone = bool(self.parts(w))
        return [OWNSCOPE, "run", "-q", "-o", self.trace, "--stacks", self.stacks] + self.parts(w) + ["--", CPU, self.note] + w.command

    def facts(self, r):
        out = subprocess.run([OWNSCOPE, "report", "--json", self.trace], capture_output=True, check=True).stdout
        d = json.loads(out)
        e = d["events"]
        events = e["new"] + e["drop"] + e["move"] if self.memory_alone else e["recorded"]
        return r._replace(events=events, lost=d["lost"]["events"], trace_bytes=self.take("t.own"))


class Everything(Ownscope):
    """As it comes: memory, locks and copies. Of real programs, which the others record in part."""

    def rounds(self, w, wanted):
        return wanted if w.real or w.about == REQUESTS else 0

    def parts(self, w):
        return []


class Paused(Ownscope):
    """Under the collector, armed, and nothing of memory, locks and copies recorded."""

    def __init__(self, name, tmp):
        super().__init__(name, tmp, "full")

    def parts(self, w):
        return ["--paused"]


class HeaptrackLibrary(Variant):
    """Its library alone, writing its raw data to a file: the program's own cost."""
    peer = True

    def command(self, w):
        return [CPU, self.note, "LD_PRELOAD=" + heaptrack_library(), "DUMP_HEAPTRACK_OUTPUT=" + os.path.join(self.tmp, "h.raw")] + w.command

    def facts(self, r):
        self.take("h.raw*")
        return r


class Heaptrack(Variant):
    """The script, with its interpreter and compressor: the cost of the whole."""
    peer = True

    def command(self, w):
        return [CPU, self.note, "heaptrack", "-o", os.path.join(self.tmp, "h")] + w.command

    def facts(self, r):
        return r._replace(trace_bytes=self.take("h.*"))


class Valgrind(Variant):
    """One round: its tools take thirty to a thousand times as long."""
    peer = True

    def __init__(self, name, tmp, about):
        super().__init__(name, tmp)
        self.about = about

    def rounds(self, w, wanted):
        return min(super().rounds(w, wanted), 1)

    def command(self, w):
        return [CPU, self.note, "valgrind", "-q", "--tool=" + self.name, "--log-file=" + os.path.join(self.tmp, "valgrind.log")] + w.command

    def facts(self, r):
        self.take("valgrind.log")
        return r


class Lttng(Variant):
    """LTTng-UST's wrappers of libc and of pthread (no stacks), with a session daemon of ours."""
    peer = True
    about = (HEAP, LOCKS)

    def __init__(self, name, tmp):
        super().__init__(name, tmp)
        self.daemon = lttng.Daemon(tmp)

    def command(self, w):
        return [CPU, self.note, "LD_PRELOAD=" + lttng.library(w.about), "LTTNG_HOME=" + self.daemon.home, "LTTNG_UST_REGISTER_TIMEOUT=-1"] + w.command

    def run(self, w):
        before = self.daemon.cpu()
        self.daemon.record(w.about)
        r = measure.run(self.command(w), w.env, self.tmp, w.drive, self.daemon.process.pid)
        lost, size = self.daemon.stop()
        return r._replace(every=r.every + self.daemon.cpu() - before, lost=lost, trace_bytes=size)

    def close(self):
        self.daemon.end()


def heaptrack_library():
    for path in ("/usr/lib/heaptrack", "/usr/lib/*/heaptrack", "/usr/lib/heaptrack/*"):
        for found in glob.glob(path + "/libheaptrack_preload.so"):
            return found
    return None


def make(tmp, peers):
    """The variants, in the order they run; and why a peer is not among them."""
    made = [Variant("native", tmp), Off("off", tmp), Paused("paused", tmp), Ownscope("none", tmp, "none"), Ownscope("caller", tmp, "caller"), Ownscope("full", tmp, "full"),
            Everything("everything", tmp, "full")]
    absent = {}
    if peers == "none":
        return made, absent
    if shutil.which("heaptrack") and heaptrack_library():
        made += [HeaptrackLibrary("heaptrack library", tmp), Heaptrack("heaptrack", tmp)]
    else:
        absent["heaptrack"] = "not installed"
    absent["lttng"] = lttng.missing()
    if not absent["lttng"]:
        del absent["lttng"]
        made.append(Lttng("lttng", tmp))
    if not shutil.which("valgrind"):
        absent["helgrind"] = "not installed"
    else:
        made.append(Valgrind("helgrind", tmp, (LOCKS,)))
        if peers == "all":
            made.append(Valgrind("memcheck", tmp, (HEAP,)))
    return made, absent
