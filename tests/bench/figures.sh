#!/usr/bin/env bash
# The figures of one machine, for docs/BENCHMARKS.md: size, idle cost, time to healthy, time to replace.
# Usage: tests/bench/figures.sh [SECONDS of idling]   (root; makes its own network namespace)
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -n "${IN_NS:-}" ] || exec env IN_NS=1 unshare -n "$0" "$@"
ip link set lo up
idle_s=${1:-60}
stratos=$PWD/build/release/stratos
dir=$(mktemp -d)
trap '"$stratos" dev --dir "$dir" --stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
now() { date +%s%N; }
ms() { echo $((($(now) - $1) / 1000000)); }
healthy() { "$stratos" status hello --json 2>/dev/null | grep -o '"health":"passing"' | wc -l; }

echo "machine: $(nproc) cores, Linux $(uname -r), $(date -I)"
echo "binary: $(stat -c %s "$stratos") bytes, $(ldd "$stratos" 2>&1 | head -1 | xargs)"
"$stratos" dev --nodes 3 --dir "$dir" --profile lan --detach >/dev/null
export STRATOS_SOCKET=$dir/n1/stratos.sock
sleep 5
ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
pids=$(cat "$dir"/n*/agent.pid)
before=0; for p in $pids; do before=$((before + $(ticks "$p"))); done
sleep "$idle_s"
after=0; for p in $pids; do after=$((after + $(ticks "$p"))); done
awk -v t=$((after - before)) -v s="$idle_s" -v hz="$(getconf CLK_TCK)" \
    'BEGIN { printf "idle agent of 3 (lan): %.3f %% of a core over %d s\n", 100 * t / hz / s / 3, s }'
for p in $pids; do
    echo "idle agent: $(awk '/VmRSS/ {printf "RSS %.1f MB", $2 / 1000}' "/proc/$p/status"), $(awk '/^Pss:/ {printf "PSS %.1f MB", $2 / 1000}' "/proc/$p/smaps_rollup"), $(ls "/proc/$p/task" | wc -l) threads"
done
t=$(now); "$stratos" run examples/hello.yaml >/dev/null 2>&1
echo "run hello.yaml to 3/3 healthy: $(ms "$t") ms"
sleep 2
t=$(now); kill -9 "$(cat "$dir/n3/agent.pid")"
until [ "$("$stratos" status hello --json 2>/dev/null | grep -o '"node":"n[12]","state":"running","health":"passing"' | wc -l)" = 3 ] &&
    ! dig @127.77.0.1 -p 8600 hello.service.stratos A +short | grep -q 127.77.0.3; do sleep 0.1; done
echo "a node and its tasks killed, replaced and out of DNS (lan): $(ms "$t") ms"
