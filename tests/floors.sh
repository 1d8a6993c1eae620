#!/bin/bash
# Who includes whom, folder by folder (DESIGN 4).  Fails on an include that looks up, or across to
# another folder of the same floor, and on a third-party header outside its door (STYLE, "Layout").
#
#   tests/floors.sh [DIR]      DIR is the root of the source tree, by default the current one
set -euo pipefail
cd "${1:-.}"

declare -A floor=([core]=0 [proto]=1 [isolate]=1 [gossip]=2 [sched]=3 [netsvc]=3 [agent]=4 [cli]=5)
folders=(core proto isolate gossip sched netsvc agent cli)

# header -> the files that may include it, as one extended regular expression
doors=(
    'uv\.h|/uv_[^/]*$'
    'rocksdb/.*|^core/store_rocks\.c$'
    '.*\.pb-c\.h|^proto/codec[^/]*$'
    'msgpack.*\.h|^proto/(record|pack)[^/]*\.c$'
    'sodium.*\.h|^(proto/[^/]*\.c|core/hash\.c)$'
    'yaml\.h|^core/doc[^/]*\.c$'
    'llhttp\.h|^netsvc/http[^/]*\.c$|^agent/client_http\.c$'
    'ares\.h|^(netsvc|agent)/[^/]*resolve[^/]*\.c$|/uv_[^/]*$'
    'seccomp\.h|^isolate/(seccomp|privilege)[^/]*\.c$'
    'sys/capability\.h|^isolate/(caps|privilege)[^/]*\.c$'
    'xxhash\.h|^core/hash\.c$'
    'criterion/.*|^$'
)

# Every include as "file folder-or-header"; quoted ones first.
includes() {
    local open=$1
    shift
    grep -HoE "^[[:space:]]*#[[:space:]]*include[[:space:]]*${open}[^\">]+" "$@" 2>/dev/null |
        sed -E "s/:[^:]*include[[:space:]]*${open}/ /" || true
}

failed=0
complain() {
    echo "$1"
    failed=1
}

for from in "${folders[@]}"; do
    declare -A seen=()
    files=()
    for file in "$from"/*.[ch]; do
        [ -e "$file" ] && files+=("$file")
    done
    [ ${#files[@]} -gt 0 ] || continue
    while read -r file header; do
        to=${header%%/*}
        case $header in
        *.pb-c.h)
            [[ $file =~ ^proto/codec[^/]*$ ]] || complain "$file: includes $header, which only proto/codec.c may"
            continue ;;
        esac
        if [ "$to" = "$header" ] || [ -z "${floor[$to]+x}" ]; then
            complain "$file: includes \"$header\", which is not written from the root"
            continue
        fi
        seen[$to]=$((${seen[$to]:-0} + 1))
        if [ "${floor[$to]}" -gt "${floor[$from]}" ]; then
            complain "$file: includes \"$header\", which is on a higher floor"
        elif [ "$to" != "$from" ] && [ "${floor[$to]}" -eq "${floor[$from]}" ]; then
            complain "$file: includes \"$header\", but $from and $to do not know each other"
        elif [ "$to" = gossip ] && [[ $from =~ ^(sched|netsvc)$ ]] && ! [[ $header =~ /(gossip|state)\.h$ ]]; then
            complain "$file: includes \"$header\", which is not one of gossip's faces"
        fi
    done < <(includes '"' "${files[@]}")
    line=$(printf '%-8s ->' "$from")
    for to in "${folders[@]}"; do
        [ -n "${seen[$to]:-}" ] && line+=" $to(${seen[$to]})"
    done
    echo "$line"
    while read -r file header; do
        for door in "${doors[@]}"; do
            if [[ $header =~ ^(${door%%|*})$ ]] && ! [[ $file =~ ${door#*|} ]]; then
                complain "$file: includes <$header>, which stays behind another door"
            fi
        done
    done < <(includes '<' "${files[@]}")
    unset seen
done
exit $failed
