#!/bin/bash
# Real programs, bare and traced: the same output, error output and exit code,
# and no rule broken.
# Arguments: the programs to try; all without.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/e2e/programs.sh
. "$(dirname "$0")/programs.sh"
exec 3>&1

# in_folder OUT NAME PREFIX…: a program in a fresh folder of always the same name.
in_folder() {
    local out=$1 name=$2
    shift 2
    rm -rf "$T/work"
    mkdir "$T/work"
    (set -o pipefail; cd "$T/work" && "program_$name" timeout -k 5 "$LIMIT" "$@" >"$out.out" 2>"$out.err" </dev/null; echo $? >"$out.code")
}

one() {
    local name=$1 why events lost
    in_folder "$T/bare" "$name"
    # shellcheck disable=SC2086 # two words
    in_folder "$T/traced" "$name" "$OWNSCOPE" run -q $PATIENT -o "$T/trace.own" --
    why=$(same "$T/bare" "$T/traced") || { not_ok "program $name" "$why"; return; }
    why=$(number "$T/trace.own" totals.allocations lost.events 2>&1) || { not_ok "program $name" "$why"; return; }
    read -r events lost <<<"$why"
    why=$("$OWNSCOPE" report --json "$T/trace.own" | jq -c '.findings | del(.leak)') # real programs leave things behind
    [ "$events" -gt 0 ] && [ "$lost" = 0 ] && [ "$why" = "{}" ]
    verdict "program $name" $? "$events allocations on record, $lost events lost, findings $why"
}

# What the shim exports it must not call: it would enter its own hooks.
calls_itself() {
    local own
    own=$(comm -12 <(nm -D --defined-only "$SHIM" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u) \
        <(readelf -Wr "$SHIM" | awk '/JUMP_SLO|GLOB_DAT|R_X86_64_64/ { sub(/@.*/, "", $5); print $5 }' | sort -u))
    [ "$(nm -D --defined-only "$SHIM" | wc -l)" -gt 100 ] && [ -z "$own" ]
    verdict "the shim calls nothing that it exports" $? "$own"
}
# The table of hooks and nothing else; libc and no library besides; few bytes of TLS.
exports() {
    local wrong tls
    wrong=$(diff <(sed -n 's/^\(HOOK\|LATER\|TWICE\|ALIAS\|OURS\)(\([^,)]*\).*/\2/p' "$ROOT/preload/hooks.def" | sort -u) \
        <(nm -D --defined-only "$SHIM" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u))
    verdict "the shim exports its hooks and no more" $? "$wrong"
    if [ "$(uname -m)" = x86_64 ]; then
        wrong=$(sed -n 's/^TWICE(\(.*\), \(.*\), \(.*\))/\1@@\2\n\1@\3/p' "$ROOT/preload/hooks.def" | sort |
            comm -23 - <(nm -D --defined-only "$SHIM" | awk '{ print $3 }' | sort))
        [ -z "$wrong" ]
        verdict "the shim exports both versions of what has two" $? "$wrong"
    fi
    wrong=$(readelf -Wd "$SHIM" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^libc\.so\|^ld-linux')
    [ -z "$wrong" ]
    verdict "the shim needs libc alone" $? "$wrong"
    tls=$(($(readelf -Wl "$SHIM" | awk '$1 == "TLS" { print $6 }')))
    [ "$tls" -gt 0 ] && [ "$tls" -le 128 ]
    verdict "the shim takes at most 128 bytes of a thread's TLS" $? "$tls"
}
[ $# -gt 0 ] || { calls_itself; exports; }

# shellcheck disable=SC2046,SC2119 # names are words
[ $# -gt 0 ] || set -- $(programs)
for name; do one "$name"; done
