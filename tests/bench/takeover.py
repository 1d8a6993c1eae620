#!/usr/bin/env python3
"""A node with an empty store joins one that holds a large table: two real agents on loopback, with all that stands on
the table (plan, catalog, feed) at work.

Usage: tests/bench/takeover.py [ROWS=1000000] [WRITERS=10000]   (root; makes its own network namespace)"""

import http.client
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
STRATOS = os.environ.get("STRATOS", os.path.join(ROOT, "build/release/stratos"))
FILL = os.path.join(ROOT, "build/release/tests/bench_store")
LIMIT_S = 300

if "IN_NS" not in os.environ:
    os.execvpe("unshare", ["unshare", "-n", sys.executable, *sys.argv], {**os.environ, "IN_NS": "1"})
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
rows, writers = (sys.argv[1:] + ["1000000", "10000"][len(sys.argv) - 1:])[:2]
work = tempfile.mkdtemp()
secret = os.path.join(work, "secret")
with open(secret, "w") as f:
    os.fchmod(f.fileno(), 0o600)
    subprocess.run([STRATOS, "secret", "new"], stdout=f, check=True)
print(subprocess.run([FILL, rows, writers, f"{work}/old"], capture_output=True, text=True, check=True).stdout.strip())


def start(name, address, *more):
    return subprocess.Popen(
        [STRATOS, "agent", "--name", name, "--data", f"{work}/{name}", "--secret-file", secret, "--bind", address, "--http", address,
         "--dns", address, "--socket", f"{work}/{name}.sock", "--no-discover", *more], stderr=open(f"{work}/{name}.log", "w"))


def token():
    """From any of the agents: it is good at all of them."""
    for name in os.listdir(work):
        if name.endswith(".sock"):
            done = subprocess.run([STRATOS, "token", "--read", "--header", "--socket", f"{work}/{name}"], capture_output=True, text=True)
            if done.returncode == 0:
                return dict([done.stdout.strip().split(": ", 1)])
    return {}


def ask(address, path):
    """Status, view and text; None while there is no answer."""
    try:
        connection = http.client.HTTPConnection(address, 7781, timeout=30)
        connection.request("GET", path, headers={} if path in ("/metrics", "/healthz") else token())
        answer = connection.getresponse()
        return answer.status, answer.getheader("X-Stratos-View"), answer.read().decode()
    except OSError:
        return None


def metric(text, name):
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(name + " "))


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(what + ":")) * 1024 / 1e6


agents = []
try:
    begun = time.monotonic()
    agents.append(start("old", "127.20.0.1"))
    while ask("127.20.0.1", "/healthz") is None:
        time.sleep(0.05)
    print(f"an agent with that store answers {time.monotonic() - begun:.2f} s after its start, {rss_mb(agents[0].pid):.0f} MB resident")
    time.sleep(25)  # its start is over, and what it took given back
    print(f"25 s later: {rss_mb(agents[0].pid):.0f} MB resident")
    view = ask("127.20.0.1", "/v1/members")[1]
    had, begun, slowest, last = cpu_s(agents[0].pid), time.monotonic(), 0, None
    agents.append(start("new", "127.20.0.2", "--join", "127.20.0.1"))
    took = None
    while took is None and time.monotonic() - begun < LIMIT_S:
        time.sleep(0.05)
        asked = time.monotonic()
        answer = ask("127.20.0.2", "/metrics")
        ask("127.20.0.1", "/healthz")
        if answer and answer[0] == 200:
            slowest = max(slowest, time.monotonic() - asked)
            # The newcomer's own row is the one that the old table did not have.
            if metric(answer[2], "stratos_table_entries") >= int(rows) + 2:
                took = time.monotonic() - begun
    spent = [cpu_s(agents[0].pid) - had, cpu_s(agents[1].pid)]
    equal = None
    while equal is None and time.monotonic() - begun < LIMIT_S:
        views = [ask(address, "/v1/members") for address in ("127.20.0.1", "127.20.0.2")]
        if all(v and v[1] for v in views) and views[0][1] == views[1][1] != view:
            equal = time.monotonic() - begun
        time.sleep(0.05)
    if took is None or equal is None:
        sys.exit(f"not there after {LIMIT_S} s")
    print(f"all {rows} rows at the newcomer {took:.2f} s after its start, tables equal after {equal:.2f} s")
    print(f"CPU: {spent[0]:.2f} s of the old, {spent[1]:.2f} s of the new; slowest answer meanwhile {slowest * 1e3:.0f} ms")
    highest = "VmHWM"
    print(f"at the end: {', '.join(f'{rss_mb(p.pid):.0f} (highest {rss_mb(p.pid, highest):.0f}) MB' for p in agents)} resident")
    idle = [cpu_s(p.pid) for p in agents]
    time.sleep(25)
    print("then, over 25 s: " + ", ".join(f"{100 * (cpu_s(p.pid) - b) / 25:.2f} % of a core and {rss_mb(p.pid):.0f} MB resident"
                                          for p, b in zip(agents, idle)))
    doubts = sum(open(f"{work}/{name}.log").read().count("state=suspect") for name in ("old", "new"))
    print(f"suspicions: {doubts}")
finally:
    for p in agents:
        p.kill()
        p.wait()
    if os.environ.get("KEEP"):
        print(work)
    else:
        subprocess.run(["rm", "-rf", work])
