#!/bin/bash
# All tests, one line for each step, closed by `N passed, N failed[, N skipped]`.
#
#   tests/check.sh KIND        KIND is debug (then end-to-end tests take the release binary), asan, ...
#
# What passes is kept in build/<kind>/check/*.log; what fails is shown.  A sanitizer's report fails
# the check wherever it was written: Criterion alone would let a leak pass.
#
# End-to-end tests mostly wait for clusters to notice something, so as root three of them run at a time,
# each in a network of its own, beside the tests that compute.  Those are nicer: a cluster that does
# not get to run would look like one that is slow.
set -uo pipefail
cd "$(dirname "$0")/.."

kind=${1:-debug}
binary_kind=$([ "$kind" = debug ] && echo release || echo "$kind")
out=build/$kind
logs=$PWD/$out/check
jobs=$(nproc)
rm -rf "$logs"
mkdir -p "$logs"
: >"$logs/counts"
polite=() own_network=()
if [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null; then
    own_network=(unshare -n sh -c 'ip link set lo up; exec "$@"' sh)
fi
export ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:log_path=$logs/sanitizer${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$logs/sanitizer${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
export TSAN_OPTIONS="log_path=$logs/sanitizer${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

make=(make --no-print-directory "-j$jobs" "CC=${CC:-gcc}")

# run NAME SECONDS COMMAND...: its output goes to a log, its status to $status, its time to $took.
run() {
    local limit=$2 start=$EPOCHREALTIME
    log=$logs/${1// /-}.log
    shift 2
    timeout --kill-after=10 "$limit" "${polite[@]}" "$@" >"$log" 2>&1 </dev/null
    status=$?
    took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1fs", b - a}')
    [ $status -ne 124 ] && [ $status -ne 137 ] || echo "timed out after $limit s" >>"$log"
}

# Lines of a log that say what failed and why: unittest's, Criterion's, the simulator's, a sanitizer's.
says_why='^(FAIL|ERROR): |^[A-Za-z_.]*(Error|Exception)\b|^\[FAIL\]|^\[----\] .*: |^FAIL|^seed .*:|timed out after|: error: |Sanitizer:'

# tell NAME PASSED FAILED SKIPPED: count a step and print its line, and its log when it failed, in one
# piece whoever else tells something.
tell() {
    {
        flock 9
        echo "$2 $3 $4" >>"$logs/counts"
        printf '%-4s  %-28s %4d passed, %d failed, %d skipped  %8s\n' \
            "$([ "$3" -eq 0 ] && echo ok || echo FAIL)" "$1" "$2" "$3" "$4" "$took"
        if [ "$3" -gt 0 ]; then
            tail -n 200 "$log" | sed 's/^/      /'
            { echo "FAIL  $1" && grep -E "$says_why" "$log" | cut -c1-300 | head -n 8 | sed 's/^/      /'; } >>"$logs/failed"
        fi
    } 9>"$logs/telling"
}

# A step that is one test: it passes when its command does.
step() {
    run "$@"
    tell "$1" $((status == 0)) $((status != 0)) 0
    return $status
}

# A program whose closing line may be `N passed, N failed[, N skipped]`; else it is one test.
program() {
    run "$@"
    local line
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$log" | tail -n 1)
    if [ -z "$line" ]; then
        tell "$1" $((status == 0)) $((status != 0)) 0
        return
    fi
    read -r p _ f _ s _ <<<"$line"
    [ $status -eq 0 ] || [ "$f" -gt 0 ] || f=1
    tell "$1" "$p" "$f" "${s:-0}"
}

unit() {
    local p f s
    run "unit $1" 600 "$out/tests/unit_$1" --verbose=1 "-j$jobs" --timeout 120
    read -r p f < <(sed -nE 's/.*Synthesis: Tested: [0-9]+ \| Passing: ([0-9]+) \| Failing: ([0-9]+).*/\1 \2/p' "$log" | tail -n 1)
    s=$(grep -c '^\[SKIP\]' "$log")
    p=${p:-0} f=${f:-0}
    [ $status -eq 0 ] || [ "$f" -gt 0 ] || f=1 # it crashed or was cut off before its last line
    [ "$f" -eq 0 ] || sed -i -E '/^\[(RUN |PASS)/d' "$log"
    tell "unit $1" "$p" "$f" "$s"
}

end_to_end() {
    local name n f s verdict
    name=$(basename "$1" .py)
    run "e2e ${name#test_}" 600 "${own_network[@]}" env PYTHONDONTWRITEBYTECODE=1 STRATOS="$PWD/build/$binary_kind/stratos" \
        PYTHONPATH=tests/e2e python3 -m unittest -v "$name"
    n=$(sed -nE 's/^Ran ([0-9]+) tests? in .*/\1/p' "$log" | tail -n 1)
    n=${n:-0}
    verdict=$(grep -E '^(OK|FAILED)( \(.*\))?$' "$log" | tail -n 1) # what tests print may come after it
    f=$(grep -oE '(failures|errors|unexpected successes)=[0-9]+' <<<"$verdict" | awk -F= '{n += $2} END {print n + 0}')
    s=$(sed -nE 's/.*skipped=([0-9]+).*/\1/p' <<<"$verdict")
    s=${s:-0}
    [ $status -eq 0 ] || [ "$f" -gt 0 ] || f=1
    local p=$((n - f - s))
    tell "e2e ${name#test_}" $((p > 0 ? p : 0)) "$f" "$s"
}

# Not once more under the sanitizers, but with ALL=1: they fill disks, crowds and whole ranges of addresses, or try the
# kernel's doors for minutes; the code of ours that they run is run by the others as well.
once="refused crowd confined upgrade limits edits cgroup2 chroot clock stall disk health address ports ipv6 lives discovery told words widths firsthour tutorial messages dns nat told logs cli"

# Take what nobody has taken yet until nothing is left: the longest first, so that the end is short.
end_to_end_worker() {
    local name
    for name in refused health disk confined address stall cli logs discovery told service survival rotation clock cgroup2 $(cd tests/e2e && echo test_*.py); do
        name=${name#test_} name=${name%.py}
        [ -e "tests/e2e/test_$name.py" ] || continue
        [ "$kind" != asan ] || [ -n "${ALL:-}" ] || [[ " $once " != *" $name "* ]] || continue
        mkdir "$logs/taken.$name" 2>/dev/null && end_to_end "tests/e2e/test_$name.py"
    done
}

close() {
    [ ! -e "$logs/failed" ] || cat "$logs/failed" # once more, together: the logs above are long
    read -r passed failed skipped < <(awk '{p += $1; f += $2; s += $3} END {print p + 0, f + 0, s + 0}' "$logs/counts")
    if [ "$skipped" -gt 0 ]; then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
    [ "$failed" -eq 0 ]
    exit
}

step "floors" 1500 "${make[@]}" floors BUILD="$kind"
step "floors, planted" 120 python3 tests/floors/test_floors.py
step "purity" 900 "${make[@]}" purity BUILD="$kind"
program "docs" 60 tests/docs_check.sh

has_sim=$(compgen -G 'tests/sim/*.c')
run "build $kind" 1500 "${make[@]}" --keep-going BUILD="$kind" all units replays ${has_sim:+simulator} \
    "$out/tests/bench_"{swim,spread,crowd}
tell "build $kind" 0 $((status != 0)) 0
if [ "$binary_kind" != "$kind" ]; then
    run "build $binary_kind" 1500 "${make[@]}" BUILD="$binary_kind" all ${has_sim:+simulator} \
        "build/$binary_kind/tests/bench_crowd"
    tell "build $binary_kind" 0 $((status != 0)) 0
fi
[ "$binary_kind" != release ] || step "static binary" 10 tests/static.sh build/release/{stratos,stratos.symbols,shim}
[ "$binary_kind" != release ] || step "same bytes elsewhere" 600 tests/same_bytes.sh build/release/stratos

workers=()
trap 'kill "${workers[@]}" 2>/dev/null; exit 1' INT TERM
if [ ${#own_network[@]} -gt 0 ]; then
    for _ in 1 2 3; do
        end_to_end_worker &
        workers+=($!)
    done
    polite=(nice -n 5)
fi
for dir in tests/*/; do
    name=$(basename "$dir")
    [ -x "$out/tests/unit_$name" ] && unit "$name"
done
for target in tests/fuzz/fuzz_*.c; do
    name=$(basename "$target" .c)
    name=${name#fuzz_}
    step "replay $name" 300 "$out/tests/replay_$name" "tests/fuzz/corpus/$name"
done
# Twice: a run must be its seed's, whatever the machine does meanwhile and however it was compiled.
if [ -n "$has_sim" ]; then
    small=(1-104 106-200) large=1-30
    [ "$kind" != asan ] || small=(1-40) large=1-5
    sim=build/$binary_kind/sim
    twice() { # NAME LIMIT ARGUMENT...: unoptimised and as it ships, where this flavour has both
        if [ "$sim" = "$out/sim" ]; then
            program "$1" "$2" "$sim" "${@:3}" --workers "$jobs" --twice
        else
            program "$1, -O0 and -O2" "$2" tests/same_trace.sh "$out/sim" "$sim" "${@:3}" --workers "$jobs"
        fi
    }
    program "simulator, stories" 300 "$out/sim" --stories "" --seeds 1-3
    for seeds in "${small[@]}"; do
        twice "simulator, 5 nodes, $seeds" 600 --seeds "$seeds" --nodes 5
    done
    # Not mended yet: a node that was away beyond the reap time fills, for one that had just started, a gap in what
    # that one had seen of it, with a job that was removed and whose removal is collected.
    [ "$kind" = asan ] || { took=; log=/dev/null; tell "simulator, open: seed 105" 0 0 1; }
    twice "simulator, 50 nodes" 900 --seeds $large --nodes 50
    [ "$sim" = "$out/sim" ] || program "simulator, more of 50 nodes" 600 "$sim" --seeds 31-105 --nodes 50 --workers "$jobs"
fi
program "membership statistics" 300 "$out/tests/bench_swim" --quick
crowd=(16 128 1000)
[ "$kind" != asan ] || crowd=(16 128)
program "a crowd of gossip machines" 300 "build/$binary_kind/tests/bench_crowd" "${crowd[@]}"
program "writes under loss" 300 "$out/tests/bench_spread" 128 0.15 1 100
polite=()
[ ${#workers[@]} -gt 0 ] || end_to_end_worker
wait "${workers[@]}"

log=$logs/sanitizers.log took=
if compgen -G "$logs/sanitizer.*" >/dev/null; then
    for report in "$logs"/sanitizer.*; do
        echo "== $report"
        head -n 60 "$report"
    done >"$log"
    tell "sanitizer reports" 0 "$(compgen -G "$logs/sanitizer.*" | wc -l)" 0
fi
close
