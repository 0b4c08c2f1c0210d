#!/bin/sh
# scripts/setup.sh - installs what ownscope's build and tests need, on Debian.
#
#   setup.sh build    what `make` and `make demo` need
#   setup.sh check    that, and what `make check` needs
#
# Only what is missing is installed, nothing is upgraded, and a service that
# comes with a package is neither started nor enabled. Silent when nothing is
# missing. Needs root or sudo only when something is. Exit 0, or 1 with one line
# that says what to install by hand.
set -eu

# A word is a package, or package:command where the command is enough.
build="gcc:gcc make:make pkg-config:pkg-config libc6-dev libunwind-dev liburcu-dev
       libjansson-dev libdw-dev libelf-dev libiberty-dev libzstd-dev libxxhash-dev
       libmicrohttpd-dev libsqlite3-dev libedit-dev libncurses-dev python3:python3"
tests="check g++:g++ mandoc:mandoc procps:pgrep util-linux:unshare python3-jsonschema
       valgrind:valgrind libc6-dbg graphviz:dot git:git sqlite3:sqlite3 jq:jq redis-server:redis-server
       redis-tools:redis-cli nginx-light:nginx memcached:memcached curl:curl xz-utils:xz tmux:tmux perl-base:perl
       lua5.4:lua5.4"

case ${1-} in
build) wanted=$build ;;
check) wanted="$build $tests" ;;
*) echo "usage: setup.sh build|check" >&2; exit 2 ;;
esac

PATH=$PATH:/usr/sbin:/sbin

# have WORD: is it here already?
have() {
    case $1 in
    *:*) command -v "${1#*:}" >/dev/null 2>&1 && return 0 ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "${1%%:*}" 2>/dev/null)" = installed ]
}

missing() {
    for word in $wanted; do
        have "$word" || printf ' %s' "${word%%:*}"
    done
}

cannot() {
    echo "setup: $1; install by hand: apt-get install$packages" >&2
    exit 1
}

packages=
if ! command -v dpkg-query >/dev/null 2>&1; then
    for word in $wanted; do packages="$packages ${word%%:*}"; done
    cannot "this is not Debian"
fi
packages=$(missing)
[ -n "$packages" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || cannot "not root, and no sudo"
    sudo="sudo"
fi
command -v apt-get >/dev/null 2>&1 || cannot "no apt-get"

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
tidy() {
    rm -f "$log"
    [ -z "$made_policy" ] || $sudo rm -f "$policy"
}
trap tidy EXIT
trap 'exit 130' INT TERM HUP

# No service starts: a policy of our own, unless the machine has one already.
if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod 755 "$policy"
fi

apt() {
    # shellcheck disable=SC2086 # words are meant
    $sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y \
        -o Dpkg::Use-Pty=0 -o Acquire::Retries=2 "$@" >>"$log" 2>&1
}

echo "setup: installing$packages"
# shellcheck disable=SC2086 # the packages are words
if ! apt install --no-install-recommends --no-upgrade $packages; then
    apt update || true
    : >"$log"
    apt install --no-install-recommends --no-upgrade $packages ||
        cannot "apt-get failed ($(grep -m1 '^E:' "$log" || tail -n1 "$log"))"
fi

# The tests start their own servers: none of these is to come up at boot.
for unit in redis-server nginx memcached; do
    case "$packages " in
    *" $unit "* | *" $unit-light "*)
        if command -v deb-systemd-helper >/dev/null 2>&1; then
            $sudo env DPKG_MAINTSCRIPT_PACKAGE="$unit" deb-systemd-helper disable "$unit.service" >/dev/null 2>&1 || true
        fi ;;
    esac
done

packages=$(missing)
[ -z "$packages" ] || cannot "some are still missing"
