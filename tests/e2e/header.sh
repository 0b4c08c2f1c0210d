#!/bin/bash
# ownscope.h as programs include it: every compiler, language and kind of executable
# that is there; silent outside of ownscope, heard inside.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$T" || exit 99
cat >marks.c <<'C'
#include <ownscope.h>
int main(int n, char **names)
{
    OWNSCOPE_MARK("begun");
    ownscope_mark(names[n - 1]);
    return 3;
}
C
cat >library.c <<'C'
#include <ownscope.h>
void library(void);
void library(void) { OWNSCOPE_MARK("library"); }
C
cat >user.c <<'C'
void library(void);
int main(void) { library(); return 3; }
C
cp marks.c marks.cc
marks_of() { "$OWNSCOPE" events --json "$1" | jq -r 'select(.type == "mark") | .text // .name' | tr '\n' ' '; }

# heard NAME MARKS COMMAND…: the program that COMMAND makes says so.
heard() {
    local name=$1 marks=$2 why
    shift 2
    have "$1" || { skip "header: $name" "no $1"; return; }
    why=$("$@" -I"$ROOT/include" -Wall -Wextra -Werror -o program 2>&1) || { not_ok "header: $name" "$why"; return; }
    run bare ./program named
    traced inside trace.own ./program named
    why="$(code bare) $(code inside) $(marks_of trace.own)"
    [ "$why" = "3 3 $marks" ]
    verdict "header: $name" $? "$why"
}
heard "C99, pedantic" "begun named " gcc -std=c99 -pedantic marks.c
heard "C90" "begun named " gcc -std=c90 marks.c
heard "not position-independent" "begun named " gcc -O2 -fno-pie -no-pie marks.c
heard "lazily bound, -fno-plt" "begun named " gcc -O2 -fno-plt -Wl,-z,lazy marks.c
heard "link-time optimised" "begun named " gcc -O2 -flto marks.c
heard "C++98" "begun named " g++ -std=c++98 -pedantic marks.cc
heard "C++20" "begun named " g++ -std=c++20 -O2 marks.cc
heard "clang" "begun named " clang -O2 -pedantic marks.c
heard "clang, not position-independent" "begun named " clang -O2 -fno-pie -no-pie marks.c
heard "clang++" "begun named " clang++ -std=c++17 -O2 marks.cc
heard "left out" "" gcc -DOWNSCOPE_DISABLE marks.c
gcc -shared -fPIC -O2 -Wl,-z,defs -I"$ROOT/include" -o library.so library.c
heard "in a library with no undefined names" "library " gcc user.c ./library.so
gcc -O2 -I"$ROOT/include" -static -o still marks.c && run bare ./still named
[ "$(code bare)" = 3 ]
verdict "header: a static program" $?

# What it costs where the tool is absent: a load and a branch.
gcc -O2 -c -I"$ROOT/include" -o library.o library.c
instructions=$(objdump -d --no-show-raw-insn library.o | sed -n '/<library>:/,/ret/p' | grep -c ':	')
[ "$instructions" -ge 3 ] && [ "$instructions" -le 8 ]
verdict "header: a mark is few instructions" $? "$instructions"
