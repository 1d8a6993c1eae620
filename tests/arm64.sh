#!/bin/bash
# arm64 on another machine: the release is cross-built, its program says its version, the corpora of all
# fuzz targets and the simulator's stories pass, and 20 seeds leave the same traces as here.  Under qemu's
# user mode, where Criterion cannot start its tests.
#
# The libraries of arm64 come from the distribution and lie in build/arm64-root; nothing of this machine
# changes.  Closes with `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD/build/arm64-root out=build/arm64 passed=0 failed=0

count() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >$out/log 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAIL  arm64: $name"
        tail -n 50 $out/log
    fi
}

fetch() {
    local at=$PWD/build/arm64-packages packages
    packages=$(make --no-print-directory -s library-packages)
    mkdir -p "$at"/{debs,lists}/partial
    : >"$at/status"
    local own=(-qq -o Debug::NoLocking=1 -o "Dir::State::status=$at/status" -o "Dir::State::lists=$at/lists"
        -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o "Dir::Cache::archives=$at/debs"
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=)
    apt-get "${own[@]}" update
    # shellcheck disable=SC2086
    apt-get "${own[@]}" -y --no-install-recommends --download-only install libc6-dev $packages
    rm -rf "$root.new"
    mkdir "$root.new"
    for package in "$at"/debs/*.deb; do dpkg -x "$package" "$root.new"; done
    rm -f "$root.new/etc/ld.so.cache"
    mv "$root.new" "$root"
}

[ -d "$root" ] || fetch
make --no-print-directory -j"$(nproc)" OUT=$out "CC=aarch64-linux-gnu-gcc --sysroot=$root" \
    STRIP=aarch64-linux-gnu-strip EMULATOR="qemu-aarch64 -L $root" all simulator replays
printf '#!/bin/sh\nexec qemu-aarch64 -L %s %s "$@"\n' "$root" "$PWD/$out/sim" >$out/sim.run
chmod +x $out/sim.run

make --no-print-directory -j"$(nproc)" simulator
count "version" test "$(qemu-aarch64 -L "$root" $out/stratos version)" = "stratos $(cat VERSION)"
for corpus in tests/fuzz/corpus/*; do
    name=$(basename "$corpus")
    count "replay $name" qemu-aarch64 -L "$root" $out/tests/replay_"$name" "$corpus"
done
count "stories" $out/sim.run --stories "" --seeds 1 --workers "$(nproc)"
count "traces of 20 seeds" tests/same_trace.sh build/release/sim $out/sim.run --seeds 1-20 --nodes 5 --workers "$(nproc)"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
