#!/bin/bash
# The same seed leaves the same trace whatever compiled it: two simulators, the same seeds, each
# seed's steps and trace hash compared.
#
#   tests/same_trace.sh SIM SIM ARGUMENT...
set -euo pipefail
one=$1 other=$2
shift 2

traces() {
    "$@" | sed -nE 's/^ok +seed=([0-9]+) .* (steps=[0-9]+) trace=([0-9a-f]+) .*/\1 \2 \3/p'
}

first=$(traces "$one" "$@")
[ -n "$first" ] || { echo "$one left no trace"; exit 1; }
diff <(echo "$first") <(traces "$other" "$@")
echo "$first"
