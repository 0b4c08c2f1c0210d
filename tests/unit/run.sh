#!/bin/sh
# Runs the unit tests given as arguments, each with a time limit (UNIT_LIMIT, in
# seconds), and adds up what Check says: the last line is `N passed, N failed`.
here=$(dirname "$0")
. "$here/../shm.sh"
shm=$(mktemp -d) || exit 99
trap 'rm -rf "$shm"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$shm"
shm_choose "$shm/shm"
passed=0 failed=0
for t in "$@"; do
    out=$(CK_VERBOSITY=minimal timeout "${UNIT_LIMIT:-120}" "$t" 2>&1)
    status=$?
    line=$(printf '%s\n' "$out" | grep -E '^[0-9]+%: Checks: ' | tail -n 1)
    checks=$(printf '%s\n' "$line" | sed -n 's/.*Checks: \([0-9]*\),.*/\1/p')
    bad=$(printf '%s\n' "$line" | sed -n 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 + \2/p')
    bad=$((${bad:-0}))
    if [ "$status" -ne 0 ] || [ -z "$checks" ]; then
        printf 'not ok %s (status %s)\n%s\n' "$(basename "$t")" "$status" "$out"
        [ "$bad" -gt 0 ] || bad=1
    else
        printf 'ok %s: %s checks\n' "$(basename "$t")" "$checks"
    fi
    passed=$((passed + ${checks:-$bad} - bad)) failed=$((failed + bad))
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
