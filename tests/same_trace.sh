#!/bin/bash
# Every seed twice, by two simulators that were compiled in different ways: each run must pass, with the
# same steps and the same trace hash.  Prints what differs, and `N passed, N failed` of the seeds.
#
#   tests/same_trace.sh SIM SIM ARGUMENT...
set -uo pipefail
one=$1 other=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

traces() {
    "$@" | tee "$work/log" |
        sed -nE 's/^ok +seed=([0-9]+) .* (steps=[0-9]+) trace=([0-9a-f]+) .*/\1 \2 \3/p' | sort -n
    grep -vE '^ok |^[0-9]+ passed' "$work/log" >&2
    tail -n 1 "$work/log" >>"$work/sums"
}

traces "$one" "$@" >"$work/one"
traces "$other" "$@" >"$work/other"
diff "$work/one" "$work/other"
seeds=$(awk '{ n = $1 + $3; if (n > most) most = n } END { print most + 0 }' "$work/sums")
same=$(comm -12 <(sort "$work/one") <(sort "$work/other") | wc -l)
failed=$((seeds - same))
[ "$seeds" -gt 0 ] || failed=1
echo "$same passed, $failed failed"
[ "$failed" -eq 0 ]
