"""A session daemon of LTTng's for the length of a benchmark: its home is a
temporary folder, it is our child and is ended by its pid. As root LTTng knows
one place for its sockets only, so a daemon that already runs there is left
alone, and LTTng is not measured."""
import glob, os, re, shutil, subprocess, time

from measure import descendants
from workloads import HEAP, LOCKS

TICKS = os.sysconf("SC_CLK_TCK")


WRAPPERS = {HEAP: ("libc", "lttng_ust_libc:*"), LOCKS: ("pthread", "lttng_ust_pthread:*")}   # with their events


def library(about=HEAP):
    for where in ("/usr/lib/*/", "/usr/lib*/"):
        for found in sorted(glob.glob(where + "liblttng-ust-%s-wrapper.so*" % WRAPPERS[about][0])):
            return found
    return None


def missing():
    """None, or why LTTng cannot be measured."""
    if not shutil.which("lttng-sessiond") or not library():
        return "not installed (lttng-tools, liblttng-ust1)"
    if os.geteuid() == 0 and os.path.exists("/var/run/lttng/client-lttng-sessiond"):
        return "another session daemon of root's runs here"
    return None


class Daemon:
    def __init__(self, tmp):
        self.home, self.out = os.path.join(tmp, "lttng"), os.path.join(tmp, "lttng", "out")
        os.makedirs(self.home, exist_ok=True)
        self.env = dict(os.environ, LTTNG_HOME=self.home, HOME=self.home)
        with open(os.path.join(self.home, "log"), "w") as log:
            self.process = subprocess.Popen(["lttng-sessiond", "--no-kernel"], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        limit = time.monotonic() + 20
        while subprocess.run(["lttng", "list"], env=self.env, capture_output=True).returncode:
            if self.process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError("lttng-sessiond did not start: " + open(os.path.join(self.home, "log")).read()[-300:])
            time.sleep(0.1)

    def lttng(self, *words):
        done = subprocess.run(["lttng"] + list(words), env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError("lttng %s: %s" % (" ".join(words), done.stdout.strip()[-300:]))
        return done.stdout

    def record(self, about):
        """A new session that takes every event of the wrapper, in LTTng's default buffers."""
        self.lttng("create", "bench", "--output=" + self.out)
        self.lttng("enable-event", "-u", WRAPPERS[about][1])
        self.lttng("start")

    def stop(self):
        """(events it says were discarded, bytes written); what was written is removed."""
        said = self.lttng("stop") + self.lttng("destroy", "bench")
        lost = max([int(n) % 2**63 for n in re.findall(r"(\d+) events? (?:was|were) discarded", said)] or [0])    # it sets bit 63 at times
        size = sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(self.out) for f in files)
        shutil.rmtree(self.out, ignore_errors=True)
        return lost, size

    def cpu(self):
        """Seconds of CPU the daemon and its consumers have used."""
        total = 0
        for pid in descendants(self.process.pid):
            try:
                with open("/proc/%d/stat" % pid) as f:
                    fields = f.read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return total / TICKS

    def end(self):
        self.process.terminate()
        self.process.wait()
