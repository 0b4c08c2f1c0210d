#!/bin/bash
# Poor places: no /dev/shm, a full one, one of 64 MiB, a read-only /tmp, no ptrace, a sandbox that kills, another
# mount namespace, a bare chroot, directories that are not safe. `ownscope doctor` says what is so, and `ownscope run`
# does there what doctor said: the program is what it is bare, and where it cannot be traced one line says why.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

# says NAME PATTERN CODE CMD…: doctor's lines have the pattern, and its exit code is CODE.
says() {
    local name=$1 pattern=$2 want=$3
    shift 3
    run "$T/d" "$@"
    [ "$(code "$T/d")" = "$want" ] && grep -qE -- "$pattern" "$T/d.out" && [ ! -s "$T/d.err" ]
    verdict "doctor: $name" $? "$(code "$T/d"), not $want, or no '$pattern': $(grep -m3 '^no' "$T/d.out" | cut -c1-300) $(first_line "$T/d.err")"
}
# unchanged NAME LINES PATTERN CMD…: the victim exit_raw under run: its output and exit code, and LINES lines of ours, the first with
# the pattern; and what was recorded, in p.own.
unchanged() {
    local name=$1 lines=$2 pattern=$3 said
    shift 3
    rm -f p.own
    run "$T/u" "$@"
    said=$(grep -c '^ownscope: ' "$T/u.err")
    [ "$(code "$T/u")" = 7 ] && grep -q 'block size=55701' "$T/u.out" && [ "$said" = "$lines" ] && { [ -z "$pattern" ] || grep -qE -- "$pattern" "$T/u.err"; }
    verdict "run: $name" $? "$(code "$T/u"), $said lines: $(first_line "$T/u.err")"
}
# traced_too NAME: p.own has the victim's block.
traced_too() {
    [ "$(number p.own totals.allocations 2>p.why)" -ge 1 ] 2>/dev/null
    verdict "$1" $? "$(first_line p.why)"
}
raw=("$OWNSCOPE" run -q -o "$T/p.own" -- "$VICTIMS/exit_raw")

says "here all is well" '^ok  shared memory: ' "$("$OWNSCOPE" doctor | grep -q '^no' && echo 1 || echo 0)" "$OWNSCOPE" doctor
"$OWNSCOPE" doctor --json | jq -e '.ownscope == 1 and (.facts | length) > 15 and (.ok == ([.facts[].ok] | all)) and (.facts | all(.name and .text))' >/dev/null
verdict "doctor --json" $?
says "a program" "^ok  program: $VICTIMS/exit_raw can be traced" "$("$OWNSCOPE" doctor >/dev/null; echo $?)" "$OWNSCOPE" doctor -- "$VICTIMS/exit_raw"
says "a static program" '^no  program: .*linked statically' 1 "$OWNSCOPE" doctor "$VICTIMS/static/hello"

# ---- directories ------------------------------------------------------------
mkdir -m 777 wide real
ln -s real link
says "a directory others may write to" '^no  sessions: .*others may write' 1 env OWNSCOPE_DIR="$T/wide" "$OWNSCOPE" doctor
run "$T/u" env OWNSCOPE_DIR="$T/wide" "${raw[@]}"
[ "$(code "$T/u")" = 125 ] && [ "$(wc -l <"$T/u.err")" = 1 ] && grep -q 'not safe to use: .*others may write' "$T/u.err"
verdict "run refuses a directory others may write to" $? "$(code "$T/u"): $(first_line "$T/u.err")"
run "$T/u" env OWNSCOPE_DIR="$T/wide" "$OWNSCOPE" ps
[ "$(code "$T/u")" = 125 ] && [ "$(wc -l <"$T/u.err")" = 1 ] && grep -q 'not safe to use: .*others may write' "$T/u.err"
verdict "so does ps" $? "$(code "$T/u"): $(first_line "$T/u.err")"
chmod 700 real
run "$T/u" env OWNSCOPE_DIR="$T/link" "${raw[@]}"
[ "$(code "$T/u")" = 125 ] && [ "$(wc -l <"$T/u.err")" = 1 ] && grep -q 'symbolic link' "$T/u.err"
verdict "run refuses a symbolic link" $? "$(code "$T/u"): $(first_line "$T/u.err")"
if [ "$(id -u)" = 0 ]; then
    mkdir -m 700 theirs
    chown 65534 theirs
    says "somebody else's directory" '^no  sessions: .*belongs to uid 65534' 1 env OWNSCOPE_DIR="$T/theirs" "$OWNSCOPE" doctor
    run "$T/u" env OWNSCOPE_DIR="$T/theirs" "${raw[@]}"
    [ "$(code "$T/u")" = 125 ] && [ "$(wc -l <"$T/u.err")" = 1 ] && grep -q 'belongs to uid 65534' "$T/u.err" && [ -z "$(ls -A theirs)" ]
    verdict "run refuses somebody else's directory" $? "$(code "$T/u"): $(first_line "$T/u.err")"
fi

# ---- sandboxes --------------------------------------------------------------
cat >shut.c <<'E2'
/* shut errno|kill CMD…: without ptrace and process_vm_readv. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    unsigned act = strcmp(argv[1], "kill") ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_KILL_PROCESS;
    struct sock_filter f[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 2, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_K, act),
    };
    struct sock_fprog p = {sizeof f / sizeof *f, f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p))
        return 99;
    execv(argv[2], argv + 2);
    return 98;
}
E2
if cc -w -o shut shut.c; then
    says "no ptrace" '^no  ptrace: it is not permitted: ' 1 ./shut errno "$OWNSCOPE" doctor
    says "no reading of memory" '^no  process_vm_readv: it is not permitted: ' 1 ./shut errno "$OWNSCOPE" doctor
    says "a filter that kills" '^no  ptrace: a seccomp filter ends who tries it' 1 ./shut kill "$OWNSCOPE" doctor
    for how in errno kill; do
        unchanged "a filter ($how) harms no program" 0 '' ./shut $how "${raw[@]}"
        traced_too "run: its blocks are recorded all the same ($how)"
    done
else
    skip "sandboxes" "cannot build one"
fi

# ---- places that are not there ----------------------------------------------
if [ "$(id -u)" = 0 ] && have unshare && unshare -m true 2>/dev/null; then
    # in the namespace of `bare KIND CMD…`
    cat >bare.sh <<'E2'
kind=$1
shift
unset OWNSCOPE_SHM
case $kind in
noshm) mkdir -p dev && mount -t tmpfs none dev && for d in null zero full random urandom tty; do
        touch dev/$d && mount --bind /dev/$d dev/$d; done && mount --rbind dev /dev ;;
ro) mount --bind /tmp /tmp && mount --bind "$T" "$T" && mount -o remount,bind,ro /tmp && cd "$T" && unset OWNSCOPE_DIR XDG_RUNTIME_DIR ;;
*) mount -t tmpfs -o "size=$kind" none /dev/shm ;;
esac || exit 97
exec "$@"
E2
    export T
    bare() { echo unshare -m sh bare.sh "$@"; }
    # shellcheck disable=SC2046 # words
    {
        says "no /dev/shm" '^no  /dev/shm: .*not there' 1 $(bare noshm "$OWNSCOPE" doctor)
        says "sessions lie elsewhere then" "^ok  shared memory: .*$OWNSCOPE_DIR" 1 $(bare noshm "$OWNSCOPE" doctor)
        unchanged "no /dev/shm" 1 'not there: the session.s memory is the file' $(bare noshm "${raw[@]}")
        traced_too "run: traced without /dev/shm"
        says "a full /dev/shm" '^no  /dev/shm: .* KiB free' 1 $(bare 16k "$OWNSCOPE" doctor)
        unchanged "a full /dev/shm" 1 'has only' $(bare 16k "${raw[@]}")
        traced_too "run: traced with a full /dev/shm"
        says "64 MiB" '^ok  /dev/shm: .* 6[0-9] MiB free' "$("$OWNSCOPE" doctor | grep -v '/dev/shm' | grep -q '^no' && echo 1 || echo 0)" $(bare 64m "$OWNSCOPE" doctor)
        unchanged "64 MiB" 0 '' $(bare 64m "${raw[@]}")
        if [ "${T#/tmp/}" != "$T" ]; then
            says "a read-only /tmp" '^no  /tmp: .*read-only' 1 $(bare ro env HOME="$T" "$OWNSCOPE" doctor)
            says "sessions live in HOME then" "^ok  sessions: they live in $T/.ownscope" 1 $(bare ro env HOME="$T" "$OWNSCOPE" doctor)
            unchanged "a read-only /tmp" 0 '' $(bare ro env HOME="$T" "${raw[@]}")
            traced_too "run: traced with a read-only /tmp"
            unchanged "a read-only /tmp and no HOME" 0 '' $(bare ro env -u HOME "${raw[@]}")
            traced_too "run: traced with neither"
        else
            skip "a read-only /tmp" "the tests run elsewhere"
        fi
    }

    # A program that goes to another mount namespace before it is what we trace.
    # shellcheck disable=SC2016 # for the inner shell
    unchanged "another mount namespace harms no program" 0 '' "$OWNSCOPE" run -q -o p.own -- unshare -m sh -c 'mount -t tmpfs none /dev/shm; [ -z "$OWNSCOPE_SHM" ] || mount -t tmpfs none "$OWNSCOPE_SHM"; exec "$0"' "$VICTIMS/exit_raw"
    unshare -m sh -c 'mount -t tmpfs none /mnt; exec sleep 300' &
    other=$!
    await grep -qx sleep /proc/$other/comm
    says "another mount namespace" '^no  mounts: .*another mount namespace' 1 "$OWNSCOPE" doctor -p $other
    says "a process without the shim" '^no  traced: .*not loaded' 1 "$OWNSCOPE" doctor -p $other
    kill $other
    wait $other 2>/dev/null

    # A root with nothing but what the programs need: no /proc, no /dev, no /sys.
    mkdir -p root/tmp root/job root/bin
    for file in "$OWNSCOPE" "$SHIM" "$VICTIMS/exit_raw" /bin/true; do
        ldd "$file" | grep -o '/[^ ]*' | while read -r lib; do
            mkdir -p "root${lib%/*}"
            cp -n "$lib" "root$lib"
        done
    done
    cp "$OWNSCOPE" "$SHIM" "$VICTIMS/exit_raw" root/job/
    cp /bin/true root/bin/
    says "a bare root: what is missing" '^no  /proc: ' 1 env -u OWNSCOPE_DIR -u OWNSCOPE_SHM chroot root /job/ownscope doctor
    unchanged "a bare root" 1 'not there' env -u OWNSCOPE_DIR -u OWNSCOPE_SHM chroot root /job/ownscope run -q -o /job/p.own -- /job/exit_raw
    mv root/job/p.own p.own 2>/dev/null
    traced_too "run: traced in a bare root"
else
    skip "poor mounts" "needs root and unshare"
fi

# ---- a traced process -------------------------------------------------------
"$OWNSCOPE" run -q -o s.own -- sleep 300 >/dev/null 2>&1 &
runner=$!
traced_pid() { pid=$("$OWNSCOPE" ps --json 2>/dev/null | jq -r '.sessions[0].processes[0].pid // empty') && [ -n "$pid" ]; }
await traced_pid
says "a traced process" "^ok  traced: by session .* process $runner" "$("$OWNSCOPE" doctor >/dev/null; echo $?)" "$OWNSCOPE" doctor -p "$pid"
kill -KILL $runner
wait $runner 2>/dev/null
says "its collector was killed" '^no  traced: .*has no collector' 1 "$OWNSCOPE" doctor -p "$pid"
kill "$pid"
run "$T/d" "$OWNSCOPE" doctor -p 4194000
[ "$(code "$T/d")" = 125 ] && [ "$(wc -l <"$T/d.err")" = 1 ]
verdict "doctor: no such process" $? "$(code "$T/d"): $(first_line "$T/d.err")"
