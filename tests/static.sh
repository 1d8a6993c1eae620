#!/bin/bash
# The binary that people copy to their hosts: static, small, at an address by chance (PIE), with nothing
# that is both writable and executable and with its tables read-only before main (RELRO, NOW); and with no
# code in it that would load the host's own libraries at run time (glibc's name service switch: users,
# groups, hosts, services).
#
#   tests/static.sh BINARY SYMBOLS SHIM      SYMBOLS is the same binary before it was stripped; SHIM is the
#                                           program inside it whose weight every task bears
set -euo pipefail
binary=$1 symbols=$2 shim=$3
bytes_max=$((16 << 20))
failed=0
complain() {
    echo "$binary: $1"
    failed=1
}

headers=$(readelf --wide --file-header --program-headers "$binary")
dynamic=$(readelf --wide --dynamic "$binary")
if grep INTERP <<<"$headers" || grep NEEDED <<<"$dynamic"; then
    complain "loads other files when it starts"
fi
grep -q 'Type: *DYN' <<<"$headers" && grep -q 'Flags:.* PIE' <<<"$dynamic" || complain "is not position-independent"
grep -q GNU_RELRO <<<"$headers" && grep -q 'Flags:.*NOW' <<<"$dynamic" || complain "is without RELRO or NOW"
! grep -q TEXTREL <<<"$dynamic" || complain "has relocations in its code"
! grep -E '(LOAD|GNU_STACK).* RWE ' <<<"$headers" || complain "maps something writable and executable"
bytes=$(stat -c %s "$binary")
[ "$bytes" -le $bytes_max ] || complain "has $bytes bytes, and at most $bytes_max are wanted"

# With musl; a build without it is heavier, and works.
bytes=$(stat -c %s "$shim")
if command -v musl-gcc >/dev/null && [ "$bytes" -gt $((160 << 10)) ]; then
    complain "has a shim of $bytes bytes, and at most $((160 << 10)) are wanted"
fi

# core/layout.ld keeps what an idle agent runs through within one piece that a kernel maps at a time.
text=$(size -A "$symbols" | awk '$1 == ".text" {print $2}')
[ "$text" -le $((2 << 20)) ] || complain "has $text bytes of .text: look what core/layout.ld can leave out"

# What looks a name up goes through one of these, whoever calls it.
lookups='^(__|_)?nss_|^__nscd_|^(getaddrinfo|getnameinfo|gethostby(name2?|addr)(_r)?|getgr(nam|gid)_r|getpwnam_r|initgroups)$'
names=$(nm --defined-only --format=posix "$symbols" | awk '{print $1}')
[ "$(wc -l <<<"$names")" -gt 1000 ] || complain "has no symbols to look at in $symbols"
if grep -E "$lookups" <<<"$names"; then
    complain "holds the look-ups above, which need the host's shared libraries"
fi
[ $failed -eq 0 ] && echo "static: $(stat -c %s "$binary") bytes, the shim $bytes"
exit $failed
