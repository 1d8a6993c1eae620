#!/bin/bash
# Do README.md and docs/*.md speak of what is there?  Links, commands, metrics, routes and source
# files are looked up where the program has them; what cannot be found is printed with its page.
#
#   tests/docs_check.sh        closes with `N passed, N failed`, one for each kind of thing
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

pages=(README.md docs/*.md)
passed=0 failed=0 n=0 complaints=()

complain() {
    complaints+=("$1")
}

# check NAME: count what was looked at and complained of since the last one.
check() {
    [ "$n" -gt 0 ] || complain "nothing was found to look at: the search itself is broken"
    if [ ${#complaints[@]} -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok    $1: $n looked at"
    else
        failed=$((failed + 1))
        echo "FAIL  $1"
        printf '      %s\n' "${complaints[@]}"
    fi
    n=0 complaints=()
}

# Code of a page: what stands between backticks, in fences and in indented blocks, line by line.
code() {
    awk '/^```/ { is_fenced = !is_fenced; next }
         is_fenced || /^(    |\t)/ { print; next }
         { n = split($0, part, "`"); for (i = 2; i <= n; i += 2) print part[i] }' "$1"
}

links() {
    local page target
    for page in "${pages[@]}"; do
        while read -r target; do
            n=$((n + 1))
            [ -e "$(dirname "$page")/$target" ] || complain "$page: links to $target, which is not there"
        done < <(grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//; s/[#?].*//' | grep -vE '^([a-z]+:|$)')
    done
    check "links"
}

# A verb of two words (`secret new`) has both in its heading; of others the first word counts.
commands() {
    local page first second
    for page in "${pages[@]}"; do
        while read -r first second; do
            n=$((n + 1))
            grep -qxE "### $first( $second)?" docs/CLI.md ||
                complain "$page: \`stratos $first${second:+ $second}\` is not in docs/CLI.md"
        done < <(code "$page" | grep -oE '(^|[^[:alnum:]_./-])stratos [a-z][a-z-]*( [a-z-]+)?' |
            sed -E 's/.*stratos //' | sort -u)
    done
    check "commands"
}

# Counters end in _total and come from the list; gauges are named where /metrics is answered.
metrics() {
    local page name
    for page in "${pages[@]}"; do
        while read -r name; do
            n=$((n + 1))
            if [[ $name == *_total ]]; then
                name=${name%_total}
                grep -qE "X\($name," core/metrics.h || complain "$page: counter $name is not in core/metrics.h"
            else
                grep -qE "\.name = \"$name\"" agent/api*.c || complain "$page: gauge $name is not in agent/api*.c"
            fi
        done < <(grep -oE '\bstratos_[a-z_]+' "$page" | sed 's/^stratos_//' | sort -u)
    done
    check "metrics"
}

# shellcheck disable=SC2016 # the backticks are those of the page
# Every fixed word and every parameter of a route is a string of the code that takes routes apart.
routes() {
    local word
    while read -r word; do
        n=$((n + 1))
        grep -qE "\"/?$word\"" agent/api*.c || complain "docs/API.md: no agent/api*.c knows the word \"$word\""
    done < <(grep '^|' docs/API.md | grep -oE '`((GET|PUT|POST|DELETE) /|…/)[^`]*`' |
        sed -E 's/^`[A-Z…]* *//; s/=[^&`]*//g; s/\{[^}]*\}//g' | tr '/?&`' '\n' | grep -v '^$' | sort -u)
    check "routes"
}

files() {
    local page file
    for page in "${pages[@]}"; do
        while read -r file; do
            n=$((n + 1))
            [ -e "$file" ] || complain "$page: speaks of $file, which is not there"
        done < <(code "$page" | grep -oE '\b(core|proto|isolate|gossip|sched|netsvc|agent|cli|tests)/[a-z0-9_/]+\.(c|h|sh|py|proto)\b' | sort -u)
    done
    check "files"
}

links
commands
metrics
routes
files
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
