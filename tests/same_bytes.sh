#!/bin/bash
# The release binary once more, from the same sources at another path: the same bytes have to come out.
#
#   tests/same_bytes.sh BINARY
set -euo pipefail
cd "$(dirname "$0")/.."
elsewhere=$(mktemp -d)
trap 'rm -rf "$elsewhere"' EXIT
find . -mindepth 1 -maxdepth 1 ! -name build ! -name .git -exec cp -a {} "$elsewhere" \;
MAKEFLAGS= make --no-print-directory -j"$(nproc)" -C "$elsewhere" BUILD=release "CC=${CC:-gcc}" >/dev/null
cmp "$1" "$elsewhere/build/release/stratos"
echo "the same $(stat -c %s "$1") bytes"
