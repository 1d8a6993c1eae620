#!/usr/bin/env bash
# The demo: a cluster of three nodes on this machine, a service, a lost host, and what Stratos does
# about it.  Called by `make demo`; bounded in time, leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/.."
stratos=$PWD/build/release/stratos
dir=$(mktemp -d /tmp/stratos-demo.XXXXXX)
started=$(date +%s)

finish() {
    code=$?
    timeout 40 "$stratos" dev --dir "$dir" --stop >/dev/null 2>&1 || true
    [ $code -eq 0 ] || tail -n 5 "$dir"/n*/agent.log 2>/dev/null || true
    rm -rf "$dir"
    exit $code
}
trap finish EXIT

step() { printf '\n\033[1m== %s\033[0m\n' "$1"; }
show() { printf '$ %s\n' "$*"; }
fail() { echo "demo: $1" >&2; exit 1; }

step "Three nodes start on this machine; nobody is the master"
show stratos dev --nodes 3 --detach
timeout 30 "$stratos" dev --nodes 3 --dir "$dir" --profile lan --detach

export STRATOS_SOCKET=$dir/n1/stratos.sock
step "Any node knows all of them"
show stratos members
"$stratos" members

step "A service of three copies is handed to one node; each node starts its own share"
show stratos run examples/hello.yaml
timeout 60 "$stratos" run examples/hello.yaml

step "Where its copies are"
show stratos status hello
"$stratos" status hello

step "DNS, answered from gossip state by every node, names the healthy ones"
show dig @127.77.0.2 -p 8600 hello.service.stratos SRV +short
srv=$(dig @127.77.0.2 -p 8600 hello.service.stratos SRV +short +time=2)
echo "$srv"
[ "$(echo "$srv" | wc -l)" -eq 3 ] || fail "want three SRV records"

step "An address and a port that DNS gave, asked over HTTP"
read -r _ _ port target < <(echo "$srv" | head -n 1)
address=$(dig @127.77.0.2 -p 8600 "$target" A +short +time=2)
show curl "http://$address:$port/"
curl -fsS --max-time 5 "http://$address:$port/"

victim=$("$stratos" status hello --json 2>/dev/null |
    python3 -c 'import json,sys; print(next(i["node"] for i in json.load(sys.stdin)["data"]["instances"] if i["node"]!="n1"))')
gone=127.77.0.${victim#n}
step "The host of $victim is lost: its agent and everything on it is killed"
show kill -9 "\$(cat .../$victim/agent.pid)"
lost=$(date +%s%N)
kill -9 "$(cat "$dir/$victim/agent.pid")"

replaced() {
    "$stratos" status hello --json 2>/dev/null | python3 -c '
import json, sys
live = [i for i in json.load(sys.stdin)["data"]["instances"]
        if i["node"] != sys.argv[1] and i["state"] == "running" and i["health"] == "passing"]
sys.exit(0 if len(live) == 3 else 1)' "$victim"
}
for _ in $(seq 150); do
    if replaced && ! dig @127.77.0.1 -p 8600 hello.service.stratos A +short +time=1 | grep -qx "$gone"; then
        break
    fi
    sleep 0.2
done
replaced || fail "the instance of $victim was not replaced"
printf 'replaced and out of DNS after %s s\n' "$(( ($(date +%s%N) - lost) / 100000000 ))" | sed -E 's/([0-9])( s)$/.\1\2/'

step "The copy runs elsewhere, and DNS no longer names $gone"
show stratos members
"$stratos" members
show stratos status hello
"$stratos" status hello
show dig @127.77.0.1 -p 8600 hello.service.stratos A +short
dig @127.77.0.1 -p 8600 hello.service.stratos A +short

step "Everything stops"
show stratos dev --stop
timeout 40 "$stratos" dev --dir "$dir" --stop
printf '\nThe demo took %s s.  Next: README.md, "Three real hosts".\n' "$(($(date +%s) - started))"
