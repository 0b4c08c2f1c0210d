"""One run of one command: what it cost, as seen from outside.

A run is started by bench/cpu.c, whose note tells the program's own CPU, wall
time, memory and end; what the whole of it used comes from wait4. A thread looks
now and then at the collectors below it for their peak memory."""
import os, subprocess, threading, time
from collections import namedtuple

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OWNSCOPE, SHIM, CPU, MICRO, RCU = (os.path.join(HERE, "build", p) for p in ("ownscope", "libownscope.so", "bench/cpu", "bench/micro", "bench/rcu"))
COLLECTORS = ("ownscope", "heaptrack_inter", "lttng-consumerd")

# own, every: CPU s of the program, of everything; lag: s from the program's
# end to the end of everything; rate: what the workload's driver measured;
# events, lost, trace_bytes: what the recording says of itself, or None
Run = namedtuple("Run", "own every wall lag peak_kib collector_kib rate events lost trace_bytes")


def descendants(pid):
    """pid and everything below it that is alive."""
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        try:
            for task in os.listdir("/proc/%d/task" % found[-1]):
                with open("/proc/%d/task/%s/children" % (found[-1], task)) as f:
                    todo += [int(p) for p in f.read().split()]
        except OSError:
            pass
    return found


class Watch(threading.Thread):
    """The peak memory of the collectors below the given processes, while it runs."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.peak_kib, self.over = pids, 0, threading.Event()
        self.start()

    def run(self):
        pause = 0.01
        while not self.over.wait(pause):
            pause = min(pause * 2, 0.16)
            for pid in self.pids:
                for each in descendants(pid):
                    self.look(each)

    def look(self, pid):
        try:
            with open("/proc/%d/status" % pid) as f:
                fields = dict(line.split(":", 1) for line in f)
            if fields["Name"].strip() in COLLECTORS:
                self.peak_kib = max(self.peak_kib, int(fields["VmHWM"].split()[0]))
        except (OSError, KeyError, ValueError):
            pass

    def end(self):
        self.over.set()
        self.join()
        return self.peak_kib


def run(command, env, tmp, drive=None, daemon=None):
    """Runs it. daemon: the pid of a collector that is started and ended apart."""
    note = os.path.join(tmp, "cpu")
    if os.path.exists(note):
        os.unlink(note)
    with open(os.path.join(tmp, "stderr"), "w+b") as err:
        began = time.monotonic()
        process = subprocess.Popen(command, env=dict(os.environ, **env), cwd=tmp, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
        watch = Watch([process.pid] + ([daemon] if daemon else []))
        rate = drive(process, tmp) if drive else None
        _, status, used = os.wait4(process.pid, 0)
        ended = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
        collector_kib = watch.end()
        if process.returncode:
            err.seek(0)
            raise RuntimeError("%s: exit %d: %s" % (" ".join(command)[:300], process.returncode, err.read().decode()[-500:]))
    user, system, wall, peak, end = open(note).read().split()
    return Run(float(user) + float(system), used.ru_utime + used.ru_stime, ended - began, ended - float(end), int(peak),
               collector_kib, rate, None, None, None)
