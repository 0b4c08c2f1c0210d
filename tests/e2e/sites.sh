#!/bin/bash
# Rules of modules and functions while the program runs: of a library that is
# loaded long after the rule was given, nearly all is recorded, and of nothing else
# anything; an exclude of it records nothing of it at all.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99

TURNS=1000
"$VICTIMS/plugin_late" >bare || exit 99

# Blocks made and dropped by size, of a run under these rules: "SIZE MADE DROPPED" a line.
run_under() {
    printf '%s\n' "$@" >rules
    # shellcheck disable=SC2086 # two words
    timeout "$LIMIT" "$OWNSCOPE" run -q $PATIENT -o t.own --rules rules -- "$VICTIMS/plugin_late" >out 2>err
    echo $? >status
    "$OWNSCOPE" sql --json "SELECT size_bytes AS size, count(*) AS made, sum(dropped_ns IS NOT NULL) AS dropped FROM blocks
        WHERE size_bytes BETWEEN 41000 AND 43000 GROUP BY 1" t.own >sizes.json 2>>err
    rm -f t.own
}
made() { jq -r --argjson size "$1" '[.[] | select(.size == $size)][0] // {made: 0, dropped: 0} | "\(.made) \(.dropped)"' sizes.json; }
unchanged() { [ "$(cat status)" = 0 ] && cmp -s out bare; }

# Of the plugin at least this many, none of the program itself.
of_plugin() {
    read -r new dropped <<<"$(made 42002)"
    [ "$new" -ge $((TURNS * 6 / 10)) ] && [ "$new" = "$dropped" ] && [ "$(made 42001) $(made 42003)" = "0 0 0 0" ] && unchanged
}

run_under "trace module=plugin.so"
of_plugin
verdict "a library that is loaded later, by its module" $? "of $TURNS: $(made 42002), others: $(made 42001), $(made 42003); $(first_line err)"

run_under "trace function=plugin_ma?e"
of_plugin
verdict "a function in it, by a pattern" $? "of $TURNS: $(made 42002), others: $(made 42001), $(made 42003); $(first_line err)"

run_under "trace exclude module=*/plugin.so"
[ "$(made 42003)" = "$TURNS $TURNS" ] && [ "$(made 41001) $(made 42002)" = "0 0 0 0" ] && unchanged
verdict "all but a library, from its first call on" $? "$(made 42003); of the library: $(made 41001), $(made 42002); $(first_line err)"

run_under "trace function=main size=42003..42003 limit=250" "trace size=42001..42001"
[ "$(made 42003)" = "250 250" ] && [ "$(made 42001)" = "100 100" ] && [ "$(made 42002)" = "0 0" ] && unchanged
verdict "a limit is met exactly, beside another rule" $? "$(made 42003), $(made 42001), $(made 42002); $(first_line err)"
