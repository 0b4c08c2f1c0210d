#!/bin/bash
# tests/e2e/run.sh [NAME…] - runs the end-to-end scripts of this folder (or the
# ones named), two at a time and the long ones first, prints what they say as each ends, and the sum
# alone on the last line. Exit 1 when anything failed. A script that says
# nothing, or is cut off by its time limit, is a failure.
set -u
here=$(cd "$(dirname "$0")" && pwd)
jobs=${E2E_JOBS:-2}
limit=${E2E_LIMIT:-${TORTURE:+3600}}
limit=${limit:-600}
[ $# -gt 0 ] || set -- victims leaks orders transparency threads_real archive snapshots suppressions rotate recorder moments control graph top sites life poor narrow plan leaks_real leaks_cli kill locks counts crowd refusals signals live options unwind schema docs limits header time wrapper cli fatal sql sampling

outputs=$(mktemp -d) || exit 99
trap 'rm -rf "$outputs"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM

one() {
    local name=$1 code
    local started=$SECONDS
    timeout -k 10 "$limit" bash "$here/$name.sh" >"$outputs/$name" 2>"$outputs/$name.err" </dev/null
    code=$?
    case $code in
    0) ;;
    124 | 137) echo "not ok $name: longer than $limit s" >>"$outputs/$name" ;;
    *) echo "not ok $name: ended with $code: $(tail -n 1 "$outputs/$name.err")" >>"$outputs/$name" ;;
    esac
    grep -qE '^(ok|not ok|skip) ' "$outputs/$name" || echo "not ok $name: said nothing" >>"$outputs/$name"
    {
        echo "# $name ($((SECONDS - started)) s)"
        cat "$outputs/$name"
    } >"$outputs/$name.all"
    cat "$outputs/$name.all"
}

for name; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    one "$name" &
done
wait

count() { cat "$outputs"/*.all | grep -cE "^$1 "; }
passed=$(count ok) failed=$(count 'not ok') skipped=$(count skip)
if [ "$failed" -gt 0 ]; then
    echo "# failed:"
    cat "$outputs"/*.all | grep -E '^not ok '
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
