#!/bin/bash
# Runs the unit tests given as arguments, two at a time (UNIT_JOBS), each with a
# time limit (UNIT_LIMIT, in seconds), and adds up what Check says: the last line
# is `N passed, N failed`.
here=$(dirname "$0")
. "$here/../shm.sh"
outputs=$(mktemp -d) || exit 99
trap 'rm -rf "$outputs"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
chmod 755 "$outputs"
export CK_DEFAULT_TIMEOUT=60 # s of one test that sets none: Check's own four are few on a machine that does much else
shm_choose "$outputs/shm"

one() {
    local t=$1 name out status line checks bad
    name=$(basename "$t")
    out=$(CK_VERBOSITY=normal timeout "${UNIT_LIMIT:-300}" "$t" 2>&1)
    status=$?
    line=$(printf '%s\n' "$out" | grep -E '^[0-9]+%: Checks: ' | tail -n 1)
    checks=$(printf '%s\n' "$line" | sed -n 's/.*Checks: \([0-9]*\),.*/\1/p')
    bad=$(printf '%s\n' "$line" | sed -n 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 + \2/p')
    bad=$((${bad:-0}))
    if [ "$status" -ne 0 ] || [ -z "$checks" ]; then
        printf 'not ok %s (status %s)\n%s\n' "$name" "$status" "$out"
        [ "$bad" -gt 0 ] || bad=1
    else
        printf 'ok %s: %s checks\n' "$name" "$checks"
    fi
    echo "$((${checks:-$bad} - bad)) $bad" >"$outputs/$name.sum"
}

for t; do
    while [ "$(jobs -rp | wc -l)" -ge "${UNIT_JOBS:-2}" ]; do wait -n; done
    one "$t" &
done
wait
passed=0 failed=0
for t; do
    read -r good bad 2>/dev/null <"$outputs/$(basename "$t").sum" || good=0 bad=1
    passed=$((passed + good)) failed=$((failed + bad))
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
