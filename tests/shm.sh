# tests/shm.sh - sourced by what runs tests (sh and bash): where the shared
# memory of their sessions lies. Containers often give /dev/shm 64 MiB, or none:
# the tests that run side by side need more, and take the temporary folder.
# shellcheck shell=sh

# shm_choose FOLDER: makes it OWNSCOPE_SHM where /dev/shm has too little.
shm_choose() {
    free_kib=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $4 }')
    if [ "$(stat -c %a /dev/shm 2>/dev/null)" = 1777 ] && [ "${free_kib:-0}" -ge 262144 ]; then
        unset OWNSCOPE_SHM
    else
        mkdir -p -m 1777 "$1"
        export OWNSCOPE_SHM="$1"
    fi
}
