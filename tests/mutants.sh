#!/bin/bash
# Mutation tests: each patch of tests/mutants plants one fault, and something has to notice it.
#
#   tests/mutants.sh [NAME...]      parts of names; without any, all of them
#   tests/mutants.sh --check        do they apply to this tree?
#
# A patch begins with lines "Breaks: ..." (the rule that it takes away) and, where nothing has to notice
# it, "Harmless: ..." (why).  It is applied to a copy of the tree, of which only what differs is compiled;
# then the unit tests of the folders that it changes run, all stories of the simulator, and seeds 1-600,
# up to the first that notices.  It is an error when a patch does not apply or does not build, when nobody
# notices one that is not harmless, and when somebody notices one that is said to be.
#
# SEEDS=1-600 says which seeds, WORKERS=2 how many processes take part (as many as there are cores), and
# EVERY=1 runs all three, whoever has noticed already.
set -uo pipefail
cd "$(dirname "$0")/.."

seeds=${SEEDS:-1-600}
workers=${WORKERS:-$(nproc)}
every=${EVERY:-}
tree=$PWD/build/mutants/tree
logs=$PWD/build/mutants/logs
kind=release # the simulator is five times as fast with it
[ ! -d /usr/lib/ccache ] || PATH=/usr/lib/ccache:$PATH
export PATH CCACHE_BASEDIR=${CCACHE_BASEDIR:-$PWD} CCACHE_NOHASHDIR=1
mkdir -p "$tree" "$logs"

breaks() {
    sed -nE "s/^$2: //p" "tests/mutants/$1.patch"
}

is_check=
[ "${1:-}" != --check ] || { is_check=1; shift; }

# ---- which of them, and are they still of this tree?
patches=() stale=()
for patch in tests/mutants/*.patch; do
    name=$(basename "$patch" .patch) is_one=
    [ $# -gt 0 ] || is_one=1
    for part in "$@"; do
        [[ $name != *"$part"* ]] || is_one=1
    done
    [ -n "$is_one" ] || continue
    patches+=("$name")
    git apply --check "$patch" 2>"$logs/$name.apply" || stale+=("$name: it does not apply: $(head -n 1 "$logs/$name.apply")")
    [ -n "$(breaks "$name" Breaks)" ] || stale+=("$name: it has no line 'Breaks: ...'")
done
[ ${#patches[@]} -gt 0 ] || { echo "no such mutant in tests/mutants: $*" >&2; exit 2; }
if [ ${#stale[@]} -gt 0 ]; then
    printf '%s\n' "${stale[@]}" "make them again from what the code says now" >&2
    echo "$((${#patches[@]} - ${#stale[@]})) passed, ${#stale[@]} failed"
    exit 1
fi
[ -z "$is_check" ] || { echo "${#patches[@]} passed, 0 failed"; exit; }

make=(make --no-print-directory BUILD=$kind CI= MAKEFLAGS= "-j$workers")

# The files as they are here, newer ones alone: what was built before stays so.
copy_tree() {
    git ls-files -z --cached --others --exclude-standard | grep -zv '^build/' |
        while IFS= read -rd '' f; do [ ! -e "$f" ] || printf '%s\0' "$f"; done |
        tar --null -T - -c | tar -x -C "$tree" --keep-newer-files 2>/dev/null
    # What is gone here is compiled there no longer.
    (cd "$tree" && find . -path ./build -prune -o -type f -print) | while read -r f; do
        [ -e "$f" ] || rm "$tree/$f"
    done
}

changed_by() {
    sed -nE 's,^\+\+\+ b/(.*),\1,p' "tests/mutants/$1.patch"
}

# The folders that a patch changes and that have unit tests.
folders_of() {
    changed_by "$1" | cut -d/ -f1 | sort -u | while read -r f; do
        [ ! -d "tests/$f" ] || echo "$f"
    done
}

# Each prints who noticed, or nothing.
units() {
    for folder in $(folders_of "$1"); do
        local out=$logs/$1.units.$folder
        timeout --kill-after=5 300 "build/$kind/tests/unit_$folder" --fail-fast --timeout 60 "-j$workers" >"$out" 2>&1 && continue
        sed -nE 's/.*\[FAIL\] ([^ ]+::[^ :]+).*/\1/p' "$out" | head -n 1 | grep . || echo "unit_$folder"
        return
    done
}

simulated() {
    local out=$logs/$1.$2 name
    timeout --kill-after=5 600 "build/$kind/sim" "${@:3}" >"$out" 2>&1 && return
    name=$(sed -nE 's/^FAIL (seed=[0-9]+|[^:]*, seed [0-9]+).*/\1/p' "$out" | head -n 1)
    echo "${name:-$2 crash or hang}"
}

# In the copy: who noticed, one a line.
try() {
    local found
    found=$(units "$1")
    [ -z "$found" ] || [ -n "$every" ] || { echo "$found"; return; }
    found+=${found:+$'\n'}$(simulated "$1" stories --stories "" --seeds 1-1)
    [ -z "$found" ] || [ -n "$every" ] || { echo "$found"; return; }
    found+=${found:+$'\n'}$(simulated "$1" seeds --seeds "$seeds" --nodes 5 --workers "$workers" --first)
    echo "$found" | grep .
}

build() {
    local folders
    folders=$(for name in "$@"; do folders_of "$name"; done | sort -u)
    # shellcheck disable=SC2086
    "${make[@]}" $(for f in $folders; do echo "build/$kind/tests/unit_$f"; done) "build/$kind/sim" >"$logs/build" 2>&1
}

# ---- the tree itself, which must pass
copy_tree
(cd "$tree" && build "${patches[@]}") || { tail -n 20 "$logs/build"; echo "the tree itself does not build" >&2; exit 1; }
for name in "${patches[@]}"; do # of each folder once
    folders=$(folders_of "$name")
    [ -z "${tried[*]:-}" ] || ! printf '%s\n' "${tried[@]}" | grep -qxF "$folders" || continue
    tried+=("$folders")
    found=$(cd "$tree" && units "$name")
    [ -z "$found" ] || { echo "the tree itself fails: $found: mend that first" >&2; exit 1; }
done
found=$(cd "$tree" && simulated none stories --stories "" --seeds 1-1 &&
    simulated none seeds --seeds "$seeds" --nodes 5 --workers "$workers" --first)
[ -z "$found" ] || { echo "the tree itself fails: $found: mend that first" >&2; exit 1; }

# ---- the mutants
passed=0 failed=0
for name in "${patches[@]}"; do
    start=$SECONDS harmless=$(breaks "$name" Harmless) word=ok
    git apply --directory=build/mutants/tree "tests/mutants/$name.patch"
    if (cd "$tree" && build "$name"); then
        found=$(cd "$tree" && try "$name")
        [ -n "$found" ] || found=nobody
        [ -n "$harmless" ] && [ "$found" != nobody ] && word=FAIL found+=", though it is said to be harmless"
        [ -z "$harmless" ] && [ "$found" = nobody ] && word=FAIL found="nobody: it survives"
    else
        word=FAIL found="it does not build: $(grep -m 1 error "$logs/build")"
    fi
    changed_by "$name" | while read -r f; do cp "$f" "$tree/$f"; done
    [ $word = ok ] && passed=$((passed + 1)) || failed=$((failed + 1))
    printf '%-4s %-34s %3d s  %s\n         noticed by %s\n' "$word" "$name" "$((SECONDS - start))" "$(breaks "$name" Breaks)" \
        "$(echo "$found" | paste -sd, | sed 's/,/, /g')${harmless:+; harmless: $harmless}"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
