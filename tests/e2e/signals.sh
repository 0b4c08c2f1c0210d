#!/bin/bash
# Signals, exit codes, standard input and the terminal: as without the tool.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

why=
for status in 0 1 42 125 127 255; do
    traced "$T/o" "$T/s.own" sh -c "exit $status"
    [ "$(code "$T/o")" = "$status" ] || why="$why $status became $(code "$T/o")"
done
[ -z "$why" ]
verdict "exit codes pass" $? "$why"

cat >die.py <<'E2'
import subprocess, sys
tool, trace, victim = sys.argv[1:]
bad = []
for number in 1, 2, 6, 9, 11, 14, 15:
    p = subprocess.run([tool, "run", "-q", "-o", trace, "--", victim, "-c", f"kill -{number} $$"])
    if p.returncode != -number:
        bad.append(f"signal {number} became {p.returncode}")
print("; ".join(bad))
sys.exit(bool(bad))
E2
why=$(ulimit -c 0; timeout "$LIMIT" "$PYTHON" die.py "$OWNSCOPE" "$T/s.own" /bin/bash 2>&1)
verdict "dies of the program's own signal" $? "$why"

forwarded() {
    local name=$1 number=$2
    "$OWNSCOPE" run -q -o "$T/f.own" -- "$VICTIMS/signal_count" "$number" >"$T/f.out" 2>"$T/f.err" </dev/null &
    local runner=$!
    await grep -qs ready "$T/f.out"
    kill "-$number" $runner
    wait $runner
    local status=$?
    [ "$status" = 5 ] && grep -q 'came 1 times' "$T/f.out"
    verdict "SIG$name is forwarded once" $? "status $status, $(tr '\n' ' ' <"$T/f.out")"
}
forwarded TERM 15
forwarded HUP 1
forwarded USR1 10
forwarded INT 2

cat >terminal.py <<'E2'
import os, pty, select, sys, time
tool, trace, victim, key, number = sys.argv[1:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(tool, [tool, "run", "-q", "-o", trace, "--", victim, number])
said, sent, end = b"", False, time.time() + 90
while time.time() < end:
    if select.select([fd], [], [], 0.1)[0]:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        said += data
    if b"ready" in said and not sent:
        os.write(fd, key.encode().decode("unicode_escape").encode("latin-1"))
        sent = True
_, status = os.waitpid(pid, 0)
print(said.decode().split("\n"), os.waitstatus_to_exitcode(status))
sys.exit(not (b"came 1 times" in said and os.waitstatus_to_exitcode(status) == 5))
E2
why=$(timeout "$LIMIT" "$PYTHON" terminal.py "$OWNSCOPE" "$T/p.own" "$VICTIMS/signal_count" '\x03' 2 2>&1)
verdict "Ctrl-C reaches the program once" $? "$why"
why=$(timeout "$LIMIT" "$PYTHON" terminal.py "$OWNSCOPE" "$T/p.own" "$VICTIMS/signal_count" '\x1c' 3 2>&1)
verdict "Ctrl-backslash reaches the program once" $? "$why"

# Ignored and blocked signals, limits, umask and descriptors are inherited.
inherited() {
    trap '' HUP USR2 PIPE
    umask 077
    ulimit -n 100 -c 0
    run "$1" "${@:2}" 8>/dev/null
    umask 022
}
(inherited "$T/bare" "$VICTIMS/unseen"
 inherited "$T/traced" "$OWNSCOPE" run -q -o "$T/i.own" -- "$VICTIMS/unseen")
why=$(same "$T/bare" "$T/traced")
verdict "dispositions, limits and umask are inherited" $? "$why"

# Who starts it may have all signals blocked: the program has them so, and its end is seen.
cat >"$T/blocked.py" <<'E2'
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.execvp(sys.argv[1], sys.argv[1:])
E2
run "$T/bare" "$PYTHON" "$T/blocked.py" grep SigBlk /proc/self/status
run "$T/traced" "$PYTHON" "$T/blocked.py" "$OWNSCOPE" run -q -o "$T/b.own" -- grep SigBlk /proc/self/status
why=$(same "$T/bare" "$T/traced")
verdict "blocked signals are inherited, and hide no end" $? "$why"

seq 50000 | timeout "$LIMIT" "$OWNSCOPE" run -q -o "$T/c.own" -- cat | cmp -s - <(seq 50000)
verdict "standard input and output pass" $?
timeout "$LIMIT" "$OWNSCOPE" run -q -o "$T/y.own" -- yes 2>/dev/null | head -n 1 >/dev/null
statuses=("${PIPESTATUS[@]}")
[ "${statuses[0]}" = 141 ]
verdict "a broken pipe ends the program as ever" $? "status ${statuses[0]}"

# A stopped program stops, a continued one goes on.
cat >job.py <<'E2'
import os, signal, subprocess, sys, time
tool, trace = sys.argv[1:]
p = subprocess.Popen([tool, "run", "-q", "-o", trace, "--", "sh", "-c", "for i in 1 2 3 4 5 6; do sleep 0.1; done; echo end"],
                     stdout=subprocess.PIPE, start_new_session=True)
time.sleep(0.3)
os.killpg(p.pid, signal.SIGSTOP)
time.sleep(0.3)
os.killpg(p.pid, signal.SIGCONT)
out, _ = p.communicate(timeout=90)
sys.exit(not (out == b"end\n" and p.returncode == 0))
E2
timeout "$LIMIT" "$PYTHON" job.py "$OWNSCOPE" "$T/j.own"
verdict "stop and continue" $?
