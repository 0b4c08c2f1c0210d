#!/bin/bash
# ownscope-preload, the install and its removal, the scripts and the texts.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
W=$B/ownscope-preload

status() {
    local name=$1 want=$2
    shift 2
    run "$T/w" "$@"
    [ "$(code "$T/w")" = "$want" ]
    verdict "$name" $? "exit code $(code "$T/w"), not $want: $(first_line "$T/w.err")"
}
status "wrapper passes the exit code" 42 "$W" sh -c 'exit 42'
status "wrapper: not found" 127 "$W" no-such-program-anywhere
status "wrapper: not executable" 126 "$W" "$ROOT/Makefile"
status "wrapper: a folder" 126 "$W" /tmp
status "wrapper: no program" 2 "$W"
status "wrapper --help" 0 "$W" --help
mkdir "a b"
cp "$W" "$SHIM" "a b/"
# shellcheck disable=SC2016
status "wrapper in a folder with a space" 3 "a b/ownscope-preload" sh -c 'echo "$1"; exit 3' sh "two words"
grep -qx 'two words' "$T/w.out"
verdict "wrapper keeps words apart" $?
# shellcheck disable=SC2016
run "$T/w" env LD_PRELOAD=/no/such.so "$W" sh -c 'echo "$LD_PRELOAD"'
grep -qx "$SHIM:/no/such.so" "$T/w.out"
verdict "wrapper keeps what LD_PRELOAD names" $? "$(cat "$T/w.out")"

# ---- install and uninstall ---------------------------------------------------
if make -s -C "$ROOT" install DESTDIR="$T/root" PREFIX=/usr B="${B#"$ROOT"/}" >make.out 2>&1; then
    run "$T/w" "$T/root/usr/bin/ownscope" run -q -o installed.own -- "$VICTIMS/ctor"
    [ "$(code "$T/w")" = 0 ] && [ "$(number installed.own totals.frees 2>&1)" -ge 5 ]
    verdict "runs as installed" $? "$(first_line "$T/w.err")"
    status "wrapper as installed" 0 "$T/root/usr/bin/ownscope-preload" "$VICTIMS/ctor"
    [ ! -s "$T/w.err" ]
    verdict "wrapper finds the library as installed" $? "$(first_line "$T/w.err")"
    make -s -C "$ROOT" uninstall DESTDIR="$T/root" PREFIX=/usr >make.out 2>&1
    left=$(find root \( -type f -o -type l \) 2>/dev/null)
    [ -z "$left" ]
    verdict "uninstall leaves no file" $? "$left"
else
    not_ok "make install" "$(tail -n 1 make.out)"
fi

# ---- the scripts ---------------------------------------------------------------
if have shellcheck; then
    (cd "$ROOT" && shellcheck -x .ci/run scripts/*.sh scripts/ownscope-preload tests/e2e/*.sh) >lint 2>&1
    verdict "shellcheck" $? "$(grep -m1 -A2 '^In' lint | tr '\n' ' ')"
else
    skip "shellcheck" "not installed"
fi
"$ROOT/scripts/setup.sh" check >setup.out 2>&1
verdict "setup.sh has nothing left to do" $? "$(cat setup.out)"
[ ! -s setup.out ]
verdict "setup.sh is quiet then" $? "$(cat setup.out)"

# Paths in texts: what looks like one of ours must be there.
cd "$ROOT" || exit 99
for text in README.md CONTRIBUTING.md DESIGN.md; do
    [ -e "$text" ] || { not_ok "$text" "is missing"; continue; }
    gone=
    while read -r path; do
        [ -e "$path" ] || [ -e "$path.c" ] || [ -e "$path.h" ] || gone="$gone $path"
    done < <(grep -oE '\b(wire|preload|collector|tests|scripts|man|include|bench)/[A-Za-z0-9_./-]*[A-Za-z0-9_]' "$text" | grep -vE 'NAME|_$' | sort -u)
    [ -z "$gone" ]
    verdict "paths in $text" $? "not there:$gone"
done
