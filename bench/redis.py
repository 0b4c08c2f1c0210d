"""redis-server under redis-benchmark, over a socket in the run's own folder: with
sixteen requests a packet, and as redis-benchmark comes, one. The benchmark's CPU
is not the server's and is not counted."""
import os, shutil, signal, subprocess, time

REQUESTS, SINGLE_REQUESTS = 400000, 100000


def server(tmp):
    return ["redis-server", "--port", "0", "--unixsocket", os.path.join(tmp, "redis.sock"), "--pidfile", os.path.join(tmp, "redis.pid"),
            "--daemonize", "no", "--save", "", "--appendonly", "no", "--dir", tmp, "--loglevel", "warning"]


def missing():
    return None if shutil.which("redis-benchmark") else "redis-benchmark is not installed"


def drive(process, tmp):
    return load(process, tmp, REQUESTS, ["-c", "20", "-P", "16", "-r", "50000", "-d", "64"])


def drive_single(process, tmp):
    return load(process, tmp, SINGLE_REQUESTS, [])


def load(process, tmp, requests, words):
    """While the server runs as PROCESS (or below it): loads it and ends it by its
    own pid. Returns requests a second."""
    socket, note = os.path.join(tmp, "redis.sock"), os.path.join(tmp, "redis.pid")
    limit = time.monotonic() + 60
    while not (os.path.exists(socket) and os.path.exists(note) and open(note).read().strip()):
        if process.poll() is not None or time.monotonic() > limit:
            raise RuntimeError("redis-server did not start")
        time.sleep(0.01)
    began = time.monotonic()
    done = subprocess.run(["redis-benchmark", "-s", socket, "-q", "-t", "set,get", "-n", str(requests // 2)] + words, capture_output=True)
    took = time.monotonic() - began
    os.kill(int(open(note).read()), signal.SIGTERM)
    if done.returncode:
        raise RuntimeError("redis-benchmark: " + done.stderr.decode()[-200:])
    return requests / took
