#!/usr/bin/env python3
"""Writes at a steady rate across real agents: what each costs, how long an acknowledgement takes.  With ROTATE=1
the cluster's secret is changed in the middle of it.

Usage: [ROTATE=1] tests/bench/writes.py [AGENTS=20] [WRITES_PER_SECOND=1000] [SECONDS=20]   (root; makes its own network namespace)"""

import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
LOAD = os.path.join(ROOT, "build/release/tests/bench_load")
STRATOS = os.environ.get("STRATOS", os.path.join(ROOT, "build/release/stratos"))

if "IN_NS" not in os.environ:
    os.execvpe("unshare", ["unshare", "-n", sys.executable, *sys.argv], {**os.environ, "IN_NS": "1"})
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
agents, rate, seconds = (int(a) for a in (sys.argv[1:] + ["20", "1000", "20"][len(sys.argv) - 1:]))
CONNECTIONS = 8  # to each agent: one would wait for its acknowledgements
work = tempfile.mkdtemp()
secret = os.path.join(work, "secret")
with open(secret, "w") as f:
    os.fchmod(f.fileno(), 0o600)
    subprocess.run([STRATOS, "secret", "new"], stdout=f, check=True)


def address(i):
    return f"127.20.0.{i + 1}"


def ticks(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


processes = []
for i in range(agents):
    join = ["--join", address(0)] if i else []
    processes.append(subprocess.Popen(
        [STRATOS, "agent", "--name", f"n{i}", "--data", f"{work}/d{i}", "--secret-file", secret, "--bind", address(i),
         "--http", address(i), "--dns", "off", "--socket", f"{work}/s{i}", "--no-discover", *join],
        stderr=open(f"{work}/log{i}", "w")))
try:
    time.sleep(5)
    before, start = [ticks(p.pid) for p in processes], time.monotonic()
    load = subprocess.Popen([LOAD, str(rate), str(seconds), str(CONNECTIONS), *(address(i) for i in range(agents))],
                            stdout=subprocess.PIPE, text=True)
    if os.environ.get("ROTATE"):
        time.sleep(seconds / 4)
        begun = time.monotonic()
        done = subprocess.run([STRATOS, "secret", "rotate", "--socket", f"{work}/s0"], capture_output=True, text=True)
        print(f"secret rotate: exit {done.returncode} after {time.monotonic() - begun:.1f} s")
    said = load.communicate()[0]
    took = time.monotonic() - start
    cpu = sorted(100 * (ticks(p.pid) - b) / os.sysconf("SC_CLK_TCK") / took for p, b in zip(processes, before))
    print(said.strip())
    print(f"CPU per agent: median {cpu[len(cpu) // 2]:.1f} %, highest {cpu[-1]:.1f} % of a core")
    time.sleep(3)
    digests = set()
    for i in range(agents):
        out = subprocess.run([STRATOS, "members", "--json", "--socket", f"{work}/s{i}"], capture_output=True, text=True).stdout
        digests.add(out.split('"digest":"')[1].split('"')[0])
    doubts = sum(open(f"{work}/log{i}").read().count("state=suspect") for i in range(agents))
    print(f"suspicions: {doubts}")
    print(f"tables equal 3 s later: {'yes' if len(digests) == 1 else 'no'}")
finally:
    for p in processes:
        p.kill()
        p.wait()
    subprocess.run(["rm", "-rf", work])
