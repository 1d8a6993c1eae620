#!/bin/bash
# Deciding code is pure: link-time proof.  Every symbol that the given objects need and none of
# them defines must be in the list of what is allowed.
#
#   tests/purity.sh ALLOW OBJECT...
set -euo pipefail
allow=$1
shift

# What a compiler flag brings in, and not the code: fortified forms, sanitizers, coverage.
flags='^(__asan_|__ubsan_|__tsan_|__sanitizer_|__gcov_|__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$|llvm_gc)'

{
    grep -vE '^[[:space:]]*(#|$)' "$allow" | sed 's/^/allow /'
    nm --defined-only --extern-only --format=posix "$@" 2>/dev/null | awk 'NF > 1 {print "define", $1}'
    nm --undefined-only --print-file-name --format=posix "$@" | awk -F'[: ]+' '{print "need", $2, $1}'
} | awk -v flags="$flags" '
    $1 == "allow" && $2 ~ /^!/ { denied = denied "|^" substr($2, 2) "$" }
    $1 == "allow" && $2 !~ /^!/ { allowed = allowed "|^" $2 "$" }
    $1 == "define" { defined[$2] = 1 }
    $1 == "need" && $2 !~ flags { need[$2 " " $3] = $2 }
    END {
        for (one in need) {
            symbol = need[one]
            plain = symbol
            if (plain ~ /^__.*_chk$/) { sub(/^__/, "", plain); sub(/_chk$/, "", plain) }
            n++
            if (symbol in defined) continue
            if (plain ~ substr(allowed, 2) && !(denied != "" && plain ~ substr(denied, 2))) continue
            split(one, part, " ")
            print part[2] ": calls " symbol | "sort"
            bad++
        }
        close("sort")
        if (!bad) print "pure: " n " references looked at"
        exit bad > 0
    }'
