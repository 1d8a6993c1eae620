#!/bin/bash
# Do README.md and docs/*.md speak of what is there?  Links, commands, metrics, routes and source
# files are looked up where the program has them; what cannot be found is printed with its page.
#
#   tests/docs_check.sh        closes with `N passed, N failed`, one for each kind of thing
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

pages=(README.md docs/*.md)
folders=(core proto isolate gossip sched netsvc agent cli)
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

# Counters end in _total and come from the list; gauges, and counters with labels, are named where /metrics
# is answered.
metrics() {
    local page name
    for page in "${pages[@]}"; do
        while read -r name; do
            n=$((n + 1))
            if [[ $name == *_total ]]; then
                name=${name%_total}
                grep -qE "X\($name,|\.name = \"$name\"" core/metrics.h agent/api*.c ||
                    complain "$page: counter $name is neither in core/metrics.h nor in agent/api*.c"
            else
                grep -qE "\.name = \"$name\"" agent/api*.c || complain "$page: gauge $name is not in agent/api*.c"
            fi
        done < <(grep -oE '\bstratos_[a-z_]+' "$page" | sed 's/^stratos_//' | sort -u)
    done
    check "metrics"
}

# The table of routes and the page's agree, line by line: method, pattern, need, parameters.
routes() {
    local line
    while read -r line; do
        n=$((n + 1))
        complain "docs/API.md and agent/api_routes.c differ: $line"
    done < <(diff <(page_routes) <(code_routes) | grep '^[<>]' || true)
    n=$((n + $(code_routes | wc -l)))
    check "routes"
}

page_routes() {
    grep -E '^\| `(GET|PUT|POST|DELETE) /' docs/API.md | awk -F' *\\| *' '{ gsub("`", ""); print $2 " | " $3 " | " $4 }'
}

code_routes() {
    tr '\n' ' ' <agent/api_routes.c | sed -E 's/WAITS/"after wait"/g; s/LISTS/"after wait limit"/g; s/" +"/ /g; s/\{"/\n{"/g; s/$/\n/' |
        sed -nE 's/^\{"([A-Z]+)", *"([^"]*)", *(NEED_[A-Z]+), *(true|false), *"([^"]*)", *route_.*/\1 \2 | \3 | \5/p' |
        sed -E 's/NEED_NOTHING/–/; s/NEED_READ/read/; s/NEED_WRITE/write/; s/NEED_CLUSTER/write, all namespaces/; s/NEED_SECRET/socket or secret/; s/ +/ /g'
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

# Of the pages that lead through the code: each function, table, type and constant in backticks is in it.
names() {
    local page name found
    for page in docs/ARCHITECTURE.md docs/CONTRIBUTING.md docs/GLOSSARY.md; do
        while read -r name; do
            n=$((n + 1))
            case $name in
            "struct "* | "enum "*) found="^$name \\{" ;;
            [A-Z]*) found="^ *(#define )?$name\\b" ;;
            *) found="^[a-z].*\\b$name(\\(|\\[)|\"$name\"" ;;
            esac
            grep -rqE --include='*.[ch]' "$found" "${folders[@]}" || complain "$page: speaks of $name, which is not in the code"
        done < <(sed 's/`[^`]*\.\(c\|h\|md\|sh\|py\)`//g' "$page" |
            grep -oE '`((struct|enum) [a-z_]+|[a-z][a-z0-9]*(_[a-z0-9]+)+|[A-Z]+(_[A-Z]+)+)`' | tr -d '`' | sort -u)
    done
    check "names"
}

links
commands
metrics
routes
files
names
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
