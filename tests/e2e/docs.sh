#!/bin/bash
# The documents agree with the program: every long option of `ownscope COMMAND
# --help` is in its man page and the other way round, every command has a page
# and stands in ownscope(1) and in the completion, every page is clean mdoc.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$ROOT" || exit 99

# Options of a page: those of its .It lines.
page_options() { sed -n '/^\.It Fl/p' "$1" | grep -o -- '-[a-z][a-z-]*[a-z]' | sed 's/^/-/' | sort -u; }
help_options() { sed -n 's/^  .\{4\}\(--[a-z-]*\).*/\1/p' | sort -u; }

commands=$("$OWNSCOPE" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(echo "$commands" | wc -w)" -ge 8 ]
verdict "--help lists the commands" $? "$commands"

for command in $commands; do
    page=man/ownscope-$command.1
    if [ ! -f "$page" ]; then
        not_ok "$command has a page" "no $page"
        continue
    fi
    difference=$(diff <("$OWNSCOPE" "$command" --help | help_options) <(page_options "$page"))
    verdict "$command: options of --help (<) and of its page (>) agree" $? "$difference"
    grep -q "^\.It Cm $command\$" man/ownscope.1
    verdict "ownscope(1) lists $command" $?
    run "$T/r" "$OWNSCOPE" help "$command"
    cmp -s "$T/r.out" <("$OWNSCOPE" "$command" --help) && [ "$(code "$T/r")" = 0 ]
    verdict "help $command is its --help where there is no terminal" $? "$(code "$T/r")"
    long=$("$OWNSCOPE" "$command" --help | awk 'length > 80' | head -n 1)
    [ -z "$long" ]
    verdict "$command --help fits 80 columns" $? "$long"
done
"$B/ownscope-preload" --help | grep -q 'PROGRAM' && [ "$(page_options man/ownscope-preload.1)" = --help ]
verdict "ownscope-preload: --help and its page agree" $?

# complete WORD…: what bash offers for the last word.
complete_words() {
    bash -c '. scripts/ownscope-completion.bash
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _ownscope 2>/dev/null
        printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | sort -u
}
offered=$(complete_words "$OWNSCOPE" "")
for command in $commands; do grep -qx -- "$command" <<<"$offered" || missing="${missing-} $command"; done
[ -z "${missing-}" ]
verdict "completion knows the commands" $? "${missing-}"
[ "$(complete_words "$OWNSCOPE" run --sta)" = --stacks ] && [ "$(complete_words "$OWNSCOPE" run --stacks c)" = caller ]
verdict "completion knows options and their values" $? "$(complete_words "$OWNSCOPE" run --sta)"

if have mandoc; then
    for page in man/*.[1-8]; do
        text=$(mandoc -T lint -W warning "$page" 2>/dev/null)
        verdict "$page is clean" $? "$text"
    done
else
    skip "man pages are clean" "no mandoc"
fi
